"""What can be set about STCN and the detector that starts it."""

from dataclasses import dataclass

from nlf_pipeline.option_ranges import check_ranges

_RANGES = {
    "passes": (1, 10),
    "redetect_every": (0.0, 600.0),
    "detection_threshold": (0.0, 1.0),
    "entry_threshold": (0.0, 1.0),
    "detector_resolution": (64, 2160),
    "resolution": (32, 2160),
    "memory_frames": (1, 1024),
    "recent_frames": (0, 64),
    "top_k": (1, 1000),
    "memory_every": (1, 1000),
    "batch_size": (1, 1024),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class StcnOptions:
    """Options of the segmenter `stcn`."""

    passes: int = 2
    """Times each shot is gone through, 1-10: all but the last look at frames in random order and only remember them;
    with 1, people are followed from the initial frame onwards and backwards."""
    redetect_every: float = 2.0
    """Seconds between looks for people who enter later, 0-600; 0: never."""
    detection_threshold: float = 0.5
    """Least score of a person that Mask R-CNN finds, 0-1."""
    entry_threshold: float = 0.8
    """Least score of a person who is followed although he was not found at the start, 0-1; below: a bystander."""
    detector_resolution: int = 800
    """Short side of the picture that Mask R-CNN sees, pixels, 64-2160."""
    resolution: int = 320
    """Short side of the picture that STCN sees, pixels, 32-2160."""
    memory_frames: int = 128
    """Frames that STCN remembers of each group of people who were found together, 1-1024; of few it soon forgets those
    who are hidden for a while."""
    recent_frames: int = 2
    """Newest frames that it remembers besides, in the last of several passes, 0-64."""
    top_k: int = 20
    """Places in memory that each place of a picture is compared with, 1-1000."""
    memory_every: int = 1
    """Frames from one that is remembered to the next, 1-1000."""
    batch_size: int = 8
    """Frames that STCN sees at once, 1-1024; no more than memory_every."""
    seed: int = 0
    """Of the random order of frames, and of what a full memory forgets."""

    def __post_init__(self) -> None:
        """Raise UserError if a value is out of range."""
        check_ranges(self, "stcn", _RANGES)
