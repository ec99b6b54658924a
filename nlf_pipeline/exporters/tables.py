"""Rows of numbers as text, for formats whose files are tables."""

from collections.abc import Iterator

import numpy as np


def text_rows(values: np.ndarray, decimals: int, separator: str) -> Iterator[str]:
    """Each row's numbers with `decimals` digits behind the point; cells of a row that is not finite are empty.

    Args:
        values: (rows, columns).
        decimals: of every number.
        separator: between numbers; a number never contains it.
    """
    empty = separator * (values.shape[1] - 1)
    layout = separator.join([f"%.{decimals}f"] * values.shape[1])
    is_known = np.isfinite(values).all(axis=1)
    for row, known in zip(values, is_known, strict=True):
        # Rounding first and adding 0 keeps "-0.000" out.
        yield layout % tuple((row.round(decimals) + 0.0).tolist()) if known else empty
