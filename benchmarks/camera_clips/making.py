"""Clips on disk, as the workflow's own files: clip.mp4, video.json, people_mask.json and the true world_cameras.npz."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
from rlemasklib import RLEMask

from camera_clips.shooting import Frame, shoot
from camera_clips.specs import CLIPS, ClipSpec
from nlf_pipeline.artefacts import Cameras, VideoFacts
from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.offscreen import create_context
from nlf_pipeline.progress import progress
from nlf_pipeline.video import writing_video

_SEED = 1


def make_clip(name: str, folder: Path) -> Path:
    """Make the clip `name` unless it is there, made by this very code.

    Args:
        name: one of `specs.CLIPS`.
        folder: where the clips are; each has a folder of its own in it.

    Returns:
        The clip's folder, with clip.mp4, video.json, people_mask.json (all people as one) and world_cameras.npz.

    Raises:
        UserError: if there is no such clip, or nothing can be drawn here.
    """
    if name not in CLIPS:
        raise UserError(f"{name}: expected the name of a test clip, one of {', '.join(CLIPS)}.")
    clip_folder, source = Path(folder) / name, f"camera_clips {_code_digest()}"
    with contextlib.suppress(ArtefactError):
        if VideoFacts.load(clip_folder / "video.json").source == source:
            return clip_folder
    write_clip(CLIPS[name], clip_folder, source)
    return clip_folder


def write_clip(spec: ClipSpec, folder: Path, source: str = "") -> None:
    """Write a clip and its truth into `folder`; video.json, which names the `source`, comes last."""
    masks, poses, Ks = [], [], []
    with writing_video(folder / "clip.mp4", spec.fps, crf=spec.crf) as sink:
        for picture, frame in progress(clip_frames(spec), spec.n_frames, folder.name):
            sink.append_data(picture)
            masks.append(RLEMask.from_array(frame.covered.astype(np.uint8)))
            poses.append(frame.T_world_cam)
            Ks.append(frame.K)
    MaskTracks(spec.size_px, spec.fps, spec.n_frames, (0,), (tuple(masks),)).save(folder / "people_mask.json")
    k1s = {shot.k1 for shot in spec.shots}
    if len(k1s) > 1:
        raise ValueError("all shots of a clip need the same distortion")
    distortion = np.array([k1s.pop(), 0, 0, 0]) if k1s != {0.0} else np.zeros(0)
    Cameras(np.array(poses), np.array(Ks), distortion, np.array(spec.size_px)).save(folder / "world_cameras.npz")
    cuts = list(accumulate(shot.n_frames for shot in spec.shots))[:-1]
    facts = VideoFacts(folder.name, *spec.size_px, spec.fps, spec.n_frames, cuts, source=source, source_fps=spec.fps)
    facts.save(folder / "video.json")


def clip_frames(spec: ClipSpec) -> Iterator[tuple[np.ndarray, Frame]]:
    """Every frame as it is encoded, (height, width, 3) uint8 RGB, and with its truth."""
    grain, overlay = _Grain(spec), _overlay(spec.size_px) if spec.overlay else None
    shown: tuple[np.ndarray, Frame] | None = None
    for index, frame in enumerate(_all_shots(spec)):
        if shown is None or not (spec.held and spec.held[0] < index < spec.held[1]):
            dark = spec.black is not None and spec.black[0] <= index < spec.black[1]
            shown = _finished(_darkened(frame) if dark else frame, grain, overlay)
        yield shown


def _all_shots(spec: ClipSpec) -> Iterator[Frame]:
    for shot in spec.shots:
        ctx = create_context()
        yield from shoot(spec, shot, ctx)
        ctx.release()


def _darkened(frame: Frame) -> Frame:
    return replace(frame, picture=np.zeros_like(frame.picture), covered=np.zeros_like(frame.covered))


def _finished(frame: Frame, grain: "_Grain", overlay: np.ndarray | None) -> tuple[np.ndarray, Frame]:
    noisy = np.clip(frame.picture + grain.next(), 0, 255)
    if overlay is not None:
        opacity = overlay[..., 3:]
        noisy = noisy * (1 - opacity) + overlay[..., :3] * opacity
    return noisy.round().astype(np.uint8), frame


class _Grain:
    """Noise that differs from frame to frame: one table, moved about at random, as drawing it anew takes longest."""

    def __init__(self, spec: ClipSpec) -> None:
        self._rng = np.random.default_rng(_SEED)
        shape = (*spec.size_px[::-1], 3)
        self._table = spec.noise * self._rng.standard_normal(shape, dtype=np.float32)

    def next(self) -> np.ndarray:
        return np.roll(self._table, self._rng.integers(0, self._table.shape[:2]), axis=(0, 1))


def _overlay(size_px: tuple[int, int]) -> np.ndarray:
    """A scoreboard at the top left, a faint watermark at the bottom right: (height, width, 4), colour and opacity."""
    width, height = size_px
    colour, opacity = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.float32)
    left, top, right, bottom = width // 25, height // 18, width // 25 + width // 3, height // 18 + height // 7
    cv2.rectangle(colour, (left, top), (right, bottom), (20, 30, 90), -1)
    cv2.rectangle(colour, (right - width // 12, top), (right, bottom), (200, 30, 30), -1)
    opacity[top : bottom + 1, left : right + 1] = 1
    scale = width / 1280
    for row, text in enumerate(("ROVERS     2", "UNITED     1")):
        place = (left + width // 80, top + (2 * row + 1) * (bottom - top) // 4 + round(8 * scale))
        cv2.putText(colour, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
    mark = np.zeros((height, width), np.uint8)
    centre = (width - width // 8, height - height // 7)
    cv2.circle(mark, centre, height // 12, 255, 2, cv2.LINE_AA)
    cv2.putText(
        mark, "LIVE TV", (centre[0] - width // 16, centre[1] + 5), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA
    )
    colour[mark > 0] = 255
    return np.dstack([colour.astype(np.float32), np.maximum(opacity, 0.6 * mark / 255)])


def _code_digest() -> str:
    """Changes whenever this package does."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
