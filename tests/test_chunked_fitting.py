"""What looks at long clips piece by piece finds the same, bit for bit, whatever the pieces."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from walkers import Walk, walking_people

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting import contacts, shared_floor, side_flips, track_smoothing
from nlf_pipeline.fitting.contacts import foot_motion, long_foot_motion
from nlf_pipeline.fitting.shared_floor import floor_factors
from nlf_pipeline.fitting.side_flips import Sides, TurnedRotations, corrected
from nlf_pipeline.fitting.track_smoothing import PoseTrack, Smoothing, SmoothTrack, smooth_track
from nlf_pipeline.fitting.trunk_prior import hold_trunk, usual_pose
from nlf_pipeline.kinematics import global_rotations
from nlf_pipeline.viewing import framing

FPS, FRAMES = 25.0, 60
UP = np.array([0.0, 1, 0])
HOW = Smoothing(FPS, [slice(0, 25), slice(25, FRAMES)], 0.18, 0.5)
CAMERAS = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (FRAMES, 1, 1))
CAMERAS[:, 1, 3] = 1.6


@pytest.fixture(params=[1, 7, 1 << 20])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes pieces of one size from now on."""

    def use() -> None:
        for module in (contacts, shared_floor, side_flips, track_smoothing):
            monkeypatch.setattr(module, "_CHUNK_FRAMES", request.param)

    return use


@pytest.fixture(scope="module")
def walks(meshes: BodyMeshes) -> list[Walk]:
    return walking_people(meshes, 2, FRAMES, FPS)


def estimated(walker: Walk, seed: int) -> PoseTrack:
    """A noisy track in the camera's axes, with a gap, and a run in which left and right are confused."""
    rng = np.random.default_rng(seed)
    pose = walker.pose_rotvecs + 0.03 * rng.normal(size=walker.pose_rotvecs.shape)
    root = walker.joints[:, 0] - CAMERAS[:, :3, 3]
    sides = np.where((np.arange(FRAMES) >= 40) & (np.arange(FRAMES) < 46), Sides.LEGS, Sides.RIGHT)
    rotations = corrected(global_rotations(pose), sides, root, UP)
    observed = np.ones(FRAMES, dtype=bool)
    observed[10:14] = False
    flip = CAMERAS[0, :3, :3]
    return PoseTrack(
        (flip @ rotations * observed[:, None, None, None]).astype(np.float32),
        root @ flip * observed[:, None],
        (0.01 + 0.01 * rng.random(rotations.shape[:2])).astype(np.float32) * observed[:, None],
        observed,
    )


def smoothed(walks: list[Walk], meshes: BodyMeshes) -> list[SmoothTrack]:
    rest = meshes.joints_rest(np.zeros(10, np.float32))
    return [smooth_track(estimated(walker, seed), rest, CAMERAS, HOW) for seed, walker in enumerate(walks)]


def same(a: object, b: object) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def test_tracks_are_smoothed_alike_in_any_pieces(chunk: Callable[[], None], meshes: BodyMeshes, walks: list[Walk]):
    whole = smoothed(walks, meshes)
    assert any(track.repaired[40:46].any() for track in whole)  # so flips were found and put right
    chunk()
    for track, again in zip(whole, smoothed(walks, meshes), strict=True):
        assert same(track, again)


def test_smoothing_leaves_the_estimates_as_they_are(meshes: BodyMeshes, walks: list[Walk]):
    track, before = estimated(walks[0], 0), estimated(walks[0], 0)
    smooth_track(track, meshes.joints_rest(np.zeros(10, np.float32)), CAMERAS, HOW)
    assert same(track, before)


def test_the_shared_floor_is_found_alike_in_any_pieces(
    chunk: Callable[[], None], meshes: BodyMeshes, walks: list[Walk]
):
    tracks, betas = smoothed(walks, meshes), [np.zeros(10, np.float32)] * 2
    one_shot = Smoothing(FPS, [slice(0, FRAMES)], 0.18, 0.5)
    given = np.zeros(2, dtype=bool)
    whole = floor_factors(betas, tracks, meshes, CAMERAS, one_shot, given)
    chunk()
    np.testing.assert_array_equal(floor_factors(betas, tracks, meshes, CAMERAS, one_shot, given), whole)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 22])
def test_feet_move_alike_in_any_pieces(chunk: Callable[[], None], n: int):
    chunk()
    soles = np.random.default_rng(n).normal(size=(n, 2, 5, 3)).astype(np.float32)
    assert same(long_foot_motion(lambda frames: soles[frames], n, UP, FPS), foot_motion(soles, UP, FPS))


def test_rotations_turned_on_demand_are_those_turned_at_once():
    rng = np.random.default_rng(0)
    rotations = Rotation.random(80, random_state=1).as_matrix().reshape(20, 4, 3, 3).astype(np.float32)
    turns, frames = Rotation.random(9, random_state=2).as_matrix().astype(np.float32), rng.permutation(20)[:9]
    whole, lazy = turns[:, None] @ rotations[frames], TurnedRotations(turns, rotations, frames)
    np.testing.assert_array_equal(lazy[2:7], whole[2:7])
    np.testing.assert_array_equal(lazy[np.array([8, 0])], whole[[8, 0]])


def test_trunks_are_held_in_place_as_elsewhere(meshes: BodyMeshes, walks: list[Walk]):
    rotations = global_rotations(walks[0].pose_rotvecs).astype(np.float32)
    observed, rest = np.arange(FRAMES) % 3 > 0, meshes.joints_rest(np.zeros(10, np.float32))
    usual = usual_pose(rotations, observed)
    np.testing.assert_array_equal(usual, usual_pose(rotations[observed]))
    elsewhere = hold_trunk(rotations, rest, usual)
    assert hold_trunk(rotations, rest, usual, out=rotations) is rotations
    np.testing.assert_array_equal(rotations, elsewhere)


def test_side_views_follow_alike_in_any_pieces(monkeypatch: pytest.MonkeyPatch, walks: list[Walk]):
    joints, shown = np.array([walker.joints for walker in walks]), np.ones((2, FRAMES), dtype=bool)
    camera = framing.SideCamera(np.eye(3), np.array([[300.0, 0, 160], [0, 300, 90], [0, 0, 1]]), (320, 180))

    def path() -> framing.Following:
        return framing.follow(joints, shown, CAMERAS[:, :3, 3], camera, 10.0)

    whole = path()
    for size in (1, 7):
        monkeypatch.setattr(framing, "_CHUNK_FRAMES", size)
        assert same(path(), whole)
