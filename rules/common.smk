# Checked settings, and what every rule uses to name its files, its key and its resources.
import functools
import gc
import json
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
from nlf_pipeline.workflow.video_ids import is_youtube_id
from nlf_pipeline.workflow.job_resources import UNKNOWN_EXTENT, clip_extent, job_resources
from nlf_pipeline.workflow.joblog import name_parent
from nlf_pipeline.workflow.model_sets import EXECUTION_SETTINGS, environment, weight_files
from nlf_pipeline.workflow.other_python import python_of
from nlf_pipeline.workflow.run_lock import check_writable, hold_locks
from nlf_pipeline.workflow.run_summary import failure_summary, run_summary, videos_table
from nlf_pipeline.workflow.slurm_leftovers import forget_runs, remember_run, remembered_runs, wait_for_leftovers
from nlf_pipeline.workflow.snakemake_hooks import (
    before_dag,
    compare_parameters_as_text,
    leave_out_what_is_not_said,
    let_jobs_record,
    measure_inputs_once,
    slurm_run,
)
from nlf_pipeline.workflow.settings import (
    completed_settings,
    given_settings,
    local_videos,
    no_such_video,
    put_commands_on_path,
)
from nlf_pipeline.workflow.stage_keys import stage_key
from nlf_pipeline.workflow.stage_options import BODY_MODELS_DIR, EXECUTION_VARIABLE
from nlf_pipeline.workflow.torn_records import redo_torn_records
from nlf_pipeline.workflow.video_lists import videos_of_run

# A plan of many videos is millions of objects, all needed to the end: looking for garbage takes a fifth of planning.
gc.disable()
VIDEOS_IN = Path("videos_in")
TRUTH = Path("truth")
RESULTS = Path("results")
LOCKS = RESULTS / ".locks"
DEMO_CLIPS = {"demo": "still", "demo_moving": "moving"}
LOGS = Path("logs")
BENCHMARKS = Path("benchmarks/runs")
HELD_LOCKS = []
RUN_STARTED = []

put_commands_on_path("nlf-pipeline")
name_parent(os.environ)


def all_or_stop(calls):
    """The results of all calls; users' mistakes end the run with their messages and nothing else."""
    results, problems = [], []
    for function, *arguments in calls:
        try:
            results.append(function(*arguments))
        except UserError as error:
            problems.append(f"error: {error}")
    if problems:
        sys.exit("\n".join(dict.fromkeys(problems)))
    return results


def or_stop(function, *arguments):
    """The function's result; a user's mistake ends the run with its message and nothing else."""
    return all_or_stop([(function, *arguments)])[0]


with open(Path(workflow.basedir) / "config.schema.yaml") as schema_file:
    SCHEMA = yaml.safe_load(schema_file)
GIVEN = or_stop(given_settings, config, workflow.config_settings.config_args or [], SCHEMA)
LISTED = {video.video_id: video for video in or_stop(videos_of_run, GIVEN, SCHEMA)}
VIDEOS = list(LISTED)
config.update(completed_settings(GIVEN))
os.environ[EXECUTION_VARIABLE] = json.dumps({name: config[name] for name in sorted(EXECUTION_SETTINGS)})
COMPLETED = {}
SAME_FOR_ALL = not any(video.settings for video in LISTED.values())


def settings_of(video):
    """Complete settings of one video; videos with the same own settings share the same object."""
    own = LISTED[video].settings if video in LISTED else None
    if not own:
        return config
    if id(own) not in COMPLETED:
        COMPLETED[id(own)] = completed_settings({**GIVEN, **own})
    return COMPLETED[id(own)]


VARIANTS = list({id(settings): settings for settings in map(settings_of, VIDEOS)}.values())


def of_video(function, *arguments):
    """The function's result for the settings of each video; with {video} in it, that is replaced.

    Where all videos have the same settings it is no function, which takes less time for many videos.
    """
    if SAME_FOR_ALL:
        return function(config, *arguments)
    known = {}

    def find(wildcards):
        settings = settings_of(wildcards.video)
        if id(settings) not in known:
            known[id(settings)] = function(settings, *arguments)
        found = known[id(settings)]
        return found.replace("{video}", wildcards.video) if isinstance(found, str) else found

    return find


def key_of(stage, log=None, **more):
    """The key of each job of a stage; `more` are functions of the wildcards that return other parts of it."""
    log = log or f"logs/{{video}}/{stage}.log"
    known = {}

    def find(wildcards):
        settings = settings_of(wildcards.get("video"))
        parts = {name: part(wildcards) for name, part in more.items()}
        what = (id(settings), *parts.values())
        if what not in known or not known[what].is_final:
            known[what] = stage_key(stage, settings, **parts)
        return known[what].of_job(log.format(**wildcards))

    return find


def body_key(stage, log):
    """The key of each job that makes a body model, which its folder's name tells: FAMILY or FAMILY-GENDER-BETAS."""

    def find(wildcards):
        gender, betas = wildcards.get("gender", "neutral"), wildcards.get("betas", N_BETAS)
        if wildcards.get("kind"):
            gender, betas = wildcards.kind[1:].split("-")
        body = {"body_model": wildcards.family, "body_gender": gender, "body_betas": int(betas)}
        return stage_key(stage, {**config, **body}).of_job(log.format(**wildcards))

    return find


def weight_records(settings, backend):
    """Records of the weights that a backend needs: small files that change only with the weights' content."""
    return [str(record_path(file)) for file in weight_files(settings, backend).values()]


def environment_file(settings, backend):
    return f"../envs/{environment(settings, backend)}.yaml"


def body_file(settings):
    """The file that stands for a body model's folder."""
    return f"{BODY_MODELS_DIR}/{name_of_body(settings)}/{KIND_FILE}"


def name_of_body(settings):
    return body_name(settings["body_model"], settings["body_gender"], settings["body_betas"])


def camera_files(settings):
    return settings["camera_file"] or []


def shown_clip(settings):
    """The clip behind the rendered bodies."""
    return "results/{video}/clip" + ("" if settings["fps_factor"] == 1 else f"_x{settings['fps_factor']}") + ".mp4"


def for_depth(settings, name):
    """A file of the video, where a network estimates depth; else nothing."""
    return f"results/{{video}}/{name}" if settings["depth"] else []


def needs(stage):
    """What the jobs of a stage need of a machine."""

    @functools.cache
    def found(video, attempt):
        settings = settings_of(video)
        extent = UNKNOWN_EXTENT
        if video:
            source = Path(or_stop(source_of, video))
            extent = clip_extent(RESULTS / video / "video.json", source, settings["time_range"])
        return job_resources(stage, settings, extent, attempt)

    def resource(name):
        return lambda wildcards, attempt: getattr(found(wildcards.get("video"), attempt), name)

    with_gpu = any(job_resources(stage, settings, UNKNOWN_EXTENT).gpu for settings in [config, *VARIANTS])
    always = {"mem_mb": resource("mem_mb"), "runtime": resource("runtime")}
    return {**always, **({name: resource(name) if with_gpu else 0 for name in ("gpu", "vram_mb")})}


@functools.cache
def source_of(video):
    """The file that a video's clip is made from: the user's, a rendered demo, or a download."""
    if video in LISTED and LISTED[video].source:
        check_readable(LISTED[video].source, "a video file")
        return str(LISTED[video].source)
    if video in RENDERED:
        return f"{VIDEOS_IN}/{video}.mp4"
    if video in LOCAL_VIDEOS:
        check_readable(LOCAL_VIDEOS[video], "a video file")
        return str(LOCAL_VIDEOS[video])
    if is_youtube_id(video):
        return f"resources/downloads/{video}.mp4"
    raise no_such_video(video, VIDEOS_IN)


def has_truth(video):
    return video in RENDERED or (TRUTH / video / "bodies.npz").is_file()


@functools.cache
def track_edits(video):
    """The user's edits of a video's tracks, None if there are none."""
    path = RESULTS / video / "tracks.yaml"
    if not path.is_file():
        return None
    from nlf_pipeline.repair.edit_file import read_edits

    return read_edits(path)


def edits_of(wildcards):
    """The user's edits of a video's tracks, in words."""
    edits = or_stop(track_edits, wildcards.video)
    return "; ".join(map(str, edits.edits)) if edits and edits.edits else "none"


def names_of(wildcards):
    """The names that the user gave to people, in words, so that a new name reruns the report alone."""
    edits = or_stop(track_edits, wildcards.video)
    return str(edits.names) if edits and edits.names else "none"


def clip_of(wildcards):
    return DEMO_CLIPS[wildcards.demo]


def wanted_files(video):
    """What a run makes of one video."""
    names = ["bodies.npz", "world_cameras.npz", "camera_view.mp4", "side_view.mp4"]
    names += ["report.html"] + (["evaluation.json"] if has_truth(video) else [])
    return [f"results/{video}/{name}" for name in names]


def check_registered_body(settings):
    """Stop before anything is computed if the user's own body model is not where it should be."""
    registered = load_body_models().get(f"{settings['body_model']}-{settings['body_gender']}")
    if registered and registered.registration:
        path, how = Path(settings["body_models_dir"]) / registered.file, registered.registration
        check_exists(path, f"the body model ({how.url}: {how.todo}); body_model=open needs none")


@functools.cache
def locked_names():
    """What a run locks: its videos, and the body models that it makes."""
    missing = [name_of_body(each) for each in VARIANTS if not os.path.exists(body_file(each))]
    return [*VIDEOS, *(f"body-{name}" for name in dict.fromkeys(missing))]


@functools.cache
def hold_run_locks():
    HELD_LOCKS.extend(or_stop(hold_locks, locked_names(), LOCKS))


def finish_earlier_run():
    """Wait for Slurm's jobs of a run that was killed, so that nothing that they make is made twice.

    What a power cut took from Snakemake's records is made again.
    """
    redo_torn_records(Path(".snakemake"))
    if remembered_runs(locked_names(), LOCKS):
        hold_run_locks()
        if or_stop(wait_for_leftovers, locked_names(), LOCKS, functools.partial(print, file=sys.stderr)):
            time.sleep(workflow.execution_settings.latency_wait)  # until a network's file system shows their files here


def forget_keys():
    """Have Snakemake ask for keys again at a job's end: those from before the weights were there lack their digests."""
    workflow.persistence._params.cache_clear()


def start_run():
    """Refuse to work on a video that another run works on. The locks last as long as this process."""
    missing = {name_of_body(each): each for each in VARIANTS if not os.path.exists(body_file(each))}
    all_or_stop([(check_registered_body, each) for each in missing.values()])
    hold_run_locks()
    if slurm_run(workflow):
        remember_run(slurm_run(workflow), locked_names(), LOCKS)
    RUN_STARTED.append(time.time())
    gc.freeze()
    gc.enable()


LOCAL_VIDEOS = or_stop(local_videos, VIDEOS_IN)
# A file of the user's own that happens to be called demo is an ordinary video.
OWN = {*LOCAL_VIDEOS, *(video.video_id for video in LISTED.values() if video.source)}
RENDERED = [demo for demo in DEMO_CLIPS if demo not in OWN or (TRUTH / demo).is_dir()]
WEIGHT_FILES = {name: file for settings in VARIANTS for name, file in weight_files(settings).items()}
all_or_stop(
    [
        *((source_of, video) for video in VIDEOS),
        *((track_edits, video) for video in VIDEOS),
        *(
            (check_exists, Path(settings["camera_file"]), "a camera of your own (camera_file, see docs/cameras.md)")
            for settings in VARIANTS
            if settings["camera_file"]
        ),
        *((python_of, config["droid_env"]) for each in VARIANTS if each["camera"] == "droid" and config["droid_env"]),
        *((check_unchanged, file, find_weight(name)) for name, file in WEIGHT_FILES.items()),
        *((check_writable, folder) for folder in [LOGS, BENCHMARKS, *(RESULTS / video for video in VIDEOS)]),
    ]
)


wildcard_constraints:
    video="[A-Za-z0-9_-]{1,64}",


compare_parameters_as_text()
leave_out_what_is_not_said(workflow)
measure_inputs_once()
if workflow.is_main_process:
    before_dag(workflow, finish_earlier_run)
else:
    let_jobs_record()
