"""Who is followed from a shot's start: people of the frame that the user named, or of one in which there are some."""

import logging

from rlemasklib import RLEMask

from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segmenters import PeopleChoice
from nlf_pipeline.segmenters.people_choice import choose_people
from nlf_pipeline.segmenters.propagation.frames import spread
from nlf_pipeline.segmenters.propagation.seams import PersonDetector
from nlf_pipeline.segmenters.propagation.shot import Clip, Seed

_MOST_PEOPLE = 255  # that a label map can tell apart
_TRIED = 8  # more frames, where there is nobody in the first
log = logging.getLogger(__name__)


def find_seed(clip: Clip, shot: slice, detector: PersonDetector, choice: PeopleChoice) -> Seed:
    """People to follow, and others, in one frame of a shot.

    Without points: those found with the greatest scores in `choice.select_frame`, or in the shot's middle if that
    is another shot's, or in the first of some frames in which there is anybody.

    Raises:
        UserError: if a point lies outside the picture or on nobody.
    """
    inside = shot.start <= choice.select_frame < shot.stop
    first = choice.select_frame if inside else (shot.start + shot.stop) // 2
    if choice.select_points_px:
        return _at_points(clip, detector, choice) if inside else Seed(first, [], [], 0)
    most = min(choice.max_persons, _MOST_PEOPLE)
    for frame in (first, *spread(shot, _TRIED)):
        masks = _find(clip, detector, frame)
        if masks:
            return Seed(frame, masks[:most], masks[most:], max(0, most - len(masks)))
    log.info("frames %d-%d: nobody was found in %d of them", shot.start, shot.stop - 1, _TRIED + 1)
    return Seed(first, [], [], most)


def _at_points(clip: Clip, detector: PersonDetector, choice: PeopleChoice) -> Seed:
    """People at the user's points, with no room for others."""
    masks = _find(clip, detector, choice.select_frame)
    only_then = (None,) * choice.select_frame
    found = MaskTracks(
        clip.size_px,
        clip.fps,
        choice.select_frame + 1,
        tuple(range(len(masks))),
        tuple((*only_then, mask) for mask in masks),
    )
    chosen = choose_people(found, choice, [slice(0, choice.select_frame + 1)])
    return Seed(choice.select_frame, _last(chosen.followed), _last(chosen.bystanders), 0)


def _last(tracks: MaskTracks) -> list[RLEMask]:
    return [mask for track in tracks.masks if (mask := track[-1]) is not None]


def _find(clip: Clip, detector: PersonDetector, frame: int) -> list[RLEMask]:
    found = detector.detect(clip.frames[frame])
    return [detection.mask for detection in found if detection.mask.area() >= clip.least_area_px]
