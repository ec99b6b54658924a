"""Bodies found in every frame of a clip, kept a block of frames at a time."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.segmenters.nlf_following import SightedBody
from nlf_pipeline.segmenters.sighting_arrays import Arrays, pack_sightings, stacked, unpack_sightings

BLOCK_FRAMES = 128
_NAME = "bodies"


def kept_blocks(store: ChunkStore, n_frames: int) -> Iterator[list[list[SightedBody]]]:
    """The blocks at the start of a clip of `n_frames` that are kept: who is seen in each of their frames."""
    for number, start in enumerate(range(0, n_frames, BLOCK_FRAMES)):
        arrays = store.load(_NAME, number)
        if arrays is None:
            return
        yield _unpack(arrays, range(start, min(start + BLOCK_FRAMES, n_frames)))


def keep_blocks(
    store: ChunkStore, found: Iterable[list[SightedBody]], first: int, n_frames: int
) -> Iterator[list[SightedBody]]:
    """The same bodies, each block of frames being kept when it is complete.

    Args:
        store: where to keep them.
        found: who is seen in each frame from `first` on.
        first: a block's first frame.
        n_frames: of the clip.
    """
    block: list[list[SightedBody]] = []
    for frame, bodies in enumerate(found, start=first):
        block.append(bodies)
        if (frame + 1) % BLOCK_FRAMES == 0 or frame + 1 == n_frames:
            if store.keeps:
                store.save(_NAME, frame // BLOCK_FRAMES, _pack(block))
            block = []
        yield bodies


def _pack(frames: Sequence[Sequence[SightedBody]]) -> Arrays:
    bodies = [body for frame in frames for body in frame]
    return {
        "joints_px": stacked([body.joints_px for body in bodies], (len(SMPL_JOINT_NAMES), 2)),
        **pack_sightings([body.sighting for body in bodies]),
    }


def _unpack(arrays: Arrays, frames: range) -> list[list[SightedBody]]:
    seen: list[list[SightedBody]] = [[] for _ in frames]
    for joints_px, sighting in zip(np.array(arrays["joints_px"]), unpack_sightings(arrays), strict=True):
        seen[sighting.frame - frames.start].append(SightedBody(joints_px, sighting))
    return seen
