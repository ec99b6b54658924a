"""Pictures that a turning camera took of the same place at different times, found although no point lasted so long.

One picture is warped into the other's view by what is known of the camera; phase correlation finds the shift that is
left (drift grows to many degrees in a full turn), Lucas and Kanade's method the points.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from nlf_pipeline.cameras.turning.rotation_adjustment import Adjusted, FocalFreedom, adjust
from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs, find_homography_inliers, join_pairs, pad_pairs
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera, pair_residuals

_REACH = 0.5
"""Of the picture's angle of view: how far apart the pictures may seem to be, drift included."""
_AWAY = 1.5
"""Over that: how far the camera must have turned away meanwhile."""
_FIRSTS, _SECONDS_EACH = 40, 4
_ALIGNMENTS = 2
_MIN_RESPONSE = 0.08
_HIGH_PASS_PX = 8
_MAX_CORNERS = 300
_MIN_POINTS = 25
_MIN_INLIERS = 0.4
_BORDER_PX = 10
_FORWARD_BACKWARD_PX = 0.7
_LUCAS_KANADE = {"winSize": (21, 21), "maxLevel": 3}
_KERNEL_MEDIANS = 1.5
_CLOSED_PX = 5.0
_MAX_STRAIN = 1.2


def close_loops(
    pairs: KeyframePairs,
    solution: Adjusted,
    pictures: Mapping[int, np.ndarray],
    focal: FocalFreedom,
    *,
    k1: bool,
) -> tuple[KeyframePairs, Adjusted]:
    """Add pairs of pictures taken of the same place at different times, and adjust the camera to them.

    Args:
        pairs: points shared by pairs of keyframes.
        solution: the camera adjusted to these.
        pictures: (height, width) uint8 grey pictures of keyframes, by frame.
        focal: which focal lengths may change.
        k1: whether the distortion may change.

    Returns:
        All pairs and the camera; the arguments if nothing is found, or most of it contradicts itself or the pairs.
    """
    loops = find_loops(pairs, solution.camera, pictures)
    if not len(loops):
        return pairs, solution
    gap_px = float(np.nanmedian(pair_residuals(loops, solution.camera)))
    joined = join_pairs(pairs, loops)
    closed = adjust(joined, solution.camera, focal, k1=k1, kernel_px=_KERNEL_MEDIANS * gap_px)
    loop_px = np.nanmedian(closed.residual_px[len(pairs) :], axis=1)
    strain = float(np.nanmedian(closed.residual_px[: len(pairs)])) / solution.median_px
    good = loop_px < _CLOSED_PX
    if good.mean() <= 0.5 or strain > _MAX_STRAIN:
        return pairs, solution
    kept = joined.select(np.r_[np.ones(len(pairs), dtype=bool), good])
    return kept, adjust(kept, closed.camera, focal, k1=k1)


def find_loops(pairs: KeyframePairs, camera: TurningCamera, pictures: Mapping[int, np.ndarray]) -> KeyframePairs:
    """Pairs of keyframes, not among `pairs`, whose `pictures` show the same place, with points they share."""
    found = []
    sharp = {frame: _high_pass(pictures[frame]) for frame in pairs.frames.tolist() if frame in pictures}
    for a, b in _candidates(pairs, camera, set(sharp)):
        frame_a, frame_b = int(pairs.frames[a]), int(pairs.frames[b])
        H_b_a = _align(sharp[frame_a], sharp[frame_b], _predicted_homography(camera, a, b, pictures[frame_a].shape))
        if H_b_a is not None:
            x_a, x_b = _match(pictures[frame_a], pictures[frame_b], H_b_a)
            if len(x_a) >= _MIN_POINTS:
                height_px, width_px = pictures[frame_a].shape
                centre = np.array([(width_px - 1) / 2, (height_px - 1) / 2])
                found.append((a, b, x_a - centre, x_b - centre))
    return pad_pairs(pairs.frames, found)


def _candidates(pairs: KeyframePairs, camera: TurningCamera, with_picture: set[int]) -> list[tuple[int, int]]:
    """Keyframes that look the same way after the camera turned away, a few for each of some spread over time."""
    axes = camera.R_cam_window[:, 2]
    angles = np.arccos(np.clip(axes @ axes.T, -1, 1))
    half_width_px = np.abs(pairs.offsets_first_px[..., 0]).max()
    reach = _REACH * 2 * np.arctan(half_width_px / camera.focal_px)[:, None]
    near = np.triu(angles < reach, 1) & (np.maximum.accumulate(np.triu(angles), axis=1) > _AWAY * reach)
    near[pairs.first, pairs.second] = False
    has_picture = np.array([frame in with_picture for frame in pairs.frames.tolist()], dtype=bool)
    near &= has_picture[:, None] & has_picture
    firsts = np.flatnonzero(near.any(axis=1))
    chosen = []
    for a in firsts[np.unique(np.linspace(0, len(firsts) - 1, min(_FIRSTS, len(firsts))).round().astype(int))]:
        seconds = np.flatnonzero(near[a])
        evenly = np.unique(np.linspace(0, len(seconds) - 1, _SECONDS_EACH).round().astype(int))
        chosen.extend((int(a), int(b)) for b in seconds[evenly])
    return chosen


def _predicted_homography(camera: TurningCamera, a: int, b: int, shape: tuple[int, ...]) -> np.ndarray:
    """(3, 3) from pixels of keyframe a to those of keyframe b, distortion aside."""
    height_px, width_px = shape
    K_a, K_b = (
        np.array([[f, 0, (width_px - 1) / 2], [0, f, (height_px - 1) / 2], [0, 0, 1]]) for f in camera.focal_px[[a, b]]
    )
    return K_b @ camera.R_cam_window[b] @ camera.R_cam_window[a].T @ np.linalg.inv(K_a)


def _high_pass(picture: np.ndarray) -> np.ndarray:
    grey = picture.astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), _HIGH_PASS_PX)


def _align(sharp_a: np.ndarray, sharp_b: np.ndarray, H_b_a: np.ndarray) -> np.ndarray | None:
    """The homography with the shift that was missing, None if no shift makes the pictures alike."""
    size_px = (sharp_b.shape[1], sharp_b.shape[0])
    window = cv2.createHanningWindow(size_px, cv2.CV_32F)
    response = 0.0
    for _ in range(_ALIGNMENTS):
        (dx, dy), response = cv2.phaseCorrelate(cv2.warpPerspective(sharp_a, H_b_a, size_px), sharp_b, window)
        H_b_a = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]]) @ H_b_a
    return H_b_a if response >= _MIN_RESPONSE else None


def _match(picture_a: np.ndarray, picture_b: np.ndarray, H_b_a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) in both pictures that agree with one homography; none if too few of those followed do."""
    size_px = (picture_b.shape[1], picture_b.shape[0])
    warped = cv2.warpPerspective(picture_a, H_b_a, size_px)
    inside = cv2.warpPerspective(np.full(picture_a.shape, 255, np.uint8), H_b_a, size_px)
    inside = cv2.erode(inside, np.ones((2 * _BORDER_PX + 1, 2 * _BORDER_PX + 1), np.uint8))
    corners = cv2.goodFeaturesToTrack(warped, _MAX_CORNERS, 0.01, _HIGH_PASS_PX, mask=inside)
    nothing = np.zeros((0, 2)), np.zeros((0, 2))
    if corners is None:
        return nothing
    there, found, _ = cv2.calcOpticalFlowPyrLK(warped, picture_b, corners, corners.copy(), **_LUCAS_KANADE)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(picture_b, warped, there, there.copy(), **_LUCAS_KANADE)
    closed = np.linalg.norm(back - corners, axis=-1)[:, 0] < _FORWARD_BACKWARD_PX
    good = (found[:, 0] > 0) & (found_back[:, 0] > 0) & closed
    if good.sum() < _MIN_POINTS:
        return nothing
    x_a = cv2.perspectiveTransform(corners[good].astype(np.float64), np.linalg.inv(H_b_a))[:, 0]
    x_b = there[good][:, 0].astype(np.float64)
    agreeing = find_homography_inliers(x_a, x_b)
    return (x_a[agreeing], x_b[agreeing]) if agreeing.mean() >= _MIN_INLIERS else nothing
