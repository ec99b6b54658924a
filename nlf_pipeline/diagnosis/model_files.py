"""Weights and body models: which files are there, and where to get the others."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from nlf_pipeline.checkpoints import check_weights_file
from nlf_pipeline.diagnosis.findings import Finding, ModelSet, lacking
from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.registry import Weight, load_body_models, load_registry

_BYTES_PER_MIB = 1024**2
_NEEDED_BY_REFERENCE = ("stcn", "maskrcnn", "deeplabv3", "droid", "nlf_l")
_NEEDED_BODY = "smpl-neutral"


def weight_findings(folder: Path, models: ModelSet) -> list[Finding]:
    """Judge the files of the models.

    Args:
        folder: of the weights.
        models: what is to run.
    """
    return [
        _file_finding(
            "Weights",
            folder / weight.file,
            weight,
            needed=models == "reference" and name in _NEEDED_BY_REFERENCE,
            cure=f"nlf-pipeline weights fetch {name}" if weight.url else _by_hand(weight, folder),
        )
        for name, weight in load_registry().items()
    ]


def body_findings(folder: Path | None, models: ModelSet) -> list[Finding]:
    """Judge the files of the registered body models.

    Args:
        folder: that `body_models_dir` names; None if there is none.
        models: what is to run; the embedded ones use a body that the workflow builds.
    """
    findings = []
    place = folder or Path("BODY_MODELS_DIR")
    for weights in _by_family(load_body_models().values()):
        needed = models == "reference" and _NEEDED_BODY in [weight.name for weight in weights]
        findings.append(_family_finding(weights, place, needed))
    return [Finding("Body models", "open body", "ok", "built by the workflow"), *findings]


def _family_finding(weights: Sequence[Weight], place: Path, needed: bool) -> Finding:
    family = weights[0].name.partition("-")[0]
    there = [weight.name.partition("-")[2] for weight in weights if (place / weight.file).is_file()]
    if there:
        return Finding("Body models", family, "ok", f"{', '.join(there)} in {place / family}")
    neutral = weights[0]
    return Finding(
        "Body models", family, lacking(needed), f"not found: {place / neutral.file}", _by_hand(neutral, place)
    )


def _file_finding(topic: str, path: Path, weight: Weight, needed: bool, cure: str) -> Finding:
    uses = ", ".join(use.replace(":", "=") for use in weight.used_by)
    if not path.exists():
        return Finding(topic, weight.name, lacking(needed), f"not there; for {uses}", cure)
    try:
        check_weights_file(path, weight.name)
    except UserError as error:
        return Finding(topic, weight.name, lacking(needed), str(error).partition(". ")[0], f"rm {path} && {cure}")
    return Finding(topic, weight.name, "ok", f"{path.stat().st_size / _BYTES_PER_MIB:.0f} MiB in {path}")


def _by_hand(weight: Weight, folder: Path) -> str:
    if weight.registration is None:
        return f"put it at {folder / weight.file}"
    return f"{weight.registration.url}: {weight.registration.todo}, put the file at {folder / weight.file}"


def _by_family(weights: Iterable[Weight]) -> list[list[Weight]]:
    families: dict[str, list[Weight]] = {}
    for weight in weights:
        families.setdefault(weight.name.partition("-")[0], []).append(weight)
    return list(families.values())
