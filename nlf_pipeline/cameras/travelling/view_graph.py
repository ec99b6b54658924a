"""Keyframes and the two-view geometries between them, as the database that structure from motion starts from."""

import itertools
from dataclasses import dataclass
from pathlib import Path

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
_ZOOM_GAPS = (1, 2, 4, 8)
_FEWEST_MATCHES = 30
_FEWEST_INLIERS = 20
INLIER_PX = 2.0
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


@dataclass(frozen=True)
class VerifiedPair:
    """Two keyframes that see the same points."""

    first: int
    """Of the list of keyframes."""
    second: int
    matches: np.ndarray
    """(matches, 2) uint32 rows of the points in either frame."""
    geometry: pycolmap.TwoViewGeometry


def verify_pairs(
    tracks: PointTracks, lens: Lens, keyframes: np.ndarray, seed: int, is_zoom: bool = False
) -> list[VerifiedPair]:
    """Two-view geometries of keyframes near each other that share enough points.

    Args:
        tracks: points in the window.
        lens: its focal length is used only where it is known.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        seed: of the random samples.
        is_zoom: every keyframe has a camera of its own.
    """
    options = two_view_options(seed)
    # COLMAP takes the focal length for shared between pictures whose cameras have the same id.
    camera, other = make_camera(lens, tracks.size_px), make_camera(lens, tracks.size_px)
    camera.camera_id, other.camera_id = 1, 2 if is_zoom else 1
    points = [tracks.points_px[k].astype(np.float64) + PIXEL_CENTRE for k in keyframes]
    pairs = []
    for gap, i in itertools.product(_ZOOM_GAPS if is_zoom else _GAPS, range(len(keyframes))):
        j = i + gap
        if j >= len(keyframes):
            continue
        matches = match_points(tracks, keyframes[i], keyframes[j])
        if len(matches) >= _FEWEST_MATCHES:
            geometry = pycolmap.estimate_two_view_geometry(camera, points[i], other, points[j], matches, options)
            if len(geometry.inlier_matches) >= _FEWEST_INLIERS:
                pairs.append(VerifiedPair(i, j, matches, geometry))
    return pairs


def write_view_graph(
    path: Path, tracks: PointTracks, lens: Lens, keyframes: np.ndarray, pairs: list[VerifiedPair], is_zoom: bool = False
) -> None:
    """Write a new COLMAP database: the keyframes' points as features, and verified pairs of keyframes.

    Args:
        path: file to write. Images are named by their frame.
        tracks: points in the window.
        lens: its focal length is a prior only where it is known.
        keyframes: (keyframes,) int, ascending frames of `tracks`.
        pairs: of these keyframes.
        is_zoom: every keyframe has a camera of its own.
    """
    with pycolmap.Database.open(path) as database:
        cameras = [_write_camera(database, lens, tracks.size_px) for _ in range(len(keyframes) if is_zoom else 1)]
        ids = [_write_view(database, cameras[i % len(cameras)], tracks, int(k)) for i, k in enumerate(keyframes)]
        for pair in pairs:
            database.write_matches(ids[pair.first], ids[pair.second], pair.matches)
            database.write_two_view_geometry(ids[pair.first], ids[pair.second], pair.geometry)


def make_camera(lens: Lens, size_px: tuple[int, int]) -> pycolmap.Camera:
    """COLMAP's camera for `lens`: with one radial term if it has any distortion."""
    width_px, height_px = size_px
    centred = [lens.focal_px, width_px / 2, height_px / 2]
    model, parameters = ("SIMPLE_RADIAL", [*centred, lens.k1]) if lens.k1 else ("SIMPLE_PINHOLE", centred)
    camera = pycolmap.Camera(model=model, width=width_px, height=height_px, params=parameters)
    camera.has_prior_focal_length = lens.is_known
    return camera


def two_view_options(seed: int) -> pycolmap.TwoViewGeometryOptions:
    """For pairs of keyframes: inliers within two pixels, relative pose wanted."""
    options = pycolmap.TwoViewGeometryOptions()
    options.ransac.max_error = INLIER_PX
    options.ransac.random_seed = seed
    options.compute_relative_pose = True
    return options


def _write_camera(database: pycolmap.Database, lens: Lens, size_px: tuple[int, int]) -> tuple[pycolmap.Camera, int]:
    """The camera, and the id of the rig that COLMAP wants around it."""
    camera = make_camera(lens, size_px)
    camera.camera_id = database.write_camera(camera)
    rig = pycolmap.Rig()
    rig.add_ref_sensor(camera.sensor_id)
    return camera, database.write_rig(rig)


def _write_view(
    database: pycolmap.Database, rigged: tuple[pycolmap.Camera, int], tracks: PointTracks, frame: int
) -> int:
    """The image's id."""
    camera, rig_id = rigged
    image = pycolmap.Image(name=f"{frame:06d}", camera_id=camera.camera_id)
    image.image_id = database.write_image(image)
    pose = pycolmap.Frame()
    pose.rig_id = rig_id
    pose.add_data_id(image.data_id)
    database.write_frame(pose)
    points = tracks.points_px[frame] + np.float32(PIXEL_CENTRE)
    database.write_keypoints(image.image_id, np.ascontiguousarray(points, dtype=np.float32))
    return image.image_id


def match_points(tracks: PointTracks, i: int, j: int) -> np.ndarray:
    """(matches, 2) uint32: rows of the same points in the frames `i` and `j`."""
    _, in_i, in_j = np.intersect1d(tracks.ids[i], tracks.ids[j], assume_unique=True, return_indices=True)
    return np.stack([in_i, in_j], axis=1).astype(np.uint32)


def _n_shared(tracks: PointTracks, i: int, j: int) -> int:
    return len(np.intersect1d(tracks.ids[i], tracks.ids[j], assume_unique=True))
