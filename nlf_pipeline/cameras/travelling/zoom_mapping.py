"""Structure from motion for a camera that travels and zooms: every keyframe has a focal length of its own."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pycolmap
from scipy.interpolate import make_smoothing_spline

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.travelling.keyframe_bundle import give_focals, placed_images, weigh_focal
from nlf_pipeline.cameras.travelling.keyframe_mapping import (
    KeyframeModel,
    NoModel,
    quiet,
    read_model,
    reconstruct,
)
from nlf_pipeline.cameras.windows.window_motion import Lens

_LEAST_ZOOM = 1.05
_LEAST_GAIN = 1.05
_FEWEST_KEYFRAMES = 5
"""A spline needs as many."""


@dataclass(frozen=True)
class ZoomingModel:
    """Keyframes with a focal length each, along a smooth curve, and whether they need it."""

    reconstruction: pycolmap.Reconstruction
    """With free focal lengths."""
    curve: np.ndarray
    """(keyframes,) smoothed logarithms of the focal lengths."""
    gain: float
    """How many times worse one focal length for all fits."""

    @property
    def error_px(self) -> float:
        """Mean distance of points from where they should be."""
        return self.reconstruction.compute_mean_reprojection_error()

    def is_zoom(self, constant: KeyframeModel) -> bool:
        """Whether one focal length for all, as in the model `constant`, would not do.

        Where the scene is a plane, its size and the focal lengths are told apart badly: the gain then comes without a
        range. Noise is fitted better by many focal lengths than by one: the range then comes without a gain. On a way
        straight ahead both may come, but a model with one focal length fits as well.
        """
        is_needed = constant.error_px >= _LEAST_GAIN * self.error_px
        return is_needed and np.ptp(self.curve) >= np.log(_LEAST_ZOOM) and self.gain >= _LEAST_GAIN

    def weigh_focal(self) -> float:
        """How many times better these focal lengths fit than 0.7 or 1.4 times as long ones."""
        with quiet():
            return weigh_focal(self.reconstruction)

    def keyframes(self, first_focal_px: float | None = None) -> KeyframeModel:
        """The cameras, adjusted to the smooth curve of focal lengths, which is scaled if the first one is given."""
        scale = 0.0 if first_focal_px is None else float(np.log(first_focal_px) - self.curve[0])
        with quiet():
            given, excess = give_focals(self.reconstruction, np.exp(self.curve + scale))
            return read_model(given, np.nan, abs(scale), excess)


def map_zooming(tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int = 0) -> ZoomingModel:
    """Find the keyframes' cameras, with a focal length for each.

    Focal lengths are solved for freely, and smoothed by a spline of their logarithms over time.

    Args:
        tracks: points in the window.
        lens: its focal length is a guess, known or not; its distortion is kept.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of all random choices.

    Raises:
        NoModel: too few keyframes could be brought together.
    """
    with quiet():
        model = reconstruct(tracks, dataclasses.replace(lens, is_known=False), keyframes, seed, is_zoom=True)
        images = placed_images(model)
        if len(images) < _FEWEST_KEYFRAMES:
            raise NoModel(f"{len(images)} keyframes are too few to tell how the camera zooms")
        frames = np.array([int(image.name) for image in images], dtype=np.float64)
        logs = np.log([model.cameras[image.camera_id].focal_length for image in images])
        curve = make_smoothing_spline(frames, logs)(frames)
        _, gain = give_focals(model, np.full(len(images), np.exp(np.mean(curve))))
        return ZoomingModel(model, curve, gain)


def interpolate_focals(frames: np.ndarray, at: np.ndarray, focal_px: np.ndarray) -> np.ndarray:
    """(frames,) focal lengths from those (keyframes,) in the frames `at`, smooth in their logarithm; held beyond."""
    if np.ptp(focal_px) == 0:
        return np.full(len(frames), focal_px[0])
    return np.exp(make_smoothing_spline(at, np.log(focal_px), lam=0.0)(np.clip(frames, at[0], at[-1])))
