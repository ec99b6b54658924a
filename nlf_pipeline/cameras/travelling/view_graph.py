"""Keyframes and the two-view geometries between them, as the database that structure from motion starts from."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pycolmap

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.windows.window_motion import Lens

_FRAMES_PER_KEYFRAME = 6
_MOST_KEYFRAMES = 48
_ENOUGH_KEYFRAMES = 20
_FEWEST_KEYFRAMES = 12
_FEWEST_SHARED = 100
"""Neighbouring keyframes that share fewer points are not parted further."""
_GAPS = (1, 2, 3, 4, 6, 8, 12)
_FEWEST_MATCHES = 30
_FEWEST_INLIERS = 20
_INLIER_PX = 2.0
_HOMOGRAPHIES = (
    pycolmap.TwoViewGeometryConfiguration.PLANAR,
    pycolmap.TwoViewGeometryConfiguration.PANORAMIC,
    pycolmap.TwoViewGeometryConfiguration.PLANAR_OR_PANORAMIC,
)
PIXEL_CENTRE = 0.5
"""Where COLMAP has the centre of the top left pixel."""


def select_keyframes(tracks: PointTracks, keyframes: np.ndarray) -> np.ndarray:
    """Thin `keyframes` to one in six frames, between 20 and 48 of them; where there are fewer than 12, add some.

    Thinning drops the keyframe whose neighbours share most points, again and again, so that keyframes stay dense
    where the picture changes fast. What structure from motion costs grows faster than its keyframes.

    Args:
        tracks: points in the window.
        keyframes: (keyframes,) int, ascending frames of `tracks`.

    Returns:
        (keyframes,) int, ascending; the first and the last are kept.
    """
    kept = [int(frame) for frame in keyframes]
    if len(kept) < _FEWEST_KEYFRAMES:
        spread = np.linspace(kept[0], kept[-1], _FEWEST_KEYFRAMES).round().astype(int)
        return np.union1d(kept, spread)
    at_most = int(np.clip(tracks.n_frames // _FRAMES_PER_KEYFRAME, _ENOUGH_KEYFRAMES, _MOST_KEYFRAMES))
    return thin_keyframes(tracks, np.array(kept), at_most)


def thin_keyframes(tracks: PointTracks, keyframes: np.ndarray, at_most: int) -> np.ndarray:
    """Drop keyframes whose neighbours share most points until `at_most` are left, or none can be spared."""
    kept = [int(frame) for frame in keyframes]
    bridged = [_n_shared(tracks, before, after) for before, after in zip(kept, kept[2:], strict=False)]
    while len(kept) > at_most:
        best = int(np.argmax(bridged))
        if bridged[best] < _FEWEST_SHARED:
            break
        del kept[best + 1], bridged[best]
        for i in (best - 1, best):
            if 0 <= i < len(bridged):
                bridged[i] = _n_shared(tracks, kept[i], kept[i + 2])
    return np.array(kept)


def write_view_graph(
    path: Path, tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int, n_cameras: int = 1
) -> None:
    """Write a new COLMAP database: the keyframes' points as features, and verified pairs of keyframes.

    Args:
        path: file to write. Images are named by their frame.
        tracks: points in the window.
        lens: its focal length is a prior only where it is known.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of the random samples of two-view geometry.
        n_cameras: parts of the window that may have a focal length of their own, in order.
    """
    with pycolmap.Database.open(path) as database:
        cameras = [_write_camera(database, lens, tracks.size_px) for _ in range(n_cameras)]
        owner = np.arange(len(keyframes)) * n_cameras // len(keyframes)
        views = [_write_view(database, cameras[o], tracks, int(k)) for o, k in zip(owner, keyframes, strict=True)]
        options = _two_view_options(seed)
        for gap, i in itertools.product(_GAPS, range(len(keyframes))):
            if i + gap < len(keyframes):
                _write_pair(database, tracks, views[i], views[i + gap], options)


def relative_rotations(tracks: PointTracks, camera: pycolmap.Camera, i: int, j: int, seed: int) -> list[np.ndarray]:
    """Rotations (3, 3) from the frame `i` to the frame `j` that their shared points allow, by two-view geometry alone.

    From the essential matrix; or from a homography, if one explains the points as well. None if too few are shared.
    """
    matches = _match(tracks, i, j)
    if len(matches) < _FEWEST_MATCHES:
        return []
    points_i, points_j = (tracks.points_px[k].astype(np.float64) + PIXEL_CENTRE for k in (i, j))
    geometry = pycolmap.estimate_calibrated_two_view_geometry(
        camera, points_i, camera, points_j, matches, _two_view_options(seed)
    )
    found = geometry.cam2_from_cam1
    rotations = [] if found is None else [found.rotation.matrix()]
    if geometry.config in _HOMOGRAPHIES and geometry.H is not None:
        rotations.extend(cv2.decomposeHomographyMat(geometry.H, camera.calibration_matrix())[1])
    return rotations


def make_camera(lens: Lens, size_px: tuple[int, int]) -> pycolmap.Camera:
    """COLMAP's camera for `lens`: with one radial term if it has any distortion."""
    width_px, height_px = size_px
    centred = [lens.focal_px, width_px / 2, height_px / 2]
    model, parameters = ("SIMPLE_RADIAL", [*centred, lens.k1]) if lens.k1 else ("SIMPLE_PINHOLE", centred)
    camera = pycolmap.Camera(model=model, width=width_px, height=height_px, params=parameters)
    camera.has_prior_focal_length = lens.is_known
    return camera


def _two_view_options(seed: int) -> pycolmap.TwoViewGeometryOptions:
    """For pairs of keyframes: inliers within two pixels, relative pose wanted."""
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.max_error = _INLIER_PX
    options.ransac.random_seed = seed
    options.compute_relative_pose = True
    return options


@dataclass(frozen=True)
class _View:
    """A keyframe in the database."""

    frame: int
    image_id: int
    camera: pycolmap.Camera
    points: np.ndarray
    """(points, 2) pixels, COLMAP's."""


def _write_camera(database: pycolmap.Database, lens: Lens, size_px: tuple[int, int]) -> tuple[pycolmap.Camera, int]:
    """The camera, and the id of the rig that COLMAP wants around it."""
    camera = make_camera(lens, size_px)
    camera.camera_id = database.write_camera(camera)
    rig = pycolmap.Rig()
    rig.add_ref_sensor(camera.sensor_id)
    return camera, database.write_rig(rig)


def _write_view(
    database: pycolmap.Database, rigged: tuple[pycolmap.Camera, int], tracks: PointTracks, frame: int
) -> _View:
    camera, rig_id = rigged
    image = pycolmap.Image(name=f"{frame:06d}", camera_id=camera.camera_id)
    image.image_id = database.write_image(image)
    pose = pycolmap.Frame()
    pose.rig_id = rig_id
    pose.add_data_id(image.data_id)
    database.write_frame(pose)
    points = tracks.points_px[frame].astype(np.float64) + PIXEL_CENTRE
    database.write_keypoints(image.image_id, np.ascontiguousarray(points, dtype=np.float32))
    return _View(frame, image.image_id, camera, points)


def _write_pair(
    database: pycolmap.Database,
    tracks: PointTracks,
    first: _View,
    second: _View,
    options: pycolmap.TwoViewGeometryOptions,
) -> None:
    matches = _match(tracks, first.frame, second.frame)
    if len(matches) < _FEWEST_MATCHES:
        return
    geometry = pycolmap.estimate_two_view_geometry(
        first.camera, first.points, second.camera, second.points, matches, options
    )
    if len(geometry.inlier_matches) >= _FEWEST_INLIERS:
        database.write_matches(first.image_id, second.image_id, matches)
        database.write_two_view_geometry(first.image_id, second.image_id, geometry)


def _match(tracks: PointTracks, i: int, j: int) -> np.ndarray:
    """(matches, 2) uint32: rows of the same points in the frames `i` and `j`."""
    _, in_i, in_j = np.intersect1d(tracks.ids[i], tracks.ids[j], assume_unique=True, return_indices=True)
    return np.stack([in_i, in_j], axis=1).astype(np.uint32)


def _n_shared(tracks: PointTracks, i: int, j: int) -> int:
    return len(np.intersect1d(tracks.ids[i], tracks.ids[j], assume_unique=True))
