"""A camera that turns, and perhaps zooms, without moving: its rotation, focal length and distortion from points."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.focal_observability import fit_pairs, guess_focal, is_clearly_worse, weigh_focal
from nlf_pipeline.cameras.turning.rotation_adjustment import Adjusted, FocalFreedom, adjust
from nlf_pipeline.cameras.turning.rotation_frames import TurningFrames, solve_frames
from nlf_pipeline.cameras.turning.rotation_loops import close_loops
from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs, gather_pairs, spread_keyframes
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.geometry import rigid

_ZOOM_RMS = 0.8
"""A zooming lens must lower the residuals below this share ..."""
_ZOOM_SPAN = 1.04
"""... and its longest focal length must exceed the shortest by this factor."""
_K1_RMS = 0.9
"""Distortion must lower the residuals below this share ..."""
_K1_MAX_SIGMA = 0.01
_K1_MIN_SIGMAS = 8
"""... be known this well, and differ from the first guess by so many standard errors, which are optimistic."""


class TooFewPointsError(Exception):
    """The pictures share too few points to solve for the camera. A caller should fall back to a simpler camera."""


def solve_rotation(
    tracks: PointTracks, lens: Lens, seed: int = 0, pictures: Mapping[int, np.ndarray] | None = None
) -> WindowMotion:
    """Solve for a camera that turns and perhaps zooms about a fixed centre.

    A known focal length stays as it is; if the camera zooms nevertheless, it counts for the first keyframe, and the
    others follow from the zoom. So does the first guess where the pictures do not tell the focal length.
    Distortion is estimated where it is evident.

    Args:
        tracks: points of the background.
        lens: what is known about the lens.
        seed: of the draw of points.
        pictures: grey working pictures (height, width) uint8 of the keyframes that `spread_keyframes` chooses, by
            frame. With them, places seen again later are recognised, which stops drift; a full turn closed in this
            way tells the focal length better than anything else.

    Returns:
        Motion of class rotation or rotation_zoom, without translation and points. Frames that share too few
        points with the others are interpolated and marked; where the tracks break, the longest part counts.

    Raises:
        TooFewPointsError: if no two keyframes share 20 points that a turning camera explains.
    """
    pairs = gather_pairs(tracks, spread_keyframes(tracks), seed, planar_only=True)
    if not len(pairs):
        raise TooFewPointsError(f"no two of {tracks.n_frames} frames share enough points.")
    pairs = _largest_component(pairs)
    solution = _solve_lens(pairs, lens, tracks.size_px[0])
    if pictures is not None:
        pairs, solution = close_loops(
            pairs, solution, pictures, _freedom(solution, lens), k1=solution.camera.k1 != lens.k1
        )
    camera, is_observable = _settle_focal(pairs, solution, lens, tracks.size_px)
    return _window_motion(solve_frames(tracks, pairs.frames, camera), camera.k1, is_observable)


def _largest_component(pairs: KeyframePairs) -> KeyframePairs:
    """The pairs of the largest set of keyframes that are linked by pairs, and only those keyframes."""
    _, labels = connected_components(_graph(pairs), directed=False)
    inside = labels == np.argmax(np.bincount(labels))
    index = np.cumsum(inside) - 1
    kept = pairs.select(inside[pairs.first])
    return replace(kept, frames=pairs.frames[inside], first=index[kept.first], second=index[kept.second])


def _graph(pairs: KeyframePairs) -> coo_matrix:
    """Pairs as edges between keyframes, as long as the pairs are wide."""
    size = len(pairs.frames)
    return coo_matrix((pairs.second - pairs.first, (pairs.first, pairs.second)), shape=(size, size))


def _solve_lens(pairs: KeyframePairs, lens: Lens, width_px: int) -> Adjusted:
    """The simplest lens that explains the pairs: constant or zooming, without or with distortion."""
    focal_px = lens.focal_px if lens.is_known else guess_focal(pairs, lens.k1, width_px, zooms=False)
    freedom = "fixed" if lens.is_known else "shared"
    plain = adjust(pairs, _chain(pairs, focal_px, lens.k1, zooms=False), freedom)
    constant = _with_distortion(pairs, plain, freedom)
    focal_px = guess_focal(pairs, lens.k1, width_px, zooms=True)
    zooming = adjust(pairs, _chain(pairs, focal_px, lens.k1, zooms=True), "zoom")
    focals = zooming.camera.focal_px
    if zooming.rms_px < _ZOOM_RMS * constant.rms_px and focals.max() > _ZOOM_SPAN * focals.min():
        return _with_distortion(pairs, zooming, "zoom")
    return constant


def _freedom(solution: Adjusted, lens: Lens) -> FocalFreedom:
    if np.ptp(solution.camera.focal_px) > 0:
        return "zoom"
    return "fixed" if lens.is_known else "shared"


def _with_distortion(pairs: KeyframePairs, plain: Adjusted, freedom: FocalFreedom) -> Adjusted:
    """Freed distortion if it is evident, else `plain`."""
    bent = adjust(pairs, plain.camera, freedom, k1=True)
    change = abs(bent.camera.k1 - plain.camera.k1)
    is_better = bent.rms_px < _K1_RMS * plain.rms_px
    is_known = bent.k1_sigma < min(_K1_MAX_SIGMA, change / _K1_MIN_SIGMAS)
    return bent if is_better and is_known else plain


def _chain(pairs: KeyframePairs, focal_px: float, k1: float, *, zooms: bool) -> TurningCamera:
    """Rotations, and changes of focal length if the lens `zooms`, multiplied along the shortest links."""
    size = len(pairs.frames)
    same = np.full(len(pairs), focal_px)
    fit = fit_pairs(pairs, same, same, k1, zooms=zooms)
    pair_of = {(a, b): k for k, (a, b) in enumerate(zip(pairs.first, pairs.second, strict=True))}
    order, parents = breadth_first_order(minimum_spanning_tree(_graph(pairs)), 0, directed=False)
    R, focals = np.tile(np.eye(3), (size, 1, 1)), np.full(size, focal_px)
    for node in order[1:]:
        parent = parents[node]
        link = pair_of[min(parent, node), max(parent, node)]
        R_link, ratio = fit.R_second_first[link], fit.focal_second_px[link] / focal_px
        R[node] = (R_link if parent < node else R_link.T) @ R[parent]
        focals[node] = focals[parent] * (ratio if parent < node else 1 / ratio)
    return TurningCamera(R, focals, k1)


def _settle_focal(
    pairs: KeyframePairs, solution: Adjusted, lens: Lens, size_px: tuple[int, int]
) -> tuple[TurningCamera, bool]:
    """The camera with the focal length that counts, and whether the pictures determine it.

    They do if wrong ones fit clearly worse, or if at least the first guess does.
    """
    camera = solution.camera
    is_observable = weigh_focal(pairs, camera.focal_px, camera.k1).is_observable(size_px)
    if is_observable and not lens.is_known:
        return camera, True
    given = _with_focal(pairs, camera, lens)
    if not lens.is_known and is_clearly_worse(given.median_px, solution.median_px, size_px):
        return camera, True
    return given.camera, is_observable


def _with_focal(pairs: KeyframePairs, camera: TurningCamera, lens: Lens) -> Adjusted:
    """The camera with the lens's focal length in the first keyframe; a zooming one keeps its ratios."""
    k1 = camera.k1 if lens.is_known else lens.k1
    start = replace(
        _chain(pairs, lens.focal_px, k1, zooms=False), focal_px=camera.focal_px * (lens.focal_px / camera.focal_px[0])
    )
    return adjust(pairs, start, "fixed")


def _window_motion(frames: TurningFrames, k1: float, is_focal_observable: bool) -> WindowMotion:
    zooms = bool(np.ptp(frames.focal_px) > 0)
    R_window_cam = np.swapaxes(frames.R_cam_window, -1, -2)
    return WindowMotion(
        motion_class="rotation_zoom" if zooms else "rotation",
        T_window_cam=rigid(R_window_cam[0].T @ R_window_cam, np.zeros((len(R_window_cam), 3))),
        focal_px=frames.focal_px,
        k1=k1,
        is_focal_observable=is_focal_observable,
        tracked=frames.tracked,
        residual_px=frames.residual_px,
        point_ids=np.zeros(0, dtype=int),
        points=np.zeros((0, 3)),
    )
