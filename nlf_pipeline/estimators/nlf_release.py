"""What is known of NLF's TorchScript releases: what they take, and what they give.

`estimate_poses_batched` takes pictures (n, 3, height, width) with values from 0 to 1, gamma encoded (it makes them
linear, in half precision on every device); for each a (boxes, 4) tensor of left, top, width, height in pixels; the
localizer's weights of the wanted points; (n, 3, 3) intrinsic matrices; (n, 5 to 12) of OpenCV's k1 k2 p1 p2 k3 ..., of
which exactly four would mean a fisheye lens; and (n, 4, 4) transforms from world to camera. It gives for each picture
`poses3d` (boxes, points, 3) in millimetres of that world and `uncertainties` (boxes, points) in metres, in the order of
the boxes, and empty tensors where there are none. The network itself runs in half precision: no autocast is needed.
On a CPU torch's grid_sample in half precision gives NaN or crashes (seen with torch 2.12 and 2.13), and on some GPUs
the network gives NaN, so there the release is changed to single precision before it is loaded.

`detect_poses_batched` finds the boxes itself and gives them too, as `boxes` (boxes, 5): left, top, width, height and
score. It makes pictures linear twice, so that the network sees them darker than in `estimate_poses_batched`; who was
found is better estimated again. Unlike the other it can leave out people whose pose is not plausible.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

from nlf_pipeline.errors import UserError

NAME = "NLF"
POINTS_METHOD = "get_weights_for_canonical_points"
ESTIMATE_METHOD = "estimate_poses_batched"
DETECT_METHOD = "detect_poses_batched"
CAMERA_UP = (0.0, -1.0, 0.0)
"""Up for a camera held level, in its own frame; NLF turns its crops upright by it."""
_ARGUMENTS = (
    "images", "weights", "intrinsic_matrix", "distortion_coeffs", "extrinsic_matrix", "world_up_vector",
    "default_fov_degrees", "internal_batch_size", "antialias_factor", "num_aug",
)  # fmt: skip
_SUPPRESS = "suppress_implausible_poses"
_ESTIMATE_ARGUMENTS = ("boxes", *_ARGUMENTS)
_DETECT_ARGUMENTS = (
    *_ARGUMENTS, "detector_threshold", "detector_nms_iou_threshold", "max_detections", "detector_flip_aug", _SUPPRESS,
)  # fmt: skip
_CONVERSION = "torch.to("
_HALF, _SINGLE = "5", "6"
"""What TorchScript's source calls torch.float16 and torch.float32."""
_LEAST_DISTORTION = 5
_MOST_DISTORTION = 12


def lens_coefficients(distortion: list[float]) -> np.ndarray:
    """(5 to 12,) distortion coefficients as NLF wants them: never four, by which it means a fisheye lens.

    Raises:
        UserError: if there are more than NLF knows.
    """
    if any(distortion[_MOST_DISTORTION:]):
        raise UserError(
            f"The lens has {len(distortion)} distortion coefficients; NLF knows OpenCV's first {_MOST_DISTORTION}. "
            "Calibrate it with fewer."
        )
    padded = np.zeros(max(len(distortion[:_MOST_DISTORTION]), _LEAST_DISTORTION))
    padded[: len(distortion[:_MOST_DISTORTION])] = distortion[:_MOST_DISTORTION]
    return padded


def in_single_precision(code: str) -> str:
    """Source of a TorchScript module in which nothing is converted to half precision, but to single."""
    edited = re.sub(rf"\bdtype={_HALF}\b", f"dtype={_SINGLE}", code)
    position = 0
    while (position := edited.find(_CONVERSION, position)) >= 0:
        position += len(_CONVERSION)
        for start, end in _arguments(edited, position):
            if edited[start:end].strip() == _HALF:
                edited = edited[:start] + edited[start:end].replace(_HALF, _SINGLE) + edited[end:]
    return edited


def _arguments(code: str, start: int) -> list[tuple[int, int]]:
    """Where the arguments of a call are, whose opening bracket is just before `start`."""
    found, depth, first = [], 0, start
    for position in range(start, len(code)):
        character = code[position]
        if depth == 0 and character in ",)":
            found.append((first, position))
            first = position + 1
            if character == ")":
                break
        depth += (character in "([{") - (character in ")]}")
    return found


def as_images(pictures: torch.Tensor, device: torch.device, is_half: bool) -> torch.Tensor:
    """(n, 3, height, width) from 0 to 1, in half or single precision.

    Args:
        pictures: (n, height, width, 3) uint16.
        device: where to compute them.
        is_half: as the release does, which is slow on a CPU.
    """
    import torch

    images = pictures.to(device, non_blocking=True).permute(0, 3, 1, 2)
    if not is_half:
        return images.float().div_(np.iinfo(np.uint16).max)
    # The largest numbers overflow to infinity in half precision.
    return images.to(torch.float16).mul_(1 / np.iinfo(np.uint16).max).nan_to_num_(posinf=1.0)


def estimate_flags(module: torch.jit.ScriptModule, path: Path) -> dict[str, bool]:
    """Further arguments of `estimate_poses_batched`, which only some releases take: nobody is to be left out.

    Raises:
        UserError: if the module is not a release that is known here.
    """
    names = check_method(module, path, ESTIMATE_METHOD, _ESTIMATE_ARGUMENTS)
    return {_SUPPRESS: False} if _SUPPRESS in names else {}


def check_detector(module: torch.jit.ScriptModule, path: Path) -> None:
    """Raise UserError unless the release can find people by itself, by the arguments known here."""
    check_method(module, path, DETECT_METHOD, _DETECT_ARGUMENTS)


def check_method(module: torch.jit.ScriptModule, path: Path, name: str, known: tuple[str, ...]) -> set[str]:
    """The names of a method's arguments; raises UserError if `known` are not among them, or others are needed."""
    method, points_method = getattr(module, name, None), getattr(module, POINTS_METHOD, None)
    if method is None or points_method is None:
        raise UserError(
            f"{path}: found a TorchScript module without {name} and {POINTS_METHOD}, expected a release "
            "of NLF for several people (nlf_l_multi..., nlf_s_multi...). Put that there."
        )
    arguments = {a.name: a for a in method.schema.arguments if a.name != "self"}
    missing = [name for name in known if name not in arguments]
    unknown = [name for name, a in arguments.items() if name not in known and not a.has_default_value()]
    if missing or unknown:
        raise UserError(
            f"{path}: {name} of this release of NLF takes other arguments than those known here "
            f"(missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}). "
            "Use release 0.2.2 to 0.3.2."
        )
    return set(arguments)
