"""Solving tracks of any length in bounded memory: overlapping windows, blended where they overlap."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

import numpy as np

from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.estimators.landmark_body import LandmarkBody
from nlf_pipeline.estimators.landmark_tracks import LandmarkTrack
from nlf_pipeline.estimators.pose_prior import PosePrior
from nlf_pipeline.estimators.track_solve import SolvedTrack, SolveSettings, solve_tracks
from nlf_pipeline.filtering import project_rotations

WINDOW = 512
"""Longest track that is solved as one, in instants."""
_OVERLAP = 40
_BATCH = 2048
"""Instants solved together: enough to drown the overhead, little enough to need some hundred MB."""


def solve_windows(
    tracks: Sequence[LandmarkTrack],
    body: LandmarkBody,
    prior: PosePrior,
    settings: SolveSettings | None = None,
    window: int = WINDOW,
    checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    name: str = "solved",
) -> list[SolvedTrack]:
    """Like `solve_tracks`, for tracks of any number and length.

    Args:
        tracks: what to explain.
        body: the body to pose.
        prior: of its joint rotations.
        settings: weights of the energy.
        window: instants solved as one; more than twice the overlap.
        checkpoints: where to keep what is solved together.
        name: under which to keep it; it stands for everything that the result depends on.

    Returns:
        One solution per track; where two windows overlap, one fades into the other.
    """
    pieces = [(k, part) for k, track in enumerate(tracks) for part in window_slices(len(track.relative), window)]
    solved: list[list[SolvedTrack]] = [[] for _ in tracks]
    for number, batch in enumerate(_batches(pieces)):
        kept = checkpoints.load(name, number)
        if kept is None:
            results = solve_tracks([tracks[k].part(part) for k, part in batch], body, prior, settings)
            checkpoints.save(name, number, _joined(results))
        else:
            results = _parted(kept, [part.stop - part.start for _, part in batch])
        for (k, _), result in zip(batch, results, strict=True):
            solved[k].append(result)
    return [
        results[0] if len(results) == 1 else _blend(results, window_slices(len(track.relative), window))
        for track, results in zip(tracks, solved, strict=True)
    ]


def window_slices(n: int, window: int, overlap: int = _OVERLAP) -> list[slice]:
    """Evenly spaced windows of equal length that cover `n` instants and overlap by at least `overlap`."""
    if n <= window:
        return [slice(0, n)]
    count = int(np.ceil((n - overlap) / (window - overlap)))
    starts = np.round(np.linspace(0, n - window, count)).astype(int)
    return [slice(int(start), int(start) + window) for start in starts]


def _batches(pieces: Sequence[tuple[int, slice]]) -> Iterator[list[tuple[int, slice]]]:
    """Consecutive pieces of up to _BATCH instants together."""
    batch, size = [], 0
    for piece in pieces:
        length = piece[1].stop - piece[1].start
        if batch and size + length > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += length
    if batch:
        yield batch


def _joined(results: Sequence[SolvedTrack]) -> dict[str, np.ndarray]:
    """Solutions one after the other."""
    return {field.name: np.concatenate([getattr(r, field.name) for r in results]) for field in fields(SolvedTrack)}


def _parted(joined: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[SolvedTrack]:
    """Inverse of `_joined`."""
    columns = {name: np.split(values, np.cumsum(lengths)[:-1]) for name, values in joined.items()}
    return [SolvedTrack(**{name: parts[k] for name, parts in columns.items()}) for k in range(len(lengths))]


def _blend(results: Sequence[SolvedTrack], windows: Sequence[slice]) -> SolvedTrack:
    """Weighted means with weights that rise and fall linearly; of rotations, the chordal mean."""
    n, first = windows[-1].stop, results[0]
    R, root, betas = (np.zeros((n, *values.shape[1:])) for values in (first.R, first.root, first.betas))
    total = np.zeros(n)
    for result, part in zip(results, windows, strict=True):
        length = part.stop - part.start
        ramp = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)).clip(max=_OVERLAP) / _OVERLAP
        total[part] += ramp
        for sums, values in ((R, result.R), (root, result.root), (betas, result.betas)):
            sums[part] += ramp.reshape(-1, *[1] * (values.ndim - 1)) * values
    return SolvedTrack(project_rotations(R), root / total[:, None], betas / total[:, None])
