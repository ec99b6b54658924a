"""What the user has put there for each video: its file, edits of its tracks, the truth; and the rendered demos."""

import functools
import shlex
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nlf_pipeline.errors import UserError
from nlf_pipeline.files import check_readable
from nlf_pipeline.workflow.settings import local_videos, no_such_video
from nlf_pipeline.workflow.videos.ids import is_youtube_id
from nlf_pipeline.workflow.videos.listed_video import ListedVideo

if TYPE_CHECKING:
    from nlf_pipeline.repair.edit_file import TrackEdits

_CLOCKS_DIFFER_S = 10
VIDEOS_IN, TRUTH, DOWNLOADS = Path("videos_in"), Path("truth"), Path("resources/downloads")


class VideoInputs:
    """Looked at once per run."""

    def __init__(self, listed: Iterable[ListedVideo], demos: Iterable[str], results: Path) -> None:
        """Look into the folder of videos.

        Args:
            listed: the videos of this run.
            demos: ids of videos that can be rendered.
            results: folder with a folder per video, in which edits of its tracks may be.

        Raises:
            UserError: if two files have the same id.
        """
        self._listed: Mapping[str, Path] = {video.video_id: video.source for video in listed if video.source}
        self._local, self._results = local_videos(VIDEOS_IN), results
        # A file of the user's own that happens to be called demo is an ordinary video.
        own = {*self._local, *self._listed}
        self.rendered = [demo for demo in demos if demo not in own or (TRUTH / demo).is_dir()]
        """Ids of the demos."""

    @functools.cache  # noqa: B019  (one object per run)
    def source_of(self, video: str) -> str:
        """The file that a video's clip is made from: the user's, a rendered demo, or a download.

        Raises:
            UserError: if there is none, it cannot be read, or its time lies in the future.
        """
        if video in self._listed:
            return _readable(self._listed[video])
        if video in self.rendered:
            return f"{VIDEOS_IN}/{video}.mp4"
        if video in self._local:
            return _readable(self._local[video])
        if is_youtube_id(video):
            return f"{DOWNLOADS}/{video}.mp4"
        raise no_such_video(video, VIDEOS_IN)

    def has_truth(self, video: str) -> bool:
        """Whether a video's result can be compared with the truth."""
        return video in self.rendered or (TRUTH / video / "bodies.npz").is_file()

    @functools.cache  # noqa: B019  (one object per run)
    def edits_of(self, video: str) -> "TrackEdits | None":
        """The user's edits of a video's tracks, None if there are none.

        Raises:
            UserError: if the file of edits says what cannot be.
        """
        path = self._results / video / "tracks.yaml"
        if not path.is_file():
            return None
        from nlf_pipeline.repair.edit_file import read_edits

        return read_edits(path)

    def told_edits(self, video: str) -> str:
        """The edits in words."""
        edits = self.edits_of(video)
        return "; ".join(map(str, edits.edits)) if edits and edits.edits else "none"

    def told_names(self, video: str) -> str:
        """The names that the user gave to people, in words, so that a new name reruns those alone who tell it."""
        edits = self.edits_of(video)
        return str(edits.names) if edits and edits.names else "none"


def _readable(source: Path) -> str:
    check_readable(source, "a video file")
    modified = source.stat().st_mtime
    if modified > time.time() + _CLOCKS_DIFFER_S:  # Snakemake refuses results that are older than what they are made of
        told = time.strftime("%Y-%m-%d %H:%M", time.localtime(modified))
        raise UserError(
            f"{source}: its time ({told}) lies in the future, expected one that has passed. If this machine's clock "
            f"is right, set the file's time to now: touch {shlex.quote(str(source))}"
        )
    return str(source)
