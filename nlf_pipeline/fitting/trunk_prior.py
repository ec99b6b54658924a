"""Trunk, neck and shoulder girdle, held near the way in which this person usually holds them.

Spine, collar bones and neck are short and under clothes, so estimators place the joints around them better than they
tell the turn of each; one after the other is turned too far and back again. In life these parts turn little against
one another. The most likely pose, given where the joints were estimated and how far such parts usually turn, is found
by a step of Gauss-Newton. The prior is relative to the person's own usual pose, and weak against joints that agree:
who bows, bows. Face and fingers turn along with what carries them.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.body_kinds import body_joints, skeleton
from nlf_pipeline.filtering import project_rotations
from nlf_pipeline.kinematics import joint_positions

_TURNS = {"spine1": 0.1, "spine2": 0.1, "spine3": 0.1, "left_collar": 0.1, "right_collar": 0.1} | {
    "neck": 0.2, "head": 0.2, "left_wrist": 0.2, "right_wrist": 0.2, "left_hand": 0.1, "right_hand": 0.1,
}  # fmt: skip
"""Usual turns of these joints about the person's usual pose, radians, standard deviation per axis."""
_USUAL_TURN = 10.0
"""Of all others: next to free."""
_PLACE_SD = 0.05
"""Error of an estimated joint, metres per axis."""
_TURN_SD = 0.3
"""Error of an estimated part's orientation, radians per axis."""
_CHUNK_FRAMES = 256
_USUAL_FRAMES = 4000
"""About so many frames, spread evenly, tell a usual pose."""


@dataclass(frozen=True)
class _Chain:
    """Which joints may be turned, and what they move."""

    turned: np.ndarray
    """(u,) joints."""
    moves: np.ndarray
    """(k, u) bool: turning u moves joint k, of the body's joints."""
    turns: np.ndarray
    """(joints, u) bool: turning u turns part j."""
    parents: np.ndarray
    """(u,) of those joints; the root's is itself."""
    stiffness: np.ndarray
    """(u,) inverse variance of their turns about the usual pose."""
    carried_by: np.ndarray
    """(k,) the last of the joints, down to joint k, that turn with the trunk: legs keep their orientation."""


def usual_pose(rotations: np.ndarray, observed: np.ndarray | None = None) -> np.ndarray:
    """(joints, 3, 3) parent-relative rotations in the middle of (n, joints, 3, 3) global ones.

    Args:
        rotations: of a body, frame by frame.
        observed: (n,) bool: what counts of them, at least one; None: all.
    """
    frames = np.arange(len(rotations)) if observed is None else np.flatnonzero(observed)
    some = rotations[frames[:: 1 + len(frames) // _USUAL_FRAMES]]
    return project_rotations(np.median(_relative(some), axis=0))


def hold_trunk(
    rotations: np.ndarray, joints_rest: np.ndarray, usual: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """The most likely poses, given estimated ones and how this person usually holds the trunk.

    Args:
        rotations: (n, joints, 3, 3) global, as estimated.
        joints_rest: (joints, 3) of this person unposed, metres.
        usual: (joints, 3, 3) usual parent-relative rotations.
        out: where to put the result; may be `rotations` itself.

    Returns:
        (n, joints, 3, 3) global. Legs are as they were.
    """
    chain, result = _upper_body(rotations.shape[1]), np.empty_like(rotations) if out is None else out
    for start in range(0, len(rotations), _CHUNK_FRAMES):
        part = slice(start, start + _CHUNK_FRAMES)
        result[part] = _solve(rotations[part].astype(np.float32), joints_rest.astype(np.float32), usual, chain)
    return result


def _solve(estimated: np.ndarray, joints_rest: np.ndarray, usual: np.ndarray, chain: _Chain) -> np.ndarray:
    """One step from the estimate, where only the prior pulls."""
    joints = joint_positions(estimated, np.zeros((len(estimated), 3), np.float32), joints_rest)
    jacobian = _place_jacobian(joints, chain)
    turns = chain.turns.astype(np.float32)
    seen = turns[: len(chain.carried_by)]
    of_turns = seen.T @ seen / _TURN_SD**2 + np.diag(chain.stiffness)
    hessian = np.swapaxes(jacobian, 1, 2) @ jacobian + np.kron(of_turns, np.eye(3, dtype=np.float32))
    wanted = estimated[:, chain.parents] @ usual[chain.turned].astype(np.float32)
    pull = chain.stiffness[:, None] * _rotvecs(wanted @ np.swapaxes(estimated[:, chain.turned], -1, -2))
    steps = np.linalg.solve(hessian, pull.reshape(len(joints), -1, 1)).reshape(pull.shape)
    turn = Rotation.from_rotvec((turns @ steps).reshape(-1, 3)).as_matrix().reshape(estimated.shape)
    return (turn @ estimated).astype(np.float32)


def _place_jacobian(joints: np.ndarray, chain: _Chain) -> np.ndarray:
    """(n, 3 joints, 3 u) change of the joints' places, in standard deviations, with small turns in the global frame."""
    ends = joints[:, chain.carried_by][:, :, None]
    arm = (ends - joints[:, None, chain.turned]) * chain.moves[..., None] / np.float32(_PLACE_SD)
    x, y, z = np.moveaxis(arm, -1, 0)
    jacobian = np.zeros((*arm.shape[:2], 3, arm.shape[2], 3), np.float32)
    jacobian[:, :, 0, :, 1], jacobian[:, :, 0, :, 2] = z, -y
    jacobian[:, :, 1, :, 0], jacobian[:, :, 1, :, 2] = -z, x
    jacobian[:, :, 2, :, 0], jacobian[:, :, 2, :, 1] = y, -x
    return jacobian.reshape(len(joints), 3 * arm.shape[1], -1)


def _rotvecs(rotations: np.ndarray) -> np.ndarray:
    vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(rotations.shape[:-1]).astype(np.float32)


def _relative(rotations: np.ndarray) -> np.ndarray:
    parents = rotations[:, list(skeleton(rotations.shape[1])[1][1:])]
    return np.concatenate([rotations[:, :1], np.swapaxes(parents, -1, -2) @ rotations[:, 1:]], axis=1)


@functools.cache
def _upper_body(n_joints: int) -> _Chain:
    (names, parents), body = skeleton(n_joints), body_joints(n_joints)
    below = np.eye(n_joints, dtype=bool)
    for joint in range(1, n_joints):
        below[joint] |= below[parents[joint]]
    hips = [names.index(name) for name in ("left_hip", "right_hip")]
    legs = below[:, hips].any(axis=1)
    carried_by = np.where(below[:, hips[0]], hips[0], np.where(below[:, hips[1]], hips[1], np.arange(n_joints)))
    turned = np.flatnonzero(~legs[:body])
    moves = below & ~np.eye(n_joints, dtype=bool)
    stiffness = np.array([_TURNS.get(names[j], _USUAL_TURN) ** -2 for j in turned], np.float32)
    stiffness[turned == 0] = 0  # it has nothing to turn against
    return _Chain(
        turned=turned,
        moves=moves[:body, turned],
        turns=(below & ~legs[:, None])[:, turned],
        parents=np.maximum(np.array(parents)[turned], 0),
        stiffness=stiffness,
        carried_by=carried_by[:body],
    )
