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
    adjust_with_distortion,
    give_focal,
    weigh_focal,
    weigh_given_focal,
)
from nlf_pipeline.cameras.travelling.view_graph import write_view_graph
from nlf_pipeline.cameras.windows.window_motion import Lens

_FEWEST_IMAGES = 3
_LEAST_REGISTERED = 0.9
_BUNDLE_ROUNDS = 2
_POINTS_PER_VIEW = 200
_INCREMENTAL_FIRST_ANGLE_DEG = 6.0
_MIN_GAIN = 0.07
"""Relative drop of the mean reprojection error from which on lens distortion is believed."""
_LARGEST_K1 = 0.5
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
    focal_px: float
    k1: float
    focal_evidence: float
    """How many times better this focal length fits than 0.7 or 1.4 times as long ones; infinite if it was given."""
    given_focal_error: float
    """How many times worse a given focal length fits than free ones; 1 if it was not given."""


@dataclass(frozen=True)
class ZoomingModel:
    """Keyframes solved with a focal length for each third of the window."""

    focal_px: np.ndarray
    """(3,)."""
    model: KeyframeModel
    """The keyframes' cameras with the given focal length, after adjustment."""


def map_keyframes(tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int = 0) -> KeyframeModel:
    """Find the keyframes' cameras and the lens.

    Pan et al., "Global Structure-from-Motion Revisited", ECCV 2024; Schoenberger and Frahm,
    "Structure-from-Motion Revisited", CVPR 2016. One thread, so that a seed gives one answer.

    Args:
        tracks: points in the window.
        lens: kept if it is known, else the first guess. Distortion is estimated where it clearly lowers the error.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of all random choices.

    Raises:
        NoModel: fewer than three keyframes, or than 90 % of them, could be brought together.
    """
    with _quiet():
        model = _map(tracks, lens, keyframes, seed, n_cameras=1)
        if lens.is_known:
            return _read(model, given_focal_error=weigh_given_focal(model))
        model = _with_distortion(model)
        return _read(model, focal_evidence=weigh_focal(model))


def solve_zooming(
    tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int, given_focal_px: float
) -> ZoomingModel:
    """Solve as `map_keyframes`, but with a focal length for each third of the window; see how one does in its place.

    Args:
        tracks: points in the window.
        lens: first guess.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of all random choices.
        given_focal_px: the one focal length.

    Raises:
        NoModel: as `map_keyframes`.
    """
    with _quiet():
        model = _map(tracks, lens, keyframes, seed, n_cameras=3)
        focal_px = np.array([camera.focal_length for _, camera in sorted(model.cameras.items())])
        given, error = give_focal(model, given_focal_px)
        return ZoomingModel(focal_px, _read(given, given_focal_error=error))


def _map(tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int, n_cameras: int) -> pycolmap.Reconstruction:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "view_graph.db"
        write_view_graph(database, tracks, lens, keyframes, seed, n_cameras)
        pycolmap.set_random_seed(seed)
        models = pycolmap.global_mapping(database, folder, folder, _global_options(lens, seed))
        if not models:
            models = pycolmap.incremental_mapping(database, folder, folder, _incremental_options(lens, seed))
    if not models:
        raise NoModel(f"structure from motion found no model of {len(keyframes)} keyframes")
    model = max(models.values(), key=lambda candidate: candidate.num_reg_images())
    if model.num_reg_images() < max(_FEWEST_IMAGES, _LEAST_REGISTERED * len(keyframes)):
        raise NoModel(f"structure from motion placed only {model.num_reg_images()} of {len(keyframes)} keyframes")
    return model


def _global_options(lens: Lens, seed: int) -> pycolmap.GlobalPipelineOptions:
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = 1
    options.random_seed = seed
    options.multiple_models = False
    options.mapper.track_required_tracks_per_view = _POINTS_PER_VIEW
    options.mapper.ba_num_iterations = _BUNDLE_ROUNDS
    options.mapper.bundle_adjustment.refine_focal_length = not lens.is_known
    options.mapper.bundle_adjustment.refine_extra_params = not lens.is_known
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


def _with_distortion(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    """`model` adjusted with a radial term, if that explains the points clearly better."""
    radial = adjust_with_distortion(model)
    (camera,) = radial.cameras.values()
    limit_px = (1 - _MIN_GAIN) * model.compute_mean_reprojection_error()
    is_better = radial.compute_mean_reprojection_error() < limit_px and abs(camera.params[3]) < _LARGEST_K1
    return radial if is_better else model


def _read(
    model: pycolmap.Reconstruction, focal_evidence: float = np.inf, given_focal_error: float = 1.0
) -> KeyframeModel:
    images = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    T_model_cam = np.tile(np.eye(4), (len(images), 1, 1))
    T_model_cam[:, :3] = [image.cam_from_world().inverse().matrix() for image in images]
    frames = np.array([int(image.name) for image in images])
    camera = model.cameras[images[0].camera_id]
    k1 = float(camera.params[3]) if camera.model == pycolmap.CameraModelId.SIMPLE_RADIAL else 0.0
    return KeyframeModel(frames, T_model_cam, float(camera.focal_length), k1, focal_evidence, given_focal_error)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep COLMAP's log off the terminal."""
    level = pycolmap.logging.minloglevel
    pycolmap.logging.minloglevel = _FATAL
    try:
        yield
    finally:
        pycolmap.logging.minloglevel = level
