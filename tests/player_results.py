"""What a run leaves behind for the player: people who turn their arms and walk sideways before a camera that moves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from synthetic_videos import numbered_frame, write_video

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_kinds import SMPL_JOINT_NAMES
from nlf_pipeline.geometry import look_at, pinhole_matrix
from nlf_pipeline.player import player

N_JOINTS = len(SMPL_JOINT_NAMES)
PELVIS_HEIGHT = 0.95


@dataclass(frozen=True)
class Shown:
    """A clip; the picture of frame i is numbered i modulo 256."""

    n_people: int = 2
    n_frames: int = 40
    size_px: tuple[int, int] = (640, 360)
    fps: float = 25.0
    names: Mapping[int, str] = field(default_factory=dict)
    cuts: Sequence[int] = ()
    tone_hz: float | None = None
    visible: np.ndarray | None = None
    speed: float = 0.8
    """Metres per second to the right."""
    video_id: str = "dance"


def write_results(folder: Path, shown: Shown) -> Path:
    """Write the files that the player reads into `folder`, which is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    n, frames = shown.n_people, shown.n_frames
    has_sound = shown.tone_hz is not None
    facts = VideoFacts(shown.video_id, *shown.size_px, shown.fps, frames, list(shown.cuts), has_audio=has_sound)
    facts.save(folder / "video.json")
    seconds = np.arange(frames) / shown.fps
    pose, trans = np.zeros((n, frames, N_JOINTS, 3)), np.zeros((n, frames, 3))
    for row in range(n):
        pose[row, :, SMPL_JOINT_NAMES.index("left_shoulder"), 2] = -1.1 + 0.9 * np.sin(3 * seconds + row)
        pose[row, :, SMPL_JOINT_NAMES.index("right_shoulder"), 2] = 1.1
        pose[row, :, SMPL_JOINT_NAMES.index("left_knee"), 0] = 0.4 + 0.4 * np.sin(4 * seconds)
        trans[row] = [1.1 * (row - (n - 1) / 2), PELVIS_HEIGHT, -4.5 - 0.4 * (row % 3)]
        trans[row, :, 0] += shown.speed * (seconds - seconds.mean())
    visible = np.ones((n, frames), bool) if shown.visible is None else shown.visible
    Bodies(
        person_ids=np.arange(1, n + 1),
        fps=shown.fps,
        body_model="open",
        pose_rotvecs=pose,
        betas=np.linspace(-1, 1, max(n, 1))[:n, None] * np.ones(10) * [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        trans=trans,
        joints=np.zeros((n, frames, N_JOINTS, 3)),
        visible=visible,
        filled=np.zeros((n, frames), bool),
        foot_contacts=np.ones((n, frames, 2), bool),
    ).save(folder / "bodies.npz")
    cameras_of(shown).save(folder / "world_cameras.npz")
    if shown.names:
        lines = [f"  {person_id}: {json.dumps(name, ensure_ascii=False)}" for person_id, name in shown.names.items()]
        (folder / "tracks.yaml").write_text("\n".join(["people:", *lines]) + "\n", encoding="utf-8")
    pictures = [numbered_frame(frame % 256, *shown.size_px) for frame in range(frames)]
    write_video(folder / "clip.mp4", list(seconds), pictures, tone_hz=shown.tone_hz)
    return folder


def cameras_of(shown: Shown) -> Cameras:
    """A camera at eye level that goes round; at every cut it jumps."""
    poses = np.zeros((shown.n_frames, 4, 4))
    for frame in range(shown.n_frames):
        angle = 0.3 * np.searchsorted(shown.cuts, frame, side="right") + 0.004 * frame
        eye = np.array([4.5 * np.sin(angle), 1.6, -4.5 + 4.5 * np.cos(angle)])
        poses[frame] = look_at(eye, np.array([0.0, 1.0, -4.5]), np.array([0.02, 1.0, 0.0]))
    K = pinhole_matrix(0.8 * max(shown.size_px), shown.size_px)
    return Cameras(poses, np.repeat(K[None], shown.n_frames, axis=0), np.zeros(0), np.array(shown.size_px))


def make_player(results: Path, body: Path, out: Path, **options: float) -> str:
    """Run the stage on what `write_results` wrote: the page."""
    player(
        video=results / "clip.mp4",
        video_facts=results / "video.json",
        bodies=results / "bodies.npz",
        world_cameras=results / "world_cameras.npz",
        body=body,
        out=out,
        edits=results / "tracks.yaml",
        **options,
    )
    return out.read_text(encoding="utf-8")


def number_in(picture: np.ndarray) -> int:
    """The number in a numbered frame of any size, (height, width, 3) uint8."""
    row = picture[picture.shape[0] * 3 // 4].mean(axis=-1)
    return sum(1 << bit for bit in range(8) if row[int((bit + 0.5) * len(row) / 8)] > 125)


ODD_CLIPS = {
    "nobody": Shown(n_people=0, n_frames=5),
    "three frames": Shown(n_people=1, n_frames=3),
    "twelve people": Shown(n_people=12, n_frames=6),
    "portrait": Shown(n_frames=6, size_px=(180, 320)),
    "a cut": Shown(n_frames=8, cuts=(4,), visible=np.array([[1] * 4 + [0] * 4, [0] * 4 + [1] * 4], bool)),
}
