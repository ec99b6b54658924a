"""Options of models that are out of their range are refused in one line."""

from collections.abc import Mapping
from typing import Any

from nlf_pipeline.errors import UserError


def check_ranges(options: Any, prefix: str, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise UserError naming the first option that is not a number from its least to its greatest value.

    Args:
        options: dataclass of a model's options.
        prefix: what the command line calls it, such as "stcn".
        ranges: field -> least and greatest value, both allowed.
    """
    for name, (least, most) in ranges.items():
        value = getattr(options, name)
        if not least <= value <= most:  # neither is a NaN
            raise UserError(f"{prefix}.{name} is {value:g}; expected {least:g} to {most:g}.")
