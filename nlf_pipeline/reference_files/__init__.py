"""The files of the reference pipeline (github.com/isarandi/nlf-pipeline): read without trust, and written.

Its lengths are millimetres but for the fits, which are metres like ours. Its world is any right-handed one; each
camera says which way is up.
"""

from dataclasses import dataclass
from pathlib import Path

MM_PER_M = 1000.0


@dataclass(frozen=True)
class ReferenceFolder:
    """Where the reference pipeline has what belongs to one video, below its INFERENCE_ROOT."""

    root: Path
    video_id: str
    suffix: str = ""
    """Of one run of several on a video; it is in the names of predictions, fits and what follows from them."""

    @property
    def video(self) -> Path:
        """The video."""
        return self.root / "videos_in" / f"{self.video_id}.mp4"

    @property
    def masks(self) -> Path:
        """Of the people followed: per frame a list of run-length encoded masks, in the order of the people."""
        return self.root / "masks" / f"{self.video_id}_masks.pkl"

    @property
    def people_masks(self) -> Path:
        """Per frame one mask of all people."""
        return self.root / "masks_semseg" / f"{self.video_id}_masks.pkl"

    @property
    def predictions(self) -> Path:
        """Vertices and joints, world, millimetres, in BodyCompress's format."""
        return self.root / "preds_np" / f"{self.video_id}{self.suffix}.xz"

    @property
    def ground(self) -> Path:
        """Direction and height of the floor."""
        return self.root / "cameras" / f"{self.video_id}{self.suffix}_ground.pkl"

    def cameras(self, fps_factor: int = 1) -> Path:
        """The camera of every frame; of a run with a camera that stands still there is no such file."""
        return self.root / "cameras" / f"{self.video_id}{_rate(fps_factor)}.pkl"

    def fits(self, fps_factor: int = 1) -> Path:
        """Per frame the body parameters of those who are seen."""
        return self.root / "smooth_fits" / f"{self.video_id}{self.suffix}_smoothfits{_rate(fps_factor)}.pkl"

    def view_cameras(self, fps_factor: int = 1) -> Path:
        """The camera of every frame of the side view."""
        return self.root / "camera_traj" / f"{self.video_id}{self.suffix}_camtraj{_rate(fps_factor)}.pkl"


def _rate(fps_factor: int) -> str:
    return f"_fps{fps_factor}" if fps_factor != 1 else ""
