"""Stand-in for DROID-SLAM: weights of the published layout; beside it, the package that records its calls.

The folder of this file goes into PYTHONPATH, then `import masked_droid_slam.droid` finds the stand-in.
"""

from pathlib import Path

import torch

PACKAGE_FOLDER = Path(__file__).parent
"""What to put into the path of modules."""
_LAYOUT = PACKAGE_FOLDER / "layout.txt"
_USUAL_SIZE = 0.02


def published_layout() -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor of droid.pth, as the network of princeton-vl/DROID-SLAM has them.

    Its loader keeps two of the three rows that the last layers of `update.weight` and `update.delta` have.
    """
    rows = (line.split() for line in _LAYOUT.read_text().splitlines())
    return {name: tuple(map(int, shape)) for name, *shape in rows}


def write_weights(path: Path, seed: int = 0) -> None:
    """Write random weights of the published layout."""
    generator = torch.Generator().manual_seed(seed)
    values = {name: _USUAL_SIZE * torch.randn(shape, generator=generator) for name, shape in published_layout().items()}
    torch.save(values, path)
