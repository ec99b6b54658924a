import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from walkers import Walk, walk

from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fitting.side_flips import SeenTrack, Sides, corrected, find_flips, swap_sides
from nlf_pipeline.kinematics import global_rotations, joint_positions

FPS, FRAMES = 25.0, 200
UP = np.array([0.0, 1, 0])
EYE = np.array([0.0, 1.6, 0])


@pytest.fixture(scope="module")
def walker(meshes: BodyMeshes) -> Walk:
    return walk(meshes, np.zeros(10, np.float32), FRAMES, FPS, (0.2, -6.0, 1.0))


def seen(walker: Walk, sides: np.ndarray, frames: np.ndarray | None = None, noise: float = 0.01) -> SeenTrack:
    """Noisy estimates of the walker in some frames, flipped where `sides` (frames,) says so."""
    frames = np.arange(FRAMES) if frames is None else frames
    rng = np.random.default_rng(0)
    pose = walker.pose_rotvecs + noise * rng.normal(size=walker.pose_rotvecs.shape)
    root = walker.joints[:, 0]
    rotations = corrected(global_rotations(pose), sides, root - EYE, UP)
    return SeenTrack(frames, rotations[frames], root[frames], (root - EYE)[frames])


def run(side: Sides, start: int, stop: int) -> np.ndarray:
    sides = np.full(FRAMES, Sides.RIGHT)
    sides[start:stop] = side
    return sides


@pytest.mark.parametrize("side", [Sides.TURNED, Sides.LEGS])
@pytest.mark.parametrize(("start", "stop"), [(60, 63), (60, 75), (5, 90), (110, 200)])
def test_runs_of_any_length_below_half_are_found(
    meshes: BodyMeshes, walker: Walk, side: Sides, start: int, stop: int
) -> None:
    rest = meshes.joints_rest(np.zeros(10))
    sides = run(side, start, stop)
    track = seen(walker, sides)
    found = find_flips(track, rest, UP, FPS)
    wrong = found != sides
    assert wrong.sum() <= 2  # legs that pass each other are the same either way
    fixed = joint_positions(corrected(track.rotations, found, track.rays, UP), track.root, rest)
    assert np.linalg.norm(fixed - walker.joints, axis=-1).mean(axis=1).max() < 0.08


def test_flips_are_found_beside_gaps(meshes: BodyMeshes, walker: Walk) -> None:
    sides = run(Sides.TURNED, 80, 100)
    frames = np.setdiff1d(np.arange(FRAMES), [*range(76, 80), *range(90, 93), 120])
    found = find_flips(seen(walker, sides, frames), meshes.joints_rest(np.zeros(10)), UP, FPS)
    np.testing.assert_array_equal(found, sides[frames])


def test_nothing_is_found_where_nothing_is_wrong(meshes: BodyMeshes, walker: Walk) -> None:
    rest = meshes.joints_rest(np.zeros(10))
    assert not find_flips(seen(walker, np.zeros(FRAMES, int), noise=0.03), rest, UP, FPS).any()


def test_who_walks_backwards_is_not_turned(meshes: BodyMeshes, walker: Walk) -> None:
    track = seen(walker, np.zeros(FRAMES, int))
    reverse = SeenTrack(track.frames, track.rotations[::-1], track.root[::-1], track.rays[::-1])
    assert not find_flips(reverse, meshes.joints_rest(np.zeros(10)), UP, FPS).any()


def test_the_direction_of_travel_tells_which_half_is_flipped(meshes: BodyMeshes, walker: Walk) -> None:
    sides = run(Sides.TURNED, 90, FRAMES)
    found = find_flips(seen(walker, sides), meshes.joints_rest(np.zeros(10)), UP, FPS)
    np.testing.assert_array_equal(found, sides)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_frames_tell_nothing(meshes: BodyMeshes, walker: Walk, n: int) -> None:
    track = seen(walker, np.zeros(FRAMES, int), np.arange(n))
    assert find_flips(track, meshes.joints_rest(np.zeros(10)), UP, FPS).tolist() == [0] * n


@pytest.mark.parametrize("side", list(Sides))
def test_every_flip_is_its_own_inverse(side: Sides) -> None:
    rng = np.random.default_rng(1)
    rotations = Rotation.from_rotvec(2 * rng.normal(size=(5 * 24, 3))).as_matrix().reshape(5, 24, 3, 3)
    rays, sides, values = rng.normal(size=(5, 3)), np.full(5, side), rng.normal(size=(5, 24))
    there = corrected(rotations, sides, rays, UP)
    np.testing.assert_allclose(np.linalg.det(there), 1)
    np.testing.assert_allclose(corrected(there, sides, rays, UP), rotations, atol=1e-12)
    np.testing.assert_array_equal(swap_sides(swap_sides(values, sides), sides), values)


def test_a_turned_body_looks_the_same_from_afar(meshes: BodyMeshes, walker: Walk) -> None:
    """Each joint is where the one of the other side was, but for its depth along the level ray."""
    rest = meshes.joints_rest(np.zeros(10))
    rest = rest - rest[0]
    rest[:, 0] = (rest[:, 0] - swap_sides(rest[None, :, 0], np.array([Sides.TURNED]))[0]) / 2
    pairs = swap_sides(rest[None], np.array([Sides.TURNED]))[0]
    rest[:, 1:] = (rest[:, 1:] + pairs[:, 1:]) / 2
    rotations, ray = global_rotations(walker.pose_rotvecs[:1]), np.array([[0.0, 0, -1]])
    turned = corrected(rotations, np.array([Sides.TURNED]), ray, UP)
    before, after = (joint_positions(r, np.zeros((1, 3)), rest)[0] for r in (rotations, turned))
    other = swap_sides(np.arange(24)[None], np.array([Sides.TURNED]))[0]
    np.testing.assert_allclose(after[other] * [1, 1, -1], before, atol=1e-9)
