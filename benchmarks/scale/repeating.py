"""The files of a short clip, repeated up to any length: what the stages after estimate read.

`python repeating.py SHORT OUT FRAMES`: SHORT is the folder of a clip that went through all stages up to estimate and
that shows the same over and over. Its second round is repeated, in which everybody has been found.
"""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from clip_making import to_and_fro

from nlf_pipeline.artefacts import CameraPath, CameraReport, IdentityDoubts, Intrinsics, VideoFacts
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.predictions import Predictions, writing_predictions

_DEMO_FRAMES = 150
_MASK_FILES = ("detected_masks.json", "bystanders.json")


def main(short: Path, out: Path, n_frames: int) -> None:
    """Write all files of a clip of `n_frames` into `out`."""
    facts = VideoFacts.load(short / "video.json")
    length = len(to_and_fro(_DEMO_FRAMES))
    frames = length // 2 + np.arange(n_frames) % length  # from the middle of the first round to that of the second
    replace(facts, n_frames=n_frames, cuts=[]).save(out / "video.json")
    for name in _MASK_FILES:
        _repeat_masks(MaskTracks.load(short / name), frames).save(out / name)
    IdentityDoubts().save(out / "identity_doubts.json")
    _repeat_camera(short, out, frames)
    _repeat_estimates(Predictions.open(short / "predictions.xz"), frames, out / "predictions.xz")


def _repeat_masks(tracks: MaskTracks, frames: np.ndarray) -> MaskTracks:
    masks = tuple(tuple(track[t] for t in frames) for track in tracks.masks)
    return replace(tracks, n_frames=len(frames), masks=masks)


def _repeat_camera(short: Path, out: Path, frames: np.ndarray) -> None:
    lens, path = Intrinsics.load(short / "intrinsics.json"), CameraPath.load(short / "camera_path.npz")
    replace(lens, zoom=[lens.zoom[t] for t in frames] if lens.zoom else []).save(out / "intrinsics.json")
    of_frames = {name: getattr(path, name)[frames] for name in ("T_scene_cam", "confidence")}
    replace(path, **of_frames, segment=np.zeros(len(frames), path.segment.dtype)).save(out / "camera_path.npz")
    found = CameraReport.load(short / "camera_report.json")
    replace(found, windows=[replace(found.windows[0], stop=len(frames))]).save(out / "camera_report.json")


def _repeat_estimates(source: Predictions, frames: np.ndarray, path: Path) -> None:
    kept = dict(itertools.compress(enumerate(source), np.isin(np.arange(source.n_frames), frames)))
    with writing_predictions(path, source.person_ids, source.fps, len(frames)) as sink:
        for t in frames.tolist():
            sink.append(kept[t])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
