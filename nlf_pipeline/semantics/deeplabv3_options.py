"""What can be set about DeepLabV3."""

from dataclasses import dataclass

from nlf_pipeline.option_ranges import check_ranges

_RANGES = {"mask_threshold": (0.01, 0.99), "batch_size": (1, 256), "input_size": (32, 2160)}


@dataclass(frozen=True)
class DeepLabOptions:
    """How DeepLabV3 looks for people's pixels."""

    mask_threshold: float = 0.2
    """A pixel counts as a person's from this probability on, 0.01 to 0.99; less marks more."""
    batch_size: int = 4
    """Frames given to the network at once, 1 to 256; halved where the GPU's memory does not suffice."""
    input_size: int = 520
    """Shorter side of the pictures that the network sees, pixels, 32 to 2160; it was trained at 520, less is faster."""

    def __post_init__(self) -> None:
        """Raise UserError if a value is out of range."""
        check_ranges(self, "deeplabv3", _RANGES)
