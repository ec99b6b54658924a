"""What a run has made, for people: the files, warnings, the accuracy where there is truth; or what went wrong."""

import json
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from nlf_pipeline.workflow.states.status_table import format_states
from nlf_pipeline.workflow.states.video_states import read_states

_SHOWN = (
    "report.html", "player.html", "*_view.mp4", "bodies.npz", "world_cameras.npz", "evaluation.json", "export/*",
    "previews/*",
)  # fmt: skip
_MOST_DETAILED, _MOST_FAILURES = 3, 20
"""Videos of which everything is told, and failures; of more, the table tells what matters."""
_BYTES_PER_KB = 1e3
_LARGEST_SPREAD = 0.15
"""Of a camera's scale, from which on the user is told."""
_ERROR_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \S+ ERROR nlf_pipeline: (.*(?:\n(?!\d{4}-\d\d-\d\d ).*)*)", re.MULTILINE)


def run_summary(video_ids: Sequence[str], results: Path = Path("results"), logs: Path = Path("logs")) -> str:
    """A table of several videos, and a few lines about each of few that has its bodies.

    A run that was asked for less makes no bodies.

    Args:
        video_ids: the videos of this run.
        results: folder with one folder per video.
        logs: likewise, with the records of jobs.
    """
    folders = [results / video_id for video_id in video_ids]
    made = [folder for folder in folders if (folder / "bodies.npz").is_file()]
    details = [line for folder in made for line in _summary_lines(folder)] if len(folders) <= _MOST_DETAILED else []
    table = videos_table(video_ids, results, logs)
    return "\n".join([*([table] if table else []), *details])


def videos_table(video_ids: Sequence[str], results: Path = Path("results"), logs: Path = Path("logs")) -> str:
    """State, times and verdict of each of several videos when a run is over; nothing for a single one.

    Args:
        video_ids: the videos of this run.
        results: folder with one folder per video.
        logs: likewise, with the records of jobs.
    """
    if len(video_ids) < 2:
        return ""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return "\n" + format_states(read_states(video_ids, results, logs, is_over=True), width)


def failure_summary(logs: Path, folders: Iterable[str], since: float) -> str:
    """The last error in every log file that this run wrote, one per line.

    Args:
        logs: folder of the logs.
        folders: the folders in it that belong to this run; other runs may be under way.
        since: when this run started, seconds since the epoch.
    """
    lines = []
    for path in sorted(path for folder in folders for path in (logs / folder).glob("*.log")):
        if path.stat().st_mtime >= since and (errors := _ERROR_RECORD.findall(path.read_text(errors="replace"))):
            lines.append(f"  {path}: {errors[-1].strip()}")
    if not lines:
        return ""
    if len(lines) > _MOST_FAILURES:
        lines[_MOST_FAILURES:] = [f"  and {len(lines) - _MOST_FAILURES} more: nlf-pipeline status"]
    return "\nWhat went wrong (the same command goes on from here, once it is cured):\n" + "\n".join(lines)


def _summary_lines(folder: Path) -> Iterable[str]:
    from nlf_pipeline.artefacts import Bodies, VideoFacts

    facts, bodies = VideoFacts.load(folder / "video.json"), Bodies.load(folder / "bodies.npz")
    n_people = len(bodies.person_ids)
    people = {0: "nobody was found", 1: "1 person"}.get(n_people, f"{n_people} people")
    yield f"\n{folder.name}: {facts.n_frames} frames at {facts.fps:.5g} frames/s, {people}"
    yield from _verdict_lines(folder)
    yield from (
        f"  note: {note}"
        for note in [*facts.warnings, *_camera_notes(folder), *_scale_notes(folder), *_floor_notes(folder)]
    )
    made = [path for shown in _SHOWN for path in sorted(folder.glob(shown))]
    for path in (path for path in made if not path.name.startswith(".")):
        yield f"  {path}  ({_size(path) / _BYTES_PER_KB:,.0f} kB)"
    if (folder / "evaluation.json").is_file():
        yield from _evaluation_lines(folder / "evaluation.json")


def _size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _verdict_lines(folder: Path) -> Iterable[str]:
    from nlf_pipeline.reporting.quality import QualityReport

    path = folder / "report.json"
    # A run that was asked for less than everything may leave a report on older bodies behind.
    if path.is_file() and path.stat().st_mtime >= (folder / "bodies.npz").stat().st_mtime:
        quality = QualityReport.load(path)
        yield f"  verdict: {quality.verdict} ({quality.summary}); see {folder / 'report.html'}"


def _camera_notes(folder: Path) -> Iterable[str]:
    from nlf_pipeline.artefacts import CameraReport, Intrinsics

    intrinsics = Intrinsics.load(folder / "intrinsics.json")
    if intrinsics.focal_source == "assumed":
        yield (
            f"the focal length ({intrinsics.focal_px[0]:.0f} px) is assumed, since neither the file nor the pictures "
            "tell it, and distances scale with it; give the field of view where it is known: --config fov=DEGREES"
        )
    windows = CameraReport.load(folder / "camera_report.json").windows
    for window in windows:
        where = f"frames {window.start}-{window.stop - 1}: " if len(windows) > 1 else ""
        yield from (where + note for note in window.notes)


def _scale_notes(folder: Path) -> Iterable[str]:
    from nlf_pipeline.artefacts import SceneCameras

    spread = SceneCameras.load(folder / "cameras.npz").scale_spread.max(initial=0.0)
    if spread > _LARGEST_SPREAD:
        yield (
            f"the scale of the camera's path is uncertain ({100 * spread:.0f} %); "
            "a known size helps: --config person_height=METRES, or measured_distance"
            if spread < 1
            else "nothing tells the scale of the camera's path: --config person_height=METRES, or measured_distance"
        )


def _floor_notes(folder: Path) -> Iterable[str]:
    from nlf_pipeline.artefacts import Bodies, Ground

    floors = Ground.load(folder / "ground.json").floors
    if any(floor.source == "camera" for floor in floors) and len(Bodies.load(folder / "bodies.npz").person_ids):
        yield "too few feet were seen at rest to find the floor: a level camera of usual height is assumed"
    slopes = [floor.slope_deg for floor in floors if floor.kind == "slope"]
    if slopes:
        yield f"the floor slopes by {max(slopes):.0f} degrees; the world's up comes from the people, who stand upright"
    if any(floor.kind == "uneven" for floor in floors):
        yield "people stand at several heights, as on stairs: y = 0 is where most feet stood"


def _evaluation_lines(path: Path) -> Iterable[str]:
    from nlf_pipeline.evaluation.measurement import Measurement, format_table

    rows = json.loads(path.read_text())["measurements"]
    yield ""
    yield from format_table([Measurement(**{k: v for k, v in row.items() if k != "reached"}) for row in rows])
