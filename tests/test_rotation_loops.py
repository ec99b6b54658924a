"""Places that a turning camera sees again are recognised, and stop its drift."""

import cv2
import numpy as np
import pytest
from turning_tracks import FOCAL_PX, SIZE_PX, Shot, follow, rotation_errors_deg, sweep

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.rotation_adjustment import adjust
from nlf_pipeline.cameras.turning.rotation_loops import close_loops, find_loops
from nlf_pipeline.cameras.turning.rotation_pairs import KeyframePairs, gather_pairs, spread_keyframes
from nlf_pipeline.cameras.turning.rotation_residuals import TurningCamera, pair_residuals
from nlf_pipeline.cameras.turning.rotation_solver import solve_rotation
from nlf_pipeline.cameras.windows.window_motion import Lens

DRIFT = 1.03


@pytest.fixture(scope="module")
def shot() -> Shot:
    return Shot(sweep(420, 120), np.full(120, FOCAL_PX))


@pytest.fixture(scope="module")
def tracks(shot: Shot) -> PointTracks:
    return follow(shot, noise_px=1.0, outliers=0.1, lifetime=12)


@pytest.fixture(scope="module")
def pairs(tracks: PointTracks) -> KeyframePairs:
    return gather_pairs(tracks, spread_keyframes(tracks), 0, planar_only=True)


@pytest.fixture(scope="module")
def pictures(shot: Shot, pairs: KeyframePairs) -> dict[int, np.ndarray]:
    return {int(frame): picture_of_panorama(shot.R_cam_world[frame], seed=0) for frame in pairs.frames}


def picture_of_panorama(R_cam_world: np.ndarray, seed: int) -> np.ndarray:
    """(height, width) uint8 view into a random pattern all around."""
    size = (512, 1024)
    noise = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    pattern = cv2.GaussianBlur(np.tile(noise, (1, 3)), (0, 0), 2)[:, size[1] : 2 * size[1]]
    pattern = np.clip(128 + 60 * pattern / pattern.std(), 0, 255).astype(np.uint8)
    x, y = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SIZE_PX))
    rays = np.stack([x / FOCAL_PX, y / FOCAL_PX, np.ones_like(x)], axis=-1) @ R_cam_world
    longitude = np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi) * size[1]
    latitude = (np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2])) / np.pi + 0.5) * size[0]
    return cv2.remap(
        pattern, longitude.astype(np.float32), latitude.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )


def drifted(shot: Shot, pairs: KeyframePairs) -> TurningCamera:
    """Adjusted to the pairs with a focal length that is too long."""
    start = TurningCamera(shot.R_cam_world[pairs.frames], DRIFT * shot.focal_px[pairs.frames], 0.0)
    return adjust(pairs, start, "fixed").camera


def truth(shot: Shot, pairs: KeyframePairs) -> TurningCamera:
    return TurningCamera(shot.R_cam_world[pairs.frames], shot.focal_px[pairs.frames], 0.0)


def test_finds_the_same_places_in_spite_of_drift(shot: Shot, pairs: KeyframePairs, pictures: dict[int, np.ndarray]):
    camera = drifted(shot, pairs)
    loops = find_loops(pairs, camera, pictures)
    assert len(loops) >= 5
    assert np.all(loops.second - loops.first > 10)
    assert np.nanmedian(pair_residuals(loops, camera)) > 50
    assert np.nanmedian(pair_residuals(loops, truth(shot, pairs))) < 0.5


def test_closing_a_turn_tells_the_focal_length(shot: Shot, pairs: KeyframePairs, pictures: dict[int, np.ndarray]):
    solution = adjust(pairs, drifted(shot, pairs), "fixed")
    joined, closed = close_loops(pairs, solution, pictures, "shared", k1=False)
    assert len(joined) > len(pairs)
    np.testing.assert_allclose(closed.camera.focal_px, FOCAL_PX, rtol=2e-3)


def test_the_solver_drifts_less_with_pictures(shot: Shot, tracks: PointTracks, pictures: dict[int, np.ndarray]):
    alone = solve_rotation(tracks, Lens(500.0))
    helped = solve_rotation(tracks, Lens(500.0), pictures=pictures)
    assert rotation_errors_deg(helped, shot).max() < 0.3
    assert rotation_errors_deg(helped, shot).mean() < 0.7 * rotation_errors_deg(alone, shot).mean()


def test_other_pictures_close_nothing(shot: Shot, pairs: KeyframePairs, pictures: dict[int, np.ndarray]):
    solution = adjust(pairs, drifted(shot, pairs), "fixed")
    late = pairs.frames[pairs.frames > 60]
    strange = pictures | {int(frame): picture_of_panorama(shot.R_cam_world[frame], seed=1) for frame in late}
    joined, closed = close_loops(pairs, solution, strange, "shared", k1=False)
    assert joined is pairs and closed is solution


def test_a_pan_that_returns_nowhere_has_no_loops(shot: Shot, pairs: KeyframePairs, pictures: dict[int, np.ndarray]):
    half = pairs.frames < 60
    outward = pairs.select(half[pairs.first] & half[pairs.second])
    assert not len(find_loops(outward, truth(shot, pairs), {f: p for f, p in pictures.items() if f < 60}))


def test_without_pictures_nothing_is_found(shot: Shot, pairs: KeyframePairs):
    assert not len(find_loops(pairs, truth(shot, pairs), {}))
