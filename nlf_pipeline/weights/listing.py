"""How it stands with every file of weights, for tables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nlf_pipeline.weights.records import State, state_of
from nlf_pipeline.weights.registry import Weight, load_body_models, load_registry

_MIB = 1 << 20


@dataclass(frozen=True)
class WeightState:
    """One file of the registry."""

    weight: Weight
    path: Path | None
    """Where it belongs; None for a body model while nobody has said in which folder they are."""
    state: State
    size: int | None
    """Bytes, None if it is missing."""


def weights_state(folder: Path, body_models: Path | None = None) -> list[WeightState]:
    """Every file of the registry, the registered body models after the weights.

    Contents are read only where size or time of a file differ from the last time, as of a file that was replaced.

    Args:
        folder: of the weights.
        body_models: folder of the body models, if there is one.
    """
    weights = [(weight, folder / weight.file) for weight in load_registry().values()]
    bodies = [(weight, body_models / weight.file if body_models else None) for weight in load_body_models().values()]
    return [_look_at(weight, path) for weight, path in [*weights, *bodies]]


def format_states(states: Iterable[WeightState]) -> Iterator[str]:
    """Lines of a table, and where to register for what is missing."""
    states = list(states)
    rows = [("name", "state", "size", "for", "licence", "file")] + [_row(state) for state in states]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from dict.fromkeys(_registration(state) for state in states if _needs_registration(state))


def _look_at(weight: Weight, path: Path | None) -> WeightState:
    if path is None or not path.is_file():
        return WeightState(weight, path, "missing", None)
    return WeightState(weight, path, state_of(path, weight), path.stat().st_size)


def _row(state: WeightState) -> tuple[str, ...]:
    weight = state.weight
    mib = state.size / _MIB if state.size is not None else weight.size_mib
    size = "unknown" if mib is None else f"{mib:.0f} MiB"
    path = state.path or Path("BODY_MODELS_DIR") / weight.file
    return weight.name, state.state, size, ", ".join(weight.used_by), weight.licence, str(path)


def _needs_registration(state: WeightState) -> bool:
    return state.state == "missing" and state.weight.registration is not None


def _registration(state: WeightState) -> str:
    registration = state.weight.registration
    assert registration is not None
    family = Path(state.weight.file).parent
    folder = state.path.parent if state.path else Path("BODY_MODELS_DIR") / family
    return f"{family}: {registration.url}: {registration.todo}, put the files into {folder} (setting body_models_dir)"
