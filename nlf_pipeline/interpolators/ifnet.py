"""IFNet of Practical-RIFE 4.10 to 4.26: flow from both frames to the time between, coarse to fine.

Huang et al., Real-Time Intermediate Flow Estimation for Video Frame Interpolation, ECCV 2022. Parameters
have the names they have in version 4.18's `flownet.pkl`, without the prefix `module.`. The versions differ in widths,
in how many blocks there are and in whether blocks hand features on; the weights' shapes tell all of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn
from torch.nn import functional

_N_RESIDUALS = 8
_LEAK = 0.2
_IMAGE_CHANNELS = 3
_FLOW_CHANNELS = 4
_MASK_CHANNELS = 1
_TIME_CHANNELS = 1
_SHUFFLE = 2
_BLOCK_STRIDE = 4
_LITE_425_WIDTHS = (192, 128, 96, 64, 24)
"""The one version that looks at other scales than the rest; only its widths tell it from 4.25."""


@dataclass(frozen=True)
class IFNetLayout:
    """What differs from version to version."""

    block_widths: tuple[int, ...]
    """Channels of every block, coarsest first."""
    encoder_width: int
    """Channels inside the picture encoder."""
    feature_channels: int
    """Channels of the encoded picture."""
    carried_channels: int
    """Channels that a block hands to the next beside flow and mask."""
    output_channels: int
    """Channels of a block's output after unfolding; flow, mask and carried ones first."""
    groups: int = 1
    """Groups of the residual convolutions."""

    @classmethod
    def of(cls, values: Mapping[str, torch.Tensor]) -> Self:
        """The layout that fits the weights `values`; raises KeyError naming a tensor that no version goes without."""
        n_blocks = sum(key.startswith("block") and key.endswith(".lastconv.0.bias") for key in values)
        features = values["encode.cnn3.weight"].shape[1]
        inputs = values["block1.conv0.0.0.weight"].shape[1]
        residual = values["block0.convblock.0.conv.weight"].shape
        return cls(
            block_widths=tuple(values[f"block{i}.lastconv.0.weight"].shape[0] for i in range(n_blocks)),
            encoder_width=values["encode.cnn0.weight"].shape[0],
            feature_channels=features,
            carried_channels=max(inputs - _inputs_of_refinement(features), 0),
            output_channels=values["block0.lastconv.0.weight"].shape[1] // _SHUFFLE**2,
            groups=max(residual[0] // max(residual[1], 1), 1),
        )

    @property
    def scales(self) -> tuple[int, ...]:
        """By how much every block looks at less than the full size."""
        if self.block_widths == _LITE_425_WIDTHS:
            return 32, 16, 8, 4, 1
        return tuple(2**i for i in reversed(range(len(self.block_widths))))

    @property
    def stride_px(self) -> int:
        """Pictures must have sides that are multiples of this, at scale 1."""
        return _BLOCK_STRIDE * self.scales[0]


def _inputs_of_refinement(feature_channels: int) -> int:
    """Channels that every block but the first takes: pictures, features, time, mask and flow."""
    return 2 * (_IMAGE_CHANNELS + feature_channels) + _TIME_CHANNELS + _MASK_CHANNELS + _FLOW_CHANNELS


class IFNet(nn.Module):
    """Frames between two frames."""

    def __init__(self, layout: IFNetLayout) -> None:
        super().__init__()
        self.layout = layout
        self.encode = _Encoder(layout.encoder_width, layout.feature_channels)
        for i, width in enumerate(layout.block_widths):
            inputs = _inputs_of_refinement(layout.feature_channels) + layout.carried_channels
            if i == 0:
                inputs = 2 * (_IMAGE_CHANNELS + layout.feature_channels) + _TIME_CHANNELS
            self.add_module(f"block{i}", _Block(inputs, width, layout.output_channels, layout.groups))

    def with_features(self, image: torch.Tensor) -> torch.Tensor:
        """(1, 3 + features, height, width) float32: an image with its encoding, which serves all times.

        Args:
            image: (1, 3, height, width) float32 in [0, 1], sides multiples of `layout.stride_px` over `scale`.
        """
        return torch.cat((image, self.encode(image)), 1)

    def forward(self, first: torch.Tensor, second: torch.Tensor, time: float, scale: float = 1.0) -> torch.Tensor:
        """(1, 3, height, width) float32 in [0, 1]: the picture at `time`.

        Args:
            first: of `with_features`.
            second: likewise.
            time: 0 at the first frame, 1 at the second.
            scale: less than 1 looks for motion in smaller pictures.
        """
        times = torch.full_like(first[:, :1], time)
        flow = mask = carried = None
        warped = first, second
        for i, block_scale in enumerate(self.layout.scales):
            block = self.get_submodule(f"block{i}")
            (image_0, features_0), (image_1, features_1) = map(_split_image, warped)
            known = [image_0, image_1, features_0, features_1, times]
            if flow is not None and mask is not None and carried is not None:
                known += [mask, carried]
            change, mask, carried = block(torch.cat(known, 1), flow, block_scale / scale)
            carried = carried[:, : self.layout.carried_channels]
            flow = change if flow is None else flow + change
            warped = warp(first, flow[:, :2]), warp(second, flow[:, 2:])
        assert mask is not None
        return torch.lerp(_split_image(warped[1])[0], _split_image(warped[0])[0], torch.sigmoid(mask))


def _split_image(image_with_features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return image_with_features[:, :_IMAGE_CHANNELS], image_with_features[:, _IMAGE_CHANNELS:]


def warp(values: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """`values` looked up where `flow` leads, bilinearly; beyond the border is what is on it.

    Args:
        values: (n, channels, height, width).
        flow: (n, 2, height, width) x and y, pixels.
    """
    height, width = values.shape[-2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    grid = torch.stack((x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1), -1)
    return functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _resized(values: torch.Tensor, factor: float) -> torch.Tensor:
    if factor == 1:
        return values
    return functional.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)


class _Encoder(nn.Module):
    """Features of one picture, at its full size."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.cnn0 = nn.Conv2d(_IMAGE_CHANNELS, width, 3, 2, 1)
        self.cnn1 = nn.Conv2d(width, width, 3, 1, 1)
        self.cnn2 = nn.Conv2d(width, width, 3, 1, 1)
        self.cnn3 = nn.ConvTranspose2d(width, features, 4, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = image.to(next(self.parameters()).dtype)
        for convolution in (self.cnn0, self.cnn1, self.cnn2):
            features = functional.leaky_relu(convolution(features), _LEAK)
        return self.cnn3(features).float()


class _Block(nn.Module):
    """A change of flow, a mask and features to carry on, from what is known at one scale."""

    def __init__(self, inputs: int, width: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_halving(inputs, width // 2), _halving(width // 2, width))
        self.convblock = nn.Sequential(*[_Residual(width, groups) for _ in range(_N_RESIDUALS)])
        self.lastconv = nn.Sequential(
            nn.ConvTranspose2d(width, outputs * _SHUFFLE**2, 4, 2, 1), nn.PixelShuffle(_SHUFFLE)
        )

    def forward(
        self, known: torch.Tensor, flow: torch.Tensor | None, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The change of flow in pixels, the mask before its sigmoid, and features.

        Args:
            known: (1, channels, height, width) float32.
            flow: (1, 4, height, width) float32: so far; None in the first block.
            scale: by how much smaller this block looks at it.
        """
        small = _resized(known, 1 / scale)
        if flow is not None:
            small = torch.cat((small, _resized(flow, 1 / scale) / scale), 1)
        # Positions need float32: in half precision a pixel of a wide picture has no neighbours.
        found = self.lastconv(self.convblock(self.conv0(small.to(next(self.parameters()).dtype)))).float()
        found = _resized(found, scale)
        mask_end = _FLOW_CHANNELS + _MASK_CHANNELS
        return found[:, :_FLOW_CHANNELS] * scale, found[:, _FLOW_CHANNELS:mask_end], found[:, mask_end:]


class _Residual(nn.Module):
    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1, groups=groups)
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return functional.leaky_relu(torch.addcmul(features, self.conv(features), self.beta), _LEAK)


def _halving(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(_LEAK))
