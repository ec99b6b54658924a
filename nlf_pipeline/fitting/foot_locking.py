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
from nlf_pipeline.fitting.contacts import FootMotion, foot_motion, part_stances, planted_feet
from nlf_pipeline.fitting.leg_ik import move_feet
from nlf_pipeline.fitting.soles import TOES, Soles
from nlf_pipeline.geometry import skew
from nlf_pipeline.kinematics import joint_positions

_BODY_LATERAL_SD, _BODY_DEPTH_SD = 0.012, 0.08
"""Errors of a body's place across and along the viewing ray, metres."""
_BODY_ROLL_SD, _BODY_LEAN_SD = 0.02, 0.07
"""Errors of a body's orientation about the viewing ray, which the picture shows well, and about other axes, radians."""
_BODY_ERROR_S = 0.4
"""How slowly both change, seconds."""
_FOOT_SD = (0.02, 0.01, 0.02)
"""Error of a foot relative to the body along x, y and z, metres; least along y, where it would bend the knee."""
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
    motion = foot_motion(feet.posed(rotations, joints), _UP, fps)
    hold, moved = _firmness(motion, joints, fps), np.zeros((len(root), 6))
    for _ in range(_ROUNDS if move else 0):
        rays = joints[:, 0] - centres
        rays = rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), _RIDGE)
        steps = Stepping(hold, joints[:, list(TOES)], motion.points[..., 1])
        so_far, moved = moved, body_motion(steps, joints[:, 0], rays, moved, fps)
        offsets, turns = np.split(moved - so_far, 2, axis=-1)
        rotations = Rotation.from_rotvec(turns).as_matrix()[:, None] @ rotations
        joints = joint_positions(rotations, joints[:, 0] + offsets, feet.joints_rest)
        motion = foot_motion(feet.posed(rotations, joints), _UP, fps)
        hold = _firmness(motion, joints, fps)
    if move:
        steps = Stepping(hold, joints[:, list(TOES)], motion.points[..., 1])
        rotations = move_feet(rotations, joints, foot_offsets(resting_offsets(steps), hold, fps))
        joints = joint_positions(rotations, joints[:, 0], feet.joints_rest)
    return LockedMotion(rotations, joints, hold > 0)


def _firmness(motion: FootMotion, joints: np.ndarray, fps: float) -> np.ndarray:
    """(frames, 2) how firmly each foot is planted, 0-1, each stance in one place."""
    return part_stances(planted_feet(motion, fps), joints[:, list(TOES)][..., [0, 2]])


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
    design, target, hold = _stance_equations(steps, root)
    target = target + design[:, : so_far.size] @ so_far.ravel()
    frames, foot_sd = len(root), np.tile(_FOOT_SD, len(target) // 3)
    places = 1e-6 * sparse.eye_array(2 * len(steps.plants))
    prior = sparse.block_diag([_smoothness_prior(rays, fps), places], format="csc")
    strength = 1 / (foot_sd**2 * _FOOT_ERROR_S * fps)
    residual = np.zeros_like(target)
    for _ in range(_REWEIGHTINGS):
        believed = hold * strength / (1 + (residual / (3 * foot_sd)) ** 2) ** 2
        weighted = design.T @ sparse.diags_array(believed)
        solution = splu((prior + weighted @ design).tocsc()).solve(weighted @ target)
        residual = target - design @ solution
    return solution[: 6 * frames].reshape(-1, 6)


def resting_offsets(steps: Stepping) -> np.ndarray:
    """(frames, 2, 3) offsets that bring planted feet to rest: at the stance's mean place, on the floor."""
    left = np.zeros_like(steps.toes)
    for foot, run in steps.plants:
        weights = steps.hold[run, foot, None]
        toes = steps.toes[run, foot]
        left[run, foot] = (toes * weights).sum(0) / weights.sum(0) - toes
        left[run, foot, 1] = -steps.lowest[run, foot]
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
    along = rays[:, :, None] * rays[:, None, :]
    certainty = np.zeros((frames, 6, 6))
    certainty[:, :3, :3] = (np.eye(3) - along) / _BODY_LATERAL_SD**2 + along / _BODY_DEPTH_SD**2
    certainty[:, 3:, 3:] = (np.eye(3) - along) / _BODY_LEAN_SD**2 + along / _BODY_ROLL_SD**2
    prior = _block_diagonal(certainty / slowness)
    if frames < 3:
        return prior
    bend = sparse.kron(sum(c * sparse.eye_array(frames - 2, frames, k=k) for k, c in enumerate((1, -2, 1))), np.eye(6))
    return sparse.csc_array(prior + bend.T @ _block_diagonal(certainty[1:-1] * slowness**3) @ bend)


def _block_diagonal(blocks: np.ndarray) -> sparse.csc_array:
    """(n, d, d) blocks to a (n d, n d) matrix."""
    n = len(blocks)
    return sparse.csc_array(sparse.bsr_array((blocks, np.arange(n), np.arange(n + 1))))


def _stance_equations(steps: Stepping, root: np.ndarray) -> tuple[sparse.csc_array, np.ndarray, np.ndarray]:
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
    return design, target.ravel(), np.repeat(steps.hold[at, foot], 3)
