"""Colours in the light that 3D formats want."""

import numpy as np


def linear_light(colour: np.ndarray) -> list[float]:
    """Linear light of an sRGB colour (3,) in [0, 1] (IEC 61966-2-1)."""
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4).tolist()
