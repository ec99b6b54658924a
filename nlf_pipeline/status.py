"""Command `status`: how far every video is, also while a run is going on."""

import shutil
import sys
from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.states.status_table import format_jobs, format_json, format_states
from nlf_pipeline.workflow.states.video_states import known_videos, read_states


def status(*, videos: str | None = None, folder: Path = Path(), jobs: bool = False, json: bool = False) -> None:
    """List each video's state, time and verdict: waiting, running, done, failed (and why), stopped or killed.

    Args:
        videos: ids with commas between, or a list as for the setting `videos`: a folder, a .txt or a .csv file. None:
            all videos that have results or that a run is working on.
        folder: working directory, the one with results/ and logs/.
        jobs: list the time of each job, too.
        json: print JSON instead of the table, for scripts.

    Raises:
        UserError: if there is neither a results/ nor a logs/ folder, or no such list.
    """
    results, logs = folder / "results", folder / "logs"
    if not results.is_dir() and not logs.is_dir():
        raise UserError(
            f"{folder.absolute()}: no results/ here. Go to where the workflow ran, or name it: --folder DIR"
        )
    states = read_states(known_videos(results, logs) if videos is None else _listed_ids(videos), results, logs)
    if json:
        print(format_json(states))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(format_states(states, width))
    if jobs:
        print("\n" + format_jobs(states))


def _listed_ids(videos: str) -> list[str]:
    path = Path(videos)
    if not path.exists() and path.suffix == "" and "/" not in videos:
        return [part.strip() for part in videos.split(",")]
    from nlf_pipeline.workflow.videos.lists import read_video_list

    return [video.video_id for video in read_video_list(path, schema=None)]
