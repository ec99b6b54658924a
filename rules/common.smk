# Checked settings, and what every rule uses to name its files, options and code.
import os
import sys
import time

import yaml

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_exists, check_readable
from nlf_pipeline.workflow.run_lock import check_writable, hold_locks
from nlf_pipeline.workflow.run_summary import failure_summary, run_summary
from nlf_pipeline.workflow.settings import (
    checked_settings,
    flags,
    is_youtube_id,
    local_videos,
    no_such_video,
    put_commands_on_path,
)
from nlf_pipeline.workflow.versions import code_version

VIDEOS_IN = Path("videos_in")
TRUTH = Path("truth")
RESULTS = Path("results")
DEMO_CLIPS = {"demo": "still", "demo_moving": "moving"}
LOGS = Path("logs")
BENCHMARKS = Path("benchmarks/runs")
HELD_LOCKS = []
RUN_STARTED = []

put_commands_on_path("nlf-pipeline")


def or_stop(function, *arguments):
    """The function's result; a user's mistake ends the run with its message and nothing else."""
    try:
        return function(*arguments)
    except UserError as error:
        sys.exit(f"error: {error}")


with open(Path(workflow.basedir) / "config.schema.yaml") as schema_file:
    config.update(
        or_stop(
            checked_settings,
            config,
            workflow.config_settings.config_args or [],
            yaml.safe_load(schema_file),
        )
    )

if config["camera_file"]:
    or_stop(check_exists, Path(config["camera_file"]), "a camera of your own (camera_file, see docs/cameras.md)")
for folder in [LOGS, BENCHMARKS, *(RESULTS / video for video in config["video_id"])]:
    or_stop(check_writable, folder)
LOCAL_VIDEOS = or_stop(local_videos, VIDEOS_IN)
# A file of the user's own that happens to be called demo is an ordinary video.
RENDERED = [demo for demo in DEMO_CLIPS if demo not in LOCAL_VIDEOS or (TRUTH / demo).is_dir()]
BODY_DIR = f"resources/body_models/{config['body_model']}"
BODY_FILES = [
    "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
    "kid_template.npy",
    "vertex_subset_1024.npz",
    "vertex_subset_joint_regr_post_lbs_1024.npy",
    "landmark_regressor.npy",
]
BODY = f"{BODY_DIR}/{BODY_FILES[0]}"


wildcard_constraints:
    video="[A-Za-z0-9_-]{1,64}",


def source_of(video):
    """The file that a video's clip is made from: the user's, a rendered demo, or a download."""
    if video in RENDERED:
        return f"{VIDEOS_IN}/{video}.mp4"
    if video in LOCAL_VIDEOS:
        or_stop(check_readable, LOCAL_VIDEOS[video], "a video file")
        return str(LOCAL_VIDEOS[video])
    if is_youtube_id(video):
        return f"resources/downloads/{video}.mp4"
    sys.exit(f"error: {no_such_video(video, VIDEOS_IN)}")


def has_truth(video):
    return video in RENDERED or (TRUTH / video / "bodies.npz").is_file()


def track_edits(video):
    """The user's edits of a video's tracks, None if there are none."""
    path = RESULTS / video / "tracks.yaml"
    if not path.is_file():
        return None
    from nlf_pipeline.repair.edit_file import read_edits

    return or_stop(read_edits, path)


def edits_of(video):
    """The user's edits of a video's tracks, in words."""
    edits = track_edits(video)
    return "; ".join(map(str, edits.edits)) if edits and edits.edits else "none"


def names_of(video):
    """The names that the user gave to people, in words, so that a new name reruns the report alone."""
    edits = track_edits(video)
    return str(edits.names) if edits and edits.names else "none"


def wanted_files(video):
    """What a run makes of one video."""
    source_of(video)
    track_edits(video)
    names = ["bodies.npz", "world_cameras.npz", "camera_view.mp4", "side_view.mp4"]
    names += ["report.html"] + (["evaluation.json"] if has_truth(video) else [])
    return [f"results/{video}/{name}" for name in names]


def start_run():
    """Refuse to work on a video that another run works on. The locks last as long as this process."""
    names = [*config["video_id"]]
    if not os.path.exists(BODY):
        names.append(f"body-{config['body_model']}")
    HELD_LOCKS.extend(or_stop(hold_locks, names, RESULTS / ".locks"))
    RUN_STARTED.append(time.time())
