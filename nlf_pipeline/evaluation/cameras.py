"""How well the camera's path, aim and lens were found."""

import numpy as np

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.camera_metrics import focal_error, path_length, trajectory_error
from nlf_pipeline.evaluation.measurement import Measurement

_TURNING = np.deg2rad(0.5)
"""A camera that turns by less, and does not travel, stands still."""


def camera_measurements(found: Cameras, true: Cameras) -> list[Measurement]:
    """Focal length; for a camera that moves also its rotation, and for one that travels its path and metric scale.

    ATE is the root mean square distance of the camera centres after similarity alignment (Sturm et al. 2012). The
    metric scale error is how far the scale of that alignment is from 1: a path in true metres needs no scaling.

    Args:
        found: cameras in any world.
        true: of the same frames.
    """
    focal = abs(focal_error(found.K[:, 0, 0], true.K[:, 0, 0]))
    measurements = [Measurement("focal length error", focal * 100, "%", "<= 4")]
    errors = trajectory_error(found.T_world_cam, true.T_world_cam)
    if errors.ate_share_of_path is not None or _largest_turn(true.T_world_cam) > _TURNING:
        rotation_deg = float(np.rad2deg(errors.rotation_mean))
        measurements.append(Measurement("camera rotation error", rotation_deg, "deg", "<= 0.3"))
    if errors.ate_share_of_path is not None:
        stands_still = path_length(found.T_world_cam) == 0
        scale_error = None if errors.scale is None or stands_still else abs(errors.scale - 1) * 100
        measurements += [
            Measurement("camera ATE", errors.ate_share_of_path * 100, "% of path", "<= 0.5"),
            Measurement("metric scale error", scale_error, "%", "<= 5"),
        ]
    return measurements


def _largest_turn(T_world_cam: np.ndarray) -> float:
    """Largest angle between the first camera and any other of (frames, 4, 4), radians."""
    traces = np.einsum("nij,ij->n", T_world_cam[:, :3, :3], T_world_cam[0, :3, :3])
    return float(np.arccos(np.clip((traces.min() - 1) / 2, -1, 1)))
