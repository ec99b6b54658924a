"""Bundle adjustments of a finished model of keyframes: lens distortion, and how well the focal length is determined."""

from typing import Literal

import numpy as np
import pycolmap

_STEPS = 30
_TOLERANCE = 1e-5
_WRONG_FOCALS = (0.7, 1.4)

FreeLens = Literal["nothing", "distortion", "all"]
"""What of the lens an adjustment may change."""


def adjust_with_distortion(model: pycolmap.Reconstruction, free: FreeLens) -> pycolmap.Reconstruction:
    """A copy of `model`, adjusted with a SIMPLE_RADIAL camera of which `free` may change."""
    radial = pycolmap.Reconstruction(model)
    (camera,) = radial.cameras.values()
    if camera.model == pycolmap.CameraModelId.SIMPLE_PINHOLE:
        parameters = [*camera.params, 0.0]
        camera.model = pycolmap.CameraModelId.SIMPLE_RADIAL
        camera.params = parameters
    _adjust(radial, free)
    radial.update_point_3d_errors()
    return radial


def weigh_focal(model: pycolmap.Reconstruction) -> float:
    """Ratio of root mean square robust errors: at clearly wrong focal lengths (0.7 and 1.4 times) over the model's own.

    Everything else is adjusted anew for each, so a ratio near 1 means that the pictures do not tell the focal length.
    """
    best = pycolmap.Reconstruction(model)
    costs = [_adjust(best, "all")]
    for scale in _WRONG_FOCALS:
        wrong = pycolmap.Reconstruction(best)
        for camera in wrong.cameras.values():
            camera.focal_length = camera.focal_length * scale
        costs.append(_adjust(wrong, "nothing"))
    return float(np.sqrt(min(costs[1:]) / max(costs[0], 1e-12)))


def free_focal(model: pycolmap.Reconstruction) -> tuple[float, float]:
    """The focal length that fits best, and how much better than the model's: the ratio of root mean square errors."""
    free = pycolmap.Reconstruction(model)
    cost = _adjust(free, "all")
    (camera,) = free.cameras.values()
    return float(camera.focal_length), _excess(_adjust(pycolmap.Reconstruction(model), "nothing"), cost)


def give_focals(model: pycolmap.Reconstruction, focal_px: np.ndarray) -> tuple[pycolmap.Reconstruction, float]:
    """A copy of `model`, adjusted with given focal lengths.

    Args:
        model: every image has a camera of its own.
        focal_px: (images,) in the order of the images' names.

    Returns:
        The copy, and the ratio of root mean square robust errors: with these focal lengths, over those with free ones.
    """
    free, given = pycolmap.Reconstruction(model), pycolmap.Reconstruction(model)
    for image, focal in zip(placed_images(given), focal_px, strict=True):
        given.cameras[image.camera_id].focal_length = float(focal)
    cost = _adjust(free, "all")
    return given, _excess(_adjust(given, "nothing"), cost)


def placed_images(model: pycolmap.Reconstruction) -> list[pycolmap.Image]:
    """Images whose cameras were found, by name."""
    return sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)


def _excess(cost: float, least: float) -> float:
    return float(np.sqrt(cost / max(least, 1e-12)))


def _adjust(model: pycolmap.Reconstruction, free: FreeLens) -> float:
    """Adjust `model` in place; returns the final robust cost."""
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = free == "all"
    # Every keyframe with a camera of its own would get a distortion of its own.
    options.refine_extra_params = free != "nothing" and len(model.cameras) == 1
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.HUBER
    options.ceres.solver_options.num_threads = 1
    options.ceres.solver_options.max_num_iterations = _STEPS
    options.ceres.solver_options.function_tolerance = _TOLERANCE
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    summary = pycolmap.create_default_ceres_bundle_adjuster(options, config, model).solve()
    return summary.ceres_summary.final_cost  # pyright: ignore[reportAttributeAccessIssue]  (stubs know its base only)
