"""One colour per person, the same in every picture, page and plot."""

import colorsys

import numpy as np

PERSON_COLOURS = (
    (0.16, 0.48, 0.78),  # blue
    (0.93, 0.55, 0.10),  # orange
    (0.08, 0.62, 0.46),  # green
    (0.80, 0.47, 0.65),  # purple
    (0.93, 0.84, 0.26),  # yellow
    (0.40, 0.72, 0.90),  # sky
    (0.80, 0.33, 0.14),  # red
)
"""sRGB in [0, 1]. Hues of Okabe and Ito's palette, which stay apart for colour-blind eyes."""


def person_colours(n_people: int) -> np.ndarray:
    """(n_people, 3) sRGB in [0, 1], by row: the palette, then the palette again in lighter and darker shades."""
    colours = np.zeros((n_people, 3))
    for row in range(n_people):
        round_, index = divmod(row, len(PERSON_COLOURS))
        hue, lightness, saturation = colorsys.rgb_to_hls(*PERSON_COLOURS[index])
        shade = (0.0, 0.18, -0.15)[round_ % 3]
        colours[row] = colorsys.hls_to_rgb(hue, np.clip(lightness + shade, 0.15, 0.85), saturation)
    return colours
