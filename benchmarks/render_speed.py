"""Frames per second of drawing three people at 1280x720 to an mp4, beside stock PoseViz on the same input.

The figures of one run compare with each other; on a busy machine they do not compare with those of another run.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.body_models import BodyMeshes, joint_index, load_body_model
from nlf_pipeline.geometry import look_at, pinhole_matrix
from nlf_pipeline.plan_view import plan_view
from nlf_pipeline.render import render
from nlf_pipeline.renderers.drawings import ViewName
from nlf_pipeline.renderers.posed_people import posed_bodies
from nlf_pipeline.video import read_frames, writing_video

BODY_DIR = Path(__file__).parents[1] / "resources" / "body_models" / "open"
SIZE_PX, FPS, N_PEOPLE = (1280, 720), 30.0, 3
SHORT, LONG = 20, 140
"""Frames of two runs, whose difference leaves out what starting takes."""
N_TURNS = 3


def make_scene(folder: Path, meshes: BodyMeshes, n_frames: int) -> None:
    """A clip with a drifting texture, and three people who walk across it with swinging legs."""
    rng = np.random.default_rng(0)
    layers = [cv2.resize(rng.random((12 * k, 24 * k, 3), np.float32), (1600, 720)) for k in (1, 3, 9)]
    texture = np.mean(layers, axis=0) * 255
    with writing_video(folder / f"clip_{n_frames}.mp4", FPS) as sink:
        for frame in range(n_frames):
            sink.append_data(np.ascontiguousarray(texture[:, frame : frame + SIZE_PX[0]]).astype(np.uint8))
    VideoFacts("bench", *SIZE_PX, FPS, n_frames).save(folder / f"video_{n_frames}.json")
    pose = np.zeros((N_PEOPLE, n_frames, 24, 3))
    swing = 0.5 * np.sin(np.arange(n_frames) / 5 + np.arange(N_PEOPLE)[:, None])
    pose[..., joint_index("left_hip"), 0], pose[..., joint_index("right_hip"), 0] = swing, -swing
    pose[..., joint_index("left_shoulder"), 2], pose[..., joint_index("right_shoulder"), 2] = -1.2, 1.2
    trans = np.zeros((N_PEOPLE, n_frames, 3))
    trans[..., 0] = np.linspace(-1.5, 1.5, n_frames) * np.array([[1], [-1], [0.3]])
    trans[..., 1:] = np.array([[[1.0, -4.2]], [[1.0, -5.0]], [[1.0, -6.0]]])
    betas = rng.normal(0, 0.7, (N_PEOPLE, 10))
    joints = [meshes.forward(p, b, t, vertices=False)[1] for p, b, t in zip(pose, betas, trans, strict=True)]
    seen = np.ones((N_PEOPLE, n_frames), bool)
    contacts = np.zeros((N_PEOPLE, n_frames, 2), bool)
    Bodies(np.arange(N_PEOPLE), FPS, "open", pose, betas, trans, np.stack(joints), seen, ~seen, contacts).save(
        folder / f"bodies_{n_frames}.npz"
    )
    T = look_at(np.array([0.0, 1.6, 0.0]), np.array([0.0, 1.0, -5.0]), np.array([0.0, 1.0, 0.0]))
    every = (n_frames, 1, 1)
    K = pinhole_matrix(1000.0, SIZE_PX)
    Cameras(np.tile(T, every), np.tile(K, every), np.zeros(0), np.array(SIZE_PX)).save(
        folder / "camera" / f"{n_frames}.npz"
    )
    plan_view(
        bodies=folder / f"bodies_{n_frames}.npz",
        cameras=folder / "camera" / f"{n_frames}.npz",
        video_facts=folder / f"video_{n_frames}.json",
        out=folder / "side" / f"{n_frames}.npz",
    )


def draw_ours(folder: Path, view: ViewName, n_frames: int) -> None:
    """Our own renderer, of a scene with so many frames."""
    render(
        video=folder / f"clip_{n_frames}.mp4",
        video_facts=folder / f"video_{n_frames}.json",
        bodies=folder / f"bodies_{n_frames}.npz",
        cameras=folder / ("camera" if view == "camera" else "side") / f"{n_frames}.npz",
        body=BODY_DIR,
        out=folder / f"{view}.mp4",
        view=view,
        world_cameras=folder / "camera" / f"{n_frames}.npz",
        encoder="cpu",
    )


def draw_stock_poseviz(folder: Path, meshes: BodyMeshes, view: str, n_frames: int) -> None:
    """PoseViz's public API as it comes, headless, writing its own mp4."""
    import deltacamera
    import poseviz

    people = Bodies.load(folder / f"bodies_{n_frames}.npz")
    real, seen_from = (Cameras.load(folder / name / f"{n_frames}.npz") for name in ("camera", view))

    def camera_mm(cameras: Cameras, frame: int) -> deltacamera.Camera:
        T, K = cameras.T_world_cam[frame], cameras.K[frame]
        return deltacamera.Camera(
            rot_world_to_cam=T[:3, :3].T, optical_center=T[:3, 3] * 1000, intrinsic_matrix=K, world_up=(0, 1, 0)
        )

    with poseviz.PoseViz(
        body_model_faces=meshes.faces, world_up=(0, 1, 0), ground_plane_height=0, resolution=SIZE_PX, headless=True,
        camera_type="original" if view == "camera" else "free", camera_view_padding=0, viz_fps=1000,
        out_video_path=str(folder / "poseviz.mp4"), out_fps=round(FPS), gpu_encode=False,
    ) as viz:  # fmt: skip
        frames = zip(
            range(n_frames), posed_bodies(people, meshes), read_frames(folder / f"clip_{n_frames}.mp4"), strict=False
        )
        for frame, posed, image in frames:
            viz.update(
                image,
                camera=camera_mm(real, frame),
                vertices=list(posed.vertices * 1000),
                viz_camera=camera_mm(seen_from, frame),
                viz_imshape=SIZE_PX[::-1],
            )


def measured(work: Callable[[int], None]) -> np.ndarray:
    """(2,) wall and processor seconds per frame, child processes included, without what starting takes."""

    def clock() -> np.ndarray:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return np.array([time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in usage)])

    times = [clock()]
    for n_frames in (SHORT, LONG):
        work(n_frames)
        times.append(clock())
    short, long = np.diff(times, axis=0)
    return (long - short) / (LONG - SHORT)


def report(name: str, seconds: np.ndarray) -> None:
    wall, processor = np.median(seconds, axis=0)
    print(f"  {name:12s} {1 / wall:5.1f} frames/s, {processor * 1e3:4.0f} ms of processor per frame", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    meshes = BodyMeshes(load_body_model(BODY_DIR))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n_frames in (SHORT, LONG):
            make_scene(folder, meshes, n_frames)
        print(
            f"{N_PEOPLE} people, {SIZE_PX[0]}x{SIZE_PX[1]}, medians of {N_TURNS} turns, load {os.getloadavg()[0]:.1f}"
        )
        for view in ("camera", "side"):
            ours, theirs = [], []
            for _ in range(N_TURNS):
                ours.append(measured(lambda n, view=view: draw_ours(folder, view, n)))
                theirs.append(measured(lambda n, view=view: draw_stock_poseviz(folder, meshes, view, n)))
            print(f"{view} view")
            report("ours", np.array(ours))
            report("stock PoseViz", np.array(theirs))
            ratios = np.array(theirs) / np.array(ours)
            print(f"  times as fast, turn by turn: {np.round(ratios[:, 0], 1)}; processor: {np.round(ratios[:, 1], 1)}")
        for view in ("triptych", "skeletons"):
            print(f"{view} view")
            report("ours", np.array([measured(lambda n, view=view: draw_ours(folder, view, n)) for _ in range(2)]))


if __name__ == "__main__":
    main()
