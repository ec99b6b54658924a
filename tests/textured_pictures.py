"""Pictures of a textured plane far away, seen by a camera that turns: where every point goes is known."""

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.cameras.tracks.working_pictures import WorkingPicture
from nlf_pipeline.geometry import pinhole_matrix

SIZE_PX = (320, 192)
FOCAL_PX = 300.0
BACKGROUND = np.full(SIZE_PX[::-1], 255, np.uint8)


def texture(size_px: tuple[int, int], seed: int = 0, grain_px: int = 8) -> np.ndarray:
    """(height, width) uint8 smooth noise with contrast everywhere."""
    width_px, height_px = size_px
    shape = (height_px // grain_px + 2, width_px // grain_px + 2)
    coarse = np.random.default_rng(seed).integers(20, 236, shape, dtype=np.uint8)
    large = cv2.resize(coarse, (shape[1] * grain_px, shape[0] * grain_px), interpolation=cv2.INTER_CUBIC)
    return large[:height_px, :width_px]


def turning_homography(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """(3, 3) from pixels of the first picture to those of a camera turned by these angles, radians."""
    K = pinhole_matrix(FOCAL_PX, SIZE_PX)
    return K @ Rotation.from_euler("yxz", [yaw, pitch, roll]).as_matrix() @ np.linalg.inv(K)


def view(homography: np.ndarray, seed: int = 0, supersampling: int = 1) -> np.ndarray:
    """(height, width) uint8 picture of the plane under `homography`; the plane is larger than the first picture."""
    width_px, height_px = SIZE_PX
    plane = texture((5 * width_px, 5 * height_px), seed)
    from_plane = np.array([[1.0, 0, -2 * width_px], [0, 1, -2 * height_px], [0, 0, 1]])
    offset = (supersampling - 1) / 2
    to_fine = np.array([[supersampling, 0, offset], [0, supersampling, offset], [0, 0, 1.0]])
    size_px = (width_px * supersampling, height_px * supersampling)
    fine = cv2.warpPerspective(plane, to_fine @ homography @ from_plane, size_px, flags=cv2.INTER_CUBIC)
    return cv2.resize(fine, SIZE_PX, interpolation=cv2.INTER_AREA)


def as_pictures(greys: list[np.ndarray]) -> list[WorkingPicture]:
    """The pictures, with nobody in them."""
    return [WorkingPicture(grey, BACKGROUND) for grey in greys]


def move(homography: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """(points, 2) under a homography."""
    return cv2.perspectiveTransform(points_px[:, None].astype(np.float64), homography)[:, 0]
