"""How large the player's page is for a clip of a minute, how soon it is ready, and how quickly it scrubs.

`python benchmarks/player.py results/demo_moving [--seconds 60]` repeats the clip and its motion there and back until it
is so long, makes its page, opens it in headless Chromium, which draws on the CPU here, and prints the figures as JSON.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from browsers import Browser, browsing

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.player import player
from nlf_pipeline.video import read_frames, writing_video

LIMITS = {"size_mb": 25, "ready_s": 3, "scrub_ms": 100}
N_SCRUBS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of a finished video")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--body", type=Path, default=Path("resources/body_models/open"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        clip, profile = Path(folder) / "clip", Path(folder) / "profile"
        facts = lengthened(options.results, clip, options.seconds)
        started = time.perf_counter()
        player(
            video=clip / "clip.mp4", video_facts=clip / "video.json", bodies=clip / "bodies.npz",
            world_cameras=clip / "world_cameras.npz", body=options.body, out=clip / "player.html",
        )  # fmt: skip
        made_s = time.perf_counter() - started
        with browsing(profile, size_px=(1280, 800)) as browser:
            figures = measured(browser, clip / "player.html", facts.n_frames)
    figures |= {"seconds": facts.n_frames / facts.fps, "made_s": made_s, "load_average": os.getloadavg()[0]}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=2))
    for name, limit in LIMITS.items():
        print(f"{name}: {figures[name]:.2f}, {limit} wanted: {'reached' if figures[name] < limit else 'MISSED'}")


def lengthened(results: Path, clip: Path, seconds: float) -> VideoFacts:
    """Write a clip of `seconds` and its motion into the folder `clip`: those of `results` there and back, again."""
    clip.mkdir()
    facts = VideoFacts.load(results / "video.json")
    n_frames = round(seconds * facts.fps)
    there_and_back = np.concatenate([np.arange(facts.n_frames), np.arange(facts.n_frames)[::-1]])
    frames = np.resize(there_and_back, n_frames)
    facts = dataclasses.replace(facts, n_frames=n_frames, cuts=[], has_audio=False)
    facts.save(clip / "video.json")
    bodies, cameras = Bodies.load(results / "bodies.npz"), Cameras.load(results / "world_cameras.npz")
    by_frame = ("pose_rotvecs", "trans", "joints", "visible", "filled", "foot_contacts")
    dataclasses.replace(bodies, **{name: getattr(bodies, name)[:, frames] for name in by_frame}).save(
        clip / "bodies.npz"
    )
    dataclasses.replace(cameras, T_world_cam=cameras.T_world_cam[frames], K=cameras.K[frames]).save(
        clip / "world_cameras.npz"
    )
    pictures = [picture.copy() for picture in read_frames(results / "clip.mp4")]
    with writing_video(clip / "clip.mp4", facts.fps) as sink:
        for frame in frames:
            sink.append_data(pictures[frame])
    return facts


def measured(browser: Browser, page: Path, n_frames: int) -> dict[str, float]:
    """Open the page twice, as the browser itself starts with the first, then seek at random."""
    ready_s = []
    for _ in range(2):
        started = time.perf_counter()
        browser.open(page.as_uri())
        ready_s.append(time.perf_counter() - started)
    frames = np.random.default_rng(0).integers(0, n_frames, N_SCRUBS).tolist()
    script = (
        "const times = []; for (const frame of args[0]) { const start = performance.now(); await player.seek(frame);"
        "times.push(performance.now() - start); } return times"
    )
    figures = {"size_mb": page.stat().st_size / 1e6, "first_ready_s": ready_s[0], "ready_s": ready_s[1]}
    for name, setting in (("scrub", "beside"), ("camera_scrub", "off")):
        view = "camera" if name == "camera_scrub" else "free"
        browser.run(f"player.set({{video: '{setting}', view: '{view}'}})")
        took_ms = browser.run(script, frames)
        figures |= {f"{name}_ms": float(np.median(took_ms)), f"{name}_90_ms": float(np.percentile(took_ms, 90))}
    drawn = browser.run(
        "await player.seek(0); player.set({muted: true}); player.play(); let drawn = 0, last = -1;"
        "const start = performance.now(); while (performance.now() - start < 4000) {"
        " await new Promise(requestAnimationFrame); if (player.frame() !== last) { drawn++; last = player.frame(); } }"
        "player.pause(); return drawn"
    )
    heap = browser.run("return performance.memory.usedJSHeapSize")
    return figures | {"frames_shown_per_s": drawn / 4, "heap_mb": heap / 1e6}


if __name__ == "__main__":
    main()
