"""Clips on disk, as the workflow's own files: clip.mp4, video.json and the true masks.json."""

import contextlib
import dataclasses
import hashlib
from pathlib import Path

import numpy as np
from rlemasklib import RLEMask

from identity_clips.choreographies import CLIPS, FPS, IdentityClip
from identity_clips.dressing import draw_roles
from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.demo.camera_paths import tripod
from nlf_pipeline.demo.choreography import Script
from nlf_pipeline.demo.drawing import Camera
from nlf_pipeline.demo.people import BaseMesh
from nlf_pipeline.demo.performance import Performance, perform
from nlf_pipeline.demo.scene import DemoScene
from nlf_pipeline.demo.turns import turn_y
from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.geometry import focal_from_fov, pinhole_matrix
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.progress import progress
from nlf_pipeline.video import writing_video

_SIZE_PX = (960, 540)
_FOV_DEG = 62.0
_CRF = 20
_PLACE_SD, _HEADING_SD, _TEMPO_SD = 0.04, 0.02, 0.02
"""By how much seeds change a script: metres, radians, share of the speed. Seed 0 changes nothing."""


def make_clip(name: str, seed: int, folder: Path, body: Path) -> Path:
    """Make the clip `name` unless it is there, made by this very code.

    Args:
        name: one of `choreographies.CLIPS`.
        seed: varies bodies, clothes and paths.
        folder: where the clips are; each has a folder of its own in it.
        body: folder of the open body.

    Returns:
        The clip's folder, with clip.mp4, video.json and the true masks.json.

    Raises:
        UserError: if there is no such clip, or nothing can be drawn here.
    """
    if name not in CLIPS:
        raise UserError(f"{name}: expected the name of a test clip, one of {', '.join(CLIPS)}.")
    clip_folder, source = Path(folder) / f"{name}_{seed}", f"identity_clips {_code_digest()}"
    with contextlib.suppress(ArtefactError):
        if VideoFacts.load(clip_folder / "video.json").source == source:
            return clip_folder
    clip = CLIPS[name]
    rng = np.random.default_rng([seed, *name.removesuffix("_pan").encode()])
    scripts = tuple(_varied(script, rng) if seed else script for script in clip.scripts)
    base, times = BaseMesh.load(body), np.arange(clip.n_frames) / FPS
    roles = draw_roles(scripts, clip.twins, rng)
    performances = [
        perform(role, base, times, clip.n_frames / FPS, np.random.default_rng(seed) if clip.twins else rng)
        for role in roles
    ]
    draw_clip(clip, performances, clip_folder / "clip.mp4").save(clip_folder / "masks.json")
    VideoFacts(clip_folder.name, *_SIZE_PX, FPS, clip.n_frames, [], source=source, source_fps=FPS).save(
        clip_folder / "video.json"
    )
    return clip_folder


def draw_clip(clip: IdentityClip, performances: list[Performance], out: Path) -> MaskTracks:
    """Write the video; returns who is seen where."""
    scene = DemoScene(_SIZE_PX, [p.mesh for p in performances], clip.furniture, moving_camera=clip.pan_deg > 0)
    bones = np.stack([p.bones for p in performances], axis=1)
    soles = np.stack([p.soles for p in performances], axis=1)
    cameras = _cameras(clip)
    tracks: list[list[RLEMask | None]] = [[] for _ in performances]
    try:
        with writing_video(out, FPS, crf=_CRF) as video:
            for frame in progress(range(clip.n_frames), clip.n_frames, out.parent.name):
                picture = scene.draw(cameras[frame], bones[frame], soles[frame])
                video.append_data(picture.image)
                for k, track in enumerate(tracks):
                    seen = picture.people == k + 1
                    track.append(RLEMask.from_array(seen) if seen.any() else None)
    finally:
        scene.release()
    ids = tuple(range(1, len(tracks) + 1))
    return MaskTracks(_SIZE_PX, FPS, clip.n_frames, ids, tuple(map(tuple, tracks)))


def _cameras(clip: IdentityClip) -> list[Camera]:
    """One for every frame; the same object throughout if it stands still, which the painter of the yard relies on."""
    K = pinhole_matrix(focal_from_fov(_FOV_DEG, _SIZE_PX), _SIZE_PX)
    poses = tripod(clip.n_frames)
    if not clip.pan_deg:
        return [Camera(poses[0], K)] * clip.n_frames
    angle = np.deg2rad(clip.pan_deg) * np.sin(2 * np.pi * np.arange(clip.n_frames) / FPS / clip.pan_seconds)
    poses[:, :3, :3] = turn_y(angle).as_matrix() @ poses[:, :3, :3]
    return [Camera(pose, K) for pose in poses]


def _varied(script: Script, rng: np.random.Generator) -> Script:
    x, z = np.add(script.start_xz, rng.normal(0, _PLACE_SD, 2))
    tempo = 1 + rng.normal(0, _TEMPO_SD)
    return dataclasses.replace(
        script,
        start_xz=(float(x), float(z)),
        heading=script.heading + float(rng.normal(0, _HEADING_SD)),
        legs=tuple(dataclasses.replace(leg, speed=leg.speed * tempo) for leg in script.legs),
        step_phase=float(rng.uniform(0, 2)),
    )


def _code_digest() -> str:
    """Changes whenever this package does."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
