"""People found, followed and masked by BlazePose on the CPU."""

import logging
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import cv2
import framepump
import numpy as np

from nlf_pipeline.artefacts import IdentityDoubt, VideoFacts
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import Part
from nlf_pipeline.prefetching import prefetched
from nlf_pipeline.progress import progress
from nlf_pipeline.segmenters import PeopleChoice, SegmentedPeople
from nlf_pipeline.segmenters.collected_people import CollectedPeople
from nlf_pipeline.segmenters.identities import identify
from nlf_pipeline.segmenters.people_choice import choose_people
from nlf_pipeline.segmenters.tracker import PeopleTracker
from nlf_pipeline.segmenters.tracker_chunks import TrackerChunks
from nlf_pipeline.segmenters.tracklets import Tracklet
from nlf_pipeline.segmenters.workers import Workers
from nlf_pipeline.workflow.versions import code_version

_MOST_WORKERS = 4  # more than there are people at a time would idle
_WORKING_SIDE_PX = 1280  # BlazePose sees a region in 256 x 256 pixels: more of them cost time and show nothing
_LEAST_RELIABILITY = 0.42
_CHUNK_FRAMES = 256
"""Kept together: about half a minute's work."""
log = logging.getLogger(__name__)


class BlazePoseSegmenter:
    """Follows everybody, then chooses."""

    def __init__(self, checkpoints: ChunkStore = ChunkStore(None)) -> None:  # noqa: B008  (keeps nothing)
        """Keep what is done of a clip in `checkpoints` of that clip."""
        self._checkpoints = checkpoints

    def segment(self, frames: framepump.VideoFrames, facts: VideoFacts, choice: PeopleChoice) -> SegmentedPeople:
        """Masks of the chosen people in every frame in which they are seen; identities do not cross `facts.cuts`."""
        everybody, doubts = follow_everybody(frames, facts, self._checkpoints)
        return choose_people(everybody, choice, facts.shots(), doubts)


def follow_everybody(
    frames: framepump.VideoFrames | Sequence[np.ndarray],
    facts: VideoFacts,
    checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
) -> tuple[MaskTracks, list[IdentityDoubt]]:
    """Everybody who is seen for long enough, in any order.

    Args:
        frames: (height, width, 3) uint8 RGB, facts.n_frames of them.
        facts: of the clip.
        checkpoints: of the clip: where to keep what is done, and where to find it.

    Returns:
        Masks, and the moments at which people may have been mixed up.
    """
    collected = CollectedPeople(_LEAST_RELIABILITY)
    scale = min(1.0, _WORKING_SIDE_PX / max(facts.size_px))
    working_size_px = (round(facts.width_px * scale), round(facts.height_px * scale))
    chunks = TrackerChunks(checkpoints.within(*_depends_on(facts)) if checkpoints.keeps else checkpoints)
    for shot, tracklets in zip(facts.shots(), _follow(frames, facts, working_size_px, chunks), strict=True):
        collected.add(identify(tracklets, facts.fps, working_size_px), shot, facts.fps)
    log.info(
        "%d people were seen; %d patterns were taken for people at first", len(collected.people), collected.n_patterns
    )
    return collected.tracks(facts), collected.doubts


def _follow(
    frames: framepump.VideoFrames | Sequence[np.ndarray],
    facts: VideoFacts,
    working_size_px: tuple[int, int],
    chunks: TrackerChunks,
) -> Iterator[list[Tracklet]]:
    """Everybody's tracklets of every shot, what is kept in `chunks` first."""
    if chunks.next_frame:
        log.info("frames 0-%d were looked at before", chunks.next_frame - 1)
    yield from chunks.finished_shots
    n_done, recent = len(chunks.finished_shots), chunks.recent_frames
    first = recent[0] if recent else chunks.next_frame
    small = (cv2.resize(image, working_size_px, interpolation=cv2.INTER_AREA) for image in frames[first:])
    images = iter(progress(prefetched(small), facts.n_frames - first, "segment"))
    state = chunks.take_state({frame: next(images) for frame in recent})
    with Workers(min(_MOST_WORKERS, os.cpu_count() or 1)) as workers:
        for shot in facts.shots()[n_done:]:
            tracker = PeopleTracker(workers, working_size_px, facts.fps, facts.size_px, state)
            for frame, image in zip(range(max(shot.start, chunks.next_frame), shot.stop), images, strict=False):
                tracker.step(frame, image)
                if (frame + 1 - shot.start) % _CHUNK_FRAMES == 0 and frame + 1 < shot.stop:
                    chunks.keep(tracker.state, frame + 1)
            tracklets, state = tracker.finish(), None
            chunks.keep_shot(tracker.state.finished, shot.stop)
            yield tracklets


def _depends_on(facts: VideoFacts) -> tuple[Part, ...]:
    """All that following everybody depends on, besides the clip."""
    libraries = [version("mediapipe"), version("numpy"), version("scipy"), cv2.__version__]
    shots = [shot.start for shot in facts.shots()]
    return code_version("segmenters.blazepose"), libraries, facts.size_px, facts.fps, facts.n_frames, shots
