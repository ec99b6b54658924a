"""BlendiPose's lights, ground and camera display in Blender, with people who keep their mesh and colour.

This module imports Blender. Blender has one scene per process; distances in it are metres, z is up.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import bpy  # pyright: ignore[reportMissingImports]
import cv2
import deltacamera
import numpy as np
from blendipose.blendify import scene  # pyright: ignore[reportMissingImports]
from blendipose.blendify.materials import PrincipledBSDFMaterial  # pyright: ignore[reportMissingImports]
from blendipose.renderer import (  # pyright: ignore[reportMissingImports]
    Renderer,
    extrapolate,
    insert_camera_keyframe,
)
from blendipose.util import add_billboard  # pyright: ignore[reportMissingImports]

from nlf_pipeline.geometry import invert_rigid, transform_points
from nlf_pipeline.renderers import RealCamera, ViewFrame
from nlf_pipeline.renderers.blendipose_options import BlendiPoseOptions
from nlf_pipeline.renderers.blendipose_people import People
from nlf_pipeline.renderers.camera_glyph import PICTURE_WIDTH_PX, glyph_opacity
from nlf_pipeline.renderers.compositing import covering_box
from nlf_pipeline.renderers.view_frames import looked_at

MM_PER_M = 1000.0
UP = (0.0, 1.0, 0.0)
FRAME = 1
"""Blender's frame that is drawn; with motion blur the view before is frame 0."""
SHUTTER_FRAMES = 0.5
LIGHT_TILE, DARK_TILE = 178, 150
"""Grey levels. BlendiPose's own ground is half-transparent, and its grain stays: the denoiser leaves alpha alone."""
GROUND_TILES = 40
"""Along each side of the ground; tiles are one metre wide."""


def gpu_types() -> set[str]:
    """Kinds of GPU that Cycles finds here, such as OPTIX; empty for none."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    preferences.refresh_devices()
    return {device.type for device in preferences.devices} - {"CPU"}


class Studio:
    """Draws view after view."""

    def __init__(self, faces: np.ndarray, size_px: tuple[int, int], options: BlendiPoseOptions) -> None:
        self._options, self._size_px = options, size_px
        self._use_gpu = options.device != "cpu" and bool(gpu_types())
        with quiet_stdout():
            scene.clear()
        self._blendi = Renderer(
            resolution=size_px, body_model_faces=faces, world_up=UP, show_ground_plane=False, show_image=True
        )
        dark = np.indices((GROUND_TILES, GROUND_TILES)).sum(axis=0) % 2 == 1
        tiles = np.where(dark[..., None], DARK_TILE, np.full(3, LIGHT_TILE)).astype(np.uint8)
        self._ground = add_billboard(tiles, PrincipledBSDFMaterial(specular=0.0, roughness=1.0), scale=GROUND_TILES)
        self._people = People(faces, options.motion_blur)
        self._cameras_before: dict[int, deltacamera.Camera] = {}
        render = bpy.context.scene.render
        render.dither_intensity = 0.0
        render.threads_mode, render.threads = "FIXED", max(len(os.sched_getaffinity(0)), 1)
        render.use_motion_blur = options.motion_blur
        render.motion_blur_shutter, render.motion_blur_position = SHUTTER_FRAMES, "CENTER"

    def draw(self, view: ViewFrame, seed: int) -> np.ndarray:
        """The people of `view`, with ground and real camera where it has no image.

        Args:
            view: what to draw.
            seed: of the grain.

        Returns:
            (height, width, 4) uint8 RGBA, colours not multiplied with alpha.
        """
        if not self._limit(view):
            return np.zeros((*self._size_px[::-1], 4), np.uint8)
        fps = bpy.context.scene.render.fps / bpy.context.scene.render.fps_base
        self._people.update(view, fps)
        self._place_ground(view)
        self._place_real_camera(view)
        self._place_view(view)
        bpy.context.scene.cycles.seed = seed
        with interrupts_held_back(), quiet_stdout():
            return scene.render(
                use_gpu=self._use_gpu,
                samples=self._options.samples,
                use_denoiser=self._options.denoise,
                adaptive_sampling_threshold=self._blendi.adaptive_sampling_threshold,
                frame_number=FRAME,
            )

    def close(self) -> None:
        """Empty Blender's scene."""
        with quiet_stdout():
            scene.clear()

    def _limit(self, view: ViewFrame) -> bool:
        """Draw only the part with people, if the rest is an image; False if there is no such part.

        With motion blur it is the whole picture: what is blurred has no box, and the next view needs this one.
        """
        render = bpy.context.scene.render
        render.use_border = view.image is not None and not self._options.motion_blur
        if not render.use_border:
            return True
        points_cam = transform_points(invert_rigid(view.T_world_cam), view.vertices.reshape(-1, 3))
        box_px = covering_box(points_cam, view.K, self._size_px)
        if box_px is None:
            return False
        left, top, width, height = box_px
        render.border_min_x, render.border_max_x = np.array([left, left + width]) / self._size_px[0]
        render.border_max_y, render.border_min_y = 1 - np.array([top, top + height]) / self._size_px[1]
        return True

    def _place_ground(self, view: ViewFrame) -> None:
        """Under the people, so that they do not walk off it, else ahead; its tiles stay where they are."""
        self._ground._blender_object.hide_render = view.image is not None
        x, z = looked_at(view.T_world_cam, view.vertices)
        self._ground.set_position(translation=2 * np.round(np.array([x, -z, 0.0]) / 2))

    def _place_real_camera(self, view: ViewFrame) -> None:
        display = self._blendi.camera_displays[0]
        real = None if view.image is not None else view.real_camera
        shown = real is not None and glyph_opacity(view.T_world_cam, real) > 0
        if real is not None and shown:
            image = _small(real.image)
            display.update(_camera(real.T_world_cam, _resized(real, image)), image)
        for mesh in (display.camera_mesh, display.image_mesh):
            if mesh is not None:
                mesh._blender_object.hide_render = not shown

    def _place_view(self, view: ViewFrame) -> None:
        K = view.K.astype(np.float64)
        K[:2, 2] += 0.5  # Blender counts pixels from the picture's corner
        aspect = K[0, 0] / K[1, 1]
        K[1, 1] = K[0, 0]  # one focal length and oblong pixels instead
        camera = _camera(view.T_world_cam, K)
        render = bpy.context.scene.render
        render.pixel_aspect_x, render.pixel_aspect_y = max(1 / aspect, 1.0), max(aspect, 1.0)
        self._set_view(camera, aspect)
        if self._options.motion_blur:
            self._animate_view(camera, None if view.starts_shot else self._cameras_before.get(view.stream), aspect)
            self._cameras_before[view.stream] = camera

    def _set_view(self, camera: deltacamera.Camera, aspect: float) -> None:
        self._blendi.set_view_camera(camera)
        scene.camera.blender_camera.data.shift_y *= aspect

    def _animate_view(self, camera: deltacamera.Camera, before: deltacamera.Camera | None, aspect: float) -> None:
        """Move the view from where it was to as far beyond."""
        blender_camera = scene.camera.blender_camera
        for animated in (blender_camera, blender_camera.data):
            animated.animation_data_clear()
        if before is None:
            return
        after = extrapolate(before, camera)
        rotation = None
        for frame, there in ((FRAME - 1, before), (FRAME, camera), (FRAME + 1, after)):
            self._set_view(there, aspect)
            if rotation is not None:  # q and -q are the same rotation, but not on the way between keys
                blender_camera.rotation_quaternion.make_compatible(rotation)
            rotation = blender_camera.rotation_quaternion.copy()
            insert_camera_keyframe(scene.camera, frame)


def _camera(T_world_cam: np.ndarray, K: np.ndarray) -> deltacamera.Camera:
    """As BlendiPose takes it: in millimetres."""
    return deltacamera.Camera(
        rot_world_to_cam=T_world_cam[:3, :3].T,
        optical_center=T_world_cam[:3, 3] * MM_PER_M,
        intrinsic_matrix=K,
        world_up=UP,
    )


def _small(image: np.ndarray) -> np.ndarray:
    height_px = max(round(image.shape[0] / image.shape[1] * PICTURE_WIDTH_PX), 1)
    return cv2.resize(image, (PICTURE_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)


def _resized(real: RealCamera, image: np.ndarray) -> np.ndarray:
    """(3, 3) intrinsics in pixels of `image`."""
    scale = np.array([*(np.array(image.shape[1::-1]) / real.size_px), 1.0])
    corner = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return np.linalg.inv(corner) @ np.diag(scale) @ corner @ real.K


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Raise KeyboardInterrupt after the block only: Blender swallows it and hands over a half-drawn picture."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupts:
        raise KeyboardInterrupt


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Throw away what Blender prints, which goes around sys.stdout.

    BlendiPose would do it by closing descriptor 1 for a moment, in which other threads could be given it for a
    file of theirs; it lets that be where sys.stdout has no descriptor.
    """
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
