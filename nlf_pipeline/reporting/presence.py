"""When a person is there, and stretches of time in words."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.filtering import true_runs

_MERGED_S = 0.25
_SHOWN_SPANS = 3


@dataclass(frozen=True)
class Presence:
    """In which frames one person has a body, and of what kind. All (frames,) bool."""

    measured: np.ndarray
    filled: np.ndarray
    repaired: np.ndarray
    """Subset of `measured`."""
    missing: np.ndarray
    """No body, though seen, or between two appearances in one shot."""

    @property
    def due(self) -> np.ndarray:
        """(frames,) bool: there should be a body."""
        return self.measured | self.filled | self.missing

    def share(self, frames: np.ndarray) -> float | None:
        """Share of the frames that are due; None if there are none."""
        due = int(self.due.sum())
        return int((frames & self.due).sum()) / due if due else None


def find_presence(
    visible: np.ndarray, filled: np.ndarray, repaired: np.ndarray, seen: np.ndarray, shots: list[slice]
) -> Presence:
    """Sort a person's frames.

    Args:
        visible: (frames,) bool: there is a body.
        filled: (frames,) bool: it is interpolated.
        repaired: (frames,) bool: its estimate was put right.
        seen: (frames,) bool: there is a mask.
        shots: frame ranges between cuts.
    """
    due = visible | seen
    for shot in shots:
        frames = shot.start + np.flatnonzero(due[shot])
        if len(frames):
            due[frames[0] : frames[-1] + 1] = True
    measured = visible & ~filled
    return Presence(measured, visible & filled, repaired & measured, due & ~visible)


def spans_of(frames: np.ndarray, fps: float, weight: np.ndarray | None = None) -> list[tuple[int, int]]:
    """The worst moments among some frames, in order: near ones joined, the longest or heaviest kept.

    Args:
        frames: (frames,) bool.
        fps: frames per second.
        weight: (frames,) how bad each frame is; None: all alike.
    """
    joined: list[tuple[int, int]] = []
    for run in true_runs(frames):
        if joined and run.start - joined[-1][1] <= _MERGED_S * fps:
            joined[-1] = (joined[-1][0], run.stop)
        else:
            joined.append((run.start, run.stop))
    badness = frames.astype(np.float64) if weight is None else np.where(frames, weight, 0.0)
    joined.sort(key=lambda span: -float(badness[span[0] : span[1]].sum()))
    return sorted(joined[:_SHOWN_SPANS])


def spans_text(spans: list[tuple[int, int]], fps: float) -> str:
    """Such as '3.2-4.1 s and 7.0 s'; empty for no spans."""
    parts = []
    for start, stop in spans:
        first, last = f"{start / fps:.1f}", f"{(stop - 1) / fps:.1f}"
        parts.append(first if first == last else f"{first}-{last}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) + (" s" if parts else "")
