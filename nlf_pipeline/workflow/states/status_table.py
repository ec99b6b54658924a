"""The states of many videos as a table for people, and as JSON for scripts."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from nlf_pipeline.workflow.states.video_states import JobState, VideoState, VideoStateName

FORMAT_VERSION = 1
_ORDER = {name: place for place, name in enumerate(get_args(VideoStateName))}
"""Rows that somebody has to do something about come last, where they are seen."""
_COLUMNS = ("video", "frames", "length", "state", "time", "verdict")
_RIGHT = {"frames", "length", "time"}
_LESS_NEEDED = ("frames", "length", "verdict")
"""Columns that a narrow terminal goes without, in this order."""
_GAP, _LONGEST_ID, _SHORTEST_NOTE = "  ", 32, 30
_N_SLOWEST = 3


def format_states(states: Sequence[VideoState], width: int | None = None) -> str:
    """One line per video with what there is to know about it, those in trouble last, and the totals.

    Args:
        states: of the videos.
        width: of the terminal in characters; lines are cut to it. None: as wide as need be.
    """
    ordered = sorted(states, key=lambda state: _ORDER[state.state])
    rows = [_cells(state) for state in ordered]
    columns = [name for name in _COLUMNS if any(row[name] for row in rows)]
    for name in _LESS_NEEDED:
        if width is not None and _width(rows, columns) + _SHORTEST_NOTE > width and name in columns:
            columns.remove(name)
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns} if rows else {}
    is_beside = width is None or _width(rows, columns) + _SHORTEST_NOTE <= width
    lines = [_line(dict.fromkeys(columns), widths)] if rows else []
    for row in rows:
        line, note = _line(row, widths), row["note"]
        lines += [f"{line}{_GAP}{note}"] if is_beside else [line, *([_GAP * 2 + note] if note else [])]
    lines += ["", *format_totals(states)]
    return "\n".join(_cut(line.rstrip(), width) for line in lines)


def format_jobs(states: Sequence[VideoState]) -> str:
    """The time of every job of every video, one column per job, in seconds."""
    names = list(dict.fromkeys(job.record.job for state in states for job in state.jobs))
    header = ["seconds", *names]
    rows = [
        [_short(state.video_id), *(_seconds_in(state.jobs, name) for name in names)] for state in states if state.jobs
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        _GAP.join([f"{row[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in [header, *rows]
    )


def format_totals(states: Sequence[VideoState]) -> list[str]:
    """How many videos are in which state, how long they are, and where the time went."""
    counts = Counter(state.state for state in states)
    parts = ", ".join(f"{counts[name]} {name}" for name in _ORDER if counts[name])
    lines = [f"{len(states)} video{'s' * (len(states) != 1)}" + (f": {parts}" if parts else "")]
    n_frames = sum(state.n_frames or 0 for state in states)
    if n_frames:
        lines.append(f"{n_frames:,} frames, {duration(sum(map(_length_s, states)))} of video")
    if verdicts := Counter(state.verdict for state in states if state.verdict):
        lines.append("verdicts: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items())))
    seconds = _job_seconds(states)
    if seconds:
        lines.append(f"{duration(sum(seconds.values()))} of work: {_slowest(seconds)}")
    return lines


def format_json(states: Sequence[VideoState]) -> str:
    """The same as JSON."""
    videos = [
        {
            "video_id": state.video_id,
            "state": state.state,
            "n_frames": state.n_frames,
            "fps": state.fps,
            "verdict": state.verdict,
            "seconds": state.seconds,
            "jobs": [
                {
                    **dataclasses.asdict(job.record),
                    "state": job.state,
                    "seen": job.seen,
                    "seconds": job.record.seconds if job.state != "killed" else None,
                    "progress": job.progress,
                }
                for job in state.jobs
            ],
        }
        for state in states
    ]
    totals = {
        "n_videos": len(states),
        "states": dict(Counter(state.state for state in states)),
        "verdicts": dict(Counter(state.verdict for state in states if state.verdict)),
        "n_frames": sum(state.n_frames or 0 for state in states),
        "seconds": sum(state.seconds for state in states),
        "seconds_of_jobs": _job_seconds(states),
    }
    return json.dumps({"format_version": FORMAT_VERSION, "videos": videos, "totals": totals}, indent=1)


def duration(seconds: float) -> str:
    """A time in words that are short: `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, smaller_unit, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            count, rest = divmod(whole, unit)
            return f"{count} {name}" + (f" {rest // smaller_unit} {smaller}" if rest // smaller_unit else "")
    return f"{whole} s"


def _cells(state: VideoState) -> dict[str, str]:
    length_s = _length_s(state)
    return {
        "video": _short(state.video_id),
        "frames": f"{state.n_frames:,}" if state.n_frames is not None else "",
        "length": f"{int(length_s) // 60}:{length_s % 60:04.1f}" if length_s else "",
        "state": state.state,
        "time": duration(state.seconds) if state.jobs else "",
        "verdict": state.verdict or "",
        "note": _note(state),
    }


def _note(state: VideoState) -> str:
    """What is going on, what went wrong, or else where the time went."""
    parts = [_running_note(job) for job in state.jobs_in("running")]
    if state.state not in ("done", "waiting"):
        parts += [f"{job.record.job} failed: {job.record.error}" for job in state.jobs_in("failed")]
        for how in ("killed", "stopped"):
            parts += [f"{job.record.job} was {how}, begun {_when(job.record.started)}" for job in state.jobs_in(how)]
    if parts:
        return "; ".join(parts)
    return _slowest(_job_seconds([state])) if state.jobs else ""


def _running_note(job: JobState) -> str:
    where = "" if job.seen else f" on {job.record.host}, as it says (seen from there only)"
    attempt = f", attempt {job.record.attempt}" if job.record.attempt > 1 else ""
    progress = f": {job.progress}" if job.progress else ""
    return f"{job.record.job} since {duration(job.record.seconds)}{attempt}{where}{progress}"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _job_seconds(states: Iterable[VideoState]) -> dict[str, float]:
    """The time of each job, over all videos."""
    seconds: dict[str, float] = {}
    for state in states:
        for job in state.jobs:
            if job.state != "killed":
                seconds[job.record.job] = seconds.get(job.record.job, 0.0) + job.record.seconds
    return seconds


def _seconds_in(jobs: Iterable[JobState], name: str) -> str:
    return next((f"{job.record.seconds:.1f}" for job in jobs if job.record.job == name and job.state != "killed"), "")


def _slowest(seconds: Mapping[str, float]) -> str:
    """The jobs that took longest, and the rest together."""
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    parts = [f"{name} {duration(taken)}" for name, taken in ordered[:_N_SLOWEST]]
    rest = ordered[_N_SLOWEST:]
    if rest:
        parts.append(f"{len(rest)} other{'s' * (len(rest) > 1)} {duration(sum(taken for _, taken in rest))}")
    return ", ".join(parts)


def _length_s(state: VideoState) -> float:
    return state.n_frames / state.fps if state.n_frames and state.fps else 0.0


def _short(video_id: str) -> str:
    return video_id if len(video_id) <= _LONGEST_ID else f"{video_id[: _LONGEST_ID - 1]}…"


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else f"{line[: max(width - 1, 1)]}…"


def _line(row: Mapping[str, Any], widths: Mapping[str, int]) -> str:
    """One line of a table; a row without cells is the header."""
    cells = {name: row[name] if row[name] is not None else name for name in widths}
    return _GAP.join(f"{text:>{widths[n]}}" if n in _RIGHT else f"{text:<{widths[n]}}" for n, text in cells.items())


def _width(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    """Of a table without its notes."""
    return sum(max([len(name), *(len(row[name]) for row in rows)]) + len(_GAP) for name in columns)
