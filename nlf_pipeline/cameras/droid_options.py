"""Settings of the DROID-SLAM tracker."""

import math
from dataclasses import dataclass
from typing import Literal

from nlf_pipeline.errors import UserError
from nlf_pipeline.option_ranges import check_ranges

_WIDEST_FOV_DEG = 170.0
_POSITIVE = ("filter_thresh", "frontend_thresh", "backend_thresh", "search_thresh")
_RANGES = {
    "beta": (0, 1),
    "keyframe_thresh": (0, math.inf),
    "warmup": (4, 32),
    "frontend_window": (4, 100),
    "frontend_radius": (1, 10),
    "frontend_nms": (0, 10),
    "backend_radius": (1, 10),
    "backend_nms": (0, 10),
    "max_keyframes": (32, 4096),
    "fov_min": (1, _WIDEST_FOV_DEG),
    "fov_step": (1, 30),
    "search_stride": (1, 30),
    "search_frames": (20, 1000),
    "search_window": (4, 100),
    "smoothing": (0, 5),
}


@dataclass(frozen=True)
class DroidOptions:
    """What can be set about DROID-SLAM. Distances between pictures are in pixels of its grid, an eighth as fine."""

    beta: float = 0.3
    """Weight of the whole motion, against that by travel alone, in the distance between two pictures, 0-1."""
    filter_thresh: float = 2.4
    """A picture that moved by more than this since the last candidate is a candidate for a keyframe; more than 0."""
    warmup: int = 8
    """Keyframes before it starts to solve, 4-32."""
    keyframe_thresh: float = 4.0
    """Keyframes nearer to each other than this are dropped; 0 or more."""
    frontend_thresh: float = 16.0
    """Keyframes nearer than this are linked while tracking; more than 0."""
    frontend_window: int = 25
    """Keyframes solved together while tracking, 4-100."""
    frontend_radius: int = 2
    """Every keyframe is linked with so many neighbours while tracking, 1-10."""
    frontend_nms: int = 1
    """Links suppress others this near while tracking, 0-10."""
    backend_thresh: float = 22.0
    """Keyframes nearer than this are linked when all are solved together at the end; more than 0."""
    backend_radius: int = 2
    """As frontend_radius, at the end, 1-10."""
    backend_nms: int = 3
    """As frontend_nms, at the end, 0-10."""
    max_keyframes: int = 512
    """After so many keyframes a new part of a shot begins, which overlaps the one before by an eighth; 32-4096. Each
    takes about 4 MB of the GPU's memory throughout and up to 20 MB more when all are solved together."""
    fov_min: float = 50.0
    """Where the focal length is not known: the smallest field of view to try, along the longer side, degrees."""
    fov_max: float = 75.0
    """The largest one to try, degrees; from fov_min to 170."""
    fov_step: float = 5.0
    """Between those tried first, degrees, 1-30; then, degree by degree, those about the best up to half of it."""
    search_stride: int = 5
    """The search looks at every frame of this number, fewer apart in short shots; 1-30."""
    search_frames: int = 200
    """The search looks at so many frames at most, 20-1000."""
    search_window: int = 10
    """As frontend_window, in the search, 4-100."""
    search_thresh: float = 10.0
    """As frontend_thresh, in the search; more than 0."""
    smoothing: float = 0.2
    """Motion of the camera of this period keeps half its amplitude, seconds, 0-5; 0 does not smooth."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    """Order of the pictures' channels as the network is given them: rgb as the reference pipeline has it, bgr as
    DROID-SLAM's own programs have it."""

    def __post_init__(self) -> None:
        """Raise UserError for values out of range."""
        for name in _POSITIVE:
            if not 0 < getattr(self, name) < math.inf:
                raise UserError(f"droid.{name} is {getattr(self, name):g}; expected more than 0.")
        check_ranges(self, "droid", {**_RANGES, "fov_max": (self.fov_min, _WIDEST_FOV_DEG)})
        if self.max_keyframes <= self.warmup:
            raise UserError(f"droid.max_keyframes is {self.max_keyframes}; expected more than warmup, {self.warmup}.")
