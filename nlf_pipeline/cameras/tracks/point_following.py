"""Points of the background, followed from picture to picture by the method of Lucas and Kanade."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import cv2
import framepump
import numpy as np

from nlf_pipeline.cameras.tracks.corners import CLEAR, find_corners, is_on
from nlf_pipeline.cameras.tracks.keyframes import KeyframePicker
from nlf_pipeline.cameras.tracks.motion_guess import fit_motion, guess_motion
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.working_pictures import WorkingPicture, choose_reduction, working_pictures
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.masks import MaskTracks

_FORWARD_BACKWARD_PX = 0.7
_LUCAS_KANADE = {
    "winSize": (21, 21),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
    "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
}
_REFILL_SHARE = 0.6
_FRAMES_BETWEEN_TRIES = 5
_LOST_SHARE = 0.03  # as many as find a place by chance across a cut
_FEWEST_TO_LOSE = 30
_BRIDGED_FRAMES = 3


@dataclass(frozen=True)
class FollowingOptions:
    """How many points are followed, and how long the windows are."""

    max_points: int = 800
    """Points in a frame, at most."""
    max_keyframes: int = 80
    """A window ends with this many keyframes (by GENERAL_RULE, on all points) ..."""
    max_frames: int = 600
    """... or this many frames, but runs up to `overlap_frames` longer where the shot ends then."""
    overlap_frames: int = 30
    """Frames that a window shares with the one before it, at least."""
    overlap_keyframes: int = 6
    """Keyframes that it shares, unless they are spread over more than a third of `max_frames`."""
    mask_margin: float = 0.01
    """By which people's masks are widened, as a share of the picture's width."""

    def __post_init__(self) -> None:
        if self.max_frames < 2 * self.overlap_frames or self.overlap_frames < 1:
            raise ValueError(f"max_frames ({self.max_frames}) must be at least twice overlap_frames (1 or more)")


def follow_points(
    frames: framepump.VideoFrames,
    shot: slice,
    people: MaskTracks,
    options: FollowingOptions | None = None,
    chunks: ChunkStore | None = None,
) -> Iterator[PointTracks]:
    """Follow the background's points through a shot, one window of frames after the other.

    Args:
        frames: the clip.
        shot: its frames between two cuts.
        people: pixels to ignore, for the whole clip.
        options: how many points, how long the windows.
        chunks: where windows are kept, and those of a run that was killed are found.

    Yields:
        Windows in order, each as soon as it is complete; together they cover the shot. Only one is in memory.
    """
    options, chunks = options or FollowingOptions(), chunks or ChunkStore(None)
    name, number = f"points-{shot.start}-{shot.stop}", 0
    window = follower = None
    while (kept := chunks.load(name, number)) is not None:
        tracks = PointTracks.from_arrays(kept)
        yield tracks
        if tracks.stop == shot.stop:
            return
        window, follower, number = _Window.of(tracks).next(options), PointFollower.resumed(kept, options), number + 1
    reduction = choose_reduction(frames, shot, people, options.mask_margin)
    follower = follower or PointFollower(options.max_points, reduction.min_strength)
    rest = slice(shot.start if window is None else window.stop, shot.stop)
    pictures = working_pictures(frames, rest, people, reduction, options.mask_margin)
    for tracks in _follow_on(follower, window, pictures, rest, options):
        chunks.save(name, number, {**tracks.to_arrays(), **follower.state()})
        number += 1
        yield tracks


def follow_pictures(
    pictures: Iterable[WorkingPicture], shot: slice, options: FollowingOptions, min_strength: float = CLEAR
) -> Iterator[PointTracks]:
    """The same on pictures of one size that are already reduced.

    Args:
        pictures: as many as the shot has frames.
        shot: the clip's frames that they are.
        options: how many points, how long the windows.
        min_strength: of corners, see find_corners.
    """
    yield from _follow_on(PointFollower(options.max_points, min_strength), None, pictures, shot, options)


def _follow_on(
    follower: "PointFollower",
    window: "_Window | None",
    pictures: Iterable[WorkingPicture],
    frames: slice,
    options: FollowingOptions,
) -> Iterator[PointTracks]:
    """The windows that the next pictures complete, the first being `window`."""
    for index, picture in zip(range(frames.start, frames.stop), pictures, strict=True):
        window = window or _Window(index, (picture.grey.shape[1], picture.grey.shape[0]))
        window.append(*follower.follow_to(picture))
        if window.is_full(options) and frames.stop - 1 - index > options.overlap_frames:
            yield window.tracks()
            window = window.next(options)
    if window is not None:
        yield window.tracks()


class PointFollower:
    """Takes the pictures of a shot in order and knows where its points are in the last one."""

    def __init__(self, max_points: int, min_strength: float = CLEAR) -> None:
        self._max_points, self._min_strength = max_points, min_strength
        self._ids, self._points_px = np.zeros(0, int), np.zeros((0, 2), np.float32)
        self._picture: WorkingPicture | None = None
        self._motion = np.eye(3)
        self._next_id = self._n_refilled = self._frames_since_try = self._n_bridged = 0

    def state(self) -> dict[str, np.ndarray]:
        """All that it knows, in arrays."""
        counts = [self._next_id, self._n_refilled, self._frames_since_try, self._n_bridged]
        state = {
            "last_ids": self._ids,
            "last_points_px": self._points_px,
            "motion": self._motion,
            "counts": np.array(counts),
            "min_strength": np.array(self._min_strength),
        }
        picture = self._picture
        return state if picture is None else {**state, "grey": picture.grey, "background": picture.background}

    @classmethod
    def resumed(cls, state: Mapping[str, np.ndarray], options: FollowingOptions) -> Self:
        """One that goes on where another was, whose `state` it gets."""
        follower = cls(options.max_points, float(state["min_strength"]))
        follower._ids, follower._points_px, follower._motion = (
            state[name] for name in ("last_ids", "last_points_px", "motion")
        )
        follower._picture = WorkingPicture(state["grey"], state["background"]) if "grey" in state else None
        counts = state["counts"].tolist()
        follower._next_id, follower._n_refilled, follower._frames_since_try, follower._n_bridged = counts
        return follower

    def follow_to(self, picture: WorkingPicture) -> tuple[np.ndarray, np.ndarray]:
        """Where the points are in the next picture.

        A picture in which nearly all points vanish, such as a flash, is passed over: its points are none,
        and the search goes on from the picture before it. After a few such pictures new points are taken.

        Returns:
            ids (points,), ascending, and pixels (points, 2) float32.
        """
        if self._picture is not None and len(self._ids):
            found_px, motion, is_found = self._find(self._picture, picture)
            if len(self._ids) >= _FEWEST_TO_LOSE and is_found.sum() <= _LOST_SHARE * len(self._ids):
                if self._n_bridged < _BRIDGED_FRAMES:
                    self._n_bridged += 1
                    return np.zeros(0, int), np.zeros((0, 2), np.float32)
                is_found[:] = False
            self._ids, self._points_px, self._motion = self._ids[is_found], found_px[is_found], motion
        self._n_bridged = 0
        self._picture = picture
        self._refill(picture)
        return self._ids, self._points_px

    def _find(self, before: WorkingPicture, after: WorkingPicture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (points, 2) in `after`, the motion (3, 3) most share, and (points,) whether they are to be trusted."""
        guess = guess_motion(before.grey, after.grey, after.background, [np.eye(3), self._motion])
        found_px, is_there = _lucas_kanade(before.grey, after.grey, self._points_px, guess)
        back_px, is_back = _lucas_kanade(after.grey, before.grey, found_px, np.linalg.inv(guess))
        returns = np.linalg.norm(back_px - self._points_px, axis=1) < _FORWARD_BACKWARD_PX
        is_found = is_there & is_back & returns & is_on(after.background, found_px)
        return found_px, fit_motion(self._points_px[is_found], found_px[is_found]), is_found

    def _refill(self, picture: WorkingPicture) -> None:
        """New points where many were lost; in pictures that never have enough, not at every frame."""
        self._frames_since_try += 1
        is_due = self._frames_since_try >= _FRAMES_BETWEEN_TRIES or self._next_id == 0
        n = len(self._ids)
        if n >= _REFILL_SHARE * max(self._n_refilled, 1) and not (is_due and n < _REFILL_SHARE * self._max_points):
            return
        new_px = find_corners(picture.grey, picture.background, self._max_points, self._points_px, self._min_strength)
        self._ids = np.concatenate([self._ids, self._next_id + np.arange(len(new_px))])
        self._points_px = np.concatenate([self._points_px, new_px])
        self._next_id += len(new_px)
        self._n_refilled, self._frames_since_try = len(self._ids), 0


class _Window:
    """The frames of a window so far."""

    def __init__(self, start: int, size_px: tuple[int, int]) -> None:
        self._start, self._size_px = start, size_px
        self._ids: list[np.ndarray] = []
        self._points_px: list[np.ndarray] = []
        self._picker = KeyframePicker(size_px[0])

    @classmethod
    def of(cls, tracks: PointTracks) -> Self:
        """The window that these tracks are of."""
        window = cls(tracks.start, tracks.size_px)
        for ids, points_px in zip(tracks.ids, tracks.points_px, strict=True):
            window.append(ids, points_px)
        return window

    @property
    def stop(self) -> int:
        """The clip's frame after the last so far."""
        return self._start + len(self._ids)

    def append(self, ids: np.ndarray, points_px: np.ndarray) -> None:
        self._ids.append(ids)
        self._points_px.append(points_px)
        self._picker.add(ids, points_px)

    def is_full(self, options: FollowingOptions) -> bool:
        has_keyframes = len(self._picker.keyframes) >= options.max_keyframes
        return len(self._ids) >= options.max_frames or (has_keyframes and len(self._ids) >= 2 * options.overlap_frames)

    def next(self, options: FollowingOptions) -> "_Window":
        """The window that follows, with the frames that both share."""
        n_frames = len(self._ids)
        shared = n_frames - self._picker.keyframes[-options.overlap_keyframes :][0]
        overlap = min(max(options.overlap_frames, min(shared, options.max_frames // 3)), n_frames - 1)
        following = _Window(self._start + n_frames - overlap, self._size_px)
        for ids, points_px in zip(self._ids[-overlap:], self._points_px[-overlap:], strict=True):
            following.append(ids, points_px)
        return following

    def tracks(self) -> PointTracks:
        return PointTracks(self._start, self._size_px, tuple(self._ids), tuple(self._points_px))


def _lucas_kanade(
    before: np.ndarray, after: np.ndarray, points_px: np.ndarray, guess: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (points, 2) in the picture `after`, and (points,) bool whether they were found, starting at `guess`."""
    start_px = (points_px @ guess[:2, :2].T + guess[:2, 2]).astype(np.float32)
    found_px, is_found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points_px[:, None], start_px[:, None].copy(), **_LUCAS_KANADE
    )
    return found_px[:, 0], (is_found[:, 0] > 0) & np.isfinite(found_px[:, 0]).all(axis=1)
