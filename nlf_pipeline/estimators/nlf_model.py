"""NLF on a device: pictures in, bodies in metres out; less at once where the GPU's memory does not suffice."""

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
from nlf_pipeline.estimators.nlf_release import (
    CAMERA_UP,
    DETECT_METHOD,
    ESTIMATE_METHOD,
    NAME,
    POINTS_METHOD,
    as_images,
    check_detector,
    estimate_flags,
    in_single_precision,
)
from nlf_pipeline.gpu_limits import enough_memory, half_works, lacks_memory

_M_PER_MM = 1e-3
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundBodies:
    """Bodies in one picture, camera frame."""

    points: np.ndarray
    """(people, points, 3) metres, float32."""
    uncertainties: np.ndarray
    """(people, points) expected error, metres, float32."""
    boxes_px: np.ndarray
    """(people, 4 or 5) left, top, width, height, and the score where NLF found them itself."""


@dataclass(frozen=True)
class _BatchSizes:
    frames: int
    crops: int


class NlfModel:
    """A release on a device. Set the points to localize before estimating."""

    def __init__(self, module: torch.jit.ScriptModule, path: Path, device: torch.device, options: NlfOptions) -> None:
        """Wrap a loaded module; raises UserError if it is not a release of NLF that is known here.

        Args:
            module: as `load_torchscript` gives it.
            path: of its file, for messages.
            device: that it is on.
            options: how to call it.
        """
        self._module, self._path, self._device, self._options = module, path, device, options
        self._is_half = half_works(device)
        self._estimate_flags = estimate_flags(module, path)
        # Fewer crops than views of one person would make the release run all people at once.
        self._sizes = _BatchSizes(options.batch_size, max(options.internal_batch_size, options.num_aug))
        # Such a release inverts its pictures in place before each internal batch: only the first comes out right.
        self._one_internal_batch = bool(getattr(module, "pad_white_pixels", False))
        self._weights: dict[str, torch.Tensor] = {}

    @classmethod
    def load(cls, path: Path, device: torch.device, options: NlfOptions) -> Self:
        """Read the release at `path`; raises UserError if it is missing, damaged, something else, or too large."""
        has_torchvision = importlib.util.find_spec("torchvision") is not None
        if has_torchvision:
            importlib.import_module("torchvision")  # registers operators that the release's detector is made of
        try:
            with enough_memory(NAME, "run with: --config nlf_model=nlf_s or device=cpu"):
                if half_works(device):
                    module = load_torchscript(path, device, NAME)
                else:
                    module = load_torchscript(path, device, NAME, in_single_precision).float()
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
            self._weights = getattr(self._module, POINTS_METHOD)(self._tensor(points))

    def estimate(
        self, pictures: torch.Tensor, boxes: list[np.ndarray], K: np.ndarray, distortion: np.ndarray
    ) -> list[FoundBodies]:
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
        results: list[FoundBodies] = []
        while len(results) < len(pictures):
            part = slice(len(results), len(results) + self._sizes.frames)
            given = {"boxes": [self._tensor(np.reshape(b, (-1, 4))) for b in boxes[part]], **self._estimate_flags}
            n_crops = sum(map(len, boxes[part])) * self._options.num_aug
            results += self._call(ESTIMATE_METHOD, pictures[part], K[part], distortion, n_crops, given)
        return [replace(found, boxes_px=b) for found, b in zip(results, boxes, strict=True)]

    def detect(self, pictures: torch.Tensor, K: np.ndarray) -> list[FoundBodies]:
        """The bodies that NLF's own detector finds, without distortion; arguments and errors otherwise as above."""
        check_detector(self._module, self._path)
        options = self._options
        given = {
            "detector_threshold": options.detector_threshold,
            "detector_nms_iou_threshold": options.detector_nms_iou_threshold,
            "max_detections": options.max_detections,
            "detector_flip_aug": options.detector_flip_aug,
            "suppress_implausible_poses": options.suppress_implausible_poses,
        }
        results: list[FoundBodies] = []
        while len(results) < len(pictures):
            part = slice(len(results), len(results) + self._sizes.frames)
            n_crops = options.max_detections * options.num_aug * self._sizes.frames
            results += self._call(DETECT_METHOD, pictures[part], K[part], np.zeros(5), n_crops, given)
        return results

    def _call(
        self,
        method: str,
        pictures: torch.Tensor,
        K: np.ndarray,
        distortion: np.ndarray,
        n_crops: int,
        given: dict[str, Any],
    ) -> list[FoundBodies]:
        """What a method of the release says; nothing, but smaller sizes from now on, where memory did not suffice.

        Args:
            method: its name.
            pictures: (n, height, width, 3) uint16.
            K: (n, 3, 3) pixels.
            distortion: (coefficients,).
            n_crops: at most, of all people.
            given: further arguments.
        """
        import torch

        n = len(pictures)
        try:
            with torch.inference_mode(), self._device:
                result = getattr(self._module, method)(
                    images=as_images(pictures, self._device, self._is_half),
                    weights=self._weights,
                    intrinsic_matrix=self._tensor(K),
                    distortion_coeffs=self._tensor(distortion).expand(n, -1),
                    extrinsic_matrix=self._tensor(np.eye(4)).expand(n, -1, -1),
                    world_up_vector=self._tensor(np.array(CAMERA_UP)),
                    default_fov_degrees=self._options.default_fov_degrees,
                    internal_batch_size=n_crops if self._one_internal_batch else self._sizes.crops,
                    antialias_factor=self._options.antialias_factor,
                    num_aug=self._options.num_aug,
                    **given,
                )
                points, uncertainties = result["poses3d"], result["uncertainties"]
                boxes = result.get("boxes", [torch.zeros(len(p), 0) for p in points])
                values = zip([p * _M_PER_MM for p in points], uncertainties, boxes, strict=True)
                return [FoundBodies(*(v.float().cpu().numpy() for v in found)) for found in values]
        except (RuntimeError, torch.jit.Error) as error:
            if not lacks_memory(error):
                raise
            self._sizes = self._smaller(error)
            return []

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        import torch

        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=self._device)

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
                "programs that use it, or run with: --config num_aug=1, antialias_factor=1, nlf_model=nlf_s or "
                "device=cpu"
            ) from error
        log.warning(
            "the GPU's memory does not suffice for %d frames and %d crops at once; going on with %d and %d",
            sizes.frames, sizes.crops, smaller.frames, smaller.crops,
        )  # fmt: skip
        return smaller
