"""Who walks where: looping scripts, sampled as smooth paths on the floor."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

RATE_HZ = 200.0
"""Paths are integrated at this rate."""
PADDING = 3.0
"""Seconds of path kept before the first and after the last frame: steps look ahead and back."""
_SPEED_SMOOTHING = 0.22
_TURN_SMOOTHING = 0.18
_WAVE_SMOOTHING = 0.14


@dataclass(frozen=True)
class Leg:
    """One stretch of a script."""

    seconds: float
    speed: float = 0.0
    """Metres per second."""
    turn: float = 0.0
    """Radians, counter-clockwise seen from above, spread over the leg."""
    wave: bool = False
    """Raise the right arm and wave."""


@dataclass(frozen=True)
class Script:
    """What one person does, for ever: the legs loop."""

    start_xz: tuple[float, float]
    """World position at time 0, metres."""
    heading: float
    """Direction of walking at time 0, radians about world y; 0 faces +z, towards the camera."""
    legs: tuple[Leg, ...]
    step_seconds: float
    """From one foot's landing to the other's."""
    step_phase: float
    """Fraction of a step, in [0, 2), by which the left foot's landing precedes time 0."""
    arm_swing: float = 0.4
    """Amplitude at a brisk walk, radians."""


@dataclass(frozen=True)
class FloorPath:
    """A script sampled at RATE_HZ."""

    times: np.ndarray
    """(samples,) seconds."""
    xz: np.ndarray
    """(samples, 2) metres."""
    heading: np.ndarray
    """(samples,) radians, unwrapped."""
    speed: np.ndarray
    """(samples,) metres per second."""
    wave: np.ndarray
    """(samples,) 0 = arm swings, 1 = arm waves."""

    def xz_at(self, t: np.ndarray) -> np.ndarray:
        """(n, 2) position at the times `t` (n,)."""
        return np.stack([np.interp(t, self.times, self.xz[:, axis]) for axis in (0, 1)], axis=-1)

    def heading_at(self, t: np.ndarray) -> np.ndarray:
        """(n,) heading at the times `t` (n,)."""
        return np.interp(t, self.times, self.heading)

    def speed_at(self, t: np.ndarray) -> np.ndarray:
        """(n,) speed at the times `t` (n,)."""
        return np.interp(t, self.times, self.speed)

    def wave_at(self, t: np.ndarray) -> np.ndarray:
        """(n,) how far the arm is raised, 0-1, at the times `t` (n,)."""
        return np.interp(t, self.times, self.wave)


def trace_path(script: Script, seconds: float) -> FloorPath:
    """Follow a script from PADDING before time 0 to PADDING after `seconds`.

    What comes later never changes what comes before: a longer clip begins like a shorter one.
    """
    steps_before = round(PADDING * RATE_HZ)
    times = np.arange(-steps_before, int(np.ceil((seconds + PADDING) * RATE_HZ)) + 1) / RATE_HZ
    bounds = np.cumsum([leg.seconds for leg in script.legs])
    leg_of = np.searchsorted(bounds, times % bounds[-1], side="right")

    def smoothed(values: list[float], sigma: float) -> np.ndarray:
        return gaussian_filter1d(np.array(values)[leg_of], sigma * RATE_HZ, mode="nearest", truncate=3.0)

    speed = smoothed([leg.speed for leg in script.legs], _SPEED_SMOOTHING)
    turn_rate = smoothed([leg.turn / leg.seconds for leg in script.legs], _TURN_SMOOTHING)
    wave = smoothed([float(leg.wave) for leg in script.legs], _WAVE_SMOOTHING)
    heading = _integrate(turn_rate, steps_before) + script.heading
    velocity = speed[:, None] * np.stack([np.sin(heading), np.cos(heading)], axis=-1)
    xz = _integrate(velocity, steps_before) + np.array(script.start_xz)
    return FloorPath(times, xz, heading, speed, wave)


def _integrate(rate: np.ndarray, zero_at: int) -> np.ndarray:
    """Running integral of (samples, ...) by the trapezoidal rule, 0 at the sample `zero_at`."""
    total = np.concatenate([np.zeros_like(rate[:1]), np.cumsum((rate[1:] + rate[:-1]) / (2 * RATE_HZ), axis=0)])
    return total - total[zero_at]
