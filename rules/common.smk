# Checked settings, and what every rule uses to name its files, options and code.
import os
import re
import sys
import time

import yaml

from nlf_pipeline.body_kinds import KIND_FILE, N_BETAS, body_files, body_name
from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_exists, check_readable
from nlf_pipeline.weights.records import check_unchanged, record_path
from nlf_pipeline.weights.registry import WEIGHTS_DIR, find_weight, load_body_models, load_registry
from nlf_pipeline.workflow.model_sets import (
    backend_options,
    environment,
    execution_options,
    gpus,
    weight_files,
)
from nlf_pipeline.workflow.run_lock import check_writable, hold_locks
from nlf_pipeline.workflow.run_summary import failure_summary, run_summary
from nlf_pipeline.workflow.settings import (
    checked_settings,
    command_in,
    flags,
    local_videos,
    no_such_video,
    put_commands_on_path,
)
from nlf_pipeline.workflow.versions import code_version
from nlf_pipeline.workflow.video_ids import is_youtube_id

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
for name, file in weight_files(config).items():
    or_stop(check_unchanged, file, find_weight(name))
for folder in [LOGS, BENCHMARKS, *(RESULTS / video for video in config["video_id"])]:
    or_stop(check_writable, folder)
LOCAL_VIDEOS = or_stop(local_videos, VIDEOS_IN)
# A file of the user's own that happens to be called demo is an ordinary video.
RENDERED = [demo for demo in DEMO_CLIPS if demo not in LOCAL_VIDEOS or (TRUTH / demo).is_dir()]
BODY_NAME = body_name(config["body_model"], config["body_gender"], config["body_betas"])
BODY_DIR = f"resources/body_models/{BODY_NAME}"
BODY = f"{BODY_DIR}/{KIND_FILE}"


wildcard_constraints:
    video="[A-Za-z0-9_-]{1,64}",


def body_flags(family, kind):
    """Options of a body model made here, whose folder is called FAMILY or FAMILY-GENDER-BETAS."""
    gender, betas = kind[1:].split("-") if kind else ("neutral", N_BETAS)
    return flags(family=family, gender=gender, betas=int(betas))


def execution_flags(stage):
    """How a stage's backend computes. It goes into `resources`, of which a change, unlike of params, reruns nothing."""
    return flags(**execution_options(config, stage))


def weights_of(stage):
    """Records of the weights that a stage's backend needs: small files that change only with the weights' content."""
    return [str(record_path(file)) for file in weight_files(config, stage).values()]


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


def check_registered_body():
    """Stop before anything is computed if the user's own body model is not where it should be."""
    registered = load_body_models().get(f"{config['body_model']}-{config['body_gender']}")
    if registered and registered.registration:
        path, how = Path(config["body_models_dir"]) / registered.file, registered.registration
        or_stop(check_exists, path, f"the body model ({how.url}: {how.todo}); body_model=open needs none")


def start_run():
    """Refuse to work on a video that another run works on. The locks last as long as this process."""
    names = [*config["video_id"]]
    if not os.path.exists(BODY):
        names.append(f"body-{BODY_NAME}")
        check_registered_body()
    HELD_LOCKS.extend(or_stop(hold_locks, names, RESULTS / ".locks"))
    RUN_STARTED.append(time.time())
