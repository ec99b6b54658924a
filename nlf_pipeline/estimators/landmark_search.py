"""Landmarks of everybody in every frame of a clip: people in parallel, a few frames in memory."""

import os
import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields

import framepump
import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.blazepose import BodyCircle, FramePacket, PoseLandmarker, PoseLandmarks
from nlf_pipeline.chunk_store import ChunkStore
from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.estimators.roi_landmarks import Landmarker, PersonFollower
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.progress import progress

_CHUNK_FRAMES = 8
_CHUNKS_AHEAD = 2
_KEPT_FRAMES = 64 * _CHUNK_FRAMES
"""Kept together while others are still sought: about half a minute's work."""


class LandmarkerPool:
    """Landmark models for several threads: every call borrows one that no other thread uses."""

    def __init__(self, count: int) -> None:
        """Load `count` models."""
        self._idle: queue.SimpleQueue[PoseLandmarker] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(PoseLandmarker(masks=False))

    def find(self, image: np.ndarray, circle: BodyCircle) -> PoseLandmarks | None:
        """Landmarks of the person in `circle` of a (height, width, 3) uint8 RGB image."""
        landmarker = self._idle.get()
        try:
            return landmarker.find(FramePacket.from_rgb(image), circle)
        finally:
            self._idle.put(landmarker)


@dataclass
class _Search:
    """One person's landmarks so far."""

    row: int
    found: PersonLandmarks
    follower: PersonFollower = field(default_factory=PersonFollower)
    last_task: Future[None] | None = None


_FIELDS = tuple(entry.name for entry in fields(PersonLandmarks))


def find_landmarks(
    frames: framepump.VideoFrames | Sequence[np.ndarray],
    facts: VideoFacts,
    tracks: MaskTracks,
    landmarker: Landmarker | None = None,
    rows: Sequence[int] | None = None,
    checkpoints: ChunkStore = ChunkStore(None),  # noqa: B008  (keeps nothing)
    name: str = "landmarks",
) -> list[PersonLandmarks]:
    """Landmarks of everybody in every frame.

    Args:
        frames: (height, width, 3) uint8 RGB, facts.n_frames of them; not read if there is nobody to find.
        facts: of the clip; nobody is followed across its cuts.
        tracks: who is where.
        landmarker: the model, called from several threads; None for BlazePose, loaded once per thread.
        rows: whom of them to find; None for everybody. What is found of one does not depend on who else is sought.
        checkpoints: where to keep what is found, a stretch of frames at a time.
        name: under which to keep it; it stands for everything that the result depends on.

    Returns:
        One per row sought.
    """
    wanted = range(len(tracks.person_ids)) if rows is None else rows
    searches = [_Search(k, PersonLandmarks.nothing(facts.n_frames)) for k in wanted]
    if not searches:
        return []
    n_threads = min(len(searches), os.cpu_count() or 1)
    landmarker = landmarker or LandmarkerPool(n_threads).find
    shot_starts = {shot.start for shot in facts.shots()}

    def follow(search: _Search, before: Future[None] | None, start: int, images: list[np.ndarray]) -> None:
        if before is not None:
            before.result()  # one person's frames stay in order; tasks start in order, so nobody waits for ever
        for t, image in enumerate(images, start=start):
            if t in shot_starts:
                search.follower = PersonFollower()
            others = [
                mask for k, track in enumerate(tracks.masks) if k != search.row and (mask := track[t]) is not None
            ]
            landmarks = search.follower.find(landmarker, image, tracks.masks[search.row][t], others)
            if landmarks is not None:
                _record(search.found, t, landmarks)

    first = _take_up(searches, facts.n_frames, checkpoints, name)
    images = progress(frames[first:], facts.n_frames - first, "landmarks")
    with ThreadPoolExecutor(n_threads) as pool:
        _search_on(pool, follow, searches, _in_chunks(images, first), checkpoints, name)
    return [search.found for search in searches]


def _search_on(
    pool: ThreadPoolExecutor,
    follow: Callable[[_Search, Future[None] | None, int, list[np.ndarray]], None],
    searches: Sequence[_Search],
    chunks: Iterable[tuple[int, list[np.ndarray]]],
    checkpoints: ChunkStore,
    name: str,
) -> None:
    """Follow everybody through chunks of frames, a few at a time, and keep what is found."""
    underway: list[list[Future[None]]] = []
    for start, images in chunks:
        for search in searches:
            search.last_task = pool.submit(follow, search, search.last_task, start, images)
        underway.append([search.last_task for search in searches if search.last_task is not None])
        stop = start + len(images)
        is_kept = checkpoints.keeps and stop % _KEPT_FRAMES == 0
        while len(underway) > (0 if is_kept else _CHUNKS_AHEAD):
            _wait(underway.pop(0))
        if is_kept:
            checkpoints.save(name, stop // _KEPT_FRAMES - 1, _pack(searches, slice(stop - _KEPT_FRAMES, stop)))
    for tasks in underway:
        _wait(tasks)


def _pack(searches: Sequence[_Search], frames: slice) -> dict[str, np.ndarray]:
    """What was found in some frames, and where everybody is in the last of them."""
    circles = [search.follower.circle for search in searches]
    points = np.array([(0, 0, 0, 0) if c is None else (*c.centre_px, *c.rim_px) for c in circles], dtype=np.float64)
    found = {name: np.stack([getattr(search.found, name)[frames] for search in searches]) for name in _FIELDS}
    return {**found, "circles_px": points.reshape(-1, 2, 2), "has_circle": np.array([c is not None for c in circles])}


def _take_up(searches: Sequence[_Search], n_frames: int, checkpoints: ChunkStore, name: str) -> int:
    """Put what is kept where it was found; returns the first frame to look at."""
    number = 0
    while (number + 1) * _KEPT_FRAMES <= n_frames and (kept := checkpoints.load(name, number)) is not None:
        frames = slice(number * _KEPT_FRAMES, (number + 1) * _KEPT_FRAMES)
        for k, search in enumerate(searches):
            for column in _FIELDS:
                getattr(search.found, column)[frames] = kept[column][k]
            centre_px, rim_px = kept["circles_px"][k]
            search.follower = PersonFollower(BodyCircle(centre_px, rim_px) if kept["has_circle"][k] else None)
        number += 1
    return number * _KEPT_FRAMES


def _wait(tasks: list[Future[None]]) -> None:
    for task in tasks:
        task.result()


def _record(found: PersonLandmarks, t: int, landmarks: PoseLandmarks) -> None:
    found.image_px[t], found.relative[t] = landmarks.image_px, landmarks.relative
    found.visibility[t], found.found[t] = landmarks.visibility, True


def _in_chunks(frames: Iterable[np.ndarray], start: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """(index of the first frame, frames) of a few frames at a time, the first of which is `start`."""
    chunk: list[np.ndarray] = []
    for frame in frames:
        chunk.append(frame)
        if len(chunk) == _CHUNK_FRAMES:
            yield start, chunk
            start, chunk = start + len(chunk), []
    if chunk:
        yield start, chunk
