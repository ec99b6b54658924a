"""Command `doctor`: is everything here that the models need, and what to do about what is not."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from nlf_pipeline.diagnosis.findings import Finding, ModelSet, format_json, format_table, missing_names
from nlf_pipeline.diagnosis.gpu import gpu_findings, installed_gpus
from nlf_pipeline.diagnosis.machine import machine_facts, machine_findings
from nlf_pipeline.diagnosis.package_findings import CORE, package_findings
from nlf_pipeline.diagnosis.packages import PACKAGE, PackageFacts, installed_models, package_facts
from nlf_pipeline.errors import UserError


def doctor(
    *,
    models: Literal["auto", "embedded", "reference"] = "auto",
    folder: Path = Path(),
    weights: Path = Path("resources/weights"),
    body_models_dir: Path | None = None,
    droid_env: Path | None = None,
    free_gb: float = 1.0,
    quick: bool = False,
    json: bool = False,
) -> None:
    """List what is installed, which GPU, codecs, weights and body models there are, and what cures what is missing.

    The exit status is 0 if everything is there that the models need, else 1.

    Args:
        models: what is to run. auto: the reference models where their packages are installed, else the embedded ones.
        folder: where results will be written.
        weights: folder of the weights.
        body_models_dir: folder of the registered body models, as the setting of that name; None: there is none.
        droid_env: folder of the environment of DROID-SLAM, as the setting of that name; None: the one that runs this.
        free_gb: disk space that must be free in `folder`, gigabytes.
        quick: look only at the machine and what is needed, without loading torch, and print only what is amiss.
        json: print JSON instead of the table, for scripts.

    Raises:
        UserError: if something is missing, after the list.
    """
    chosen: ModelSet = installed_models() if models == "auto" else models
    findings = _findings(chosen, folder, weights, body_models_dir, droid_env, free_gb, quick)
    missing = missing_names(findings)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if json:
        print(format_json(chosen, findings))
    elif quick:
        print(
            format_table([f for f in findings if f.state in ("missing", "warning")], colour) or "this machine is ready"
        )
    else:
        print(f"{PACKAGE} {version(PACKAGE)}, models={chosen}\n\n{format_table(findings, colour)}")
    if missing:
        raise UserError(f"not ready for models={chosen}: {', '.join(missing)}. See above for what to do.")


def _findings(
    models: ModelSet,
    folder: Path,
    weights: Path,
    body_models_dir: Path | None,
    droid_env: Path | None,
    free_gb: float,
    quick: bool,
) -> list[Finding]:
    packages = package_facts(quick, droid_env)
    listed = [
        *machine_findings(machine_facts(folder), models, folder, free_gb),
        *package_findings(packages, models, quick),
    ]
    # What follows needs the core packages itself.
    if quick or CORE in missing_names(listed):
        return listed
    from nlf_pipeline.diagnosis.player import player_findings

    return [
        *listed,
        *_video_and_gpu_findings(packages, models),
        *player_findings(),
        *_file_findings(models, weights, body_models_dir),
    ]


def _video_and_gpu_findings(packages: PackageFacts, models: ModelSet) -> list[Finding]:
    from nlf_pipeline.diagnosis.codecs import codec_facts, codec_findings
    from nlf_pipeline.diagnosis.gpu_jobs import gpu_job_findings

    gpus, complaint = installed_gpus()
    has_gpu = bool(gpus)
    return [
        *codec_findings(codec_facts(has_gpu), has_gpu),
        *gpu_findings(gpus, complaint, packages.torch, models),
        *gpu_job_findings(os.environ),
    ]


def _file_findings(models: ModelSet, weights: Path, body_models_dir: Path | None) -> list[Finding]:
    from nlf_pipeline.diagnosis.model_files import body_findings, weight_findings
    from nlf_pipeline.weights.listing import weights_state
    from nlf_pipeline.weights.registry import load_registry
    from nlf_pipeline.workflow.model_sets import MODEL_SETS, needed_weights

    files, n_weights = weights_state(weights, body_models_dir), len(load_registry())
    return [
        *weight_findings(files[:n_weights], needed_weights(MODEL_SETS[models]), models, weights),
        *body_findings(files[n_weights:], MODEL_SETS[models]["body_model"]),
    ]
