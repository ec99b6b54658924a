"""Pictures that repeat on walls and floors."""

import functools

import numpy as np

_SIDE_PX = 1024


@functools.cache
def mottled(seed: int, contrast: float = 1.0, n_patches: int = 260, slope: float = 1.1) -> np.ndarray:
    """Cloudy noise with rectangles on it.

    Args:
        seed: chooses the picture.
        contrast: 1 is rich; below 0.2 corners are hard to find.
        n_patches: rectangles, whose corners are what trackers like.
        slope: the noise's amplitude falls as 1 / frequency^slope.

    Returns:
        (1024, 1024, 3) uint8; its edges fit together.
    """
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(_SIDE_PX)[:, None], np.fft.fftfreq(_SIDE_PX)[None])
    frequency[0, 0] = 1
    clouds = [
        np.fft.ifft2(np.fft.fft2(rng.standard_normal((_SIDE_PX, _SIDE_PX))) / frequency**slope).real for _ in "rgb"
    ]
    clouds = [cloud / cloud.std() for cloud in clouds]
    picture = np.stack([clouds[0] + 0.4 * cloud for cloud in clouds], axis=-1) * 28 + 128
    for _ in range(n_patches):
        x, y = rng.integers(0, _SIDE_PX, 2)
        width, height = rng.integers(6, 70, 2)
        patch = picture[y : y + height, x : x + width]
        patch[:] = 0.5 * patch + 0.5 * rng.integers(20, 235, 3)
    return _as_bytes((picture - 128) * contrast + 128)


@functools.cache
def facade(seed: int) -> np.ndarray:
    """A rendered wall with four rows of four windows, alike but for their curtains: (1024, 1024, 3) uint8."""
    rng = np.random.default_rng(seed)
    tint = rng.uniform(0.8, 1.2, 3)
    picture = (mottled(seed, 0.35, 40).astype(np.float64) + 40) * tint
    pitch_px = _SIDE_PX // 4
    for row in range(4):
        for column in range(4):
            top, left = row * pitch_px + 50, column * pitch_px + 70
            picture[top - 10 : top + 160, left - 10 : left + 126] = 225  # the frame
            picture[top : top + 150, left : left + 116] = rng.uniform(25, 90, 3)
            curtain_px = rng.integers(0, 60)
            picture[top : top + 150, left : left + curtain_px] = rng.uniform(120, 200, 3)
            picture[top : top + 150, left + 55 : left + 61] = 215  # the mullion
    return _as_bytes(picture)


@functools.cache
def tiles(seed: int) -> np.ndarray:
    """Eight by eight floor tiles of a few shades with dark joints: (1024, 1024, 3) uint8."""
    rng = np.random.default_rng(seed)
    shades = rng.choice([90.0, 120.0, 150.0, 175.0], (8, 8, 1)) + rng.normal(0, 6, (8, 8, 3))
    picture = shades.repeat(_SIDE_PX // 8, 0).repeat(_SIDE_PX // 8, 1)
    joint = np.arange(_SIDE_PX) % (_SIDE_PX // 8) < 4
    picture[joint] = 55
    picture[:, joint] = 55
    return _as_bytes(picture + 0.35 * (mottled(seed, 1.0, 120).astype(np.float64) - 128))


@functools.cache
def plain(grey: int) -> np.ndarray:
    """One grey everywhere: (4, 4, 3) uint8."""
    return np.full((4, 4, 3), grey, np.uint8)


def _as_bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(picture, 0, 255).astype(np.uint8)
