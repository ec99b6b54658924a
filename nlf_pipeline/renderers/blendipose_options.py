"""Options of the BlendiPose renderer."""

from dataclasses import dataclass

from nlf_pipeline.option_ranges import check_ranges
from nlf_pipeline.torch_devices import DeviceName

SYSTEM_LIBRARIES = "libgl1 libgomp1 libsm6 libxfixes3 libxi6 libxkbcommon0 libxrender1 libxxf86vm1"
"""Packages of Debian and Ubuntu with what Blender links to, off screen too."""


@dataclass(frozen=True)
class BlendiPoseOptions:
    """How Blender's path tracer draws."""

    samples: int = 16
    """Light paths per pixel, 1 to 4096. More are slower and less grainy."""
    denoise: bool = True
    """Smooth the grain that is left. Without a GPU that takes about as long as 10 samples."""
    motion_blur: bool = False
    """Blur what moves while a shutter is open for half a frame, people and camera."""
    device: DeviceName = "auto"
    """Where Cycles runs; auto takes a GPU that it knows (OptiX, HIP, oneAPI, CUDA) if there is one."""

    def __post_init__(self) -> None:
        """Raise UserError if a value is out of range."""
        check_ranges(self, "blendipose", {"samples": (1, 4096)})
