"""Keyframes: few enough to solve for, close enough to share points, far enough apart to tell the motion."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks

_FEWEST_POINTS = 10
"""A median of fewer says nothing."""


@dataclass(frozen=True)
class KeyframeRule:
    """A frame becomes a keyframe once it is this far from the last one."""

    motion: float = 0.03
    """More than this median motion of the shared points, as a share of the picture's width."""
    shared: float = 0.6
    """Fewer of the last keyframe's points still seen than this share."""


GENERAL_RULE = KeyframeRule()
"""For a camera that moves about: triangulation likes many pictures."""
ROTATION_RULE = KeyframeRule(motion=0.08, shared=0.3)
"""For a camera that only turns: errors add up over keyframes, so the fewer the better."""


def choose_keyframes(tracks: PointTracks, rule: KeyframeRule = GENERAL_RULE) -> np.ndarray:
    """(keyframes,) int, ascending frames of `tracks`; the first and the last are always among them.

    Frames with next to no points are passed over. Where a frame shares next to nothing with the last
    keyframe, the frame before it becomes a keyframe too, so that no link is lost.
    """
    picker = KeyframePicker(tracks.size_px[0], rule)
    for ids, points_px in zip(tracks.ids, tracks.points_px, strict=True):
        picker.add(ids, points_px)
    last = tracks.n_frames - 1
    return np.array(picker.keyframes + [last] * (last not in picker.keyframes and last >= 0), dtype=int)


class KeyframePicker:
    """Picks keyframes as the frames come in."""

    def __init__(self, width_px: int, rule: KeyframeRule = GENERAL_RULE) -> None:
        self.keyframes: list[int] = []
        """Frames picked so far, counted from the first one added."""
        self._rule, self._width_px = rule, width_px
        self._n_frames = 0
        self._last_keyframe = self._previous = (np.zeros(0, int), np.zeros((0, 2), np.float32))

    def add(self, ids: np.ndarray, points_px: np.ndarray) -> None:
        """Look at the next frame.

        Args:
            ids: (points,) int, ascending.
            points_px: (points, 2) pixels.
        """
        frame, index = (ids, points_px), self._n_frames
        if index == 0:
            self._pick(index, frame)
        elif len(ids) >= _FEWEST_POINTS:
            if self._is_link_lost(frame) and self._last() != index - 1 and not self._is_link_lost(self._previous):
                self._pick(index - 1, self._previous)
            if self._is_far(frame):
                self._pick(index, frame)
        self._previous = frame
        self._n_frames += 1

    def _last(self) -> int:
        return self.keyframes[-1]

    def _pick(self, index: int, frame: tuple[np.ndarray, np.ndarray]) -> None:
        self.keyframes.append(index)
        self._last_keyframe = frame

    def _shared(self, frame: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Positions (points, 2) in the last keyframe and in `frame`."""
        _, before, now = np.intersect1d(self._last_keyframe[0], frame[0], assume_unique=True, return_indices=True)
        return self._last_keyframe[1][before], frame[1][now]

    def _is_link_lost(self, frame: tuple[np.ndarray, np.ndarray]) -> bool:
        return len(self._shared(frame)[0]) < _FEWEST_POINTS

    def _is_far(self, frame: tuple[np.ndarray, np.ndarray]) -> bool:
        before_px, now_px = self._shared(frame)
        if len(now_px) < max(_FEWEST_POINTS, self._rule.shared * len(self._last_keyframe[0])):
            return True
        moved_px = np.linalg.norm(now_px - before_px, axis=1)
        return bool(np.median(moved_px) > self._rule.motion * self._width_px)
