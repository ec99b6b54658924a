"""Clips of rendered people before a dark wall: BlazePose knows them as people, NLF's stand-in by their brightness."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rlemasklib import RLEMask
from scipy.ndimage import label

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.render_demo import render_demo
from nlf_pipeline.segmenters.propagation.seams import Detection
from nlf_pipeline.video import read_frames, writing_video

SIZE_PX = (320, 208)
FPS = 5.0
MAN, WOMAN = 0, 2
"""Rows of the demo's people of whom nothing is ever hidden in the frames that are used."""
_N_RENDERED = 6
_WALL, _DARKEST = 12, 90
_TINTS = {MAN: (1.0, 0.25, 0.25), WOMAN: (0.2, 0.3, 1.0)}
_BRIGHT = 0.2 * 255

Place = tuple[int, float, float]
"""Who, and where in the picture the middle of his box is, pixels."""
Scene = Callable[[int], Sequence[Place]]
"""Who is there in a frame, the farthest first."""


@dataclass(frozen=True)
class Cutouts:
    """Pictures of people walking, and their pixels."""

    pictures: dict[int, list[np.ndarray]]
    masks: dict[int, list[np.ndarray]]

    @classmethod
    def render(cls, body_dir: Path, folder: Path) -> "Cutouts":
        """Cut them out of a short demo clip."""
        render_demo(
            body=body_dir, out=folder / "demo.mp4", truth=folder, n_frames=_N_RENDERED, fps=2 * FPS, width_px=640,
            height_px=360,
        )  # fmt: skip
        frames, truth = read_frames(folder / "demo.mp4"), MaskTracks.load(folder / "masks.json")
        images = [np.array(frame) for frame in frames]
        shown = {who: _cut_out(images, truth.masks[who], who) for who in _TINTS}
        return cls(*({who: [pair[k] for pair in pairs] for who, pairs in shown.items()} for k in range(2)))

    def draw(self, scene: Scene, t: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """The picture (height, width, 3) uint8 RGB and everybody's visible pixels (height, width) bool."""
        image = np.full((SIZE_PX[1], SIZE_PX[0], 3), _WALL, np.uint8)
        visible: list[np.ndarray] = []
        for who, x, y in scene(t):
            phase = t % (2 * _N_RENDERED - 2)
            step = min(phase, 2 * _N_RENDERED - 2 - phase)  # there and back again
            picture, mask = self.pictures[who][step], self.masks[who][step]
            top, left = round(y - mask.shape[0] / 2), round(x - mask.shape[1] / 2)
            there = np.zeros(SIZE_PX[::-1], bool)
            rows, columns = (
                slice(max(first, 0), min(first + length, limit))
                for first, length, limit in zip((top, left), mask.shape, SIZE_PX[::-1], strict=True)
            )
            within = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            there[rows, columns] = mask[within]
            image[rows, columns][mask[within]] = picture[within][mask[within]]
            visible = [*(before & ~there for before in visible), there]
        return image, visible

    def write(self, folder: Path, scene: Scene, n_frames: int, cuts: Sequence[int] = ()) -> list[list[np.ndarray]]:
        """Write clip.mp4 and video.json; returns for each frame everybody's pixels, in the scene's order."""
        truth = []
        with writing_video(folder / "clip.mp4", FPS, crf=4) as sink:
            for t in range(n_frames):
                image, visible = self.draw(scene, t)
                sink.append_data(image)
                truth.append(visible)
        VideoFacts("clip", *SIZE_PX, FPS, n_frames, list(cuts)).save(folder / "video.json")
        return truth


def _cut_out(
    images: Sequence[np.ndarray], masks: Sequence[RLEMask | None], who: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Picture and pixels in somebody's box, frame by frame."""
    cut = []
    for image, mask in zip(images, masks, strict=True):
        assert mask is not None
        left, top, width, height = (int(side) for side in mask.bbox())
        box = slice(top, top + height), slice(left, left + width)
        cut.append((_tinted(image[box], who), mask.to_array()[box].astype(bool)))
    return cut


def _tinted(picture: np.ndarray, who: int) -> np.ndarray:
    """Light and shade in one colour, by which STCN's stand-in knows people."""
    grey = picture.mean(axis=-1, keepdims=True) / 255
    return ((_DARKEST + (255 - _DARKEST) * grey) * _TINTS[who]).astype(np.uint8)


class BrightDetector:
    """In Mask R-CNN's place: finds whatever is bright, the largest first. Its random weights see people everywhere."""

    def __init__(self, *_: object) -> None:
        pass

    def detect(self, image: np.ndarray) -> list[Detection]:
        """See PersonDetector."""
        labels, n = label(image.max(axis=-1) > _BRIGHT)
        masks = [RLEMask.from_array((labels == k + 1).astype(np.uint8)) for k in range(n)]
        return [Detection(mask, 0.95) for mask in sorted(masks, key=lambda mask: -mask.area()) if mask.area() > 200]
