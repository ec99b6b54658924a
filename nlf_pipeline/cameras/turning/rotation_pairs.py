"""Pairs of pictures far enough apart to show how the camera turned, with the points they share."""

from dataclasses import dataclass

import cv2
import numpy as np

from nlf_pipeline.cameras.tracks.keyframes import ROTATION_RULE, choose_keyframes
from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.tracks.radial_lens import principal_point_px

_MIN_KEYFRAMES = 10
_GAPS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
_MIN_POINTS = 20
"""Shared points that make a pair."""
_POINTS_PER_PAIR = (40, 120)
_MAX_ROWS = 30_000
_HOMOGRAPHY_PX = 2.5


@dataclass(frozen=True)
class KeyframePairs:
    """Points shared by pairs of keyframes, padded to the same number in each pair."""

    frames: np.ndarray
    """(keyframes,) frame indices, ascending."""
    first: np.ndarray
    """(pairs,) index into `frames`."""
    second: np.ndarray
    """(pairs,) index into `frames`, larger than `first`."""
    offsets_first_px: np.ndarray
    """(pairs, points, 2) positions in the first picture, from the principal point."""
    offsets_second_px: np.ndarray
    """(pairs, points, 2) positions in the second picture, from the principal point."""
    valid: np.ndarray
    """(pairs, points) bool: not padding."""

    def __len__(self) -> int:
        return len(self.first)

    def select(self, pairs: np.ndarray) -> "KeyframePairs":
        """Some of the pairs, by index or mask."""
        return KeyframePairs(
            self.frames,
            self.first[pairs],
            self.second[pairs],
            self.offsets_first_px[pairs],
            self.offsets_second_px[pairs],
            self.valid[pairs],
        )

    def displacements_px(self) -> np.ndarray:
        """(pairs,) median motion of the points of each pair."""
        moved = np.linalg.norm(self.offsets_first_px - self.offsets_second_px, axis=-1)
        return np.nanmedian(np.where(self.valid, moved, np.nan), axis=1)


def spread_keyframes(tracks: PointTracks) -> np.ndarray:
    """(keyframes,) frames between which the picture moves by 8 % of its width, or as far as the points last.

    A slow camera gives at least ten keyframes, evenly spaced, if there are so many frames.
    """
    chosen = choose_keyframes(tracks, ROTATION_RULE)
    if len(chosen) < _MIN_KEYFRAMES:
        evenly = np.linspace(0, tracks.n_frames - 1, min(_MIN_KEYFRAMES, tracks.n_frames)).round().astype(int)
        chosen = np.union1d(chosen, evenly)
    return chosen


def gather_pairs(tracks: PointTracks, keyframes: np.ndarray, seed: int, *, planar_only: bool) -> KeyframePairs:
    """Pairs of keyframes that share at least 20 points, at growing distances.

    Args:
        tracks: points of the background.
        keyframes: (keyframes,) frame indices, ascending.
        seed: of the draw of the points kept: at most 120 of each pair, and fewer where there are many pairs.
        planar_only: keep only points that agree with one homography (MAGSAC), as all the background does
            when a camera turns without moving.
    """
    centre = principal_point_px(tracks)
    found = []
    for a in range(len(keyframes)):
        for b in (a + gap for gap in _GAPS if a + gap < len(keyframes)):
            _, x_a, x_b = tracks.shared(keyframes[a], keyframes[b])
            if len(x_a) >= _MIN_POINTS and planar_only:
                agreeing = find_homography_inliers(x_a, x_b)
                x_a, x_b = x_a[agreeing], x_b[agreeing]
            if len(x_a) >= _MIN_POINTS:
                found.append((a, b, x_a - centre, x_b - centre))
    rng = np.random.default_rng(seed)
    n_kept = np.clip(_MAX_ROWS // max(len(found), 1), *_POINTS_PER_PAIR)
    drawn = [(a, b, rng.permutation(len(x_a))[:n_kept], x_a, x_b) for a, b, x_a, x_b in found]
    return pad_pairs(keyframes, [(a, b, x_a[kept], x_b[kept]) for a, b, kept, x_a, x_b in drawn])


def neighbour_pairs(tracks: PointTracks) -> KeyframePairs:
    """All neighbouring frames that share at least 20 points; every frame is a keyframe here."""
    centre = principal_point_px(tracks)
    steps = ((frame, frame + 1, *tracks.shared(frame, frame + 1)[1:]) for frame in range(tracks.n_frames - 1))
    found = [(a, b, x_a - centre, x_b - centre) for a, b, x_a, x_b in steps if len(x_a) >= _MIN_POINTS]
    return pad_pairs(np.arange(tracks.n_frames), found)


def join_pairs(one: KeyframePairs, other: KeyframePairs) -> KeyframePairs:
    """The pairs of both, which have the same keyframes."""
    parts = [
        (int(a), int(b), x_a[keep], x_b[keep])
        for pairs in (one, other)
        for a, b, x_a, x_b, keep in zip(
            pairs.first, pairs.second, pairs.offsets_first_px, pairs.offsets_second_px, pairs.valid, strict=True
        )
    ]
    return pad_pairs(one.frames, parts)


def pad_pairs(keyframes: np.ndarray, found: list[tuple[int, int, np.ndarray, np.ndarray]]) -> KeyframePairs:
    """Put together pairs: first and second keyframe, offsets (points, 2) in the first and the second picture."""
    most = max((len(x_a) for _, _, x_a, _ in found), default=0)
    x_first, x_second = np.zeros((2, len(found), most, 2))
    valid = np.zeros((len(found), most), dtype=bool)
    for k, (_, _, x_a, x_b) in enumerate(found):
        x_first[k, : len(x_a)], x_second[k, : len(x_b)], valid[k, : len(x_a)] = x_a, x_b, True
    first, second = np.array([(a, b) for a, b, _, _ in found], dtype=int).reshape(-1, 2).T
    return KeyframePairs(np.asarray(keyframes), first, second, x_first, x_second, valid)


def find_homography_inliers(x_a: np.ndarray, x_b: np.ndarray) -> np.ndarray:
    """(points,) bool: agree with the homography that most of the (points, 2) pixels agree with (MAGSAC)."""
    H, inliers = cv2.findHomography(x_a, x_b, cv2.USAC_MAGSAC, _HOMOGRAPHY_PX, maxIters=1000, confidence=0.999)
    return np.zeros(len(x_a), dtype=bool) if H is None else inliers.ravel() > 0
