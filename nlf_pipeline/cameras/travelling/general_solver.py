"""A camera that moves about: structure from motion on keyframes, then every frame against all points."""

import dataclasses

import numpy as np

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.keyframe_mapping import KeyframeModel, NoModel, map_keyframes
from nlf_pipeline.cameras.travelling.resection import fill_gaps, interpolate_path, resect, to_first_camera
from nlf_pipeline.cameras.travelling.triangulation import Sightings, place_points
from nlf_pipeline.cameras.travelling.view_graph import select_keyframes
from nlf_pipeline.cameras.windows.window_motion import Lens, WindowMotion
from nlf_pipeline.geometry import invert_rigid

_MIN_FOCAL_EVIDENCE = 1.05
_ROUNDS = 2


def solve_general(tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int = 0) -> WindowMotion:
    """Solve for the path of a camera that moves about, its lens and the places of the points.

    Args:
        tracks: points in the window.
        lens: kept if it is known, else the first guess, which also stands where the pictures do not tell the focal
            length.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of all random choices; the same seed gives the same answer.

    Raises:
        NoModel: structure from motion cannot explain the tracks, as when the camera hardly moves or only turns.
    """
    chosen = select_keyframes(tracks, keyframes)
    model = map_keyframes(tracks, lens, chosen, seed)
    is_observable = not lens.is_known and model.focal_evidence >= _MIN_FOCAL_EVIDENCE
    if not lens.is_known and not is_observable:
        model = map_keyframes(tracks, dataclasses.replace(lens, is_known=True), chosen, seed)
    return track_all_frames(tracks, model, is_observable)


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
    sightings = Sightings.of(tracks, model.focal_px, model.k1)
    T_cam = invert_rigid(interpolate_path(np.arange(tracks.n_frames), model.frames, model.T_model_cam))
    solved = np.isin(np.arange(tracks.n_frames), model.frames)
    residual_px = np.full(tracks.n_frames, np.nan)
    points, trusted = np.zeros((len(sightings.ids), 3)), np.zeros(len(sightings.ids), dtype=bool)
    for _ in range(_ROUNDS):
        used = sightings.select(solved[sightings.frame])
        points, trusted = place_points(used, T_cam, model.focal_px)
        T_cam, residual_px = resect(points, sightings.select(trusted[sightings.point]), T_cam, model.focal_px)
        solved = np.isfinite(residual_px)
        if not solved.any():
            raise NoModel("no frame sees enough points with places known")
    T_window_cam, points = to_first_camera(invert_rigid(fill_gaps(invert_rigid(T_cam), solved)), points[trusted])
    return WindowMotion(
        motion_class="general",
        T_window_cam=T_window_cam,
        focal_px=np.full(tracks.n_frames, model.focal_px),
        k1=model.k1,
        is_focal_observable=is_focal_observable,
        tracked=solved,
        residual_px=residual_px,
        point_ids=sightings.ids[trusted],
        points=points,
    )
