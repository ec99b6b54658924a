"""Draws of an estimator's errors for one person: slow, fast, heavy-tailed and shared between parts as NLF's are."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from motion_clips.mishaps import GROSS, Kind
from motion_clips.specs import ErrorLevels
from nlf_pipeline.body_models import N_BETAS

DIFFICULTY = np.array(
    [
        0,
        0.7,
        0.7,
        0.4,
        1.0,
        1.0,
        0.4,
        1.3,
        1.3,
        0.4,
        1.0,
        1.0,
        0.6,
        0.4,
        0.4,
        0.9,
        1.1,
        1.1,
        1.4,
        1.4,
        1.6,
        1.6,
        0.8,
        0.8,
    ]
)
"""(joints,) factor on the errors of each joint's rotation; the root's has levels of its own."""
_TAIL = 0.45
"""Standard deviation of the logarithm of the errors' size."""
_TAIL_S = 0.6
_WRONG_LIMBS = 0.5
"""Radians, standard deviation."""
_WRONG_DISTANCE = (0.12, 0.35)
"""Range of the logarithm of the factor on the distance."""
_UNNOTICED = 0.3
"""Share of failures of which the estimator knows nothing: its uncertainty stays low."""
_NOTICED_FACTOR = 3.5


@dataclass(frozen=True)
class PersonErrors:
    """One person's errors, frame by frame."""

    kinds: np.ndarray
    """(frames,) Kind."""
    turns: np.ndarray
    """(frames, joints, 3) rotation vectors applied after the true parent-relative ones, radians."""
    betas: np.ndarray
    """(frames, betas)."""
    parts: np.ndarray
    """(frames, joints, 3) displacement of every body part, metres."""
    scale: np.ndarray
    """(frames,) factor about the camera."""
    depth: np.ndarray
    """(frames,) displacement along the ray over the distance."""
    across: np.ndarray
    """(frames, 3) displacement, of which only what is across the ray counts, metres."""
    uncertainty: np.ndarray
    """(frames, joints) error that the estimator expects, metres."""


@dataclass(frozen=True)
class _Noise:
    rng: np.random.Generator
    n_frames: int
    fps: float

    def slow(self, *shape: int, seconds: float = 0.5) -> np.ndarray:
        """(frames, ...) of root mean square 1, smooth over `seconds`."""
        padding = int(8 * self.fps)
        noise = self.rng.normal(size=(self.n_frames + 2 * padding, *shape))
        noise = gaussian_filter1d(noise, seconds * self.fps, axis=0)
        return (noise / np.sqrt((noise**2).mean()))[padding : padding + self.n_frames]

    def fast(self, *shape: int) -> np.ndarray:
        """(frames, ...) of standard deviation 1, every frame on its own."""
        return self.rng.normal(size=(self.n_frames, *shape))


def draw_errors(rng: np.random.Generator, levels: ErrorLevels, kinds: np.ndarray, fps: float) -> PersonErrors:
    """Errors of the given sizes.

    Args:
        rng: draws them.
        levels: their sizes.
        kinds: (frames,) Kind; of those only WRONG_DISTANCE and WRONG_LIMBS are drawn here.
        fps: frames per second.
    """
    noise, n, joints = _Noise(rng, len(kinds), fps), len(kinds), len(DIFFICULTY)
    of_frame = np.exp(_TAIL * noise.slow(1, seconds=_TAIL_S))
    of_part = _unit_rms(np.exp(_TAIL * noise.slow(joints, seconds=_TAIL_S)) * of_frame)
    of_frame = _unit_rms(of_frame)
    slow, fast = noise.slow(joints, 3), noise.fast(joints, 3)
    turns = (of_part * DIFFICULTY)[..., None] * (levels.turn_slow * slow + levels.turn_fast * fast)
    turns[:, 0] = of_frame * (levels.root_turn_slow * noise.slow(3) + levels.root_turn_fast * noise.fast(3))
    wrong_limbs = (kinds == Kind.WRONG_LIMBS)[:, None, None] * (DIFFICULTY > 0)[:, None]
    turns = turns + wrong_limbs * _WRONG_LIMBS * noise.fast(joints, 3)
    parts = of_part[..., None] * (levels.part_slow * noise.slow(joints, 3) + levels.part_fast * noise.fast(joints, 3))
    across = of_frame * (levels.across_slow * noise.slow(3) + levels.across_fast * noise.fast(3))
    size = levels.size_slow * noise.slow(seconds=1.0) + levels.size_fast * noise.fast()
    jump = rng.choice([-1, 1], n) * rng.uniform(*_WRONG_DISTANCE, n) * (kinds == Kind.WRONG_DISTANCE)
    beta_levels = np.array([levels.stature_slow] + [levels.beta_slow] * (N_BETAS - 1))
    noticed = np.isin(kinds, GROSS) & (rng.random(n) >= _UNNOTICED)
    expected = np.hypot(0.02 * (4.5 * of_part * DIFFICULTY + 1), 0.015) * np.where(noticed, _NOTICED_FACTOR, 1)[:, None]
    return PersonErrors(
        kinds=kinds,
        turns=turns,
        betas=beta_levels * noise.slow(N_BETAS, seconds=1.0),
        parts=parts,
        scale=np.exp(of_frame[:, 0] * size + jump),
        depth=levels.depth_slow * noise.slow(seconds=1.5) + levels.depth_fast * noise.fast(),
        across=across,
        uncertainty=expected * np.exp(0.2 * noise.fast(joints)),
    )


def _unit_rms(values: np.ndarray) -> np.ndarray:
    return values / np.sqrt((values**2).mean(axis=0))
