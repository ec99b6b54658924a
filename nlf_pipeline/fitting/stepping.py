"""When which foot is planted: the most probable sequence of steps.

Feet take turns, swings take much the same time, and who stands on neither foot falls. So where the feet are hidden or
badly estimated, the steps before and after tell when they stood. Viterbi decoding of a hidden Markov model with
explicit durations (Rabiner, "A tutorial on hidden Markov models", 1989; Yu, "Hidden semi-Markov models", 2010).
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from nlf_pipeline.filtering import true_runs

_LONGEST_S = 1.2
"""Longer phases are taken for several of the same kind."""
_LEAST_SWINGS = 4
_LEAST_BOTH_S = 0.1
"""Who walks has both feet on the floor for a tenth of the cycle, twice (Perry and Burnfield, Gait Analysis, 2010)."""
_WANDERING, _SURE_FRAMES = 0.25, 1.5
"""Parts of a stance, each seen for so many frames, that are so far apart, metres, are stances of their own."""
_NEVER = -1e9


class Phase(IntEnum):
    """What the feet do."""

    BOTH_LEFT_LAST = 0
    """Both stand; the left one landed last."""
    BOTH_RIGHT_LAST = 1
    LEFT = 2
    """Only the left one stands."""
    RIGHT = 3
    FLIGHT_FROM_LEFT = 4
    FLIGHT_FROM_RIGHT = 5
    OFF_THE_FLOOR = 6
    """Neither stands, and something else carries the body."""


_LEFT_STANDS = np.array([1, 1, 1, 0, 0, 0, 0], dtype=bool)
_RIGHT_STANDS = np.array([1, 1, 0, 1, 0, 0, 0], dtype=bool)
_FLIES = np.array([0, 0, 0, 0, 1, 1, 0], dtype=bool)
_SHUFFLE_COST = 1.0
"""Of coming one length of a leg with both feet planted."""
_MARCH, _MARCH_COST = 0.1, 3.0
"""Whose body comes less far has little reason to lift a foot."""
_AGAIN_COST = np.array([0.9, 0.9, 12.0, 12.0, 12.0, 12.0, 0.0])
"""Of the same phase once more, which makes it longer than _LONGEST_S."""
_REACH = np.array([0.35, 0.35, 0.9, 0.9, np.inf, np.inf, np.inf])
"""The body hardly comes farther during one phase, in lengths of its legs."""
_REACH_SD = 0.1
_SEATED_COST, _REPEAT_COST, _FLIGHT_COST, _HOP_COST = 14.0, 2.5, 4.0, 2.0
"""Of being carried by something else, of lifting the foot that landed last, of leaving the floor, of a hop."""


@dataclass(frozen=True)
class Tempo:
    """How long a person's phases usually last: medians in seconds, with the spread of the logarithm."""

    swing_s: float = 0.42
    swing_spread: float = 0.4
    both_s: float | None = None
    """Of two feet at once while walking; None: not known."""
    both_spread_s: float = 0.06


def decode_steps(
    log_odds: np.ndarray, falling: np.ndarray, strides: np.ndarray, fps: float, tempo: Tempo
) -> np.ndarray:
    """The most probable sequence of steps.

    Args:
        log_odds: (frames, 2) of left, right foot being planted, 0 where nothing is known; those of successive frames
            are taken for independent.
        falling: (frames,) log odds of nothing carrying the body.
        strides: (frames,) how far the body has come since the frame before, in lengths of its legs.
        fps: frames per second.
        tempo: of this person.

    Returns:
        (frames, 2) bool: left, right foot planted.
    """
    frames, states = len(log_odds), len(Phase)
    stands = np.stack([_LEFT_STANDS, _RIGHT_STANDS])
    gain = log_odds @ (stands - 0.5) + np.outer(falling, _FLIES)
    total = np.concatenate([np.zeros((1, states)), np.cumsum(gain, axis=0)])
    come = np.concatenate([[0], np.cumsum(strides)])
    lasting, longest = _durations(tempo, fps), max(2, round(_LONGEST_S * fps))
    cut_short = np.maximum.accumulate(lasting[:, ::-1], axis=1)[:, ::-1]
    moves = _transitions()
    enter = np.full((frames + 1, states), _NEVER)
    enter[0] = np.where(np.arange(states) == Phase.OFF_THE_FLOOR, -_SEATED_COST, 0)
    length, before = np.zeros((2, frames + 1, states), dtype=int)
    for t in range(1, frames + 1):
        reach = min(longest, t)
        candidates = enter[t - reach : t][::-1].T + (cut_short if t == frames else lasting)[:, :reach]
        candidates -= _distance_costs(come[t] - come[t - reach : t][::-1])
        if reach == t:
            candidates[:, -1] += cut_short[:, reach - 1] - (cut_short if t == frames else lasting)[:, reach - 1]
        best = np.argmax(candidates, axis=1)
        length[t] = best + 1
        ways = (total[t] + candidates[np.arange(states), best])[:, None] + moves
        before[t] = np.argmax(ways, axis=0)
        enter[t] = ways[before[t], np.arange(states)] - total[t]
        ended = ways.diagonal() + _AGAIN_COST
    return stands.T[_path(int(np.argmax(ended)), length, before)] if frames else np.zeros((0, 2), dtype=bool)


def _distance_costs(distances: np.ndarray) -> np.ndarray:
    """(states, n) of coming (n,) lengths of a leg during one phase."""
    costs = (np.maximum(distances - _REACH[:, None], 0) / _REACH_SD) ** 2
    costs[: Phase.LEFT] += _SHUFFLE_COST * distances
    costs[[Phase.LEFT, Phase.RIGHT]] += _MARCH_COST * np.maximum(1 - distances / _MARCH, 0)
    return costs


def _path(state: int, length: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(frames,) states, traced back from the last."""
    t, path = len(length) - 1, np.zeros(len(length) - 1, dtype=int)
    while t > 0:
        start = t - length[t, state]
        path[start:t] = state
        t, state = start, before[start, state]
    return path


def _durations(tempo: Tempo, fps: float) -> np.ndarray:
    """(states, frames) log probability, up to a constant, of a phase that lasts 1, 2, ... frames."""
    seconds = np.arange(1, max(2, round(_LONGEST_S * fps)) + 1) / fps
    swing = np.maximum(-0.5 * (np.log(seconds / tempo.swing_s) / tempo.swing_spread) ** 2, -12)
    both = np.zeros_like(seconds)
    if tempo.both_s is not None:
        both = np.maximum(-0.5 * ((seconds - tempo.both_s) / tempo.both_spread_s) ** 2, -2)
    flight = np.maximum(-0.5 * (np.log(seconds / 0.15) / 0.7) ** 2, -6)
    return np.stack([both, both, swing, swing, flight, flight, np.zeros_like(seconds)])


def _transitions() -> np.ndarray:
    """(states, states) log probability of going from one phase to another, up to a constant."""
    moves = np.full((len(Phase), len(Phase)), _NEVER)
    np.fill_diagonal(moves, -_AGAIN_COST)
    for both, last, other, flight in (
        (Phase.BOTH_LEFT_LAST, Phase.LEFT, Phase.RIGHT, Phase.FLIGHT_FROM_LEFT),
        (Phase.BOTH_RIGHT_LAST, Phase.RIGHT, Phase.LEFT, Phase.FLIGHT_FROM_RIGHT),
    ):
        opposite = Phase.BOTH_RIGHT_LAST if both == Phase.BOTH_LEFT_LAST else Phase.BOTH_LEFT_LAST
        moves[both, last], moves[both, other] = 0, -_REPEAT_COST
        moves[last, opposite], moves[last, other] = 0, -0.5
        moves[last, flight], moves[both, flight] = -_FLIGHT_COST, -_FLIGHT_COST - 1
        moves[flight, other], moves[flight, last] = 0, -_HOP_COST
        moves[flight, Phase.BOTH_LEFT_LAST] = moves[flight, Phase.BOTH_RIGHT_LAST] = -_HOP_COST
    moves[:, Phase.OFF_THE_FLOOR] = np.minimum(moves[:, Phase.OFF_THE_FLOOR], -_SEATED_COST)
    moves[Phase.OFF_THE_FLOOR] = -1
    moves[Phase.OFF_THE_FLOOR, Phase.OFF_THE_FLOOR] = 0
    return moves


def observed_tempo(planted: np.ndarray, known: np.ndarray, fps: float) -> Tempo:
    """How long this person's steps last, by those that were seen from beginning to end.

    Args:
        planted: (frames, 2) bool, decoded.
        known: (frames,) bool: the feet were seen.
        fps: frames per second.
    """
    swings = _whole_runs(planted.any(axis=1) & ~planted.all(axis=1), known) / fps
    if len(swings) < _LEAST_SWINGS:
        return Tempo()
    usual = float(np.median(swings))
    spread = 1.5 * float(np.median(np.abs(np.log(swings / usual)))) + 1 / (usual * fps)
    both = _whole_runs(planted.all(axis=1), known) / fps
    both = both[both < usual]
    return Tempo(
        usual, float(np.clip(spread, 0.1, 0.4)), max(float(np.median(both)) if len(both) else 0.0, _LEAST_BOTH_S)
    )


def _whole_runs(mask: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True that begin and end where everything is known, in frames."""
    runs = [run for run in true_runs(mask) if run.start > 0 and run.stop < len(mask)]
    return np.array([run.stop - run.start for run in runs if known[run.start - 1 : run.stop + 1].all()])


def part_stances(hold: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Lift feet that wander during a stance once on their way, so that each part has its own place.

    Args:
        hold: (frames, 2) how firmly each foot is seen to be planted, 0-1.
        places: (frames, 2, coordinates) of the feet, metres.

    Returns:
        (frames, 2) bool: planted, with gaps of one frame where a stance was parted.
    """
    planted = hold > 0
    for foot in (0, 1):
        waiting = true_runs(planted[:, foot])
        while waiting:
            run = waiting.pop()
            if run.stop - run.start < 3:
                continue
            apart, middle = _best_parting(hold[run, foot], places[run, foot])
            if apart > _WANDERING:
                planted[run.start + middle, foot] = False
                waiting += [slice(run.start, run.start + middle), slice(run.start + middle + 1, run.stop)]
    return planted


def _best_parting(hold: np.ndarray, places: np.ndarray) -> tuple[float, int]:
    """How far apart the most different two parts of a stance are, metres, and the frame between them."""
    weights, sums = np.cumsum(hold), np.cumsum(hold[:, None] * places, axis=0)
    first, last = weights[:-2], weights[-1] - weights[1:-1]
    apart = np.linalg.norm((sums[-1] - sums[1:-1]) / last[:, None] - sums[:-2] / first[:, None], axis=-1)
    apart = np.where(np.minimum(first, last) > _SURE_FRAMES, apart, 0)
    gain = apart * np.sqrt(first * last)
    return float(apart[np.argmax(gain)]), 1 + int(np.argmax(gain))
