"""Looking again at the frames just past for somebody found late, knowing now where he came from.

Until he was found, his neighbours' masks may have held his pixels: so they are looked at again together with him.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlf_pipeline.blazepose import PoseLandmarker
from nlf_pipeline.segmenters.association import start_motion
from nlf_pipeline.segmenters.following import Expectation, Seen, follow_group, is_duplicate
from nlf_pipeline.segmenters.observation import Cover, Observation
from nlf_pipeline.segmenters.sharing import Body, glimpse, own_mask
from nlf_pipeline.segmenters.tracked_person import TrackedPerson

Found = tuple[TrackedPerson, Seen]


@dataclass(frozen=True)
class RecentFrame:
    """A frame kept for a while."""

    frame: int
    image: np.ndarray
    """(height, width, 3) uint8 RGB."""
    found: list[Found]
    guesses: list[Found]
    """People hidden behind those, and where the colours of each were seen."""


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
    near, strangers = [], list(recent.guesses)
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


def glimpse_again(recent: RecentFrame, past: TrackedPerson, himself: TrackedPerson, fps: float) -> list[Found] | None:
    """What sticks out of somebody in an earlier frame in which his pose cannot be made out; arguments as before.

    Returns:
        `himself` first, then those who had his pixels; None if nothing of him can be seen.
    """
    pose = past.expect(recent.frame, fps).pose
    body = Body(pose, past.looks)
    covers: list[Cover] = []
    neighbours: list[Found] = []
    for person, seen in recent.found:
        observation = seen.observation
        if person is not himself and observation.extent.intersects(pose.extent):
            own = own_mask(recent.image, observation, person.looks, [body])
            observation = replace(observation, mask=own)
            neighbours.append((person, replace(seen, observation=observation)))
        covers.append((observation.window, observation.mask))
    visible = glimpse(recent.image, body, covers)
    if visible is None:
        return None
    seen = Seen(Observation(pose.landmarks_px, pose.visibility, pose.circle, *visible), past.looks, 0.0)
    return [(himself, seen), *neighbours]


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


def replace_found(recent: RecentFrame, anew: Sequence[Found], is_guess: bool) -> None:
    """Put what was seen anew, the first of it perhaps a guess, in the place of what was seen before, in place."""
    seen_anew = {id(person) for person, _ in anew}
    for kept in (recent.found, recent.guesses):
        kept[:] = [found for found in kept if id(found[0]) not in seen_anew]
    himself, *neighbours = anew
    (recent.guesses if is_guess else recent.found).append(himself)
    recent.found.extend(neighbours)
