"""Figures beside their targets."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """One figure beside its target."""

    name: str
    """What was measured."""
    value: float | None
    """None where there was nothing to measure."""
    unit: str
    """Of `value`."""
    target: str
    """Such as '<= 80'; empty if there is none."""

    @property
    def reached(self) -> bool | None:
        """Whether the value meets the target; None without either."""
        if not self.target or self.value is None:
            return None
        relation, bound = self.target.split()
        return self.value >= float(bound) if relation == ">=" else self.value <= float(bound)


def format_table(measurements: list[Measurement]) -> list[str]:
    """Markdown lines: figure, value, target, reached."""
    word = {True: "yes", False: "no", None: ""}
    values = ["-" if m.value is None else f"{m.value:.3g} {m.unit}".strip() for m in measurements]
    rows = [
        f"| {m.name} | {value} | {m.target} | {word[m.reached]} |"
        for m, value in zip(measurements, values, strict=True)
    ]
    return ["| figure | value | target | reached |", "|---|---|---|---|", *rows]


def mean_or_none(values: Iterable[float]) -> float | None:
    """Mean of the finite values; None if there are none."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    return float(finite.mean()) if len(finite) else None
