"""Small clips whose frames are told apart by their grey level, with sound."""

from pathlib import Path

import numpy as np
from synthetic_videos import write_video

from nlf_pipeline.artefacts import VideoFacts

FPS = 25.0


def grey_of(frame: int, n_frames: int) -> int:
    return round(40 + 160 * frame / max(n_frames - 1, 1))


def make_clip(folder: Path, n_frames: int, size_px: tuple[int, int], cuts: tuple[int, ...] = ()) -> tuple[Path, Path]:
    """clip.mp4 and video.json."""
    clip, facts = folder / "clip.mp4", folder / "video.json"
    frames = [np.full((*size_px[::-1], 3), grey_of(i, n_frames), np.uint8) for i in range(n_frames)]
    write_video(clip, np.arange(n_frames) / FPS, frames, tone_hz=440.0)
    VideoFacts("clip", *size_px, FPS, n_frames, list(cuts), has_audio=True).save(facts)
    return clip, facts
