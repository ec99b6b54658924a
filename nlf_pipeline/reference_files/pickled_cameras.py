"""Cameras of the reference pipeline: per frame a pickled `Camera` of cameravision, the former name of deltacamera."""

from pathlib import Path
from typing import Any

import numpy as np

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.geometry import invert_rigid, rigid
from nlf_pipeline.reference_files import MM_PER_M
from nlf_pipeline.reference_files.pickled_arrays import WrongValueError, as_array, as_list, fields
from nlf_pipeline.reference_files.pickled_masks import plain_pickle
from nlf_pipeline.reference_files.restricted_pickles import Record, read_pickle, refused

_EXPECTED = "cameras of the reference pipeline: a list with one of cameravision or deltacamera per frame"
_SHAPES = {"R": (3, 3), "t": (3,), "intrinsic_matrix": (3, 3)}
_COEFFICIENTS = (0, 4, 5, 8)
_RIGID_TOLERANCE = 1e-3


def read_cameras(path: Path, size_px: tuple[int, int]) -> Cameras:
    """The camera of every frame, world to the file's own axes, metres.

    Args:
        path: the pickle.
        size_px: (width, height) of the video, which the file does not tell.

    Raises:
        UserError: if it is missing, damaged, does not hold cameras, or they are not pinholes with OpenCV's distortion
            that stays the same.
    """
    try:
        cameras = [_camera(value) for value in as_list(read_pickle(path, _EXPECTED))]
        if not cameras:
            raise WrongValueError("no camera")
        return _joined(cameras, size_px)
    except WrongValueError as error:
        raise refused(path, str(error), _EXPECTED) from error


def _joined(cameras: list[dict[str, np.ndarray]], size_px: tuple[int, int]) -> Cameras:
    coefficients = np.zeros((len(cameras), _COEFFICIENTS[-1]))
    for row, camera in zip(coefficients, cameras, strict=True):
        row[: len(camera["distortion"])] = camera["distortion"]
    if np.ptp(coefficients, axis=0).max() > 0:
        raise WrongValueError("cameras whose distortion changes")
    last = np.flatnonzero(coefficients[0])
    length = next(n for n in _COEFFICIENTS if not len(last) or last[-1] < n)
    R, t = (np.stack([camera[name] for camera in cameras]) for name in ("R", "t"))
    K = np.stack([camera["intrinsic_matrix"] for camera in cameras])
    T_cam_world = rigid(R, np.einsum("nij,nj->ni", R, -t / MM_PER_M))
    return Cameras(invert_rigid(T_cam_world), K, coefficients[0, :length], np.array(size_px))


def _camera(value: Any) -> dict[str, np.ndarray]:
    if not isinstance(value, Record) or value.name != "Camera":
        raise WrongValueError(f"{getattr(value, 'name', type(value).__name__)} where a camera should be")
    state = fields(value, *_SHAPES)
    arrays = {name: as_array(state[name]).astype(np.float64) for name in _SHAPES}
    if wrong := [name for name, shape in _SHAPES.items() if arrays[name].shape != shape]:
        raise WrongValueError(f"a camera with {wrong[0]} of shape {arrays[wrong[0]].shape}")
    arrays["distortion"] = _distortion(state)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise WrongValueError("a camera with nan or inf")
    R = arrays["R"]
    if np.abs(R @ R.T - np.eye(3)).max() > _RIGID_TOLERANCE or np.linalg.det(R) < 0:
        raise WrongValueError("a camera that mirrors, scales or shears")
    U, _, Vt = np.linalg.svd(R)  # its numbers are single precision
    return arrays | {"R": U @ Vt}


def _distortion(state: dict[str, Any]) -> np.ndarray:
    """(0, 4, 5 or 8) OpenCV's coefficients."""
    model = state.get("_distortion_model")
    if isinstance(model, Record) and model.name == "FisheyeKannalaBrandt":
        raise WrongValueError("a fisheye camera; undistort the video first")
    given = state.get("distortion_coeffs") if model is None else fields(model, "coeffs")["coeffs"]
    coefficients = np.zeros(0) if given is None else as_array(given).astype(np.float64).ravel()
    if len(coefficients) > _COEFFICIENTS[-1] and not coefficients[_COEFFICIENTS[-1] :].any():
        coefficients = coefficients[: _COEFFICIENTS[-1]]
    if len(coefficients) not in _COEFFICIENTS:
        raise WrongValueError(f"a camera with {len(coefficients)} distortion coefficients")
    return coefficients


class _StandIn:
    """Pickled in place of cameravision's Camera, which need not be installed."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def write_cameras(cameras: Cameras, world_up: np.ndarray, path: Path) -> None:
    """Write the camera of every frame as a `cameravision.Camera`.

    Its attributes are those of the releases before it was renamed; later ones take them as well.

    Args:
        cameras: of every frame, metres.
        world_up: (3,) unit vector against gravity, in the cameras' world.
        path: the pickle.
    """
    T_cam_world = invert_rigid(cameras.T_world_cam)
    distortion = cameras.distortion.astype(np.float32) if np.any(cameras.distortion) else None
    stand_ins = [
        _StandIn(
            {
                "R": R.astype(np.float32),
                "t": (T[:3, 3] * MM_PER_M).astype(np.float32),
                "intrinsic_matrix": K.astype(np.float32),
                "distortion_coeffs": distortion,
                "world_up": np.asarray(world_up, dtype=np.float32),
            }
        )
        for R, T, K in zip(T_cam_world[:, :3, :3], cameras.T_world_cam, cameras.K, strict=True)
    ]
    # In this protocol a class is named by a line for its module and one for itself, the first time it occurs.
    ours = f"c{_StandIn.__module__}\n{_StandIn.__qualname__}\n".encode()
    path.write_bytes(plain_pickle(stand_ins).replace(ours, b"ccameravision\nCamera\n", 1))
