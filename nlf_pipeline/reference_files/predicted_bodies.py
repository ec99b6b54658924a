"""Predictions of the reference pipeline: everybody's vertices and joints in the world, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.geometry import invert_rigid, rigid, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import FramePredictions, Predictions
from nlf_pipeline.reference_files import MM_PER_M
from nlf_pipeline.reference_files.body_stream import StreamedFrame, read_frames_of
from nlf_pipeline.reference_files.pickled_arrays import WrongValueError
from nlf_pipeline.reference_files.restricted_pickles import refused

_EXPECTED = "bodies as the reference pipeline predicts them"
_SAME_IOU, _LEAST_IOU = 0.9, 0.1
"""Overlap of a mask's box with the box that was looked into: of the same person in the same place; of anybody."""
_LAYOUTS = (24, 55)
"""Joints of SMPL and SMPL-X."""


@dataclass(frozen=True)
class PredictedFrame:
    """One frame: the bodies in the camera's axes, and the lens with which they were found."""

    bodies: FramePredictions
    T_world_cam: np.ndarray
    """(4, 4) metres, in the file's world."""
    K: np.ndarray
    """(3, 3) pixels."""
    distortion: np.ndarray
    """(coefficients,)."""


def read_predictions(path: Path, tracks: MaskTracks, size_px: tuple[int, int]) -> Iterator[PredictedFrame]:
    """Everybody's bodies, row k being row k of the masks, as the boxes show in which they were looked for.

    Args:
        path: the BodyCompress file.
        tracks: the people; the masks may be of another size than the video.
        size_px: (width, height) of the video.

    Raises:
        UserError: if the file is missing, damaged, or has another number of frames than the masks.
    """
    scale = np.array(size_px) / np.maximum(tracks.size_px, 1)
    boxes_px = tracks.boxes_px * np.tile(scale, 2)
    count = 0
    try:
        for count, frame in enumerate(read_frames_of(path), start=1):
            if count > tracks.n_frames:
                break
            yield _predicted(frame, boxes_px[:, count - 1])
    except WrongValueError as error:
        raise refused(path, f"{error} (frame {count - 1})", _EXPECTED) from error
    if count != tracks.n_frames:
        found = f"{'more than ' if count > tracks.n_frames else ''}{min(count, tracks.n_frames)} frames"
        raise refused(path, found, f"{tracks.n_frames}, as the masks have")


def write_predictions(source: Predictions, tracks: MaskTracks, cameras: Cameras, body_model: str, path: Path) -> None:
    """Write the bodies that were estimated, with the boxes of their masks.

    Args:
        source: predictions in camera axes.
        tracks: row k is row k of the predictions.
        cameras: of every frame, in the axes of the file's world.
        body_model: whose vertices they are.
        path: the file to write.
    """
    import bodycompress

    boxes_px = np.nan_to_num(tracks.boxes_px)
    T_cam_world = invert_rigid(cameras.T_world_cam)
    metadata = {
        "n_frames": source.n_frames,
        "fps": source.fps,
        "world_up": [0.0, -1.0, 0.0],
        "config": {"body_model": body_model},
    }
    with bodycompress.BodyCompressor(str(path), metadata, compression="xz", compression_level=1) as compressor:
        for t, frame in enumerate(source):
            rows, T = frame.valid, cameras.T_world_cam[t]
            compressor.append(
                boxes=boxes_px[rows, t].astype(np.float32),
                vertices=_points(frame.vertices[rows], T) * MM_PER_M,
                joints=_points(frame.joints[rows], T) * MM_PER_M,
                vertex_uncertainties=frame.vertex_uncertainties[rows],
                joint_uncertainties=frame.joint_uncertainties[rows],
                camera={
                    "rotvec_w2c": Rotation.from_matrix(T_cam_world[t, :3, :3]).as_rotvec().astype(np.float32),
                    "loc": (T[:3, 3] * MM_PER_M).astype(np.float32),
                    "intr": cameras.K[t, :2].astype(np.float32),
                    "up": np.array([0, -1, 0], np.float32),
                }
                | ({"distcoef": cameras.distortion.astype(np.float32)} if np.any(cameras.distortion) else {}),
            )


def _points(points: np.ndarray, T: np.ndarray) -> np.ndarray:
    return transform_points(T, points.astype(np.float64))


def _predicted(frame: StreamedFrame, boxes_px: np.ndarray) -> PredictedFrame:
    joints = frame.array("joints", None, None, 3) / MM_PER_M
    n, n_joints = joints.shape[:2]
    vertices = frame.array("vertices", n, None, 3) / MM_PER_M
    if n_joints not in _LAYOUTS:
        raise WrongValueError(f"{n_joints} joints, which are those of no known body model")
    vertex_uncertainties = frame.array("vertex_uncertainties", n, vertices.shape[1])
    joint_uncertainties = frame.array("joint_uncertainties", n, n_joints)
    T_world_cam, K, distortion = _camera(frame)
    rows = _rows(frame.array("boxes", n, None)[:, :4], boxes_px)
    T_cam_world, used = invert_rigid(T_world_cam), rows >= 0
    n_people = len(boxes_px)

    def by_person(values: np.ndarray) -> np.ndarray:
        placed = np.zeros((n_people, *values.shape[1:]), np.float32)
        placed[rows[used]] = values[used]
        return placed

    bodies = FramePredictions(
        vertices=by_person(_points(vertices, T_cam_world)),
        joints=by_person(_points(joints, T_cam_world)),
        vertex_uncertainties=by_person(vertex_uncertainties),
        joint_uncertainties=by_person(joint_uncertainties),
        valid=np.isin(np.arange(n_people), rows),
    )
    return PredictedFrame(bodies, T_world_cam, K, distortion)


def _camera(frame: StreamedFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    entries = frame.values.get("camera")
    if not isinstance(entries, dict):
        raise WrongValueError("a frame without a camera")
    camera = StreamedFrame(entries)
    R = Rotation.from_rotvec(camera.array("rotvec_w2c", 3)).as_matrix()
    K = np.vstack([camera.array("intr", 2, 3), [0, 0, 1]])
    distortion = camera.array("distcoef", None) if "distcoef" in entries else np.zeros(0)
    return rigid(R.T, camera.array("loc", 3) / MM_PER_M), K, distortion


def _rows(found_px: np.ndarray, boxes_px: np.ndarray) -> np.ndarray:
    """(found,) row of the masks that each box belongs to; -1 for none.

    Args:
        found_px: (found, 4) left, top, width, height: where bodies were looked for.
        boxes_px: (people, 4) of the masks; NaN where a person is not seen.
    """
    seen = np.flatnonzero(np.isfinite(boxes_px).all(axis=1))
    overlap = _iou(found_px, boxes_px[seen])
    if len(found_px) == len(seen) and np.all(np.diagonal(overlap) >= _SAME_IOU):
        return seen
    rows = np.full(len(found_px), -1)
    pairs = zip(*linear_sum_assignment(-overlap), strict=True)
    for here, there in pairs:
        if overlap[here, there] >= _LEAST_IOU:
            rows[here] = seen[there]
    return rows


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(len(a), len(b)) intersection over union of boxes (left, top, width, height)."""
    ends_a, ends_b = a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:]
    sides = np.minimum(ends_a, ends_b) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.prod(np.clip(sides, 0, None), axis=-1)
    union = np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
