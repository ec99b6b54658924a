"""`Droid` with the interface of the masked fork of DROID-SLAM, on a CPU: it records its calls and knows the answer.

Like the real one it refuses what does not fit its buffer and pictures, gives poses as x y z and quaternion x y z w,
and cannot go on once it has been terminated.
"""

import argparse
import types
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

_CELL_PX = 8
_FILLED_AT_ONCE = 16
_MOVED_GREY_LEVELS = 4.0


def _moved(_frame: int, picture: np.ndarray, last: np.ndarray) -> bool:
    """Whether two pictures of cells, black where people are, differ."""
    seen = picture.any(axis=-1) & last.any(axis=-1)
    return bool(seen.any() and np.abs(picture.astype(int) - last)[seen].mean() > _MOVED_GREY_LEVELS)


def _walk(frame: int, _picture: np.ndarray) -> np.ndarray:
    """(4, 4) T_world_cam of a camera that travels to the right and turns to the left."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("y", -0.1 * frame, degrees=True).as_matrix()
    T[0, 3] = 0.02 * frame
    return T


@dataclass
class Script:
    """What the stand-in pretends to see."""

    is_keyframe: Callable[[int, np.ndarray, np.ndarray], bool] = _moved
    """Of a frame, its picture of cells (rows, columns, 3) uint8, and that of the last keyframe."""
    pose: Callable[[int, np.ndarray], np.ndarray] = _walk
    """(4, 4) T_world_cam of a frame with its picture of cells."""
    disparity: Callable[[int, np.ndarray, tuple[int, int]], np.ndarray] | None = None
    """(height, width) of a frame, its T_world_cam and the picture's (height, width); everywhere 1 without it."""
    fov_deg: float = 62.0
    """Along the longer side, at which the error is least."""
    fails: type[Exception] | None = None
    """Raised on starting."""


@dataclass
class Record:
    """What one Droid was given."""

    args: argparse.Namespace
    frames: list[int] = field(default_factory=list)
    image_kinds: set[tuple[tuple[int, ...], torch.dtype]] = field(default_factory=set)
    pictures: list[np.ndarray] = field(default_factory=list)
    """(rows, columns, 3) uint8 each, a pixel of every cell."""
    masks: list[np.ndarray] = field(default_factory=list)
    intrinsics: list[np.ndarray] = field(default_factory=list)
    streamed_frames: list[int] = field(default_factory=list)
    streamed_pictures: list[np.ndarray] = field(default_factory=list)
    streamed_intrinsics: list[np.ndarray] = field(default_factory=list)
    terminations: int = 0
    keyframes: list[int] = field(default_factory=list)
    alive_before: int = 0
    """Earlier Droids that still hold memory."""


records: list[Record] = []
_alive: "weakref.WeakSet[Droid]" = weakref.WeakSet()
script = Script()


def prepare(new_script: Script | None = None) -> None:
    """Forget earlier calls and follow another script."""
    global script  # noqa: PLW0603  (the real package has no way in either)
    script = new_script or Script()
    records.clear()


class Droid:
    """Tracks, as it seems."""

    def __init__(self, args: argparse.Namespace) -> None:
        if script.fails is not None:
            raise script.fails("Found no NVIDIA driver on your system.")
        assert Path(args.weights).is_file() and not args.stereo and args.disable_vis and args.upsample
        height_px, width_px = args.image_size
        assert height_px % _CELL_PX == 0 and width_px % _CELL_PX == 0
        self._record = Record(args, alive_before=len(_alive))
        records.append(self._record)
        _alive.add(self)
        self.frontend = object()
        self.video = types.SimpleNamespace(
            counter=types.SimpleNamespace(value=0),
            tstamp=torch.zeros(args.buffer),
            poses=torch.tensor([0.0, 0, 0, 0, 0, 0, 1]).repeat(args.buffer, 1),
            disps_up=torch.zeros(args.buffer, height_px, width_px),
        )
        self._last_keyframe: np.ndarray | None = None

    def track(
        self,
        tstamp: int,
        image: torch.Tensor,
        depth: torch.Tensor | None = None,
        intrinsics: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
    ) -> None:
        """Look at the next frame."""
        assert self.frontend and depth is None and intrinsics is not None and mask is not None
        picture = self._look(image, intrinsics)
        assert tuple(mask.shape) == picture.shape[:2]
        record = self._record
        record.frames.append(tstamp)
        record.pictures.append(picture)
        record.masks.append(mask.numpy().copy())
        record.intrinsics.append(intrinsics.numpy().copy())
        record.image_kinds.add((tuple(image.shape), image.dtype))
        if self._last_keyframe is None or script.is_keyframe(tstamp, picture, self._last_keyframe):
            self._add_keyframe(tstamp, picture)

    def terminate(self, stream: Iterable[tuple[int, torch.Tensor, torch.Tensor]]) -> np.ndarray:
        """(frames, 7) camera to world."""
        del self.frontend
        count, record = self.video.counter.value, self._record
        assert count >= 2 and count + _FILLED_AT_ONCE <= record.args.buffer
        record.terminations += 1
        world_to_cam = []
        for tstamp, image, intrinsics in stream:
            picture = self._look(image, intrinsics)
            record.streamed_frames.append(tstamp)
            record.streamed_pictures.append(picture)
            record.streamed_intrinsics.append(intrinsics.numpy().copy())
            world_to_cam.append(_vector(_inverse(script.pose(tstamp, picture))))
        return np.stack([_vector(_inverse(_matrix(vector))) for vector in world_to_cam]).astype(np.float32)

    def compute_error(self) -> float:
        """Least at the script's field of view."""
        del self.frontend
        focal_px = self._record.intrinsics[0][:2]
        longer = int(np.argmax(self._record.args.image_size[::-1]))
        side_px = self._record.args.image_size[::-1][longer]
        fov_deg = float(np.rad2deg(2 * np.arctan(side_px / (2 * focal_px[longer]))))
        return 0.5 + ((fov_deg - script.fov_deg) / 10) ** 2

    def _look(self, image: torch.Tensor, intrinsics: torch.Tensor) -> np.ndarray:
        assert tuple(image.shape) == (1, 3, *self._record.args.image_size) and tuple(intrinsics.shape) == (4,)
        middle = _CELL_PX // 2
        return image[0, :, middle::_CELL_PX, middle::_CELL_PX].permute(1, 2, 0).numpy().astype(np.uint8)

    def _add_keyframe(self, tstamp: int, picture: np.ndarray) -> None:
        video, slot = self.video, self.video.counter.value
        T = script.pose(tstamp, picture)
        video.tstamp[slot] = tstamp
        video.poses[slot] = torch.from_numpy(_vector(_inverse(T)))
        shape = self._record.args.image_size
        disparity = np.ones(shape) if script.disparity is None else script.disparity(tstamp, T, shape)
        video.disps_up[slot] = torch.from_numpy(disparity)
        video.counter.value += 1
        self._last_keyframe = picture
        self._record.keyframes.append(tstamp)


def _vector(T: np.ndarray) -> np.ndarray:
    """(7,) x y z and quaternion x y z w."""
    return np.concatenate([T[:3, 3], Rotation.from_matrix(T[:3, :3]).as_quat()])


def _matrix(vector: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = Rotation.from_quat(vector[3:]).as_matrix()
    T[:3, 3] = vector[:3]
    return T


def _inverse(T: np.ndarray) -> np.ndarray:
    """Of a rigid transform."""
    inverse = np.eye(4)
    inverse[:3, :3] = T[:3, :3].T
    inverse[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return inverse
