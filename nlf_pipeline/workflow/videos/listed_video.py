"""One entry of a list of videos."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nlf_pipeline.workflow.videos.ids import ID_RULE, is_video_id

_ADDRESS = re.compile(r"(?:[?&]v=|youtu\.be/|/shorts/|/live/|/embed/)([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])")


NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})
"""Of a video without any of its own."""


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video that a list names."""

    video_id: str
    source: Path | None
    """Its file; None: that of videos_in/, a demo, or a download, as for an id on the command line."""
    settings: Mapping[str, Any]
    """Its own, which take the place of those of config.yaml and the command line. Not to be changed: rows share it."""
    place: str
    """Where it stands, such as `videos.csv, line 5`."""


def id_problem(text: str) -> str | None:
    """What is wrong with an id; None: nothing."""
    if is_video_id(text):
        return None
    address = _ADDRESS.search(text)
    return f"found {text!r}, expected {ID_RULE}" + (f": {address[1]}" if address else "")
