"""The complete settings of every video of a run."""

from collections.abc import Iterable, Mapping
from typing import Any

from nlf_pipeline.workflow.settings import completed_for_video, completed_settings
from nlf_pipeline.workflow.videos.listed_video import ListedVideo

Settings = Mapping[str, Any]


class RunSettings:
    """Settings by video. Those with the same own settings share one object, so that what follows is found out once."""

    def __init__(self, given: Settings, videos: Iterable[ListedVideo]) -> None:
        """Put each video's own settings over those of all.

        Args:
            given: of all videos, as `settings.given_settings` returns them.
            videos: of this run.
        """
        self._given, self._own = given, {video.video_id: video.settings for video in videos}
        self._completed: dict[int, Settings] = {}
        self.common: Settings = completed_settings(given)
        """Of what belongs to no video, and of videos without any of their own."""
        self.are_same_for_all = not any(self._own.values())
        """Whether there is only `common`."""
        self.variants: list[Settings] = list({id(found): found for found in map(self.of, self._own)}.values())
        """Each once."""

    def of(self, video: str | None) -> Settings:
        """The settings of a video."""
        own = self._own.get(video) if video is not None else None
        if not own:
            return self.common
        if id(own) not in self._completed:
            self._completed[id(own)] = completed_for_video(self._given, own)
        return self._completed[id(own)]
