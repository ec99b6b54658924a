"""Clips in which people are coloured rectangles, and models that know them by their colours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segmenters.propagation.seams import Detection, Models
from nlf_pipeline.video import writing_video

SIZE_PX = (160, 96)
FPS = 10.0
COLOURS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (40, 60, 230), "yellow": (230, 220, 40)}
_NEAR = 70  # of a colour after compression

Place = tuple[int, int, int, int]
"""Left, top, width, height."""
Walk = Callable[[int], Place | None]


def standing(place: Place, frames: Iterable[int]) -> Walk:
    """Somebody who is at one place in some frames, and nowhere in others."""
    present = frozenset(frames)
    return lambda t: place if t in present else None


def draw(walks: dict[str, Walk], t: int) -> np.ndarray:
    """(height, width, 3) uint8; whoever comes later in `walks` is nearer."""
    image = np.full((SIZE_PX[1], SIZE_PX[0], 3), 128, np.uint8)
    for colour, walk in walks.items():
        if (place := walk(t)) is not None:
            left, top, width, height = place
            image[max(top, 0) : top + height, max(left, 0) : max(left + width, 0)] = COLOURS[colour]
    return image


def write_clip(path: Path, walks: dict[str, Walk], n_frames: int, cuts: Sequence[int] = ()) -> VideoFacts:
    """Write the clip; returns what is known about it."""
    with writing_video(path, FPS, crf=10) as sink:
        for t in range(n_frames):
            sink.append_data(draw(walks, t))
    return VideoFacts("clip", *SIZE_PX, FPS, n_frames, list(cuts))


def colour_of(tracks: MaskTracks, row: int, walks: dict[str, Walk]) -> str:
    """The only colour under all masks of a row."""
    found = {
        colour
        for t, mask in enumerate(tracks.masks[row])
        if mask is not None
        for colour in [_nearest(draw(walks, t)[mask.to_array() > 0])]
    }
    assert len(found) == 1, found
    return found.pop()


def _nearest(pixels: np.ndarray) -> str:
    typical = np.median(pixels, axis=0)
    return min(COLOURS, key=lambda colour: float(np.abs(typical - COLOURS[colour]).max()))


def _pixels_of(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.abs(image.astype(int) - colour).max(axis=-1) < _NEAR


@dataclass
class ColourDetector:
    """Finds everybody in a frame, with scores by colour; most of those who are missing in `scores` get 0.95."""

    scores: dict[str, float] = field(default_factory=dict)
    looks: int = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        """See PersonDetector."""
        self.looks += 1
        found = []
        for colour, rgb in COLOURS.items():
            pixels = _pixels_of(image, np.array(rgb))
            if pixels.sum() > 20:
                found.append(Detection(RLEMask.from_array(pixels.astype(np.uint8)), self.scores.get(colour, 0.95)))
        return sorted(found, key=lambda detection: -detection.score)


@dataclass
class ColourPropagator:
    """Knows people by the colours that they had when it came to know them."""

    colours: list[np.ndarray] = field(default_factory=list)
    n_burn_in: int = 0
    longest_batch: int = 0

    def start(self, image: np.ndarray, masks: np.ndarray, others: np.ndarray) -> None:
        """See Propagator."""
        assert masks.shape[1:] == image.shape[:2] == others.shape[1:]
        self.colours += [np.median(image[mask], axis=0) for mask in masks]

    def burn_in(self, images: Iterable[np.ndarray]) -> None:
        """See Propagator."""
        self.n_burn_in += sum(1 for _ in images)

    def follow(self, images: Sequence[np.ndarray], taken: np.ndarray | None = None) -> np.ndarray:
        """See Propagator."""
        self.longest_batch = max(self.longest_batch, len(images))
        labels = np.zeros((len(images), *SIZE_PX[::-1]), np.uint8)
        for i, image in enumerate(images):
            small = np.zeros(image.shape[:2], np.uint8)
            for k, colour in enumerate(self.colours):
                small[_pixels_of(image, colour)] = k + 1
            if taken is not None:
                small[taken[i]] = 0
            labels[i] = cv2.resize(small, SIZE_PX, interpolation=cv2.INTER_NEAREST)
        return labels

    def lasting_memory(self) -> dict[str, np.ndarray]:
        """See Propagator."""
        return {"n_burn_in": np.array(self.n_burn_in)}

    def changing_memory(self) -> dict[str, np.ndarray]:
        """See Propagator."""
        return {"colours": np.array(self.colours).reshape(-1, 3)}

    def remember(self, lasting: Mapping[str, np.ndarray], changing: Mapping[str, np.ndarray]) -> None:
        """See Propagator."""
        self.colours, self.n_burn_in = list(changing["colours"]), int(lasting["n_burn_in"])


@dataclass
class ColourModels:
    """Makes models, and keeps them to be asked afterwards."""

    detector: ColourDetector = field(default_factory=ColourDetector)
    propagators: list[ColourPropagator] = field(default_factory=list)

    def load(self, size_px: tuple[int, int]) -> Models:
        """Models for the segmenter."""
        assert size_px == SIZE_PX
        return Models(self.detector, self._propagator)

    def _propagator(self) -> ColourPropagator:
        self.propagators.append(ColourPropagator())
        return self.propagators[-1]
