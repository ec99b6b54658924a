"""A camera that moves about: structure from motion on keyframes, then every frame against all points."""

import dataclasses

import numpy as np

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.keyframe_mapping import KeyframeModel, NoModel, map_keyframes
from nlf_pipeline.cameras.travelling.resection import fill_gaps, interpolate_path, resect, to_first_camera
from nlf_pipeline.cameras.travelling.triangulation import Sightings, place_points
from nlf_pipeline.cameras.travelling.view_graph import select_keyframes
from nlf_pipeline.cameras.travelling.zoom_mapping import ZoomingModel, interpolate_focals, map_zooming
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.geometry import invert_rigid

_MIN_FOCAL_EVIDENCE = 1.05
_ROUNDS = 2


def solve_general(tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int = 0) -> WindowMotion:
    """Solve for the path of a camera that moves about, its lens and the places of the points.

    One focal length holds for all frames, unless a focal length for each keyframe shows that the camera zooms.

    Args:
        tracks: points in the window.
        lens: kept if it is known, else the first guess, which also stands where the pictures do not tell the focal
            length. If the camera zooms, this is the focal length of the first keyframe.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of all random choices; the same seed gives the same answer.

    Raises:
        NoModel: structure from motion cannot explain the tracks, as when the camera hardly moves or only turns.
    """
    chosen = select_keyframes(tracks, keyframes)
    constant = map_keyframes(tracks, lens, chosen, seed)
    zooming = _find_zoom(tracks, lens, constant, chosen, seed)
    if zooming is not None:
        shows_focal = not lens.is_known and zooming.weigh_focal() >= _MIN_FOCAL_EVIDENCE
        return track_all_frames(tracks, zooming.keyframes(None if shows_focal else lens.focal_px), shows_focal)
    shows_focal = not lens.is_known and constant.focal_evidence >= _MIN_FOCAL_EVIDENCE
    if not lens.is_known and not shows_focal:
        constant = map_keyframes(tracks, dataclasses.replace(lens, is_known=True), chosen, seed)
    return track_all_frames(tracks, constant, shows_focal)


def _find_zoom(
    tracks: PointTracks, lens: Lens, constant: KeyframeModel, keyframes: np.ndarray, seed: int
) -> ZoomingModel | None:
    """Keyframes with changing focal lengths; None unless they explain the points clearly better.

    What looks like a zoom may be lens distortion, and the other way round: a zoom has to show even with the distortion
    that one focal length needed, but may do better without it.
    """
    k1s = [lens.k1] if constant.k1 == lens.k1 else [constant.k1, lens.k1]
    found = []
    for k1 in k1s:
        try:
            zooming = map_zooming(tracks, dataclasses.replace(lens, k1=k1), keyframes, seed)
        except NoModel:
            return None
        if not zooming.is_zoom(constant):
            return None
        found.append(zooming)
    return min(found, key=lambda zooming: zooming.error_px)


def track_all_frames(tracks: PointTracks, model: KeyframeModel, is_focal_observable: bool) -> WindowMotion:
    """Find every frame's camera and every point's place, given those of the keyframes.

    Cameras and points are improved in turns, each fit seeing all frames.

    Args:
        tracks: points in the window.
        model: cameras of the keyframes.
        is_focal_observable: only passed on.

    Raises:
        NoModel: too few points are seen from different directions.
    """
    frames = np.arange(tracks.n_frames)
    focal_px = interpolate_focals(frames, model.frames, model.focal_px)
    sightings = Sightings.of(tracks, focal_px, model.k1)
    T_cam = invert_rigid(interpolate_path(frames, model.frames, model.T_model_cam))
    solved = np.isin(frames, model.frames)
    residual_px = np.full(tracks.n_frames, np.nan)
    points, trusted = np.zeros((len(sightings.ids), 3)), np.zeros(len(sightings.ids), dtype=bool)
    for _ in range(_ROUNDS):
        used = sightings.select(solved[sightings.frame])
        points, trusted = place_points(used, T_cam)
        T_cam, residual_px = resect(points, sightings.select(trusted[sightings.point]), T_cam)
        solved = np.isfinite(residual_px)
        if not solved.any():
            raise NoModel("no frame sees enough points with places known")
    T_window_cam, points = to_first_camera(invert_rigid(fill_gaps(invert_rigid(T_cam), solved)), points[trusted])
    return WindowMotion(
        motion_class="general",
        T_window_cam=T_window_cam,
        focal_px=focal_px,
        k1=model.k1,
        is_focal_observable=is_focal_observable,
        tracked=solved,
        residual_px=residual_px,
        point_ids=sightings.ids[trusted],
        points=points,
    )
