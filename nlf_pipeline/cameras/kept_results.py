"""Results of trackers as arrays, to be kept while a long clip is worked on, and back."""

import dataclasses
import json
from typing import Any, TypeVar

import dacite
import numpy as np

Result = TypeVar("Result")
_PLAIN = "plain"
_FIELD = "field:"


def to_arrays(result: Any) -> dict[str, np.ndarray]:
    """A dataclass of numbers, texts, lists, arrays and other such dataclasses, as arrays by name.

    Numbers come back with the same bits.
    """
    arrays: dict[str, np.ndarray] = {}

    def without_arrays(value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray):
            arrays[path] = value
            return {_FIELD: path}
        if isinstance(value, dict):
            return {key: without_arrays(inner, f"{path}.{key}") for key, inner in value.items()}
        return value

    plain = without_arrays(dataclasses.asdict(result), "")
    return {**arrays, _PLAIN: np.array(json.dumps(plain, default=lambda number: number.item()))}


def from_arrays(kind: type[Result], arrays: dict[str, np.ndarray]) -> Result:
    """What `to_arrays` made arrays of, a `kind`."""

    def with_arrays(value: dict[str, Any]) -> Any:
        return arrays[value[_FIELD]] if value.keys() == {_FIELD} else value

    values = json.loads(str(arrays[_PLAIN]), object_hook=with_arrays)
    return dacite.from_dict(kind, values, dacite.Config(cast=[tuple]))
