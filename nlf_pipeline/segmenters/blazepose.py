"""People found, followed and masked by BlazePose on the CPU."""

import logging
import os
from collections.abc import Iterable

import cv2
import framepump
import numpy as np

from nlf_pipeline.artefacts import IdentityDoubt, VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.prefetching import prefetched
from nlf_pipeline.progress import progress
from nlf_pipeline.segmenters import PeopleChoice, SegmentedPeople
from nlf_pipeline.segmenters.collected_people import CollectedPeople
from nlf_pipeline.segmenters.identities import identify
from nlf_pipeline.segmenters.people_choice import choose_people
from nlf_pipeline.segmenters.tracker import PeopleTracker
from nlf_pipeline.segmenters.workers import Workers

_MOST_WORKERS = 4  # more than there are people at a time would idle
_WORKING_SIDE_PX = 1280  # BlazePose sees a region in 256 x 256 pixels: more of them cost time and show nothing
_LEAST_RELIABILITY = 0.42
log = logging.getLogger(__name__)


class BlazePoseSegmenter:
    """Follows everybody, then chooses."""

    def segment(self, frames: framepump.VideoFrames, facts: VideoFacts, choice: PeopleChoice) -> SegmentedPeople:
        """Masks of the chosen people in every frame in which they are seen; identities do not cross `facts.cuts`."""
        everybody, doubts = follow_everybody(frames, facts)
        return choose_people(everybody, choice, facts.shots(), doubts)


def follow_everybody(frames: Iterable[np.ndarray], facts: VideoFacts) -> tuple[MaskTracks, list[IdentityDoubt]]:
    """Everybody who is seen for long enough, in any order.

    Args:
        frames: (height, width, 3) uint8 RGB, facts.n_frames of them.
        facts: of the clip.

    Returns:
        Masks, and the moments at which people may have been mixed up.
    """
    collected = CollectedPeople(_LEAST_RELIABILITY)
    scale = min(1.0, _WORKING_SIDE_PX / max(facts.size_px))
    working_size_px = (round(facts.width_px * scale), round(facts.height_px * scale))
    small = (cv2.resize(image, working_size_px, interpolation=cv2.INTER_AREA) for image in frames)
    images = iter(progress(prefetched(small), facts.n_frames, "segment"))
    with Workers(min(_MOST_WORKERS, os.cpu_count() or 1)) as workers:
        for shot in facts.shots():
            tracker = PeopleTracker(workers, working_size_px, facts.fps, facts.size_px)
            for frame, image in zip(range(shot.start, shot.stop), images, strict=False):
                tracker.step(frame, image)
            collected.add(identify(tracker.finish(), facts.fps, working_size_px), shot, facts.fps)
    log.info(
        "%d people were seen; %d patterns were taken for people at first", len(collected.people), collected.n_patterns
    )
    return collected.tracks(facts), collected.doubts
