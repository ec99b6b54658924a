"""Structure from motion on keyframes: GLOMAP, or COLMAP's incremental mapper where that finds nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.keyframe_bundle import (
    FreeLens,
    adjust_with_distortion,
    free_focal,
    placed_images,
    weigh_focal,
)
from nlf_pipeline.cameras.travelling.view_graph import verify_pairs, write_view_graph
from nlf_pipeline.cameras.windows.window_motion import Lens

_FEWEST_IMAGES = 3
_LEAST_REGISTERED = 0.9
_BUNDLE_ROUNDS = 2
_POINTS_PER_VIEW = 200
_INCREMENTAL_FIRST_ANGLE_DEG = 6.0
_MIN_GAIN = 0.07
"""Relative drop of the mean reprojection error from which on lens distortion is believed."""
_LARGEST_K1 = 0.5
_CLEARLY_WORSE = 1.01
_FATAL = 3
"""glog's level that keeps errors quiet: what they mean to us is said by NoModel."""


class NoModel(Exception):  # noqa: N818  (an outcome that callers plan for, not an error)
    """No camera path explains the tracks; the message says what was missing."""


@dataclass(frozen=True)
class KeyframeModel:
    """Cameras of the keyframes, in a frame and unit of the model's own."""

    frames: np.ndarray
    """(keyframes,) int, ascending: those that were registered."""
    T_model_cam: np.ndarray
    """(keyframes, 4, 4)."""
    focal_px: np.ndarray
    """(keyframes,) all the same unless the camera zooms."""
    k1: float
    focal_evidence: float
    """How many times better this focal length fits than 0.7 or 1.4 times as long ones; infinite if it was given."""
    given_focal_change: float
    """Absolute logarithm of a given focal length over the one that fits best; 0 if that hardly fits better."""
    error_px: float
    """Mean distance of points from where they should be."""


def map_keyframes(
    tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int = 0, weighs_focal: bool = True
) -> KeyframeModel:
    """Find the keyframes' cameras and the lens.

    Pan et al., "Global Structure-from-Motion Revisited", ECCV 2024; Schoenberger and Frahm,
    "Structure-from-Motion Revisited", CVPR 2016. One thread, so that a seed gives one answer.

    Args:
        tracks: points in the window.
        lens: its focal length is kept if it is known, else the first guess; so is its distortion, if it is known and
            not 0. Otherwise distortion is estimated where it clearly lowers the error.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of all random choices.
        weighs_focal: measure the evidence for an unknown focal length, else it is NaN.

    Raises:
        NoModel: fewer than three keyframes, or than 90 % of them, could be brought together.
    """
    with quiet():
        model = reconstruct(tracks, lens, keyframes, seed)
        if not (lens.is_known and lens.k1):
            model = _with_distortion(model, "distortion" if lens.is_known else "all")
        if not lens.is_known:
            return read_model(model, weigh_focal(model) if weighs_focal else np.nan)
        best_px, excess = free_focal(model)
        return read_model(model, np.inf, abs(float(np.log(best_px / lens.focal_px))), excess)


def reconstruct(
    tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int, is_zoom: bool = False
) -> pycolmap.Reconstruction:
    """COLMAP's model of the keyframes, which have one camera, or, if `is_zoom`, one each.

    Raises:
        NoModel: fewer than three keyframes, or than 90 % of them, could be brought together.
    """
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "view_graph.db"
        pairs = verify_pairs(tracks, lens, keyframes, seed, is_zoom)
        write_view_graph(database, tracks, lens, keyframes, pairs, is_zoom)
        pycolmap.set_random_seed(seed)
        models = pycolmap.global_mapping(database, folder, folder, _global_options(lens, seed, is_zoom))
        if not models and not is_zoom:
            models = pycolmap.incremental_mapping(database, folder, folder, _incremental_options(lens, seed))
    n = len(keyframes)
    if not models:
        raise NoModel(f"structure from motion found no model of {n} keyframes")
    model = max(models.values(), key=lambda candidate: candidate.num_reg_images())
    if model.num_reg_images() < max(_FEWEST_IMAGES, _LEAST_REGISTERED * n):
        raise NoModel(f"structure from motion placed only {model.num_reg_images()} of {n} keyframes")
    if not model.num_points3D():
        raise NoModel(f"structure from motion placed {n} keyframes, but no points")
    return model


def _global_options(lens: Lens, seed: int, is_zoom: bool) -> pycolmap.GlobalPipelineOptions:
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = 1
    options.random_seed = seed
    options.multiple_models = False
    options.mapper.track_required_tracks_per_view = _POINTS_PER_VIEW
    options.mapper.ba_num_iterations = _BUNDLE_ROUNDS
    options.mapper.bundle_adjustment.refine_focal_length = not lens.is_known
    options.mapper.bundle_adjustment.refine_extra_params = not (lens.is_known or is_zoom)
    options.mapper.bundle_adjustment.ceres.use_gpu = False
    options.mapper.global_positioning.use_gpu = False
    return options


def _incremental_options(lens: Lens, seed: int) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = 1
    options.random_seed = seed
    options.extract_colors = False
    options.min_model_size = _FEWEST_IMAGES
    options.ba_refine_focal_length = not lens.is_known
    options.ba_refine_extra_params = not lens.is_known
    options.mapper.abs_pose_refine_focal_length = not lens.is_known
    options.mapper.abs_pose_refine_extra_params = not lens.is_known
    options.mapper.init_min_tri_angle = _INCREMENTAL_FIRST_ANGLE_DEG
    return options


def _with_distortion(model: pycolmap.Reconstruction, free: FreeLens) -> pycolmap.Reconstruction:
    """`model` adjusted with a radial term, if that explains the points clearly better."""
    radial = adjust_with_distortion(model, free)
    (camera,) = radial.cameras.values()
    limit_px = (1 - _MIN_GAIN) * model.compute_mean_reprojection_error()
    is_better = radial.compute_mean_reprojection_error() < limit_px and abs(camera.params[3]) < _LARGEST_K1
    return radial if is_better else model


def read_model(
    model: pycolmap.Reconstruction, focal_evidence: float, focal_change: float = 0.0, excess: float = 1.0
) -> KeyframeModel:
    """The keyframes' cameras.

    Args:
        model: COLMAP's.
        focal_evidence: only passed on.
        focal_change: absolute logarithm of the given focal length over the one that fits best.
        excess: how many times worse the given one fits.
    """
    images = placed_images(model)
    T_model_cam = np.tile(np.eye(4), (len(images), 1, 1))
    T_model_cam[:, :3] = [image.cam_from_world().inverse().matrix() for image in images]
    frames = np.array([int(image.name) for image in images])
    cameras = [model.cameras[image.camera_id] for image in images]
    k1 = float(cameras[0].params[3]) if cameras[0].model == pycolmap.CameraModelId.SIMPLE_RADIAL else 0.0
    focal_px = np.array([camera.focal_length for camera in cameras])
    change = focal_change if excess > _CLEARLY_WORSE else 0.0
    model.update_point_3d_errors()
    error_px = model.compute_mean_reprojection_error()
    return KeyframeModel(frames, T_model_cam, focal_px, k1, focal_evidence, change, error_px)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep COLMAP's log off the terminal."""
    level = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = _FATAL
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = level
