"""What the pictures of each kind of video show, frame range by frame range."""

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nlf_pipeline.artefacts import Bodies, Cameras
from nlf_pipeline.renderers import RealCamera, ViewFrame
from nlf_pipeline.renderers.camera_trail import CameraTrail
from nlf_pipeline.renderers.panels import Panels
from nlf_pipeline.renderers.view_frames import PosedPeople, camera_views, real_camera_frames, side_views
from nlf_pipeline.video import FrameRanges

ViewName = Literal["camera", "side", "triptych", "skeletons"]
"""'triptych': video, bodies over it and bodies from the side. 'skeletons': joints over the video and from the side."""
CAPTIONS: dict[ViewName, tuple[str, ...]] = {
    "triptych": ("video", "bodies over the video", "bodies from the side"),
    "skeletons": ("joints over the video", "joints in the world"),
}
"""Of the panels of those views that have several."""

Pose = Callable[[range], Iterator[PosedPeople]]
"""Gives the people of some frames."""
Draw = Callable[[Iterable[ViewFrame], tuple[int, int]], Iterator[np.ndarray]]
"""Draws views in a size (width, height)."""


@dataclass(frozen=True)
class Scene:
    """What there is to draw, at the frame rate of the result."""

    people: Bodies
    real_cameras: Cameras | None
    """Those that took the video."""
    side_cameras: Cameras | None
    n_frames: int
    size_px: tuple[int, int]
    """(width, height) of the clip."""
    shot_starts: list[int]
    """First frame of every shot but the first."""
    trail: CameraTrail | None
    """Of the real camera, where the side view shows it."""


@dataclass(frozen=True)
class Drawing:
    """Who draws what, and how."""

    scene: Scene
    view: ViewName
    images: FrameRanges
    """Of the clip."""
    pose: Pose
    draw: Draw
    panels: Panels | None
    """Of a view that has several."""
    size_px: tuple[int, int]
    """(width, height) of the picture, or of each panel."""

    def pictures(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """The pictures [start, stop), (height, width, 3) uint8 each.

        Drawn from one frame before, which tells what moved, and by a new start of the renderer: so they do not depend
        on what was drawn earlier.
        """
        frames = range(max(start - 1, 0), stop)
        return itertools.islice(self._drawn(frames), start - frames.start, None)

    def _drawn(self, frames: range) -> Iterator[np.ndarray]:
        if self.panels is not None:
            return self._panelled(frames, self.panels)
        sees_images = self.view == "camera" or self.scene.trail is not None
        images = self.images.read(frames.start, frames.stop) if sees_images else ()
        views = self._camera if self.view == "camera" else self._side
        return self.draw(views(frames, images, self.pose(frames)), self.size_px)

    def _panelled(self, frames: range, panels: Panels) -> Iterator[np.ndarray]:
        """One renderer draws both views of a frame in turn: there may be only one of it, and people are posed once."""
        images = itertools.tee(self.images.read(frames.start, frames.stop))
        people = itertools.tee(self.pose(frames))
        sources: deque[np.ndarray] = deque()

        def in_turn() -> Iterator[ViewFrame]:
            over, beside = self._camera(frames, images[0], people[0]), self._side(frames, images[1], people[1])
            for view, other in zip(over, beside, strict=True):
                assert view.image is not None
                sources.append(view.image)
                yield view
                yield dataclasses.replace(other, stream=1)

        drawn = self.draw(in_turn(), self.size_px)
        for over, beside in zip(drawn, drawn, strict=True):
            source = sources.popleft()
            yield panels.compose([source, over, beside] if self.view == "triptych" else [over, beside])

    def _camera(
        self, frames: range, images: Iterable[np.ndarray], people: Iterable[PosedPeople]
    ) -> Iterator[ViewFrame]:
        assert self.scene.real_cameras is not None
        return camera_views(frames, images, people, self.scene.real_cameras, self.size_px, self.scene.shot_starts)

    def _side(self, frames: range, images: Iterable[np.ndarray], people: Iterable[PosedPeople]) -> Iterator[ViewFrame]:
        scene = self.scene
        assert scene.side_cameras is not None
        seen: Iterable[RealCamera | None] = itertools.repeat(None, len(frames))
        if scene.real_cameras is not None and scene.trail is not None:
            seen = real_camera_frames(frames, images, scene.real_cameras, scene.trail)
        return side_views(frames, people, scene.side_cameras, seen, self.size_px, scene.shot_starts)
