"""The camera as nerfstudio's transforms.json: OpenGL's camera axes, the top left pixel's centre at (.5, .5)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters.axes import CAM_OPENGL
from nlf_pipeline.exporters.frame_names import frame_name
from nlf_pipeline.exporters.motion import Motion

_COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3")
IMAGE_FOLDER = "images"


def write(motion: Motion, folder: Path) -> None:
    """Write transforms.json, docs/exports.md.

    Raises:
        UserError: if nerfstudio has no model of this lens.
    """
    cameras = motion.cameras
    width_px, height_px = cameras.size_px.tolist()
    distortion = _coefficients(cameras.distortion)
    is_fixed = np.all(cameras.K[0] == cameras.K)
    content: dict[str, Any] = {
        "camera_model": "OPENCV" if any(distortion.values()) else "PINHOLE",
        "w": width_px,
        "h": height_px,
        **(_lens(cameras.K[0]) if is_fixed else {}),
        **distortion,
        "frames": [
            {
                "file_path": f"{IMAGE_FOLDER}/{frame_name(frame)}",
                **({} if is_fixed else _lens(K)),
                "transform_matrix": T_world_gl.tolist(),
            }
            for frame, (K, T_world_gl) in enumerate(zip(cameras.K, cameras.T_world_cam @ CAM_OPENGL, strict=True))
        ],
    }
    (folder / "transforms.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _lens(K: np.ndarray) -> dict[str, float]:
    return {
        "fl_x": float(K[0, 0]),
        "fl_y": float(K[1, 1]),
        "cx": float(K[0, 2]) + 0.5,
        "cy": float(K[1, 2]) + 0.5,
    }


def _coefficients(distortion: np.ndarray) -> dict[str, float]:
    used = len(np.trim_zeros(distortion, "b"))
    if used > len(_COEFFICIENTS):
        raise UserError(
            f"Found a lens with {used} distortion coefficients, expected at most {len(_COEFFICIENTS)}, as nerfstudio's "
            "fourth radial one means another thing than OpenCV's. Leave nerfstudio out of `export`; colmap can have 8."
        )
    padded = np.pad(distortion[:used], (0, len(_COEFFICIENTS) - used))
    return dict(zip(_COEFFICIENTS, padded.tolist(), strict=True))
