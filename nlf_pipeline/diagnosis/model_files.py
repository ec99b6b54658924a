"""Weights and body models: which files are there, and where to get the others."""

from collections.abc import Collection, Sequence
from pathlib import Path

from nlf_pipeline.checkpoints import check_weights_file
from nlf_pipeline.diagnosis.findings import Finding, ModelSet, lacking
from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.listing import WeightState
from nlf_pipeline.weights.registry import WEIGHTS_DIR, Weight

_WEIGHTS, _BODIES = "Weights", "Body models"
_MIB = 1 << 20
_DETAILS_CURE = "nlf-pipeline doctor --models reference says what the real models need"
_IN_WORDS = {
    "by hand": "not yet used, so no digest is recorded",
    "present": "as at first use",
    "verified": "as published",
}


def weight_findings(
    states: Sequence[WeightState], needed: Collection[str], models: ModelSet, folder: Path
) -> list[Finding]:
    """Judge the files of the models.

    Args:
        states: of the weights, without the body models.
        needed: names of the weights that the chosen models need.
        models: what is to run; the embedded ones need no weights, and get one line.
        folder: of the weights.
    """
    if models == "embedded":
        n_there = sum(state.state != "missing" for state in states)
        found = f"{n_there} of {len(states)} files in {folder}; only for the real models"
        return [Finding(_WEIGHTS, "files", "absent", found, _DETAILS_CURE)]
    option = "" if folder == WEIGHTS_DIR else f" --folder {folder}"
    fetched = {
        wanted: " ".join(s.weight.name for s in states if s.state == "missing" and (s.weight.name in needed) == wanted)
        for wanted in (True, False)
    }
    return [
        _weight_finding(state, wanted, f"nlf-pipeline weights fetch {fetched[wanted]}{option}", option)
        for state in states
        for wanted in [state.weight.name in needed]
    ]


def body_findings(states: Sequence[WeightState], needed: str) -> list[Finding]:
    """Judge the files of the registered body models; one of each family is enough.

    Args:
        states: of the body models.
        needed: the body model that the chosen models need.
    """
    families: dict[str, list[WeightState]] = {}
    for state in states:
        families.setdefault(state.weight.name.partition("-")[0], []).append(state)
    return [
        Finding(_BODIES, "open body", "ok", "built by the workflow"),
        *(_family_finding(name, members, name == needed) for name, members in families.items()),
    ]


def _weight_finding(state: WeightState, needed: bool, fetch: str, option: str) -> Finding:
    name, path = state.weight.name, state.path
    if path is None or (state.size is None and not path.is_symlink()):
        cure = fetch if state.weight.url else _by_hand(state.weight, path)
        return Finding(_WEIGHTS, name, lacking(needed), f"not there; for {_uses(state.weight)}", cure)
    if state.state == "changed":
        cure = f"nlf-pipeline weights verify {name}{option}"
        return Finding(_WEIGHTS, name, lacking(needed), f"{path} is not the file that was used so far", cure)
    try:
        check_weights_file(path, name)
    except UserError as error:
        found = str(error).partition(". ")[0]
        return Finding(
            _WEIGHTS, name, lacking(needed), found, f"rm {path} && nlf-pipeline weights fetch {name}{option}"
        )
    return Finding(_WEIGHTS, name, "ok", f"{(state.size or 0) / _MIB:.0f} MiB, {_IN_WORDS[state.state]}")


def _family_finding(name: str, members: Sequence[WeightState], needed: bool) -> Finding:
    first = members[0]
    genders = [member.weight.name.partition("-")[2] for member in members if member.size is not None]
    if genders and first.path:
        return Finding(_BODIES, name, "ok", f"{', '.join(genders)} in {first.path.parent}")
    looked_at = f"not in {first.path.parent}" if first.path else "no folder is given (--body-models-dir)"
    return Finding(
        _BODIES, name, lacking(needed), f"{looked_at}; for body_model={name}", _by_hand(first.weight, first.path)
    )


def _by_hand(weight: Weight, path: Path | None) -> str:
    place = path or Path("BODY_MODELS_DIR") / weight.file
    if weight.registration is None:
        return f"put it at {place}"
    return f"{weight.registration.url}: {weight.registration.todo}, put {place.name} into {place.parent}"


def _uses(weight: Weight) -> str:
    return " or ".join(dict.fromkeys(use.split()[-1].replace(":", "=") for use in weight.used_by))
