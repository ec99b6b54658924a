"""One person in one frame: BlazePose on his region, with the people in front of him taken out of the picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from rlemasklib import RLEMask

from nlf_pipeline.blazepose import BodyCircle, FramePacket, PoseLandmarker
from nlf_pipeline.segmenters.body_region import body_region
from nlf_pipeline.segmenters.mask_ownership import fill_from_surroundings, without_specks

_WINDOW_RADII = 1.25 * np.sqrt(2)  # holds BlazePose's square region at any rotation
_REGION_LOOSENESS = 2.2  # room for skirts, hair and landmarks that are a bit off
_CORE = slice(11, 29)  # shoulders to ankles
_OUTLINE_RADII = 0.03  # what a mask leaves of a person at its rim would still show his outline
_RIM_RADII = 0.04  # what is thinner than this beside somebody nearer is his rim, not a body


@dataclass(frozen=True)
class Window:
    """A part of the frame, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    @property
    def origin_px(self) -> np.ndarray:
        """(2,) position of its top left pixel."""
        return np.array([self.left, self.top], dtype=np.float64)

    def cut(self, image: np.ndarray) -> np.ndarray:
        """This part of a frame."""
        return image[self.top : self.bottom, self.left : self.right]

    def shifted(self, outer: Self) -> "Window":
        """This part of `outer`, as a part of the frame."""
        return Window(self.left + outer.left, self.top + outer.top, self.right + outer.left, self.bottom + outer.top)

    def intersection(self, other: Self) -> "Window":
        """The part that both share; its shape is 0 if there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Window(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def intersects(self, other: Self) -> bool:
        """True if they share pixels."""
        return max(self.left, other.left) < min(self.right, other.right) and max(self.top, other.top) < min(
            self.bottom, other.bottom
        )

    def moved(self, mask: np.ndarray, source: Self) -> np.ndarray:
        """`mask` of `source` seen in this window; False outside `source`."""
        moved = np.zeros(self.shape, mask.dtype)
        left, top = max(self.left, source.left), max(self.top, source.top)
        right, bottom = min(self.right, source.right), min(self.bottom, source.bottom)
        if left < right and top < bottom:
            moved[top - self.top : bottom - self.top, left - self.left : right - self.left] = mask[
                top - source.top : bottom - source.top, left - source.left : right - source.left
            ]
        return moved


def window_about(circle: BodyCircle, size_px: tuple[int, int]) -> Window:
    """The part of a frame of `size_px` (width, height) that holds everything BlazePose looks at."""
    half = circle.radius_px * _WINDOW_RADII
    low = np.clip(np.floor(circle.centre_px - half), 0, size_px).astype(int)
    high = np.clip(np.ceil(circle.centre_px + half) + 1, 0, size_px).astype(int)
    return Window(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


Cover = tuple[Window, np.ndarray]
"""Window and bool mask of somebody who hides what is behind him."""


@dataclass(frozen=True)
class Pose:
    """Landmarks of one person in frame pixels, seen or expected."""

    landmarks_px: np.ndarray
    """(33, 2)."""
    visibility: np.ndarray
    """(33,) in [0, 1]."""
    circle: BodyCircle

    @property
    def box_px(self) -> np.ndarray:
        """(4,) left, top, right, bottom of the landmarks, with room for flesh and clothes."""
        margin = 0.15 * self.circle.radius_px
        return np.concatenate([self.landmarks_px.min(axis=0) - margin, self.landmarks_px.max(axis=0) + margin])

    @property
    def extent(self) -> Window:
        """The whole pixels of `box_px`; may reach out of the frame."""
        left, top, right, bottom = np.round(self.box_px).astype(int).tolist()
        return Window(left, top, right, bottom)

    @property
    def height_px(self) -> float:
        """Extent of the landmarks from top to bottom."""
        return float(np.ptp(self.landmarks_px[:, 1]))

    @property
    def lowest_px(self) -> float:
        """Image row of the lowest landmark: who stands lower in the picture is nearer to the camera."""
        return float(self.landmarks_px[:, 1].max())

    @property
    def core_visibility(self) -> float:
        """Mean visibility of shoulders, arms, hips, knees and ankles."""
        return float(self.visibility[_CORE].mean())

    def moved_to(self, circle: BodyCircle) -> "Pose":
        """The same pose at another place and size."""
        scale = circle.radius_px / max(self.circle.radius_px, 1e-6)
        landmarks_px = circle.centre_px + scale * (self.landmarks_px - self.circle.centre_px)
        return replace(self, landmarks_px=landmarks_px, circle=circle)

    def covered_pixels(self, window: Window, looseness: float = 1.0) -> np.ndarray:
        """(height, width) bool: the pixels of `window` within the body, in close-fitting clothes or looser ones."""
        return body_region(self.landmarks_px - window.origin_px, self.circle.radius_px, window.shape, looseness) > 0


@dataclass(frozen=True)
class Observation(Pose):
    """What BlazePose found of one person in one frame."""

    window: Window
    mask: np.ndarray
    """Bool, the size of `window`: pixels he claims."""

    @property
    def area_px(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    def mask_support(self) -> float:
        """Fraction of the core landmarks that lie on the mask, as they do on a real person."""
        points = np.round(self.landmarks_px[_CORE] - self.window.origin_px).astype(int)
        height, width = self.window.shape
        inside = np.all((points >= 0) & (points < (width, height)), axis=1)
        near = cv2.dilate(self.mask.astype(np.uint8), np.ones((5, 5), np.uint8))
        return float(near[points[inside, 1], points[inside, 0]].sum() / max(inside.sum(), 1))

    def likeness(self) -> float:
        """How much like a person it is, in [0, 1]: the core landmarks are visible, and the mask is about them."""
        return self.core_visibility * self.mask_support()

    def without(self, covers: Sequence[Cover]) -> "Observation":
        """The same person with only the pixels that no cover hides."""
        hidden = np.zeros_like(self.mask)
        for window, cover in covers:
            hidden |= self.window.moved(cover, window)
        if not (hidden & self.mask).any():
            return self
        visible = self.mask & ~hidden
        rim_px = _RIM_RADII * self.circle.radius_px
        thick = cv2.morphologyEx(visible.astype(np.uint8), cv2.MORPH_OPEN, _square(rim_px))
        beside = cv2.dilate(hidden.astype(np.uint8), _square(2 * rim_px))
        return replace(self, mask=without_specks(visible & ((thick > 0) | (beside == 0))))

    def without_mask(self) -> Pose:
        """Only the pose, which is all that is worth keeping."""
        return Pose(self.landmarks_px, self.visibility, self.circle)

    def full_mask(self, size_px: tuple[int, int], mask_size_px: tuple[int, int]) -> RLEMask:
        """The mask as one of the whole frame, which may be larger than the frame that was looked at.

        Args:
            size_px: (width, height) of the frame that was looked at.
            mask_size_px: (width, height) of the result.
        """
        canvas = Window(0, 0, *size_px).moved(self.mask, self.window).astype(np.uint8)
        if size_px != mask_size_px:
            canvas = cv2.resize(canvas * 255, mask_size_px, interpolation=cv2.INTER_LINEAR) // 128
        return RLEMask.from_array(canvas)


def without_people(image: np.ndarray, window: Window, people: Sequence[Cover], outline_px: float) -> np.ndarray:
    """A part of the frame with people painted over by what is around them.

    Args:
        image: (height, width, 3) uint8 RGB frame.
        window: the part.
        people: whom to paint over.
        outline_px: how far beyond their masks.
    """
    hidden = np.zeros(window.shape, bool)
    for other_window, other_mask in people:
        if window.intersects(other_window):
            hidden |= window.moved(other_mask, other_window)
    if not hidden.any():
        return window.cut(image)
    outlined = cv2.dilate(hidden.astype(np.uint8), _square(outline_px))
    return fill_from_surroundings(window.cut(image), outlined > 0)


def _square(half_px: float) -> np.ndarray:
    """Kernel of a morphological operation."""
    return np.ones((2 * max(1, round(half_px)) + 1,) * 2, np.uint8)


def observe(
    landmarker: PoseLandmarker, image: np.ndarray, circle: BodyCircle, in_front: Sequence[Cover]
) -> Observation | None:
    """The person in the region of `circle`, or None.

    Args:
        landmarker: makes masks.
        image: (height, width, 3) uint8 RGB frame.
        circle: where to look.
        in_front: windows and masks of other people; they are painted over first, because BlazePose sees
            the nearest person in a region, not the one it was asked for.
    """
    height_px, width_px = image.shape[:2]
    window = window_about(circle, (width_px, height_px))
    if min(window.shape) < 16:
        return None
    crop = without_people(image, window, in_front, _OUTLINE_RADII * circle.radius_px)
    origin = window.origin_px
    found = landmarker.find(FramePacket.from_rgb(crop), BodyCircle(circle.centre_px - origin, circle.rim_px - origin))
    if found is None or found.mask is None:
        return None
    region = body_region(found.image_px, found.circle.radius_px, window.shape, _REGION_LOOSENESS)
    return Observation(
        landmarks_px=found.image_px + origin,
        visibility=found.visibility,
        circle=BodyCircle(found.circle.centre_px + origin, found.circle.rim_px + origin),
        window=window,
        mask=without_specks((found.mask > 0.5) & (region > 0)),
    )
