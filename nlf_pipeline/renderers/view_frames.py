"""What the two views show in each frame: through the real camera, whose lens bends the bodies, and from the side."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from deltacamera import distortion as lens

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.renderers import RealCamera, ViewFrame
from nlf_pipeline.renderers.camera_trail import CameraTrail


@dataclass(frozen=True)
class PosedPeople:
    """The people visible in one frame."""

    rows: np.ndarray
    """(bodies,) int: rows of the people in bodies.npz."""
    vertices: np.ndarray
    """(bodies, vertices, 3) world."""
    colours: np.ndarray
    """(bodies, 3) RGB in [0, 1]."""
    opacities: np.ndarray
    """(bodies,) in [0, 1]."""


def camera_views(
    frames: range,
    images: Iterable[np.ndarray],
    posed: Iterable[PosedPeople],
    cameras: Cameras,
    size_px: tuple[int, int],
    shot_starts: Collection[int] = (),
) -> Iterator[ViewFrame]:
    """What the camera view shows in some frames, of which there are images and people: bodies over each image.

    Where the lens distorts, the bodies are bent to match, so that the image stays as it is.
    """
    Ks = scaled_intrinsics(cameras.K[frames.start : frames.stop], tuple(cameras.size_px), size_px)
    for frame, K, image, people in zip(frames, Ks, images, posed, strict=True):
        fits = image.shape[1::-1] == size_px
        T_world_cam = cameras.T_world_cam[frame]
        yield ViewFrame(
            vertices=bend_like_lens(people.vertices, T_world_cam, cameras.distortion),
            colours=people.colours,
            T_world_cam=T_world_cam,
            K=K,
            image=image if fits else cv2.resize(image, size_px, interpolation=cv2.INTER_AREA),
            opacities=people.opacities,
            person_rows=people.rows,
            starts_shot=frame in shot_starts,
        )


def side_views(
    frames: range,
    posed: Iterable[PosedPeople],
    cameras: Cameras,
    real_cameras: Iterable[RealCamera | None],
    size_px: tuple[int, int],
    shot_starts: Collection[int] = (),
) -> Iterator[ViewFrame]:
    """What the side view shows in some frames: bodies on a floor, and the real camera if there is one."""
    Ks = scaled_intrinsics(cameras.K[frames.start : frames.stop], tuple(cameras.size_px), size_px)
    for frame, K, real_camera, people in zip(frames, Ks, real_cameras, posed, strict=True):
        yield ViewFrame(
            vertices=people.vertices,
            colours=people.colours,
            T_world_cam=cameras.T_world_cam[frame],
            K=K,
            image=None,
            opacities=people.opacities,
            real_camera=real_camera,
            person_rows=people.rows,
            starts_shot=frame in shot_starts,
        )


def real_camera_frames(
    frames: range, images: Iterable[np.ndarray], cameras: Cameras, trail: CameraTrail
) -> Iterator[RealCamera]:
    """The real camera with its image and its trail so far, in each of some frames."""
    size_px = tuple(cameras.size_px)
    for frame, image in zip(frames, images, strict=True):
        yield RealCamera(cameras.T_world_cam[frame], cameras.K[frame], size_px, image, trail.until(frame))


def scaled_intrinsics(K: np.ndarray, size_px: tuple[int, int], new_size_px: tuple[int, int]) -> np.ndarray:
    """(..., 3, 3) intrinsics for pictures resized from `size_px` to `new_size_px`.

    Pixel corners stay corners when a picture is resized, so centres move by fractions of a pixel.
    """
    scale = np.array(new_size_px) / np.array(size_px)
    scaled = K.astype(np.float64)
    scaled[..., :2, :] *= scale[:, None]
    scaled[..., :2, 2] += (scale - 1) / 2
    return scaled


def bend_like_lens(points: np.ndarray, T_world_cam: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """Move points so that a pinhole sees them where the lens puts them.

    Beyond the angle up to which the lens model is valid, points stay at its limit, because there
    the polynomial folds back into the picture.

    Args:
        points: (..., 3) world.
        T_world_cam: (4, 4).
        distortion: (coefficients,) of OpenCV; nothing is moved if it is empty or zero.

    Returns:
        (..., 3) world; depths are unchanged, and so is everything behind the camera.
    """
    if not distortion.any() or not points.size:
        return points
    points_cam = transform_points(invert_rigid(T_world_cam), points.reshape(-1, 3))
    ahead = points_cam[:, 2] > 1e-3
    rays = (points_cam[ahead, :2] / points_cam[ahead, 2:]).astype(np.float32)
    bent = lens.distort_points(rays, distortion.astype(np.float32), check_validity=False, clip_to_valid=True)
    points_cam[ahead, :2] = bent * points_cam[ahead, 2:]
    return transform_points(T_world_cam, points_cam).reshape(points.shape)


def looked_at(T_world_cam: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(2,) x, z of the floor in the middle of the view: under the bodies, else some metres ahead."""
    if vertices.size:
        return vertices[..., [0, 2]].mean(axis=(0, 1))
    return (T_world_cam[:3, 3] + 5 * T_world_cam[:3, 2])[[0, 2]]
