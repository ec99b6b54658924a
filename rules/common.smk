# Checked settings, and what every rule uses to name its files, its key and its resources.
import functools
import gc
import json
import os
import re
import sys
import time

import yaml

from nlf_pipeline.body_kinds import body_files
from nlf_pipeline.files import check_exists
from nlf_pipeline.weights.records import check_unchanged
from nlf_pipeline.weights.registry import WEIGHTS_DIR, find_weight, load_registry
from nlf_pipeline.workflow.chosen_files import (
    body_file,
    camera_files,
    check_registered_body,
    environment_file,
    for_depth,
    given_file,
    interpolated_clip,
    masks_of_bodies,
    name_of_body,
    page_digest,
    shown_clip,
    weight_records,
)
from nlf_pipeline.workflow.joblog import name_parent
from nlf_pipeline.workflow.model_sets import EXECUTION_SETTINGS, weight_files
from nlf_pipeline.workflow.other_python import python_of
from nlf_pipeline.workflow.report_pages import show_large_pages
from nlf_pipeline.workflow.rule_parts import RuleParts
from nlf_pipeline.workflow.run_lock import check_writable, hold_locks
from nlf_pipeline.workflow.run_settings import RunSettings
from nlf_pipeline.workflow.states.run_summary import failure_summary, run_summary, videos_table
from nlf_pipeline.workflow.settings import given_settings, put_commands_on_path
from nlf_pipeline.workflow.slurm.leftovers import forget_runs, remember_run, remembered_runs, wait_for_leftovers
from nlf_pipeline.workflow.snakemake_hooks import (
    before_dag,
    compare_parameters_as_text,
    leave_out_what_is_not_said,
    let_jobs_record,
    measure_inputs_once,
    slurm_run,
)
from nlf_pipeline.workflow.stage_options import EXECUTION_VARIABLE
from nlf_pipeline.workflow.stopping import all_or_stop, or_stop
from nlf_pipeline.workflow.torn_records import redo_torn_records
from nlf_pipeline.workflow.video_inputs import VideoInputs
from nlf_pipeline.workflow.videos.lists import videos_of_run
from nlf_pipeline.workflow.wanted import remember_wanted, wanted_names

# A plan of many videos is millions of objects, all needed to the end: looking for garbage takes a fifth of planning.
gc.disable()
RESULTS = Path("results")
LOCKS = RESULTS / ".locks"
LOGS = Path("logs")
DEMO_CLIPS = {"demo": "still", "demo_moving": "moving"}
HELD_LOCKS = []
RUN_STARTED = []

put_commands_on_path("nlf-pipeline")
name_parent(os.environ)
with open(Path(workflow.basedir) / "config.schema.yaml") as schema_file:
    SCHEMA = yaml.safe_load(schema_file)
GIVEN = or_stop(given_settings, config, workflow.config_settings.config_args or [], SCHEMA)
LISTED = or_stop(videos_of_run, GIVEN, SCHEMA)
VIDEOS = [video.video_id for video in LISTED]
SETTINGS = RunSettings(GIVEN, LISTED)
INPUTS = or_stop(VideoInputs, LISTED, DEMO_CLIPS, RESULTS)
EXECUTION = {name: SETTINGS.common[name] for name in sorted(EXECUTION_SETTINGS)}
os.environ[EXECUTION_VARIABLE] = json.dumps(EXECUTION)

parts = RuleParts(SETTINGS, INPUTS.source_of, RESULTS)
of_video, key_of, body_key, needs = parts.of_video, parts.key_of, parts.body_key, parts.needs


def clip_of(wildcards):
    return DEMO_CLIPS[wildcards.demo]


def edits_of(wildcards):
    return or_stop(INPUTS.told_edits, wildcards.video)


def names_of(wildcards):
    return or_stop(INPUTS.told_names, wildcards.video)


def page_of(wildcards):
    return page_digest()


def format_of(wildcards):
    return wildcards.format


def kind_of(wildcards):
    return wildcards.kind


def of_preview(kinds, name):
    """A file that previews of some kinds are drawn from; others do without."""
    return lambda wildcards: f"results/{wildcards.video}/{name}" if wildcards.kind in kinds.split() else []


def wanted_files(video):
    """What a run makes of one video."""
    return [f"results/{video}/{name}" for name in wanted_names(SETTINGS.of(video), INPUTS.has_truth(video))]


@functools.cache
def locked_names():
    """What a run locks: its videos, and the body models that it makes."""
    missing = [name_of_body(each) for each in SETTINGS.variants if not os.path.exists(body_file(each))]
    return [*VIDEOS, *(f"body-{name}" for name in dict.fromkeys(missing))]


@functools.cache
def hold_run_locks():
    HELD_LOCKS.extend(or_stop(hold_locks, locked_names(), LOCKS))


def prepare_run():
    """Refuse to work on a video that another run works on: what is missing is looked for once nobody else makes it.

    Then wait for Slurm's jobs of a run that was killed, so that nothing that they make is made twice. What a power cut
    took from Snakemake's records is made again. The locks last as long as this process.
    """
    hold_run_locks()
    for video in VIDEOS:
        remember_wanted(wanted_names(SETTINGS.of(video), INPUTS.has_truth(video)), video, RESULTS)
    redo_torn_records(Path(".snakemake"))
    tell = functools.partial(print, file=sys.stderr)
    if remembered_runs(locked_names(), LOCKS) and or_stop(wait_for_leftovers, locked_names(), LOCKS, tell):
        time.sleep(workflow.execution_settings.latency_wait)  # until a network's file system shows their files here


def forget_keys():
    """Have Snakemake ask for keys again at a job's end: those from before the weights were there lack their digests."""
    workflow.persistence._params.cache_clear()


def start_run():
    """What is left to do before the first job."""
    missing = {name_of_body(each): each for each in SETTINGS.variants if not os.path.exists(body_file(each))}
    all_or_stop([(check_registered_body, each) for each in missing.values()])
    if slurm_run(workflow):
        remember_run(slurm_run(workflow), locked_names(), LOCKS)
    RUN_STARTED.append(time.time())
    gc.freeze()
    gc.enable()


WEIGHT_FILES = {name: file for settings in SETTINGS.variants for name, file in weight_files(settings).items()}
all_or_stop(
    [
        *((INPUTS.source_of, video) for video in VIDEOS),
        *((INPUTS.edits_of, video) for video in VIDEOS),
        *(
            (check_exists, Path(settings["camera_file"]), "a camera of your own (camera_file, see docs/cameras.md)")
            for settings in SETTINGS.variants
            if settings["camera_file"]
        ),
        *(
            (check_exists, Path(settings[name]), f"what others have found ({name}, see docs/import.md)")
            for settings in SETTINGS.variants
            for name in ("masks_file", "predictions_file", "fits_file")
            if settings[name]
        ),
        *(
            (python_of, EXECUTION["droid_env"])
            for settings in SETTINGS.variants
            if settings["camera"] == "droid" and EXECUTION["droid_env"]
        ),
        *((check_unchanged, file, find_weight(name)) for name, file in WEIGHT_FILES.items()),
        *((check_writable, folder) for folder in [LOGS, *(RESULTS / video for video in VIDEOS)]),
    ]
)


wildcard_constraints:
    video="[A-Za-z0-9_-]{1,64}",


compare_parameters_as_text()
leave_out_what_is_not_said(workflow)
show_large_pages(workflow)
measure_inputs_once()
if workflow.is_main_process:
    before_dag(workflow, prepare_run)
else:
    let_jobs_record()
