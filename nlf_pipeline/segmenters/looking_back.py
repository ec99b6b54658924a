"""Looking again at the frames just past for somebody found late, knowing now where he came from.

Until he was found, his neighbours' masks may have held his pixels: so they are looked at again together with him.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlf_pipeline.blazepose import PoseLandmarker
from nlf_pipeline.segmenters.association import start_motion
from nlf_pipeline.segmenters.following import Expectation, Seen, follow_group, is_duplicate
from nlf_pipeline.segmenters.tracked_person import TrackedPerson

Found = tuple[TrackedPerson, Seen]


@dataclass(frozen=True)
class RecentFrame:
    """A frame kept for a while."""

    frame: int
    image: np.ndarray
    """(height, width, 3) uint8 RGB."""
    found: list[Found]


def look_again(
    landmarker: PoseLandmarker, recent: RecentFrame, past: TrackedPerson, himself: TrackedPerson, fps: float
) -> list[Found] | None:
    """Find somebody in an earlier frame, and see anew those about him.

    Args:
        landmarker: makes masks.
        recent: the frame.
        past: the person, followed back to a later frame.
        himself: the same person in `recent`.
        fps: frames per second.

    Returns:
        `himself` first, then his neighbours; None if he or one of them is not seen.
    """
    expected = past.expect(recent.frame, fps)
    near, strangers = [], []
    for person, seen in recent.found:
        touching = seen.observation.extent.intersects(expected.pose.extent)
        (near if touching else strangers).append((person, seen))
    near = [found for found in near if found[0] is not himself]
    people = [expected, *(_as_seen(person, seen) for person, seen in near)]
    again = dict(follow_group(landmarker, recent.image, people))
    if len(again) < len(people):
        return None
    if any(is_duplicate(again[0].observation, seen.observation) for who, seen in strangers if who is not himself):
        return None
    if any(is_duplicate(again[0].observation, again[k].observation) for k in range(1, len(people))):
        return None
    return [(himself, again[0]), *((person, again[k + 1]) for k, (person, _) in enumerate(near))]


def _as_seen(person: TrackedPerson, seen: Seen) -> Expectation:
    """To find somebody where he was found before."""
    circle = seen.observation.circle
    return Expectation(
        motion=start_motion(circle.centre_px, circle.radius_px),
        pose=seen.observation.without_mask(),
        feet_px=float(circle.centre_px[1] + person.feet_radii * circle.radius_px),
        looks=person.looks,
        area_radii2=person.area_radii2,
        missing=False,
    )


def replace_found(recent: RecentFrame, anew: Sequence[Found]) -> None:
    """Put what was seen anew in the place of what was seen before, in place."""
    seen_anew = {id(person) for person, _ in anew}
    recent.found[:] = [found for found in recent.found if id(found[0]) not in seen_anew]
    recent.found.extend(anew)
