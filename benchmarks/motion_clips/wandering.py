"""Where people go: they walk about, stop to stand, wave, squat or turn on the spot, and walk on."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from nlf_pipeline.demo.feet import smooth_step

RATE_HZ = 120.0
"""Paths are integrated at this rate."""
PADDING_S = 3.0
"""Path kept before the first and after the last frame: steps look ahead and back."""
_TURN_RATE = 1.1
_TURN_LIMIT = 1.7
_STEERING_S = 0.4


@dataclass(frozen=True)
class FloorPath:
    """One person's way over the floor, sampled at RATE_HZ."""

    times: np.ndarray
    """(samples,) seconds."""
    xz: np.ndarray
    """(samples, 2) metres."""
    heading: np.ndarray
    """(samples,) radians about y, 0 = towards +z, unwrapped."""
    speed: np.ndarray
    """(samples,) metres per second."""
    wave: np.ndarray
    """(samples,) how far the right arm is raised to wave, 0-1."""
    squat: np.ndarray
    """(samples,) how deep the squat is, 0-1."""

    def at(self, values: np.ndarray, t: np.ndarray) -> np.ndarray:
        """One of the fields, (samples,) or (samples, n), at the times `t` (times,)."""
        if values.ndim == 1:
            return np.interp(t, self.times, values)
        return np.stack([np.interp(t, self.times, column) for column in values.T], axis=-1)

    def at_pace(self, pace: float) -> "FloorPath":
        """The same way at so many times the speed."""
        return replace(self, times=self.times / pace, speed=self.speed * pace)


def wander(rng: np.random.Generator, seconds: float, centre: np.ndarray, radius: float) -> FloorPath:
    """Walk within about `radius` of `centre` (x, z), metres, for `seconds`."""
    n = int(np.ceil((seconds + 2 * PADDING_S) * RATE_HZ))
    walking, turn_rate, wave, squat = _activities(rng, n)
    smoothed = lambda values, seconds: gaussian_filter1d(values, seconds * RATE_HZ)  # noqa: E731
    speed = smoothed(walking * rng.uniform(0.8, 1.1), 0.35)
    start, heading = centre + rng.uniform(-0.5, 0.5, 2) * radius, rng.uniform(-np.pi, np.pi)
    wobble = gaussian_filter1d(rng.normal(size=n), RATE_HZ, mode="wrap")
    wobble *= 0.35 / wobble.std()
    xz, headings = _steer(start, heading, centre, radius, speed, smoothed(turn_rate, 0.2), wobble)
    times = np.arange(n) / RATE_HZ - PADDING_S
    return FloorPath(times, xz, headings, speed, smoothed(wave, 0.2), smoothed(squat, 0.3))


def _activities(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """(n,) walking or not, rate of turning on the spot (radians per second), waving or not, squatting or not."""
    walking, turn_rate, wave, squat = np.zeros((4, n))
    i = 0
    while i < n:
        length = int(rng.uniform(5, 10) * RATE_HZ)
        walking[i : i + length] = 1
        i += length
        pause = int(rng.uniform(3, 4.5) * RATE_HZ)
        busy = slice(i + int(RATE_HZ), i + pause - int(0.8 * RATE_HZ))
        doing = rng.choice(["stand", "wave", "squat", "turn"])
        if doing == "wave":
            wave[i : i + pause] = 1
        elif doing == "squat":
            squat[busy] = 1
        elif doing == "turn":
            turn_rate[busy] = rng.choice([-1, 1]) * _TURN_RATE
        i += pause
    return walking, turn_rate, wave, squat


def _steer(
    start: np.ndarray,
    heading: float,
    centre: np.ndarray,
    radius: float,
    speed: np.ndarray,
    turn_rate: np.ndarray,
    wobble: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Integrate (samples, 2) places and (samples,) headings, turning back where the way leads outwards."""
    dt = 1 / RATE_HZ
    (x, z), rate = start.tolist(), 0.0
    places, headings = np.empty((len(speed), 2)), np.empty(len(speed))
    nearness = lambda r: float(smooth_step(np.array((r / radius - 0.3) / 0.5)))  # noqa: E731
    for k in range(len(speed)):
        places[k], headings[k] = (x, z), heading
        back_x, back_z = centre[0] - x, centre[1] - z
        if k % 6 == 0:  # the urge to turn back changes slowly
            urge = 2 * nearness(math.hypot(back_x, back_z))
        away = (math.atan2(back_x, back_z) - heading + math.pi) % (2 * math.pi) - math.pi
        wanted = min(max(urge * away, -_TURN_LIMIT), _TURN_LIMIT) + wobble[k]
        rate += dt / _STEERING_S * (wanted - rate)
        heading += dt * (rate * speed[k] + turn_rate[k])
        x, z = x + speed[k] * dt * math.sin(heading), z + speed[k] * dt * math.cos(heading)
    return places, headings
