"""Reading frames in batches, and making the next item of a sequence while the present one is used."""

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def prefetched(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, the next one being made in another thread while this one is used."""
    source = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, source, end)
            yield item  # type: ignore[misc]


def stacked(frames: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """(n, height, width, 3) of `size` frames at a time; the last may have fewer."""
    remaining = iter(frames)
    while batch := list(itertools.islice(remaining, size)):
        yield np.stack(batch)
