"""The clip that everything is about."""

import itertools
from dataclasses import dataclass, field

from nlf_pipeline.artefact_files import JsonArtefact


@dataclass(frozen=True)
class VideoFacts(JsonArtefact):
    """video.json: what `fetch` found in the source and what it wrote to clip.mp4."""

    video_id: str
    """The video's id."""
    width_px: int
    """Of clip.mp4, upright."""
    height_px: int
    """Likewise."""
    fps: float
    """Constant frame rate of clip.mp4, frames per second."""
    n_frames: int
    """Frames in clip.mp4; every one decodes."""
    cuts: list[int] = field(default_factory=list)
    """Index of the first frame of every shot but the first, ascending."""
    has_audio: bool = False
    """Whether clip.mp4 has sound."""
    focal_px: float | None = None
    """Focal length found in the file's metadata, in pixels of clip.mp4."""
    source: str = ""
    """File name or URL the clip was made from."""
    source_fps: float = 0.0
    """Frame rate of the source, frames per second; 0 if not known."""
    source_rotation_deg: int = 0
    """Clockwise rotation that the source's metadata asked for; applied in clip.mp4."""
    variable_frame_rate: bool = False
    """True if the source's frames were unevenly spaced and were resampled to `fps`."""
    time_range: list[float] | None = None
    """Start and end of the clip in the source, seconds."""
    warnings: list[str] = field(default_factory=list)
    """What the user should know."""

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return self.width_px, self.height_px

    def shots(self) -> list[slice]:
        """Frame ranges between cuts, in order; together they cover the clip."""
        bounds = [0, *self.cuts, self.n_frames]
        return [slice(start, stop) for start, stop in itertools.pairwise(bounds) if stop > start]
