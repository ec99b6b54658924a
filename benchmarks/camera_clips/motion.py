"""A camera's motion through a shot, and what paths are composed of."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from nlf_pipeline.geometry import look_at

_UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Motion:
    """Where a camera is and looks, at each frame."""

    eye: np.ndarray
    """(frames, 3) metres, world."""
    target: np.ndarray
    """(frames, 3) a point it looks at."""
    roll: np.ndarray
    """(frames,) rotation about the viewing direction, radians."""
    zoom: np.ndarray
    """(frames,) factor on the lens's focal length."""

    def at(self, frame: float) -> tuple[np.ndarray, float]:
        """T_world_cam (4, 4) and zoom at a moment between two frames; the ends hold."""
        frame = min(max(frame, 0.0), len(self.eye) - 1)
        i = min(int(frame), len(self.eye) - 2) if len(self.eye) > 1 else 0
        weight, j = frame - i, min(i + 1, len(self.eye) - 1)
        eye, target, roll, zoom = ((1 - weight) * a[i] + weight * a[j] for a in self._channels())
        T_world_cam = look_at(eye, target, _UP)
        T_world_cam[:3, :3] = T_world_cam[:3, :3] @ Rotation.from_rotvec([0, 0, -roll]).as_matrix()
        return T_world_cam, float(zoom)

    def first(self, n_frames: int) -> "Motion":
        """Only the first `n_frames` frames."""
        return Motion(*(channel[:n_frames] for channel in self._channels()))

    def _channels(self) -> tuple[np.ndarray, ...]:
        return self.eye, self.target, self.roll, self.zoom


def motion(
    eye: np.ndarray, target: np.ndarray, roll_deg: np.ndarray | float = 0.0, zoom: np.ndarray | float = 1.0
) -> Motion:
    """A Motion whose constant parts are spelled out for every frame."""
    n_frames = len(eye)
    return Motion(
        eye,
        np.broadcast_to(target, eye.shape),
        np.broadcast_to(np.deg2rad(roll_deg), (n_frames,)),
        np.broadcast_to(zoom, (n_frames,)),
    )


def points(x: np.ndarray | float, height: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
    """(frames, 3) from coordinates, at least one of which is (frames,)."""
    return np.stack(np.broadcast_arrays(x, height, z), axis=-1).astype(np.float64)


def direction(yaw: np.ndarray, pitch: np.ndarray | float) -> np.ndarray:
    """(frames, 3) unit vectors: yaw 0 is +x and grows to the left (towards -z), pitch grows upwards; radians."""
    return points(np.cos(yaw) * np.cos(pitch), np.sin(pitch), -np.sin(yaw) * np.cos(pitch))


def wander(n_frames: int, smoothness_frames: float, seed: int) -> np.ndarray:
    """(frames, 3) smooth noise of unit standard deviation; a longer one does not begin like a shorter one."""
    margin = 4 * int(smoothness_frames) + 4
    noise = np.random.default_rng(seed).standard_normal((n_frames + 2 * margin, 3))
    smooth = gaussian_filter1d(noise, smoothness_frames, axis=0)[margin : margin + n_frames]
    return smooth / smooth.std()


def ease(n_frames: int, start: int, stop: int) -> np.ndarray:
    """(frames,) 0 until `start`, 1 from `stop`, smooth in between."""
    x = np.clip((np.arange(n_frames) - start) / (stop - start), 0, 1)
    return x * x * (3 - 2 * x)
