"""What can be set about NLF."""

from dataclasses import dataclass
from typing import Literal

from nlf_pipeline.errors import UserError
from nlf_pipeline.option_ranges import check_ranges

NlfModelName = Literal["nlf_l", "nlf_s"]
_ANTIALIAS_FACTORS = (1, 2, 4)
_RANGES = {
    "num_aug": (1, 32),
    "batch_size": (1, 256),
    "internal_batch_size": (1, 1024),
    "default_fov_degrees": (5, 150),
    "detector_threshold": (0, 1),
    "detector_nms_iou_threshold": (0, 1),
    "max_detections": (1, 10_000),
}


@dataclass(frozen=True)
class NlfOptions:
    """Neural Localizer Fields (Sarandi and Pons-Moll, NeurIPS 2024), by the names that its release uses."""

    model: NlfModelName = "nlf_l"
    """Which release: the large one, or the small and faster one."""
    num_aug: int = 5
    """Turned, scaled and mirrored views of every crop that are averaged, 1 to 32; 1 is fastest."""
    batch_size: int = 8
    """Frames given to the model at once, 1 to 256; halved where the GPU's memory does not suffice."""
    internal_batch_size: int = 8
    """Crops, of all views, that the network sees at once, 1 to 1024; those of one person always go together."""
    antialias_factor: int = 2
    """Crops are drawn so many times larger and averaged: 1, 2 or 4."""
    default_fov_degrees: float = 55.0
    """Field of view of the longer image side where the lens is not known yet, 5 to 150 degrees."""
    suppress_implausible_poses: bool = True
    """Of people found by NLF's own detector, keep only those whose pose is plausible; masks are always kept."""
    detector_threshold: float = 0.15
    """Lowest score of a person found by NLF's own detector, 0 to 1."""
    detector_nms_iou_threshold: float = 0.8
    """Boxes of NLF's own detector that overlap more than this are one person, 0 to 1."""
    max_detections: int = 150
    """People found by NLF's own detector in a frame at most, 1 to 10000."""
    detector_flip_aug: bool = True
    """Let NLF's own detector look at the mirrored frame too."""

    def __post_init__(self) -> None:
        """Raise UserError if a value is out of range."""
        check_ranges(self, "nlf", _RANGES)
        if self.antialias_factor not in _ANTIALIAS_FACTORS:
            raise UserError(f"nlf.antialias_factor is {self.antialias_factor}; expected 1, 2 or 4.")
