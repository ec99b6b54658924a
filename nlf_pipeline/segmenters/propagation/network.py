"""STCN's network and memory, from the package stcnbuf, on frames that come one after the other.

Cheng et al., Rethinking Space-Time Networks with Improved Memory Coverage, NeurIPS 2021.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
import torchvision  # pyright: ignore[reportMissingImports]
from stcnbuf.inference_memory_bank import MemoryBank  # pyright: ignore[reportMissingImports]
from stcnbuf.model import eval_network, mod_resnet, modules  # pyright: ignore[reportMissingImports]

from nlf_pipeline.checkpoints import load_weights, read_state_dict
from nlf_pipeline.gpu_limits import half_works
from nlf_pipeline.segmenters.stcn_options import StcnOptions

_STRIDE = 16  # of the coarsest features, pixels
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet's pixels, 0-1
_STD = (0.229, 0.224, 0.225)
_LASTING = ("mem_k", "mem_v")
"""A memory's keys and values, which stay as they are once it is burnt in."""
_NEWEST = ("temp_k", "temp_v")
"""Likewise of the newest frames."""


@contextlib.contextmanager
def _without_imagenet() -> Iterator[None]:
    """Within, stcnbuf builds its two ResNets without downloading weights, which its checkpoint replaces anyway."""
    resnet18 = mod_resnet.resnet18
    untrained = SimpleNamespace(resnet50=lambda weights: torchvision.models.resnet50(weights=None))
    with (
        patch.object(modules, "models", untrained),
        patch.object(mod_resnet, "resnet18", lambda pretrained, extra_chan: resnet18(False, extra_chan)),
    ):
        yield


def build_network() -> eval_network.STCN:
    """STCN with random weights; nothing is downloaded."""
    with _without_imagenet():
        return eval_network.STCN().eval()


def load_network(path: Path, device: torch.device) -> eval_network.STCN:
    """STCN with the weights at `path`, on `device`.

    Raises:
        UserError: if they are missing, damaged or another model's.
    """
    network = build_network()
    load_weights(network, read_state_dict(path, "STCN"), path, "STCN")
    return network.requires_grad_(False).to(device)


class StcnPropagator:
    """Follows people by their pixels.

    People who were found together share a memory; all compete for every pixel.
    """

    def __init__(
        self, network: eval_network.STCN, options: StcnOptions, size_px: tuple[int, int], device: torch.device
    ) -> None:
        """Know nobody yet.

        Args:
            network: on `device`.
            options: of the memory.
            size_px: (width, height) of the label maps to make.
            device: where the network is.
        """
        self._network, self._options, self._size_px, self._device = network, options, size_px, device
        self.banks: list[MemoryBank] = []
        """One of each group of people who were found together."""
        self._is_burnt_in: list[bool] = []
        self._is_half = half_works(device)
        self._mean = torch.tensor(_MEAN, device=device).view(3, 1, 1)
        self._std = torch.tensor(_STD, device=device).view(3, 1, 1)

    def start(self, image: np.ndarray, masks: np.ndarray, others: np.ndarray) -> None:
        """Get to know more people; see Propagator."""
        with self._inference():
            frame = self._prepare([image])
            key, _, features, _, _ = self._network.encode_key(frame)
            everybody = torch.as_tensor(np.concatenate([masks, others]), dtype=torch.float32, device=self._device)
            padded, _ = eval_network.pad_divide_by(everybody[:, None], _STRIDE)
            owners = eval_network.aggregate(padded)[1:]
            value = self._network.encode_value(frame, features, owners)[: len(masks)]
            n_places = key.shape[2] * key.shape[3]
            bank = self._empty_bank(len(masks), min(self._options.top_k, n_places))
            bank.add_memory(key.squeeze(0), value.squeeze(1))
        self.banks.append(bank)
        self._is_burnt_in.append(False)

    def burn_in(self, images: Iterable[np.ndarray]) -> None:
        """Look at frames in any order and remember them; see Propagator."""
        with self._inference():
            for image in images:
                self._predict([image], None, remember=True)
        self._is_burnt_in = [True] * len(self.banks)

    def follow(self, images: Sequence[np.ndarray], taken: np.ndarray | None = None) -> np.ndarray:
        """Whose each pixel is; see Propagator."""
        labels = []
        size = self._options.batch_size
        with self._inference():
            for start in range(0, len(images), size):
                batch = images[start : start + size]
                is_last = start + size >= len(images)
                owners = self._predict(batch, None if taken is None else taken[start : start + size], remember=is_last)
                labels += [self._labels(owners[:, k : k + 1]) for k in range(len(batch))]
        return np.stack(labels)

    def lasting_memory(self) -> dict[str, np.ndarray]:
        """What it remembers of burn-in passes; see Propagator."""
        return self._tensors(lasting=True)

    def changing_memory(self) -> dict[str, np.ndarray]:
        """All else that it knows; see Propagator."""
        numbers = [(bank.num_objects, bank.top_k, bank.i_temp_mem, bank.has_temp_mem) for bank in self.banks]
        return {
            "is_burnt_in": np.array(self._is_burnt_in, dtype=bool),
            "numbers": np.array(numbers, dtype=np.int64).reshape(-1, 4),
            **self._tensors(lasting=False),
        }

    def _tensors(self, lasting: bool) -> dict[str, np.ndarray]:
        """Keys and values of all memories, and how they lie in memory."""
        arrays = {}
        for k, (bank, is_burnt_in) in enumerate(zip(self.banks, self._is_burnt_in, strict=True)):
            for name in _LASTING + _NEWEST:
                if lasting == (is_burnt_in and name in _LASTING):
                    tensor = getattr(bank, name)
                    arrays[f"{name}_{k}"] = tensor.cpu().numpy()
                    arrays[f"{name}_{k}_strides"] = np.array(tensor.stride(), dtype=np.int64)
        return arrays

    def remember(self, lasting: Mapping[str, np.ndarray], changing: Mapping[str, np.ndarray]) -> None:
        """Know what another one knew; see Propagator."""
        self._is_burnt_in = changing["is_burnt_in"].tolist()
        self.banks = []
        arrays = {**lasting, **changing}
        for k, (n_people, top_k, i_temp, has_temp) in enumerate(changing["numbers"].tolist()):
            bank = self._empty_bank(n_people, top_k)
            bank.has_mem, bank.i_temp_mem, bank.has_temp_mem = True, i_temp, bool(has_temp)
            for name in _LASTING + _NEWEST:
                values = torch.from_numpy(arrays[f"{name}_{k}"])
                # Sums of numbers that lie otherwise in memory come out otherwise in the last digits.
                strides = arrays[f"{name}_{k}_strides"].tolist()
                tensor = torch.empty_strided(values.shape, strides, dtype=values.dtype, device=self._device)
                setattr(bank, name, tensor.copy_(values))
            bank.CK, bank.CV = bank.mem_k.shape[1], bank.mem_v.shape[1]
            self.banks.append(bank)

    def _empty_bank(self, n_people: int, top_k: int) -> MemoryBank:
        return MemoryBank(
            k=n_people,
            top_k=top_k,
            memory_size=self._options.memory_frames,
            temp_memory_size=self._options.recent_frames,
        )

    def _predict(self, images: Sequence[np.ndarray], taken: np.ndarray | None, remember: bool) -> torch.Tensor:
        """(1 + people, images, height, width) whose each pixel is, first nobody's; they sum to 1."""
        frames = self._prepare(images)
        key, thin, features, features_8, features_4 = self._network.encode_key(frames)
        # The decoder takes views of it, which the layout that einsum happens to choose for batches may forbid.
        readout = torch.cat([bank.match_memory(key) for bank in self.banks]).contiguous()
        present = self._network.segment_with_query(readout, features_8, features_4, key, thin)
        others = torch.zeros((0, *present.shape[1:]), dtype=present.dtype, device=self._device)
        if taken is not None:
            others = torch.as_tensor(taken, dtype=present.dtype, device=self._device)[None]
            others, _ = eval_network.pad_divide_by(others, _STRIDE)
            present = present * (1 - others)
        owners = eval_network.aggregate(present)
        if remember:
            known = torch.cat([owners[1:], others])[:, -1:]
            self._remember(key[-1], self._network.encode_value(frames[-1:], features[-1:], known).squeeze(1))
        height_px, width_px = images[0].shape[:2]
        top, left = (-height_px % _STRIDE) // 2, (-width_px % _STRIDE) // 2
        return owners[:, :, top : top + height_px, left : left + width_px]

    def _remember(self, key: torch.Tensor, values: torch.Tensor) -> None:
        """Add one frame to everybody's memory; `values` has a row for each person, and others' after them."""
        first = 0
        for bank, is_burnt_in in zip(self.banks, self._is_burnt_in, strict=True):
            value = values[first : first + bank.num_objects]
            first += bank.num_objects
            if not is_burnt_in:
                bank.add_memory(key, value)
            elif self._options.recent_frames > 0:
                bank.add_memory(key, value, is_temp=True)

    def _labels(self, owners: torch.Tensor) -> np.ndarray:
        """(height, width) uint8 at full size, of (1 + people, 1, height, width)."""
        width_px, height_px = self._size_px
        large = torch.nn.functional.interpolate(
            owners.float(), (height_px, width_px), mode="bilinear", align_corners=False
        )
        return large.argmax(dim=0)[0].to(torch.uint8).cpu().numpy()

    def _prepare(self, images: Sequence[np.ndarray]) -> torch.Tensor:
        """(images, 3, height, width) as the network wants it, sides multiples of its stride."""
        stacked = torch.as_tensor(np.stack(images), device=self._device).permute(0, 3, 1, 2).contiguous()
        padded, _ = eval_network.pad_divide_by((stacked / 255 - self._mean) / self._std, _STRIDE)
        return padded

    @contextlib.contextmanager
    def _inference(self) -> Iterator[None]:
        """No gradients; half precision on a GPU, as published."""
        with torch.inference_mode(), torch.autocast("cuda", enabled=self._is_half):
            yield


def propagators(
    network: eval_network.STCN, options: StcnOptions, size_px: tuple[int, int], device: torch.device
) -> Callable[[], StcnPropagator]:
    """Makes propagators that know nobody and share one network; arguments as theirs."""
    return lambda: StcnPropagator(network, options, size_px, device)
