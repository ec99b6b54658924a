"""Stage: the camera's path in metres."""

from pathlib import Path

import numpy as np

from nlf_pipeline.artefacts import CameraPath, Intrinsics, SceneCameras
from nlf_pipeline.errors import UserError
from nlf_pipeline.predictions import Predictions


def scale_camera(*, intrinsics: Path, camera_path: Path, predictions: Path, out: Path) -> None:
    """Bring the camera's path to metres and join it with the intrinsics.

    Args:
        intrinsics: intrinsics.json.
        camera_path: camera_path.npz, up to scale.
        predictions: predictions.xz, whose people will give a moving camera its scale.
        out: cameras.npz.

    Raises:
        UserError: if the path has a translation, whose scale this version cannot find.
    """
    lens = Intrinsics.load(intrinsics)
    path = CameraPath.load(camera_path)
    n_frames = Predictions.open(predictions).n_frames
    if len(path.T_scene_cam) != n_frames:
        raise UserError(
            f"{camera_path} has {len(path.T_scene_cam)} frames and {predictions} has {n_frames}. "
            "They belong to different clips: delete both and run again."
        )
    if np.any(path.T_scene_cam[:, :3, 3] != 0):
        raise UserError(f"{camera_path}: the camera translates, and this version cannot find its metric scale.")
    SceneCameras(
        T_scene_cam=path.T_scene_cam,
        K=lens.K_frames(n_frames),
        distortion=np.array(lens.distortion, dtype=np.float64),
        size_px=np.array(lens.size_px),
        metres_per_unit=np.ones(path.segment.max() + 1),
        scale_spread=np.zeros(path.segment.max() + 1),
        person_scale=np.ones(len(Predictions.open(predictions).person_ids)),
    ).save(out)
