# Everybody's 3D motion from ordinary videos: snakemake --config video_id=ID
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


configfile: Path(workflow.basedir) / "config.yaml"


include: "rules/common.smk"
include: "rules/weights.smk"
include: "rules/demo.smk"
include: "rules/video.smk"
include: "rules/people.smk"
include: "rules/camera.smk"
include: "rules/bodies.smk"
include: "rules/views.smk"
include: "rules/deliver.smk"


rule all:
    default_target: True
    input:
        [wanted_files(video) for video in VIDEOS],


onstart:
    start_run()
    forget_keys()


onsuccess:
    forget_runs(locked_names(), LOCKS)
    print(run_summary(VIDEOS))


onerror:
    print(
        videos_table(VIDEOS),
        failure_summary(LOGS, [*VIDEOS, "body_models", "weights"], since=RUN_STARTED[-1]),
        file=sys.stderr,
        sep="\n",
    )
