"""Looking for people nobody follows yet."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from nlf_pipeline.blazepose import Detection
from nlf_pipeline.segmenters.following import Seen, is_duplicate, is_person, meet_newcomers
from nlf_pipeline.segmenters.observation import Cover, Observation, Pose, Window, observe, without_people
from nlf_pipeline.segmenters.people_detection import Tile, is_same_place, search_tiles, suppress_duplicates, tile_about
from nlf_pipeline.segmenters.workers import Models, Workers

_OUTLINE_PX = 4
_LOOSENESS = 1.4  # of clothes about a body
_MOST_LOOKS = 4  # at somebody detected
_SETTLED_RADII = 0.1


class PeopleSearch:
    """Runs the detector where people may be, and makes sure of what it finds."""

    def __init__(self, workers: Workers, size_px: tuple[int, int]) -> None:
        """Search frames of `size_px` (width, height) with the models of `workers`."""
        self._workers, self._size_px = workers, size_px

    def everywhere(
        self, image: np.ndarray, known: Sequence[Observation], smallest_height_px: float | None
    ) -> list[Seen]:
        """People anywhere in the frame who are not among the `known`.

        Of people close together the detector reports only one. So the neighbourhood of everybody is searched
        again, with him painted over.

        Args:
            image: (height, width, 3) uint8 RGB frame.
            known: the people already seen in it.
            smallest_height_px: of people to look for; None for any size.
        """
        covers = _covers(known)
        found = self._detect(image, image, search_tiles(self._size_px, smallest_height_px), known)
        newcomers = meet_newcomers(image, found, covers)
        everybody = [*known, *(seen.observation for seen in newcomers)]
        return [*newcomers, *self.about(image, everybody, everybody)]

    def about(self, image: np.ndarray, places: Sequence[Pose], known: Sequence[Observation]) -> list[Seen]:
        """People close to `places` or beside the `known` there, in a frame with the known painted over."""
        width_px, height_px = self._size_px
        covers = _covers(known)
        emptied = without_people(image, Window(0, 0, width_px, height_px), covers, _OUTLINE_PX)
        tiles = [tile_about(pose.circle.centre_px, pose.height_px, self._size_px) for pose in places]
        found = self._detect(image, emptied, tiles, known)
        around = [*known, *places]
        close = [person for person in found if any(person.extent.intersects(pose.extent) for pose in around)]
        return meet_newcomers(image, close, covers)

    def _detect(
        self, image: np.ndarray, searched: np.ndarray, tiles: Sequence[Tile], known: Sequence[Observation]
    ) -> list[Observation]:
        """People in tiles of `searched` who are not among the `known`, as they look in `image`."""
        detected = self._workers.map(
            lambda models, tile: models.detector.detect(tile.cut(searched), (tile.left, tile.top)), tiles
        )
        fresh = [
            detection
            for detection in suppress_duplicates([detection for tile in detected for detection in tile])
            if not any(is_same_place(detection.circle, person.circle) for person in known)
        ]
        examined = self._workers.map(partial(_examine, image, _covers(known)), fresh)
        people: list[Observation] = []
        for person in sorted(filter(None, examined), key=lambda person: -person.likeness()):
            if not any(is_duplicate(person, other) for other in [*known, *people]):
                people.append(person)
        return people


def _covers(people: Sequence[Observation]) -> list[Cover]:
    """Pixels of people, without those far off their bodies: a mask may have swallowed whoever is to be found."""
    return [(person.window, person.mask & person.covered_pixels(person.window, _LOOSENESS)) for person in people]


def _examine(image: np.ndarray, covers: Sequence[Cover], models: Models, detection: Detection) -> Observation | None:
    """Observe a detected person until the region stays in place; None if it wanders, as it does about no person."""
    circle = detection.circle
    for _ in range(_MOST_LOOKS):
        person = observe(models.landmarker, image, circle, covers)
        if person is None:
            return None
        moved_px = float(np.linalg.norm(person.circle.centre_px - circle.centre_px))
        if moved_px < _SETTLED_RADII * circle.radius_px:
            return person if is_person(person) else None
        circle = person.circle
    return None
