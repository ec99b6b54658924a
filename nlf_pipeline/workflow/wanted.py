"""Which files a run makes of a video, by its settings; and which ones the last run wanted, for those who ask later."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ALWAYS = ("bodies.npz", "world_cameras.npz", "report.html")
"""What every run makes of every video."""
FOLDER = ".wanted"
"""In the folder of results, with a file per video."""


def wanted_names(settings: Mapping[str, Any], has_truth: bool) -> list[str]:
    """Files and folders among a video's results.

    Args:
        settings: complete.
        has_truth: whether the result can be compared with the truth.
    """
    return [
        *ALWAYS,
        *(["player.html"] if settings["player"] else []),
        *(f"{view}_view.mp4" for view in settings["views"]),
        *(f"export/{name}" for name in settings["export"]),
        *(f"previews/{kind}.{suffix}" for kind in settings["previews"] for suffix in ("png", "mp4")),
        *(["evaluation.json"] if has_truth else []),
    ]


def remember_wanted(names: Sequence[str], video: str, results: Path) -> None:
    """Leave word of what a run wants of a video.

    Args:
        names: as `wanted_names` returns them.
        video: its id.
        results: folder with a folder per video.
    """
    file, text = results / FOLDER / video, "".join(f"{name}\n" for name in names)
    if not file.is_file() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def last_wanted(video: str, results: Path) -> Sequence[str]:
    """What the last run wanted of a video; what every run wants if there is no word of it."""
    try:
        return (results / FOLDER / video).read_text().split() or ALWAYS
    except (OSError, ValueError):
        return ALWAYS
