"""Planted feet hold still on the floor: first the body moves as a whole, then the legs give way.

An estimated foot that slides is wrong because of where the body is, or because of how its leg is
posed. Both errors change slowly, so they are modelled as smooth offsets of known spread; wanted
are the most probable ones that let planted feet rest.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial.transform import Rotation

from nlf_pipeline.filtering import true_runs, whittaker
from nlf_pipeline.fitting.contacts import foot_motion, part_stances, planted_feet
from nlf_pipeline.fitting.leg_ik import move_feet
from nlf_pipeline.fitting.leg_turning import feet_at, turn_legs
from nlf_pipeline.fitting.soles import TOES, Soles
from nlf_pipeline.geometry import skew
from nlf_pipeline.kinematics import joint_positions

_BODY_LATERAL_SD, _BODY_DEPTH_SD = 0.012, 0.08
"""Errors of a body's place across and along the viewing ray, metres."""
_BODY_ROLL_SD, _BODY_LEAN_SD = 0.02, 0.07
"""Errors of a body's orientation about the viewing ray, which the picture shows well, and about other axes, radians."""
_BODY_ERROR_S = 0.25
"""How slowly both change, seconds."""
_FOOT_LATERAL_SD, _FOOT_DEPTH_SD, _FOOT_HEIGHT_SD = 0.02, 0.06, 0.007
"""Errors of a foot relative to the body across and along the viewing ray, and in height, metres.

Together they allow least in height, where they would bend the knee."""
_FOOT_ERROR_S = 0.3
"""How slowly it changes, seconds."""
_ROUNDS = 2
_REWEIGHTINGS = 3
_LOCK_WEIGHT = 1e5
_RELEASE_PERIOD_S = 0.4
"""A foot's offset bends no faster than this on its way from one stance to the next, seconds."""
_UP = np.array([0.0, 1.0, 0.0])
_RIDGE = 1e-9


@dataclass(frozen=True)
class LockedMotion:
    """One person whose planted feet rest."""

    rotations: np.ndarray
    """(frames, joints, 3, 3) global, world."""
    joints: np.ndarray
    """(frames, joints, 3) world, metres."""
    contacts: np.ndarray
    """(frames, 2) bool: left, right foot planted."""


@dataclass(frozen=True)
class Stepping:
    """When the feet of one person are planted, and what must then hold still; no gaps or cuts inside."""

    hold: np.ndarray
    """(frames, 2) how firmly each foot is planted, 0-1."""
    toes: np.ndarray
    """(frames, 2, 3) toe joints, world, metres: x and z must not change while planted."""
    lowest: np.ndarray
    """(frames, 2) height of the lowest sole point, metres: must be 0 while planted."""
    precision: np.ndarray
    """(frames, 2, 3, 3) how certain the places of the feet relative to the body are, 1 / metres^2."""

    @property
    def plants(self) -> list[tuple[int, slice]]:
        """(foot, frames) of every stance."""
        return [(foot, run) for foot in (0, 1) for run in true_runs(self.hold[:, foot] > 0)]


def lock_feet(
    rotations: np.ndarray, root: np.ndarray, feet: Soles, centres: np.ndarray, fps: float, move: bool = True
) -> LockedMotion:
    """Let planted feet rest on the floor y = 0.

    Args:
        rotations: (frames, joints, 3, 3) global, world, without gaps or cuts.
        root: (frames, 3) root joint, world, metres.
        feet: of this person.
        centres: (frames, 3) camera centres, world.
        fps: frames per second.
        move: without it the contacts are found and nothing is moved.
    """
    joints = joint_positions(rotations, root, feet.joints_rest)
    steps, moved = _stepping(rotations, joints, feet, centres, fps), np.zeros((len(root), 6))
    for _ in range(_ROUNDS if move else 0):
        so_far, moved = moved, body_motion(steps, joints[:, 0], _rays(joints[:, 0], centres), moved, fps)
        offsets, turns = np.split(moved - so_far, 2, axis=-1)
        rotations = Rotation.from_rotvec(turns).as_matrix()[:, None] @ rotations
        joints = joint_positions(rotations, joints[:, 0] + offsets, feet.joints_rest)
        steps = _stepping(rotations, joints, feet, centres, fps)
    if move and steps.plants:
        goals = feet_at(rotations, joints, feet) + foot_offsets(resting_offsets(steps), steps.hold, fps)
        rotations = turn_legs(rotations, joints[:, 0], feet, goals, _rays(joints[:, 0], centres))
        joints = joint_positions(rotations, joints[:, 0], feet.joints_rest)
        rotations = move_feet(rotations, joints, goals - feet_at(rotations, joints, feet))
        joints = joint_positions(rotations, joints[:, 0], feet.joints_rest)
    return LockedMotion(rotations, joints, steps.hold > 0)


def _stepping(rotations: np.ndarray, joints: np.ndarray, feet: Soles, centres: np.ndarray, fps: float) -> Stepping:
    motion, toes = foot_motion(feet.posed(rotations, joints), _UP, fps), joints[:, list(TOES)]
    hold = part_stances(planted_feet(motion, centres, fps), toes[..., [0, 2]])
    rays = _rays(toes, centres[:, None])
    precision = _inverse_covariance(rays, _FOOT_LATERAL_SD, _FOOT_DEPTH_SD) + np.diag(_UP) / _FOOT_HEIGHT_SD**2
    return Stepping(hold, toes, motion.points[..., 1], precision)


def _rays(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Unit vectors from the camera to the points."""
    rays = points - centres
    return rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), _RIDGE)


def _inverse_covariance(axes: np.ndarray, across_sd: float, along_sd: float) -> np.ndarray:
    """(..., 3, 3) of errors with different spread across and along (..., 3) unit vectors."""
    along = axes[..., :, None] * axes[..., None, :]
    return (np.eye(3) - along) / across_sd**2 + along / along_sd**2


def body_motion(steps: Stepping, root: np.ndarray, rays: np.ndarray, so_far: np.ndarray, fps: float) -> np.ndarray:
    """Small motions of the whole body that let planted feet rest as far as the evidence allows.

    Robust least squares over the motions of all frames and the place of every stance.

    Args:
        steps: of one person.
        root: (frames, 3) root joint, world, metres.
        rays: (frames, 3) unit vectors from the camera to the body, along which its place is least certain.
        so_far: (frames, 6) how the body has been moved from its evidence already.
        fps: frames per second.

    Returns:
        (frames, 6) offsets of the root, metres, and rotation vectors about it, radians, from the evidence.
    """
    if not steps.plants:
        return np.zeros_like(so_far)
    design, target = _stance_equations(steps, root)
    target = target + design[:, : so_far.size] @ so_far.ravel()
    frames, held = len(root), steps.hold > 0
    hold, precision = steps.hold[held], steps.precision[held]
    places = 1e-6 * sparse.eye_array(2 * len(steps.plants))
    prior = sparse.block_diag([_smoothness_prior(rays, fps), places], format="csc")
    residual = np.zeros((len(hold), 3))
    for _ in range(_REWEIGHTINGS):
        squared = np.einsum("ni,nij,nj->n", residual, precision, residual) / 3
        believed = hold / (1 + squared / 9) ** 2 / (_FOOT_ERROR_S * fps)
        weighted = design.T @ _block_diagonal(precision * believed[:, None, None])
        solution = splu((prior + weighted @ design).tocsc()).solve(weighted @ target)
        residual = (target - design @ solution).reshape(-1, 3)
    return solution[: 6 * frames].reshape(-1, 6)


def resting_offsets(steps: Stepping) -> np.ndarray:
    """(frames, 2, 3) offsets that bring planted feet to rest: at the stance's most probable place on the floor.

    Where feet are surest across the viewing rays, that is where the rays meet the floor.
    """
    left = np.zeros_like(steps.toes)
    for foot, run in steps.plants:
        at = steps.toes[run, foot].copy()
        at[:, 1] = steps.lowest[run, foot]
        precision = steps.precision[run, foot] * steps.hold[run, foot, None, None]
        pull = (precision @ at[..., None]).sum(axis=0)[[0, 2], 0]
        x, z = np.linalg.solve(precision.sum(axis=0)[[0, 2]][:, [0, 2]], pull)
        left[run, foot] = np.array([x, 0, z]) - at
    return left


def foot_offsets(left: np.ndarray, hold: np.ndarray, fps: float) -> np.ndarray:
    """Move planted feet all the way to rest, and let go smoothly in between.

    Args:
        left: (frames, 2, 3) offsets wanted while planted.
        hold: (frames, 2) how firmly each foot is planted, 0-1.
        fps: frames per second.

    Returns:
        (frames, 2, 3) offsets of the feet.
    """
    wanted = [whittaker(left[:, f], 1 + _LOCK_WEIGHT * hold[:, f], _RELEASE_PERIOD_S * fps) for f in (0, 1)]
    return np.stack(wanted, axis=1)


def _smoothness_prior(rays: np.ndarray, fps: float) -> sparse.csc_array:
    """(6 frames, 6 frames) precision of offsets and rotations: small, smooth, smaller across the ray than along it."""
    frames, slowness = len(rays), _BODY_ERROR_S * fps
    certainty = np.zeros((frames, 6, 6))
    certainty[:, :3, :3] = _inverse_covariance(rays, _BODY_LATERAL_SD, _BODY_DEPTH_SD)
    certainty[:, 3:, 3:] = _inverse_covariance(rays, _BODY_LEAN_SD, _BODY_ROLL_SD)
    prior = _block_diagonal(certainty / slowness)
    if frames < 3:
        return prior
    bend = sparse.kron(sum(c * sparse.eye_array(frames - 2, frames, k=k) for k, c in enumerate((1, -2, 1))), np.eye(6))
    return sparse.csc_array(prior + bend.T @ _block_diagonal(certainty[1:-1] * slowness**3) @ bend)


def _block_diagonal(blocks: np.ndarray) -> sparse.csc_array:
    """(n, d, d) blocks to a (n d, n d) matrix."""
    n = len(blocks)
    return sparse.csc_array(sparse.bsr_array((blocks, np.arange(n), np.arange(n + 1))))


def _stance_equations(steps: Stepping, root: np.ndarray) -> tuple[sparse.csc_array, np.ndarray]:
    """Three equations per planted foot and frame: x and z come to the stance's place, the sole to the floor."""
    frames = len(steps.hold)
    place = np.full(steps.hold.shape, -1)
    for index, (foot, run) in enumerate(steps.plants):
        place[run, foot] = index
    at, foot = np.nonzero(place >= 0)
    n, places = len(at), 6 * frames + 2 * place[at, foot]
    lever = -skew(steps.toes[at, foot] - root[at])
    by_motion = np.concatenate([np.tile(np.eye(3), (n, 1, 1)), lever], axis=-1)
    rows = np.broadcast_to(3 * np.arange(n)[:, None, None] + np.arange(3)[:, None], by_motion.shape)
    columns = np.broadcast_to(6 * at[:, None, None] + np.arange(6), by_motion.shape)
    rows = np.concatenate([rows.ravel(), 3 * np.arange(n), 3 * np.arange(n) + 2])
    columns = np.concatenate([columns.ravel(), places, places + 1])
    values = np.concatenate([by_motion.ravel(), -np.ones(2 * n)])
    design = sparse.csc_array((values, (rows, columns)), shape=(3 * n, 6 * frames + 2 * len(steps.plants)))
    toes = steps.toes[at, foot]
    target = -np.stack([toes[:, 0], steps.lowest[at, foot], toes[:, 2]], axis=-1)
    return design, target.ravel()
