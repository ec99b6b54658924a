"""Following the people of one shot: found in one frame, followed through all, looked for again now and then."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import framepump
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.prefetching import prefetched
from nlf_pipeline.segmenters.propagation.chunks import CHUNK_FRAMES, ClipChunks, ShotPeople, ShotState
from nlf_pipeline.segmenters.propagation.frames import chunks, read_in_order, read_sample, take
from nlf_pipeline.segmenters.propagation.masks import Track, clean_masks, is_among, masks_of_labels, resized, union
from nlf_pipeline.segmenters.propagation.seams import Models, Propagator
from nlf_pipeline.segmenters.stcn_options import StcnOptions

_GONE_S = 0.5  # out of sight for so long, somebody has not entered yet
_SAMPLE = 2  # frames of a burn-in pass, per frame that is remembered
_LEAST_PIXELS = 4  # of the picture that the network sees
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """A clip and how it is looked at."""

    frames: framepump.VideoFrames
    fps: float
    size_px: tuple[int, int]
    """(width, height)."""
    small_px: tuple[int, int]
    """(width, height) of the pictures that the propagator sees."""

    @property
    def least_area_px(self) -> float:
        """Of a mask that says anything."""
        return float(_LEAST_PIXELS * np.prod(self.size_px) / np.prod(self.small_px))


@dataclass(frozen=True)
class Seed:
    """Who was found first."""

    frame: int
    followed: list[RLEMask]
    bystanders: list[RLEMask]
    room: int
    """For so many people who are found later."""


class ShotTracker:
    """Follows people through one shot."""

    def __init__(
        self,
        clip: Clip,
        shot: slice,
        models: Models,
        options: StcnOptions,
        rng: np.random.Generator,
        chunks: ClipChunks,
    ) -> None:
        """Know nobody yet.

        Args:
            clip: of which the shot is a part.
            shot: its frames.
            models: of the clip.
            options: of the segmenter.
            rng: chooses the frames of burn-in passes.
            chunks: where the work is kept.
        """
        self._clip, self._shot, self._models, self._options, self._rng = clip, shot, models, options, rng
        self._chunks = chunks
        self._propagator = models.propagator()
        self._state = ShotState()
        self._people = self._state.people
        self._new_frames: set[int] = set()
        """Frames done since the work was kept."""

    def follow(self, find: Callable[[], Seed]) -> Iterator[int]:
        """Follow everybody, once; yields each frame of the shot when it is done.

        Args:
            find: finds who is followed from the start; not called if that was done before.
        """
        kept = self._chunks.take_state(self._propagator)
        if kept is not None:
            self._state, self._people = kept, kept.people
        else:
            self._begin(find())
        legs = self._legs()
        for leg in legs[: self._state.leg]:
            yield from leg
        for leg in legs[self._state.leg :]:
            yield from leg[: self._state.n_done]
            yield from self._run(leg[self._state.n_done :])
            self._state.leg, self._state.n_done = self._state.leg + 1, 0
        self._chunks.keep_shot(self._state, self._new_frames)

    def _begin(self, seed: Seed) -> None:
        """Get to know who is followed from the start."""
        self._state.room = seed.room + len(seed.followed)
        if seed.bystanders:
            self._people.bystanders[seed.frame] = seed.bystanders
        if not seed.followed:
            return
        self._state.seed_frame = seed.frame
        self._welcome(seed.frame, self._small(seed.frame), seed.followed)
        for k in range(self._options.passes - 1):
            shot, most = self._shot, _SAMPLE * self._options.memory_frames
            log.info("frames %d-%d: pass %d of %d", shot.start, shot.stop - 1, k + 1, self._options.passes)
            self._propagator.burn_in(read_sample(self._clip.frames, shot, most, self._clip.small_px, self._rng))
        if self._options.passes > 1:
            self._keep()

    def _legs(self) -> list[range]:
        """Ways through the shot's frames, one after the other."""
        shot, seed_frame = self._shot, self._state.seed_frame
        if self._options.passes == 1 and seed_frame >= 0:
            return [range(seed_frame, shot.stop), range(seed_frame - 1, shot.start - 1, -1)]
        return [range(shot.start, shot.stop)]

    def _keep(self) -> None:
        self._chunks.keep(self._state, self._propagator, self._new_frames)
        self._new_frames = set()

    @property
    def people(self) -> ShotPeople:
        """Who was seen so far."""
        return self._people

    def _run(self, order: range) -> Iterator[int]:
        """Follow people along `order`, and look for others."""
        looks = self._looks(order)
        pictures = self._clip.frames.frames_at(looks)
        ends = frozenset(looks)
        images = prefetched(read_in_order(self._clip.frames, order, self._clip.small_px))
        for frames in chunks(order, self._options.memory_every, ends):
            batch = take(images, len(frames))
            if self._people.followed:
                for frame, labels in zip(frames, self._propagator.follow(batch), strict=True):
                    self._record(frame, labels)
            if frames[-1] in ends:
                self._look(frames[-1], next(pictures), batch[-1], order.step)
            yield from frames
            self._state.n_done += len(frames)
            self._new_frames.update(frames)
            if len(self._new_frames) >= CHUNK_FRAMES:
                self._keep()

    def _looks(self, order: range) -> list[int]:
        """Frames of `order` in which to look for people: at intervals, and in the last."""
        if self._options.redetect_every == 0:
            return []
        step = max(1, round(self._options.redetect_every * self._clip.fps))
        return [t for t in order if (t - self._shot.start) % step == 0 or t == order[-1]]

    def _record(self, frame: int, labels: np.ndarray) -> None:
        masks = self._cleaned(masks_of_labels(labels, len(self._people.followed)))
        for track, mask in zip(self._people.followed, masks, strict=True):
            track.pop(frame, None)
            if mask is not None:
                track[frame] = mask

    def _look(self, frame: int, picture: np.ndarray, image: np.ndarray, direction: int) -> None:
        """Look for people who are not followed; follow them if there is room."""
        seen = [track[frame] for track in self._people.followed if frame in track]
        newcomers, bystanders = [], []
        for detection in self._models.detector.detect(picture):
            if is_among(detection.mask, seen) or detection.mask.area() < self._clip.least_area_px:
                continue
            is_sure = detection.score >= self._options.entry_threshold
            if is_sure and len(newcomers) < self._state.room - len(self._people.followed):
                newcomers.append(detection.mask & union(seen, detection.mask.shape).complement())
            else:
                bystanders.append(detection.mask)
        if bystanders:
            self._people.bystanders[frame] = bystanders
        if newcomers:
            rows = self._welcome(frame, image, newcomers)
            self._look_back(frame, image, rows, direction)

    def _welcome(self, frame: int, image: np.ndarray, masks: Sequence[RLEMask]) -> list[Track]:
        """Follow more people from now on; returns their rows."""
        self._start(self._propagator, image, masks, self._pixels(self._people.followed, frame))
        rows = [{frame: mask} for mask in masks]
        self._people.followed += rows
        return rows

    def _start(self, propagator: Propagator, image: np.ndarray, masks: Sequence[RLEMask], taken: RLEMask) -> None:
        others = [taken] if taken.any() else []
        propagator.start(image, resized(masks, self._clip.small_px), resized(others, self._clip.small_px))

    def _look_back(self, frame: int, image: np.ndarray, rows: list[Track], direction: int) -> None:
        """Follow newcomers back to where they entered; what is others' stays theirs."""
        others = [track for track in self._people.followed if not any(track is row for row in rows)]
        propagator = self._models.propagator()
        self._start(propagator, image, [row[frame] for row in rows], self._pixels(others, frame))
        order = range(frame - 1, self._shot.start - 1, -1) if direction > 0 else range(frame + 1, self._shot.stop)
        longest = _GONE_S * self._clip.fps
        gone_frames = np.zeros(len(rows), int)
        for t, earlier in zip(order, read_in_order(self._clip.frames, order, self._clip.small_px), strict=True):
            taken = self._pixels(others, t)
            small = resized([taken], self._clip.small_px) if taken.any() else None
            masks = masks_of_labels(propagator.follow([earlier], small)[0], len(rows))
            for k, mask in enumerate(self._cleaned(masks, taken)):
                gone_frames[k] = 0 if mask is not None and gone_frames[k] <= longest else gone_frames[k] + 1
                if mask is not None and gone_frames[k] == 0:
                    rows[k][t] = mask
            if np.all(gone_frames > longest):
                return

    def _cleaned(self, masks: Sequence[RLEMask], taken: RLEMask | None = None) -> list[RLEMask | None]:
        """Cleaned masks at full size, without pixels that are taken; None of whoever is not in sight."""
        *cleaned, _ = clean_masks([*masks, RLEMask.zeros(self._shape) if taken is None else taken])
        return [mask if mask.area() >= self._clip.least_area_px else None for mask in cleaned]

    def _pixels(self, tracks: Sequence[Track], frame: int) -> RLEMask:
        """Of people in a frame."""
        return union((track[frame] for track in tracks if frame in track), self._shape)

    @property
    def _shape(self) -> tuple[int, int]:
        return self._clip.size_px[1], self._clip.size_px[0]

    def _small(self, frame: int) -> np.ndarray:
        width_px, height_px = self._clip.small_px
        return self._clip.frames.resized((height_px, width_px))[frame]
