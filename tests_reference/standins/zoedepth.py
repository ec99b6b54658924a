"""Random weights for transformers' ZoeDepth, small enough for tests."""

import re
from pathlib import Path
from typing import Any

import torch

_PUBLISHED_NAMES = {
    r"\.beit\.embeddings\.": ".embeddings.",
    r"\.beit\.layers\.": ".encoder.layer.",
    r"\.(layer\.\d+)\.relative_position_bias\.": r".\1.attention.attention.relative_position_bias.",
    r"\.attention\.q_proj\.": ".attention.attention.query.",
    r"\.attention\.k_proj\.": ".attention.attention.key.",
    r"\.attention\.v_proj\.": ".attention.attention.value.",
    r"\.attention\.o_proj\.": ".attention.output.dense.",
    r"\.mlp\.fc1\.": ".intermediate.dense.",
    r"\.mlp\.fc2\.": ".output.dense.",
}
"""Today's names -> those of transformers 4.4x, with which the published file was written."""


def small_config() -> Any:
    """The published network's kind with few and narrow layers."""
    from transformers import BeitConfig, ZoeDepthConfig  # pyright: ignore[reportMissingImports]

    backbone = BeitConfig(
        image_size=64,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return ZoeDepthConfig(
        backbone_config=backbone,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
        bottleneck_features=16,
        num_relative_features=8,
        bin_embedding_dim=16,
    )


def write_weights(path: Path, seed: int = 0) -> None:
    """Write random weights of `small_config` under the published names."""
    from safetensors.torch import save_file  # pyright: ignore[reportMissingImports]
    from transformers import ZoeDepthForDepthEstimation  # pyright: ignore[reportMissingImports]

    torch.manual_seed(seed)
    network = ZoeDepthForDepthEstimation(small_config())
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    values = {published_name(name): value.contiguous().clone() for name, value in network.state_dict().items()}
    save_file(values, path)


def published_name(name: str) -> str:
    """What the published file calls a tensor."""
    for today, published in _PUBLISHED_NAMES.items():
        name = re.sub(today, published, name)
    return name
