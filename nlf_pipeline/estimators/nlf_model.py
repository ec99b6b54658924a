"""NLF's TorchScript release: what it takes, what it gives, and what to do when the GPU's memory does not suffice.

`estimate_poses_batched` takes pictures (n, 3, height, width) with values from 0 to 1, gamma encoded (it makes them
linear, in half precision on every device); for each a (boxes, 4) tensor of left, top, width, height in pixels; the
localizer's weights of the wanted points; (n, 3, 3) intrinsic matrices; (n, 5 to 12) of OpenCV's k1 k2 p1 p2 k3 ..., of
which exactly four would mean a fisheye lens; and (n, 4, 4) transforms from world to camera. It gives for each picture
`poses3d` (boxes, points, 3) in millimetres of that world and `uncertainties` (boxes, points) in metres, in the order of
the boxes, and empty tensors where there are none. The network itself runs in half precision: no autocast is needed.
Nobody's pose is left out, unlike by `detect_poses_batched`.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    import torch

from nlf_pipeline.body_kinds import Layout
from nlf_pipeline.checkpoints import load_torchscript
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_options import NlfOptions

NAME = "NLF"
_M_PER_MM = 1e-3
_POINTS_METHOD = "get_weights_for_canonical_points"
_ESTIMATE_METHOD = "estimate_poses_batched"
_ESTIMATE_ARGUMENTS = (
    "images", "boxes", "weights", "intrinsic_matrix", "distortion_coeffs", "extrinsic_matrix", "world_up_vector",
    "internal_batch_size", "antialias_factor", "num_aug",
)  # fmt: skip
_CAMERA_UP = (0.0, -1.0, 0.0)
"""Up for a camera held level, in its own frame; NLF turns its crops upright by it."""
_LEAST_DISTORTION = 5
_MOST_DISTORTION = 12
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoxPoints:
    """Bodies in the boxes of one picture, camera frame."""

    points: np.ndarray
    """(boxes, points, 3) metres, float32."""
    uncertainties: np.ndarray
    """(boxes, points) expected error, metres, float32."""


@dataclass(frozen=True)
class _BatchSizes:
    frames: int
    crops: int


class NlfModel:
    """The release on a device. Set the points to localize before estimating."""

    def __init__(self, module: torch.jit.ScriptModule, path: Path, device: torch.device, options: NlfOptions) -> None:
        """Wrap a loaded module; raises UserError if it is not a release of NLF that is known here.

        Args:
            module: as `load_torchscript` gives it.
            path: of its file, for messages.
            device: that it is on.
            options: how to call it.
        """
        self._module, self._path, self._device, self._options = module, path, device, options
        self._flags = _flags_of_release(module, path)
        # Fewer crops than views of one person would make the release run all people at once.
        self._sizes = _BatchSizes(options.batch_size, max(options.internal_batch_size, options.num_aug))
        # Such a release inverts its pictures in place before each internal batch: only the first comes out right.
        self._one_internal_batch = bool(getattr(module, "pad_white_pixels", False))
        self._weights: dict[str, torch.Tensor] = {}

    @classmethod
    def load(cls, path: Path, device: torch.device, options: NlfOptions) -> Self:
        """Read the release at `path`; raises UserError if it is missing, damaged, or something else."""
        has_torchvision = importlib.util.find_spec("torchvision") is not None
        if has_torchvision:
            importlib.import_module("torchvision")  # registers operators that the release's detector is made of
        try:
            module = load_torchscript(path, device, NAME)
        except UserError as error:
            if not has_torchvision and "torchvision" in str(error):
                raise UserError(
                    f"{path}: NLF needs torchvision, which is not installed. Install it with: make install-reference"
                ) from error
            raise
        return cls(module, path, device, options)

    def canonical_points(self, layout: Layout) -> np.ndarray | None:
        """(points, 3) vertices, then joints, of SMPL or SMPL-X in NLF's canonical space; None if it does not say.

        The vertices are all of the mesh or the release's own selection.
        """
        points = getattr(self._module, "cano_all", {}).get(layout)
        return None if points is None else points.detach().cpu().numpy().astype(np.float64)

    def localize(self, points: np.ndarray) -> None:
        """Choose the points to estimate from now on.

        Args:
            points: (points, 3) in NLF's canonical space, metres.
        """
        import torch

        with torch.inference_mode(), self._device:
            tensor = torch.tensor(points, dtype=torch.float32, device=self._device)
            self._weights = getattr(self._module, _POINTS_METHOD)(tensor)

    def estimate(
        self, pictures: torch.Tensor, boxes: list[np.ndarray], K: np.ndarray, distortion: np.ndarray
    ) -> list[BoxPoints]:
        """The bodies in boxes of some pictures.

        Args:
            pictures: (n, height, width, 3) uint16 RGB, on the CPU.
            boxes: for each picture (boxes, 4) left, top, width, height, pixels.
            K: (n, 3, 3) intrinsic matrices, pixels.
            distortion: (coefficients,) as `lens_coefficients` gives them.

        Returns:
            For each picture the bodies in the order of its boxes.

        Raises:
            UserError: if the GPU's memory does not suffice for one picture and one person.
        """
        import torch

        results: list[BoxPoints] = []
        while len(results) < len(pictures):
            part = slice(len(results), len(results) + self._sizes.frames)
            try:
                results += self._estimate(pictures[part], boxes[part], K[part], distortion)
            except (RuntimeError, torch.jit.Error) as error:
                if "out of memory" not in str(error):
                    raise
                self._sizes = self._smaller(error)
        return results

    def _estimate(
        self, pictures: torch.Tensor, boxes: list[np.ndarray], K: np.ndarray, distortion: np.ndarray
    ) -> list[BoxPoints]:
        import torch

        def on_device(values: Any) -> torch.Tensor:
            return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=self._device)

        n, n_crops = len(pictures), sum(map(len, boxes)) * self._options.num_aug
        with torch.inference_mode(), self._device:
            result = getattr(self._module, _ESTIMATE_METHOD)(
                images=_as_images(pictures, self._device),
                boxes=[on_device(np.reshape(b, (-1, 4))) for b in boxes],
                weights=self._weights,
                intrinsic_matrix=on_device(K),
                distortion_coeffs=on_device(distortion).expand(n, -1),
                extrinsic_matrix=on_device(np.eye(4)).expand(n, -1, -1),
                world_up_vector=on_device(_CAMERA_UP),
                internal_batch_size=n_crops if self._one_internal_batch else self._sizes.crops,
                antialias_factor=self._options.antialias_factor,
                num_aug=self._options.num_aug,
                **self._flags,
            )
            return [
                BoxPoints((points.float() * _M_PER_MM).cpu().numpy(), uncertainties.float().cpu().numpy())
                for points, uncertainties in zip(result["poses3d"], result["uncertainties"], strict=True)
            ]

    def _smaller(self, error: Exception) -> _BatchSizes:
        """Sizes that take less memory; raises UserError if there are none."""
        import torch

        sizes, least = self._sizes, self._options.num_aug
        torch.cuda.empty_cache()
        if sizes.frames > 1:
            smaller = replace(sizes, frames=sizes.frames // 2)
        elif sizes.crops > least and not self._one_internal_batch:
            smaller = replace(sizes, crops=max(least, sizes.crops // 2))
        else:
            raise UserError(
                "The GPU's memory does not suffice for NLF even with one frame and one person at a time. Close other "
                "programs that use it, or set nlf.num_aug or nlf.antialias_factor to 1, or nlf.model to nlf_s, or "
                "device to cpu."
            ) from error
        log.warning(
            "the GPU's memory does not suffice for %d frames and %d crops at once; going on with %d and %d",
            sizes.frames, sizes.crops, smaller.frames, smaller.crops,
        )  # fmt: skip
        return smaller


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


def _as_images(pictures: torch.Tensor, device: torch.device) -> torch.Tensor:
    """(n, 3, height, width) from 0 to 1: half on CUDA; float32 on the CPU, where half is slow to compute with."""
    import torch

    images = pictures.to(device, non_blocking=True).permute(0, 3, 1, 2)
    if device.type == "cpu":
        return images.float().div_(np.iinfo(np.uint16).max)
    # The largest numbers overflow to infinity in half precision.
    return images.to(torch.float16).mul_(1 / np.iinfo(np.uint16).max).nan_to_num_(posinf=1.0)


def _flags_of_release(module: torch.jit.ScriptModule, path: Path) -> dict[str, bool]:
    """Arguments that only some releases take; raises UserError if the module is not one that is known here."""
    methods = [getattr(module, name, None) for name in (_ESTIMATE_METHOD, _POINTS_METHOD)]
    if None in methods:
        raise UserError(
            f"{path}: found a TorchScript module without {_ESTIMATE_METHOD} and {_POINTS_METHOD}, expected a release "
            "of NLF for several people (nlf_l_multi..., nlf_s_multi...). Put that there."
        )
    arguments = {a.name: a for a in methods[0].schema.arguments if a.name != "self"}  # type: ignore[union-attr]
    flags = {name: False for name in ("suppress_implausible_poses",) if name in arguments}
    missing = [name for name in _ESTIMATE_ARGUMENTS if name not in arguments]
    unknown = [
        name
        for name, argument in arguments.items()
        if name not in (*_ESTIMATE_ARGUMENTS, *flags) and not argument.has_default_value()
    ]
    if missing or unknown:
        raise UserError(
            f"{path}: this release of NLF takes other arguments than those known here "
            f"(missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}). "
            "Use release 0.2.2 to 0.3.2."
        )
    return flags
