"""ZoeDepth (Bhat et al. 2023), as transformers has it, for indoor scenes up to 10 metres (trained on NYU Depth v2)."""

from pathlib import Path

import numpy as np
import torch

from nlf_pipeline.checkpoints import check_weights_file
from nlf_pipeline.errors import UserError
from nlf_pipeline.gpu_limits import enough_memory
from nlf_pipeline.torch_devices import DeviceName, choose_device
from nlf_pipeline.weights.registry import weights_command

_MODEL = "ZoeDepth"
_SIDE_MULTIPLE_PX = 32
_OTHERWISE = "run without: --config depth=null"


class ZoeDepthEstimator:
    """Estimates depth from one picture, averaged over it and its mirror image."""

    def __init__(self, weights: Path, device: DeviceName = "auto", config: object | None = None) -> None:
        """Build the network; nothing is downloaded.

        Args:
            weights: model.safetensors of Intel/zoedepth-nyu.
            device: where it runs.
            config: a transformers.ZoeDepthConfig; the published network's without it.

        Raises:
            UserError: if transformers or the weights are missing or wrong.
        """
        try:
            from transformers import (  # pyright: ignore[reportMissingImports]
                ZoeDepthConfig,
                ZoeDepthForDepthEstimation,
                ZoeDepthImageProcessor,
            )
        except (ImportError, RuntimeError) as error:
            raise UserError(
                f"depth=zoedepth needs the packages transformers and torchvision ({error}). Install them where "
                "this runs: make install-reference. Or do without: --config depth=null"
            ) from error
        self._device = choose_device(device)
        values = _read_safetensors(weights)
        try:
            network, report = ZoeDepthForDepthEstimation.from_pretrained(
                None, config=config or ZoeDepthConfig(), state_dict=values, output_loading_info=True
            )
        except RuntimeError as error:  # tensors of other shapes
            raise _wrong(weights, "tensors of other shapes") from error
        if report["missing_keys"]:
            missing = sorted(report["missing_keys"])
            raise _wrong(weights, f"{len(missing)} tensors missing, {missing[0]} among them")
        with enough_memory(_MODEL, _OTHERWISE):
            self._network = network.to(self._device).eval()
        self._processor = ZoeDepthImageProcessor(ensure_multiple_of=_SIDE_MULTIPLE_PX)

    @torch.inference_mode()
    def estimate(self, picture: np.ndarray) -> np.ndarray:
        """(height, width) metres along the optical axis, for a (height, width, 3) uint8 RGB picture."""
        pixels = self._processor(images=picture, return_tensors="pt")["pixel_values"].to(self._device)
        outputs, mirrored = (self._network(pixel_values=view) for view in (pixels, pixels.flip(-1)))
        (result,) = self._processor.post_process_depth_estimation(
            outputs, source_sizes=[picture.shape[:2]], outputs_flipped=mirrored
        )
        return result["predicted_depth"].float().cpu().numpy()


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError  # pyright: ignore[reportMissingImports]
    from safetensors.torch import load_file  # pyright: ignore[reportMissingImports]

    check_weights_file(path, _MODEL)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _wrong(path, str(error).partition("\n")[0]) from error


def _wrong(path: Path, what: str) -> UserError:
    return UserError(
        f"{path}: these are not the weights of {_MODEL} ({what}). Delete it and get it anew: "
        f"{weights_command('fetch', path)}, or put model.safetensors of huggingface.co/Intel/zoedepth-nyu at {path}"
    )
