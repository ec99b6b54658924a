"""Landmarks of everybody in every frame of a clip: people in parallel, a few frames in memory."""

import os
import queue
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.blazepose import BodyCircle, FramePacket, PoseLandmarker, PoseLandmarks
from nlf_pipeline.estimators.landmark_tracks import PersonLandmarks
from nlf_pipeline.estimators.roi_landmarks import Landmarker, PersonFollower
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.progress import progress

_CHUNK_FRAMES = 8
_CHUNKS_AHEAD = 2


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


def find_landmarks(
    frames: Iterable[np.ndarray],
    facts: VideoFacts,
    tracks: MaskTracks,
    landmarker: Landmarker | None = None,
    rows: Sequence[int] | None = None,
) -> list[PersonLandmarks]:
    """Landmarks of everybody in every frame.

    Args:
        frames: (height, width, 3) uint8 RGB, facts.n_frames of them; not read if there is nobody to find.
        facts: of the clip; nobody is followed across its cuts.
        tracks: who is where.
        landmarker: the model, called from several threads; None for BlazePose, loaded once per thread.
        rows: whom of them to find; None for everybody. What is found of one does not depend on who else is sought.

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

    with ThreadPoolExecutor(n_threads) as pool:
        chunks: list[list[Future[None]]] = []
        for start, images in _in_chunks(progress(frames, facts.n_frames, "landmarks")):
            for search in searches:
                search.last_task = pool.submit(follow, search, search.last_task, start, images)
            chunks.append([search.last_task for search in searches if search.last_task is not None])
            if len(chunks) > _CHUNKS_AHEAD:
                _wait(chunks.pop(0))
        for chunk in chunks:
            _wait(chunk)
    return [search.found for search in searches]


def _wait(tasks: list[Future[None]]) -> None:
    for task in tasks:
        task.result()


def _record(found: PersonLandmarks, t: int, landmarks: PoseLandmarks) -> None:
    found.image_px[t], found.relative[t] = landmarks.image_px, landmarks.relative
    found.visibility[t], found.found[t] = landmarks.visibility, True


def _in_chunks(frames: Iterable[np.ndarray]) -> Iterator[tuple[int, list[np.ndarray]]]:
    """(index of the first frame, frames) of a few frames at a time."""
    chunk: list[np.ndarray] = []
    start = 0
    for frame in frames:
        chunk.append(frame)
        if len(chunk) == _CHUNK_FRAMES:
            yield start, chunk
            start, chunk = start + len(chunk), []
    if chunk:
        yield start, chunk
