"""Who is seen where in one frame, given where everybody is expected."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlf_pipeline.blazepose import PoseLandmarker
from nlf_pipeline.segmenters.appearance import Looks, describe, parts_distance
from nlf_pipeline.segmenters.association import Motion, landmark_similarity
from nlf_pipeline.segmenters.observation import Cover, Observation, Pose, observe
from nlf_pipeline.segmenters.people_detection import is_same_place
from nlf_pipeline.segmenters.sharing import Body, foreign_pixels, own_mask

MIN_VISIBLE_PART = 0.1
"""Of a body; with less than that in sight a person counts as hidden."""
USUAL_AREA_RADII2 = 0.55
"""Area of a whole body over the squared radius of its circle, before anything is known."""
JUMP_RADII = 0.25
"""How far from the prediction somebody may turn up, in radii ..."""
JUMP_STDS = 3.0
"""... and in standard deviations of the prediction besides."""
_SIZE_RATIO = 1.5
_MIN_VISIBILITY = 0.3
_MIN_SUPPORT = 0.5  # of core landmarks by the mask
_MAX_LOOKS_DISTANCE = 0.35  # one person's stay below 0.15, two people's are above 0.25, half hidden anything happens
_RETURN_LOOKS_DISTANCE = 0.25  # who was lost a moment ago must look more like himself
_TELLING_PART = 0.4  # visible part of a body above which its colours tell fully who it is
_POSE_WEIGHT = 0.2  # of a wholly different pose, against looks distance
_RIVAL_MARGIN = 0.02  # all margins are differences of unlikeness
_CERTAIN_MARGIN = 0.15
_MISTAKEN_MARGIN = 0.1
_MISTAKEN_RADII = 0.7  # how far off somebody may be who was taken for his neighbour
_SAME_POSE = 0.5  # similarity of two poses
_SAME_MASK = 0.6  # intersection over the smaller mask
_BIRTH_VISIBILITY = 0.5
_BIRTH_SUPPORT = 0.7
_BIRTH_LIKENESS = 0.5
_MIN_HEIGHT_PX = 32


@dataclass(frozen=True)
class Expectation:
    """What is known of one person before a frame is looked at."""

    motion: Motion
    """Predicted for the frame."""
    pose: Pose
    """Likewise: the last pose, moved."""
    feet_px: float
    """Image row on which he stands: the lower, the nearer to the camera."""
    looks: Looks
    """What he usually looks like."""
    area_radii2: float
    """Area of the whole body over the squared radius of its circle."""
    missing: bool
    """He was not seen in the last frame."""


@dataclass(frozen=True)
class Seen:
    """One person found in a frame."""

    observation: Observation
    looks: Looks
    """Of what is visible."""
    visible_part: float
    """Visible area over that of the whole body, about."""
    certain: bool = False
    """It is clearly this person, and nobody else who may be near."""


def look(
    image: np.ndarray,
    observation: Observation,
    covers: Sequence[Cover],
    area_radii2: float,
    neighbours: Sequence[Pose] = (),
) -> Seen:
    """Describe what is visible of a person.

    Args:
        image: (height, width, 3) uint8 RGB frame.
        observation: the person.
        covers: who hides parts of the person.
        area_radii2: area of the whole body over the squared radius of its circle.
        neighbours: other people; colours within their bodies may be theirs and are left out.
    """
    visible = observation.without(covers)
    window, radius_px = observation.window, observation.circle.radius_px
    sure = visible.mask & observation.covered_pixels(window)
    for pose in neighbours:
        if pose.extent.intersects(observation.extent):
            sure &= ~pose.covered_pixels(window)
    looks = describe(window.cut(image), sure, observation.landmarks_px - window.origin_px, radius_px)
    return Seen(observation, looks, visible.area_px / (area_radii2 * radius_px**2))


def is_expected(person: Expectation, seen: Seen, rivals: Sequence[Expectation], jump_radii: float = JUMP_RADII) -> bool:
    """True if `seen` can be `person`, and is not rather one of `rivals`; `jump_radii` says how far off he may be."""
    observation, radius_px = seen.observation, person.motion.radius_px
    jump_px = np.linalg.norm(observation.circle.centre_px - person.motion.centre_px)
    size_ratio = observation.circle.radius_px / radius_px
    looks_limit = _RETURN_LOOKS_DISTANCE if person.missing else _MAX_LOOKS_DISTANCE
    return bool(
        jump_px < jump_radii * radius_px + JUMP_STDS * person.motion.centre_std_px
        and 1 / _SIZE_RATIO < size_ratio < _SIZE_RATIO
        and observation.core_visibility > _MIN_VISIBILITY
        and observation.mask_support() > _MIN_SUPPORT
        and seen.visible_part > MIN_VISIBLE_PART
        and parts_distance(seen.looks.parts, person.looks.parts) < looks_limit
        and all(unlikeness(person, seen) < unlikeness(rival, seen) + _RIVAL_MARGIN for rival in rivals)
    )


def recognize(people: Sequence[Expectation], candidates: Sequence[int], seen: Seen) -> int | None:
    """Index of who was seen in the region of the first of `candidates`, or None.

    After two people met, each may be looked for where the other one is.
    """
    first = candidates[0]
    if is_expected(people[first], seen, [*people[:first], *people[first + 1 :]]):
        return first
    best = min(candidates, key=lambda j: unlikeness(people[j], seen))
    surprise = unlikeness(people[first], seen) - unlikeness(people[best], seen)
    stray = replace(people[best], missing=True)
    if surprise > _MISTAKEN_MARGIN and is_expected(stray, seen, (), _MISTAKEN_RADII):
        return best
    return None


def unlikeness(person: Expectation, seen: Seen) -> float:
    """How unlike `person`, in looks and pose, somebody seen is; 0 or more."""
    trust = min(1.0, seen.visible_part / _TELLING_PART)
    likeness = landmark_similarity(
        seen.observation.landmarks_px, person.pose.landmarks_px, max(person.motion.radius_px, 1e-6)
    )
    return trust * parts_distance(seen.looks.parts, person.looks.parts) + _POSE_WEIGHT * (1 - likeness)


def is_person(observation: Observation) -> bool:
    """True if a detection turned out to be somebody, not a pattern in the background."""
    return (
        observation.core_visibility > _BIRTH_VISIBILITY
        and observation.mask_support() > _BIRTH_SUPPORT
        and observation.likeness() > _BIRTH_LIKENESS
        and observation.height_px > _MIN_HEIGHT_PX
    )


def is_duplicate(a: Observation, b: Observation) -> bool:
    """True if two observations in one frame are of one person."""
    radius_px = max(a.circle.radius_px, b.circle.radius_px)
    if landmark_similarity(a.landmarks_px, b.landmarks_px, radius_px) > _SAME_POSE:
        return True
    if not is_same_place(a.circle, b.circle):  # masks alone do not tell: one person's often reaches over another
        return False
    common = np.count_nonzero(a.mask & a.window.moved(b.mask, b.window))
    return bool(common > _SAME_MASK * max(min(a.area_px, b.area_px), 1))


def follow_group(
    landmarker: PoseLandmarker, image: np.ndarray, people: Sequence[Expectation]
) -> list[tuple[int, Seen]]:
    """Find people who may hide one another, the nearest to the camera first.

    Who stands lower in the picture is taken to be nearer. If he then turns out to be hidden, because his
    region shows somebody else, he is tried again after the others.

    Args:
        landmarker: makes masks.
        image: (height, width, 3) uint8 RGB frame.
        people: where they are expected.

    Returns:
        Index in `people` and what was seen, for those found, the nearest first.
    """
    waiting = deque(sorted(range(len(people)), key=lambda i: (people[i].missing, -people[i].feet_px)))
    postponed: set[int] = set()
    found: list[tuple[int, Seen]] = []
    covers: list[Cover] = []
    while waiting:
        i = waiting.popleft()
        behind = [Body(people[j].pose, people[j].looks) for j in waiting]
        hiding = [*covers, *foreign_pixels(image, Body(people[i].pose, people[i].looks), behind)]
        observation = observe(landmarker, image, people[i].pose.circle, hiding)
        poses = [body.pose for body in behind]
        seen = observation and look(image, observation, hiding, people[i].area_radii2, poses)
        k = recognize(people, [i, *waiting], seen) if seen else None
        if seen is None or k is None:
            if waiting and i not in postponed and not people[i].missing:
                postponed.add(i)
                waiting.append(i)
            continue
        if k != i:
            waiting.remove(k)
            waiting.appendleft(i)
        behind = [Body(people[j].pose, people[j].looks) for j in waiting]
        own = own_mask(image, seen.observation.without(hiding), people[k].looks, behind)
        doubt = [
            unlikeness(people[k], seen) + _CERTAIN_MARGIN > unlikeness(p, seen) for p in people if p is not people[k]
        ]
        found.append((k, replace(seen, observation=replace(seen.observation, mask=own), certain=not any(doubt))))
        covers.append((seen.observation.window, own))
    return found


def meet_newcomers(image: np.ndarray, people: Sequence[Observation], covers: Sequence[Cover]) -> list[Seen]:
    """What is visible of people nobody knew before, who may hide one another; each with pixels of their own.

    Args:
        image: (height, width, 3) uint8 RGB frame.
        people: who was found.
        covers: people already known in this frame.
    """
    near_first = sorted(people, key=lambda person: -person.lowest_px)
    seen = [
        look(image, person, covers, USUAL_AREA_RADII2, [other for other in near_first if other is not person])
        for person in near_first
    ]
    covers = list(covers)
    for i, person in enumerate(seen):
        behind = [Body(other.observation, other.looks) for other in seen[i + 1 :]]
        own = own_mask(image, person.observation.without(covers), person.looks, behind)
        seen[i] = replace(person, observation=replace(person.observation, mask=own))
        covers.append((person.observation.window, own))
    return seen
