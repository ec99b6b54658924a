"""Reading a clip's frames in small, in either direction and at random, a few at a time."""

import itertools
from collections.abc import Iterable, Iterator

import framepump
import numpy as np

_CHUNK_FRAMES = 32  # read at once on the way back


def small_size(size_px: tuple[int, int], short_side_px: int) -> tuple[int, int]:
    """(width, height) with the same proportions, as nearly as whole pixels allow."""
    scale = short_side_px / min(size_px)
    width_px, height_px = (max(short_side_px, round(side * scale)) for side in size_px)
    return width_px, height_px


def read_in_order(frames: framepump.VideoFrames, order: range, size_px: tuple[int, int]) -> Iterator[np.ndarray]:
    """Frames `order` (step 1 or -1) at `size_px` (width, height), never more than some at a time."""
    shape = (size_px[1], size_px[0])
    if order.step > 0:
        yield from frames[order.start : order.stop].resized(shape)
        return
    first = order.stop + 1
    for stop in range(order.start + 1, first, -_CHUNK_FRAMES):
        yield from reversed(list(frames[max(first, stop - _CHUNK_FRAMES) : stop].resized(shape)))


def read_sample(
    frames: framepump.VideoFrames, shot: slice, most: int, size_px: tuple[int, int], rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Random frames of a shot in random order, all of them if there are at most `most`."""
    n_frames = shot.stop - shot.start
    chosen = np.sort(rng.choice(n_frames, min(most, n_frames), replace=False)) + shot.start
    shape = (size_px[1], size_px[0])
    images = np.empty((len(chosen), *shape, 3), np.uint8)
    for image, read in zip(images, frames.resized(shape).frames_at(chosen.tolist()), strict=True):
        image[:] = read
    yield from images[rng.permutation(len(images))]


def chunks(order: Iterable[int], most: int, ends: frozenset[int]) -> Iterator[list[int]]:
    """Runs of at most `most` numbers, each of which ends at the latest with one of `ends`."""
    run: list[int] = []
    for frame in order:
        run.append(frame)
        if len(run) == most or frame in ends:
            yield run
            run = []
    if run:
        yield run


def spread(shot: slice, count: int) -> list[int]:
    """At most `count` frames spread evenly over a shot."""
    n_frames = shot.stop - shot.start
    count = min(count, n_frames)
    return [shot.start + (2 * k + 1) * n_frames // (2 * count) for k in range(count)]


def take(images: Iterator[np.ndarray], count: int) -> list[np.ndarray]:
    """The next `count` images."""
    return list(itertools.islice(images, count))
