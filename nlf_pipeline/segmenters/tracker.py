"""Following everybody through one shot, frame by frame, cautiously: who is lost for a while starts a new tracklet."""

import dataclasses
from collections import deque
from collections.abc import Sequence
from functools import partial

import numpy as np

from nlf_pipeline.segmenters.appearance import parts_distance
from nlf_pipeline.segmenters.association import match, overlap_groups
from nlf_pipeline.segmenters.following import MIN_VISIBLE_PART, Seen, follow_group
from nlf_pipeline.segmenters.looking_back import Found, RecentFrame, look_again, replace_found
from nlf_pipeline.segmenters.observation import Cover, Observation
from nlf_pipeline.segmenters.people_search import PeopleSearch
from nlf_pipeline.segmenters.tracked_person import TrackedPerson
from nlf_pipeline.segmenters.tracker_state import TrackerState
from nlf_pipeline.segmenters.tracklets import Sighting, Tracklet, ends
from nlf_pipeline.segmenters.workers import Models, Workers

_SEARCH_S = 1 / 3  # between searches of the whole frame
_SEARCH_MISSING_S = 0.1  # between searches about places where somebody should be
_ANY_SIZE_EVERY = 3  # every so many searches look for people of any size
_LOOK_BACK_S = 1.0  # for people found late ...
_MOST_RECENT = 40  # ... but no more frames than memory should hold
_BLIND_S = 0.25  # of it without a pose
_LOST_S = 1.0  # after this long unseen nobody is expected any more
_SPLIT_S = 0.25  # who was unseen for longer is a new tracklet, to be linked with hindsight
_MOST_PEOPLE = 20  # at a time; each costs a run of the model in every frame
_RETURN_COST = 0.7  # looks distance and jump together
_JUMP_COST = 0.1  # per standard deviation


class PeopleTracker:
    """Follows people through the frames of one shot."""

    def __init__(
        self,
        workers: Workers,
        size_px: tuple[int, int],
        fps: float,
        mask_size_px: tuple[int, int],
        state: TrackerState | None = None,
    ) -> None:
        """Start with nobody, or go on.

        Args:
            workers: threads with models.
            size_px: (width, height) of the frames.
            fps: frames per second.
            mask_size_px: (width, height) of the masks to make.
            state: of a tracker of the same shot, after the frames that it has looked at.
        """
        state = state or TrackerState()
        self._workers, self._search = workers, PeopleSearch(workers, size_px)
        self._size_px, self._mask_size_px, self._fps = size_px, mask_size_px, fps
        self._search_every = max(1, round(_SEARCH_S * fps))
        self._search_missing_every = max(1, round(_SEARCH_MISSING_S * fps))
        self._recent = deque(state.recent, maxlen=min(_MOST_RECENT, max(1, round(_LOOK_BACK_S * fps))))
        self._people, self._finished, self._steps = state.people, state.finished, state.steps

    def step(self, frame: int, image: np.ndarray) -> None:
        """Look at the next frame: (height, width, 3) uint8 RGB."""
        found = self._follow(frame, image)
        missing = [person for person in self._people if all(person is not other for other, _ in found)]
        newcomers = self._newcomers(frame, image, [seen.observation for _, seen in found], missing)
        returned = self._returned(frame, newcomers, missing)
        for seen, person in zip(newcomers, returned, strict=True):
            if person is None:
                person = TrackedPerson.start(frame, seen)  # noqa: PLW2901
                self._people.append(person)
            found.append((person, seen))
        found = _with_pixels_apart(found)
        late = []
        for person, seen in found:
            if person.frame < frame - 1 or not person.sightings:
                late.append(person)
            if frame - person.frame > _SPLIT_S * self._fps or person.is_elsewhere(frame, self._fps, seen):
                self._close(person)
                person.restart(frame, seen)
        self._record(frame, found, missing)
        for person in late:
            self._look_back(person, frame)
        self._recent.append(RecentFrame(frame, image, found))
        self._drop_lost(frame)
        self._steps += 1

    @property
    def state(self) -> TrackerState:
        """What is known between two frames; it changes with the next."""
        return TrackerState(self._people, self._finished, list(self._recent), self._steps)

    def finish(self) -> list[Tracklet]:
        """Everybody's tracklets."""
        for person in self._people:
            self._close(person)
        self._people = []
        return [tuple(sightings) for sightings in self._finished if sightings]

    def _follow(self, frame: int, image: np.ndarray) -> list[Found]:
        """Look for everybody where he is expected."""
        expected = [person.expect(frame, self._fps) for person in self._people]
        boxes_px = np.array([person.pose.box_px for person in expected]).reshape(-1, 4)
        groups = sorted(overlap_groups(boxes_px), key=len, reverse=True)

        def follow(models: Models, group: list[int]) -> list[Found]:
            found = follow_group(models.landmarker, image, [expected[i] for i in group])
            return [(self._people[group[i]], seen) for i, seen in found]

        return [pair for pairs in self._workers.map(follow, groups) for pair in pairs]

    def _newcomers(
        self, frame: int, image: np.ndarray, known: Sequence[Observation], missing: Sequence[TrackedPerson]
    ) -> list[Seen]:
        """People whom nobody follows, in frames in which it is time to search."""
        room = max(0, _MOST_PEOPLE - len(self._people)) + len(missing)
        if self._steps % self._search_every == 0:
            heights = [person.pose.height_px for person in self._people]
            any_size = (self._steps // self._search_every) % _ANY_SIZE_EVERY == 0 or not heights
            return self._search.everywhere(image, known, None if any_size else min(heights))[:room]
        if missing and self._steps % self._search_missing_every == 0:
            poses = [person.expect(frame, self._fps).pose for person in missing]
            return self._search.about(image, poses, known)[:room]
        return []

    def _returned(
        self, frame: int, newcomers: Sequence[Seen], missing: Sequence[TrackedPerson]
    ) -> list[TrackedPerson | None]:
        """For each newcomer the missing person he is, or None."""
        costs = np.full((len(newcomers), len(missing)), np.inf)
        for j, person in enumerate(missing):
            motion = person.expect(frame, self._fps).motion
            for i, seen in enumerate(newcomers):
                jump_px = np.linalg.norm(seen.observation.circle.centre_px - motion.centre_px)
                jump_cost = _JUMP_COST * jump_px / motion.centre_std_px
                costs[i, j] = parts_distance(seen.looks.parts, person.looks.parts) + jump_cost
        back = dict(match(costs, _RETURN_COST))
        return [missing[back[i]] if i in back else None for i in range(len(newcomers))]

    def _record(self, frame: int, found: Sequence[Found], missing: Sequence[TrackedPerson]) -> None:
        """Remember who was seen."""
        extents = [seen.observation.extent for _, seen in found]
        extents += [person.expect(frame, self._fps).pose.extent for person in missing if person.frame < frame]
        for person, seen in found:
            sighting = self._sighting(frame, seen, person.area_radii2)
            if sighting.visible_part <= MIN_VISIBLE_PART:  # others own nearly all he claimed
                continue
            alone = sum(seen.observation.extent.intersects(extent) for extent in extents) == 1
            person.meet(frame, self._fps, seen, sighting, alone)

    def _sighting(self, frame: int, seen: Seen, area_radii2: float) -> Sighting:
        circle = seen.observation.circle
        return Sighting(
            frame=frame,
            centre_px=circle.centre_px,
            radius_px=circle.radius_px,
            mask=seen.observation.full_mask(self._size_px, self._mask_size_px),
            appearance=seen.looks.parts.astype(np.float16),
            visible_part=seen.observation.area_px / (area_radii2 * circle.radius_px**2),
            likeness=seen.observation.likeness(),
        )

    def _look_back(self, person: TrackedPerson, frame: int) -> None:
        """Follow somebody back through the frames before he was found, to where he was seen last."""
        if not person.sightings or person.sightings[-1].frame != frame:
            return
        earlier, now = person.sightings[:-1], person.sightings[-1]
        seen_before = earlier or person.before
        last_seen = seen_before[-1].frame if seen_before else -1
        origin = (ends(seen_before, self._fps).last, last_seen) if seen_before else None
        past = dataclasses.replace(person, sightings=[], origin=origin)
        blind_frames = 0
        for recent in reversed(self._recent):
            if recent.frame <= last_seen or blind_frames >= _BLIND_S * self._fps:
                break
            anew = self._workers.run(partial(_look_again, past, person, self._fps), recent)
            blind_frames = 0 if anew else blind_frames + 1
            if anew:
                (_, seen), *neighbours = anew
                past.meet(recent.frame, self._fps, seen, self._sighting(recent.frame, seen, past.area_radii2), False)
                for neighbour, changed in neighbours:
                    self._see_anew(neighbour, recent.frame, changed)
                replace_found(recent, anew)
        person.sightings[:] = [*earlier, *past.sightings[::-1], now]

    def _see_anew(self, person: TrackedPerson, frame: int, seen: Seen) -> None:
        """Put another sighting in the place of that of an earlier `frame`."""
        for sightings in (person.sightings, person.before):
            for i in reversed(range(len(sightings))):
                if sightings[i].frame == frame:
                    sightings[i] = self._sighting(frame, seen, person.area_radii2)
                if sightings[i].frame <= frame:
                    break

    def _close(self, person: TrackedPerson) -> None:
        """End the tracklet; the person may go on with a new one."""
        if person.sightings:
            self._finished.append(person.sightings)
            person.before, person.sightings = person.sightings, []

    def _drop_lost(self, frame: int) -> None:
        """Expect nobody any more who was not seen for long or has walked out of the picture."""
        kept = []
        for person in self._people:
            centre_px = person.expect(frame + 1, self._fps).motion.centre_px
            inside = np.all((centre_px >= -0.5) & (centre_px < self._size_px))
            if person.frame == frame or (inside and frame - person.frame < _LOST_S * self._fps):
                kept.append(person)
            else:
                self._close(person)
        self._people = kept


def _with_pixels_apart(found: Sequence[Found]) -> list[Found]:
    """The same people without pixels of those before them, which people have who were not expected to be near."""
    covers: list[Cover] = []
    apart = []
    for person, seen in found:
        observation = seen.observation.without(covers)
        covers.append((observation.window, observation.mask))
        apart.append((person, dataclasses.replace(seen, observation=observation)))
    return apart


def _look_again(
    past: TrackedPerson, himself: TrackedPerson, fps: float, models: Models, recent: RecentFrame
) -> list[Found] | None:
    return look_again(models.landmarker, recent, past, himself, fps)
