"""Bundle adjustments of a finished model of keyframes: lens distortion, and how well the focal length is determined."""

import numpy as np
import pycolmap

_STEPS = 30
_TOLERANCE = 1e-5
_WRONG_FOCALS = (0.7, 1.4)


def adjust_with_distortion(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    """A copy of `model`, adjusted with a SIMPLE_RADIAL camera."""
    radial = pycolmap.Reconstruction(model)
    (camera,) = radial.cameras.values()
    if camera.model == pycolmap.CameraModelId.SIMPLE_PINHOLE:
        parameters = [*camera.params, 0.0]
        camera.model = pycolmap.CameraModelId.SIMPLE_RADIAL
        camera.params = parameters
    _adjust(radial, is_lens_free=True)
    radial.update_point_3d_errors()
    return radial


def weigh_focal(model: pycolmap.Reconstruction) -> float:
    """Ratio of root mean square robust errors: at clearly wrong focal lengths (0.7 and 1.4 times) over the model's own.

    Everything else is adjusted anew for each, so a ratio near 1 means that the pictures do not tell the focal length.
    """
    best = pycolmap.Reconstruction(model)
    (camera,) = best.cameras.values()
    costs = [_adjust(best, is_lens_free=True)]
    for scale in _WRONG_FOCALS:
        wrong = pycolmap.Reconstruction(best)
        (camera,) = wrong.cameras.values()
        camera.focal_length = camera.focal_length * scale
        costs.append(_adjust(wrong, is_lens_free=False))
    return float(np.sqrt(min(costs[1:]) / max(costs[0], 1e-12)))


def weigh_given_focal(model: pycolmap.Reconstruction) -> float:
    """Ratio of root mean square robust errors: as `model` is, over those with a lens free to change."""
    (camera,) = model.cameras.values()
    return give_focal(model, camera.focal_length)[1]


def give_focal(model: pycolmap.Reconstruction, focal_px: float) -> tuple[pycolmap.Reconstruction, float]:
    """A copy of `model`, adjusted with `focal_px` for all of its cameras.

    Also the ratio of root mean square robust errors: with that focal length, over those with lenses free to change.
    """
    free, given = pycolmap.Reconstruction(model), pycolmap.Reconstruction(model)
    for camera in given.cameras.values():
        camera.focal_length = focal_px
    cost = _adjust(free, is_lens_free=True)
    return given, float(np.sqrt(_adjust(given, is_lens_free=False) / max(cost, 1e-12)))


def _adjust(model: pycolmap.Reconstruction, is_lens_free: bool) -> float:
    """Adjust `model` in place; returns the final robust cost."""
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.refine_extra_params = is_lens_free
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
