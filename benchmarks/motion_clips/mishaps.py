"""Which estimates fail, and how: outliers, confusions of left and right, gaps, people hidden behind others."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from motion_clips.specs import ErrorLevels, Spoiled
from nlf_pipeline.artefact_files import ArrayArtefact
from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.body_models import SMPL_PARENTS
from nlf_pipeline.geometry import invert_rigid, project, transform_points

_LIMB_RADIUS = 0.1
"""What passes this near to a bone, metres, hides what is behind it."""
_HIDDEN_JOINTS = 0.6
"""A person of whom this share of the joints is hidden is lost."""
_LONGEST_THEFT_S = 0.2
_CHUNK_FRAMES = 128


class Kind(IntEnum):
    """What is wrong with an estimate."""

    ORDINARY = 0
    WRONG_DISTANCE = 1
    WRONG_LIMBS = 2
    TURNED_AROUND = 3
    """Taken to face the other way, the limbs mirrored: the picture stays much the same."""
    LEGS_SWAPPED = 4
    MISSING = 5
    HIDDEN = 6
    STOLEN = 7
    """Hidden behind another, whose body is estimated in place of the person's own."""


GROSS = (Kind.WRONG_DISTANCE, Kind.WRONG_LIMBS)
FLIPPED = (Kind.TURNED_AROUND, Kind.LEGS_SWAPPED)
UNSEEN = (Kind.MISSING, Kind.HIDDEN)


@dataclass(frozen=True)
class Mishaps(ArrayArtefact):
    """mishaps.npz: what went wrong."""

    kinds: np.ndarray
    """(people, frames) int: Kind."""
    shown: np.ndarray
    """(people, frames) int: the person whose body the estimate shows; another one where it is STOLEN."""


def draw_kinds(rng: np.random.Generator, levels: ErrorLevels, n_frames: int, fps: float) -> np.ndarray:
    """(frames,) Kind of one person's estimates, in bursts; the first frames are seen."""
    kinds = np.zeros(n_frames, dtype=np.int64)
    _add_bursts(rng, kinds, levels.outliers, (1, 3), GROSS)
    _add_bursts(rng, kinds, levels.flips, (max(1, round(fps / 15)), round(fps / 3.75)), FLIPPED)
    _add_bursts(rng, kinds, levels.missing, (1, 6), (Kind.MISSING,))
    return kinds


def _add_bursts(
    rng: np.random.Generator, kinds: np.ndarray, share: float, lengths: tuple[int, int], among: tuple[Kind, ...]
) -> None:
    """Overwrite `kinds` (frames,) in bursts of so many frames, until they are `share` of all."""
    while np.isin(kinds, among).sum() < np.floor(share * len(kinds)):
        start = rng.integers(len(kinds))
        left = int(np.floor(share * len(kinds))) - int(np.isin(kinds, among).sum())
        kinds[start : start + min(left, rng.integers(lengths[0], lengths[1] + 1))] = rng.choice(among)


def hide(kinds: np.ndarray, bodies: Bodies, cameras: Cameras) -> np.ndarray:
    """`kinds` (people, frames) with HIDDEN wherever a person stands behind another, seen from the true camera."""
    kinds = kinds.copy()
    for start in range(0, len(cameras.K), _CHUNK_FRAMES):
        part = slice(start, start + _CHUNK_FRAMES)
        joints_cam = transform_points(invert_rigid(cameras.T_world_cam[part]), bodies.joints[:, part])
        covered = covered_joints(joints_cam, cameras.K[part])
        kinds[:, part][covered.mean(axis=-1) >= _HIDDEN_JOINTS] = Kind.HIDDEN
    return kinds


def steal(
    rng: np.random.Generator, kinds: np.ndarray, bodies: Bodies, cameras: Cameras, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Kinds and shown people after `share` of the people who get hidden are first taken for whoever hides them.

    Args:
        rng: draws whose, and for how long.
        kinds: (people, frames) Kind, with HIDDEN ones.
        bodies: the true ones.
        cameras: the true ones.
        share: 0-1.

    Returns:
        (people, frames) Kind, and (people, frames) the person whose body the estimate shows.
    """
    kinds, shown = kinds.copy(), np.tile(np.arange(len(kinds))[:, None], (1, kinds.shape[1]))
    roots_cam = transform_points(invert_rigid(cameras.T_world_cam), bodies.joints[:, :, :1])[:, :, 0]
    roots_px = project(roots_cam, cameras.K)
    longest = max(1, round(_LONGEST_THEFT_S * bodies.fps))
    for k, row in enumerate(kinds):
        hidden = row == Kind.HIDDEN
        for start in np.flatnonzero(hidden & ~np.append(False, hidden[:-1])):
            theft = slice(start, start + 1 + int(rng.integers(longest)))
            away_px = np.linalg.norm(roots_px[:, start] - roots_px[k, start], axis=-1)
            away_px[roots_cam[:, start, 2] >= roots_cam[k, start, 2]] = np.inf
            if rng.random() < share and np.isfinite(away_px).any():
                taken = np.zeros(len(row), dtype=bool)
                taken[theft] = hidden[theft]
                row[taken], shown[k, taken] = Kind.STOLEN, away_px.argmin()
    return kinds, shown


def covered_joints(joints_cam: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Joints that a nearer person's limbs cover in the picture.

    Args:
        joints_cam: (people, frames, joints, 3) camera frame, metres.
        K: (frames, 3, 3).

    Returns:
        (people, frames, joints) bool.
    """
    pixels, depth = project(joints_cam, K[:, None]), joints_cam[..., 2].mean(axis=-1)
    covered = np.zeros(joints_cam.shape[:-1], dtype=bool)
    ends = np.arange(1, len(SMPL_PARENTS)), np.array(SMPL_PARENTS[1:])
    for front in range(len(pixels)):
        radius_px = K[:, 0, 0] * _LIMB_RADIUS / depth[front]
        a, b = (pixels[front][:, None, end] for end in ends)
        for behind in np.flatnonzero(np.arange(len(pixels)) != front):
            p = pixels[behind][:, :, None]
            along = np.sum((p - a) * (b - a), axis=-1) / np.maximum(np.sum((b - a) ** 2, axis=-1), 1e-9)
            nearest = a + np.clip(along, 0, 1)[..., None] * (b - a)
            near = (np.linalg.norm(p - nearest, axis=-1) < radius_px[:, None, None]).any(axis=-1)
            covered[behind] |= near & (depth[behind] > depth[front])[:, None]
    return covered


def spoil(kinds: np.ndarray, how: Spoiled) -> np.ndarray:
    """`kinds` (people, frames) after the last person's have been spoiled; useless numbers are no Kind."""
    kinds = kinds.copy()
    if not len(kinds):
        return kinds
    if how == "only_outliers":
        kinds[-1] = np.resize(GROSS, kinds.shape[1])
    elif how == "never_seen":
        kinds[-1] = Kind.MISSING
    elif how == "three_frames":
        kinds[-1] = Kind.MISSING
        middle = kinds.shape[1] // 2
        kinds[-1, middle : middle + 3] = Kind.ORDINARY
    return kinds


def useless_frames(shape: tuple[int, ...], how: Spoiled) -> np.ndarray:
    """(people, frames) factors on estimates that are said to be valid: 1, NaN, or 0, which makes a body one point."""
    factors = np.ones(shape)
    if shape[0] and how == "nan_frames":
        factors[-1, 10::25] = np.nan
    elif shape[0] and how == "collapsed":
        factors[-1, 5::10] = 0
    return factors
