"""How far every video is, from what lies in the folders of results and logs."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any, Literal

from nlf_pipeline.file_locks import is_locked
from nlf_pipeline.workflow.job_records import JobRecord, lives, read_record
from nlf_pipeline.workflow.wanted import last_wanted

VideoStateName = Literal["done", "not started", "unfinished", "waiting", "running", "killed", "stopped", "failed"]
LOCKS = ".locks"
"""Folder in that of the results, with a file per video that a living run holds."""
_NO_VIDEOS = {"body_models", "weights"}
"""Folders of logs that are no video's."""
_LOG_TAIL_BYTES = 1 << 16
_PROGRESS = re.compile(
    rb"INFO nlf_pipeline\.progress: [^\n]+?: (\d+/\d+ [^\n]+ left)$"
    rb"|INFO nlf_pipeline\.progress: [^\n]+ in [^\n]+ s \([^\n]+()$"  # a loop has ended
    rb"|INFO nlf_pipeline\.workflow\.gpus\.lease: (waits for a GPU|)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class JobState:
    """What a job's last run became."""

    record: JobRecord
    state: Literal["running", "done", "failed", "stopped", "killed"]
    seen: bool
    """Whether that is known; False: it says that it runs, on a host that cannot be asked from here."""
    progress: str | None
    """Of one that runs, in words."""


@dataclass(frozen=True, slots=True)
class VideoState:
    """How far a video is."""

    video_id: str
    state: VideoStateName
    jobs: tuple[JobState, ...]
    """In the order in which they began."""
    n_frames: int | None
    fps: float | None
    verdict: str | None
    """Of its report; None: there is none that belongs to its bodies."""

    @property
    def seconds(self) -> float:
        """What the last runs of its jobs have taken together."""
        return sum(job.record.seconds for job in self.jobs if job.state != "killed")

    def jobs_in(self, *states: str) -> list[JobState]:
        """Those of its jobs that are in one of some states."""
        return [job for job in self.jobs if job.state in states]


def known_videos(results: Path, logs: Path) -> list[str]:
    """Ids of the videos that have results or logs, or that a run is working on."""
    made = {entry.name for entry in _entries(results) if entry.is_dir()}
    logged = {entry.name for entry in _entries(logs) if any(_records(Path(entry)))} - _NO_VIDEOS
    locks = {entry.name: Path(entry) for entry in _entries(results / LOCKS) if not entry.name.startswith("body-")}
    held = {name for name in locks.keys() - made if is_locked(locks[name])}
    return sorted(name for name in made | logged | held if not name.startswith("."))


def read_states(video_ids: Iterable[str], results: Path, logs: Path, *, is_over: bool = False) -> list[VideoState]:
    """How far each of some videos is.

    Args:
        video_ids: which.
        results: folder with a folder per video.
        logs: likewise, with the records of jobs.
        is_over: whether no run is under way, which is else found out.
    """
    return [_read_state(video_id, results, logs / video_id, is_over) for video_id in video_ids]


def _read_state(video_id: str, results: Path, logs: Path, is_over: bool) -> VideoState:
    folder, lock = results / video_id, results / LOCKS / video_id
    is_active = not is_over and is_locked(lock)
    jobs = sorted(starmap(_job_state, _records(logs)), key=lambda job: job.record.started)
    finished_at = _latest([folder / name for name in last_wanted(video_id, results)])
    run_began = lock.stat().st_mtime if is_active else 0.0
    # What failed before the results were finished, or before this run began, is made good by them, or by it.
    forgotten = max(finished_at or 0.0, run_began)
    state = _state_of([job for job in jobs if job.state == "running" or job.record.started > forgotten])
    if state is None:
        unbegun = "unfinished" if jobs or folder.is_dir() else "not started"
        state = "done" if finished_at is not None else "waiting" if is_active else unbegun
    facts, report = _read_json(folder / "video.json"), folder / "report.json"
    is_current = (_latest([report]) or 0.0) >= (_latest([folder / "bodies.npz"]) or 0.0)
    return VideoState(
        video_id=video_id,
        state=state,
        jobs=tuple(jobs),
        n_frames=facts.get("n_frames"),
        fps=facts.get("fps"),
        verdict=_read_json(report).get("verdict") if is_current else None,
    )


def _state_of(jobs: list[JobState]) -> VideoStateName | None:
    """The state of a video that its jobs decide, or None."""
    states = {job.state for job in jobs}
    for state in ("running", "failed", "killed", "stopped"):
        if state in states:
            return state
    return None


def _job_state(path: Path, record: JobRecord) -> JobState:
    if record.state != "running":
        return JobState(record, record.state, True, None)
    is_alive = lives(record, path)
    if is_alive is False:
        return JobState(record, "killed", True, None)
    return JobState(record, "running", is_alive is True, _progress(path.with_suffix(".log")))


def _progress(log: Path) -> str | None:
    """What the last line of a log that tells how far its job is says."""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES, 0))
            told = _PROGRESS.findall(file.read())
    except OSError:
        return None
    return b"".join(told[-1]).decode(errors="replace") or None if told else None


def _records(folder: Path) -> Iterator[tuple[Path, JobRecord]]:
    """The records of jobs in a folder of logs, with their files."""
    for entry in _entries(folder):
        if entry.name.endswith(".json") and (record := read_record(Path(entry))):
            yield Path(entry), record


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def _latest(paths: Iterable[Path]) -> float | None:
    """When the last of some files was made; None if one is not there."""
    try:
        return max(path.stat().st_mtime for path in paths)
    except OSError:
        return None


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none that can be read."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
