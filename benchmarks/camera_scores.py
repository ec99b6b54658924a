"""How well a tracked camera agrees with the truth, shot by shot, as rows of a Markdown table."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from camera_clips.specs import CLIPS

from nlf_pipeline.artefacts import CameraPath, CameraReport, Cameras, CameraWindow, Intrinsics, VideoFacts
from nlf_pipeline.camera_metrics import aligned_rotation_errors, focal_error, path_length, trajectory_error

if TYPE_CHECKING:
    from camera_tracking import Cost

_COLUMNS = (
    "clip", "motion", "found", "focal err % (source)", "ATE m", "ATE % of path", "ATE max m", "rot mean/max deg",
    "coverage %", "confidence", "gates failed; notes", "ms/frame wall (CPU)", "MB",
)  # fmt: skip
HEADER = "| " + " | ".join(_COLUMNS) + " |\n" + "|---" * len(_COLUMNS) + "|"
_NOTE_LENGTH = 70


@dataclass(frozen=True)
class PositionScore:
    """Errors of the camera's place in one shot, each segment aligned on its own, as each has its own unit."""

    ate_m: float
    largest_m: float
    path_m: float


def position_score(path: CameraPath, T_true: np.ndarray, shot: slice) -> PositionScore | None:
    """The camera centres of a shot against the true ones; None where the camera hardly moves.

    Args:
        path: what was found.
        T_true: (frames, 4, 4), metres.
        shot: frames.
    """
    squares, largest_m = [], 0.0
    for segment in np.unique(path.segment[shot]):
        frames = np.flatnonzero(path.segment == segment)
        start = max(int(frames[0]) - 1, shot.start)  # a segment's unit holds from the frame before it
        part = slice(start, int(frames[-1]) + 1)
        error = trajectory_error(path.T_scene_cam[part], T_true[part])
        if error.ate_m is not None and error.largest_m is not None:
            squares.append((len(frames), error.ate_m**2))
            largest_m = max(largest_m, error.largest_m)
    if not squares:
        return None
    counts, values = np.array(squares).T
    return PositionScore(float(np.sqrt((counts * values).sum() / counts.sum())), largest_m, path_length(T_true[shot]))


def true_fov_deg(clip: Path) -> float:
    """Angle that the longer side of the first picture spans without distortion, degrees."""
    cameras = Cameras.load(clip / "world_cameras.npz")
    return float(np.rad2deg(2 * np.arctan(cameras.size_px.max() / (2 * cameras.K[0, 0, 0]))))


def rows(name: str, clip: Path, out: Path, cost: "Cost") -> list[str]:
    """One row of the table for every shot of a clip.

    Args:
        name: of the clip.
        clip: folder of the clip and its truth.
        out: folder of what the tracker wrote.
        cost: what that took; stands in the first row.
    """
    facts, truth = VideoFacts.load(clip / "video.json"), Cameras.load(clip / "world_cameras.npz")
    per_frame = 1000 / facts.n_frames
    spent = [f"{cost.wall_s * per_frame:.0f} ({cost.cpu_s * per_frame:.0f})", f"{cost.peak_mb:.0f}"]
    if cost.complaint:
        words = " / ".join(shot.truth for shot in CLIPS[name].shots)
        return [_row([name, words, "none", *["-"] * 7, _short(cost.complaint), *spent])]
    K = Intrinsics.load(out / "intrinsics.json").K_frames(facts.n_frames)
    path, report = CameraPath.load(out / "camera_path.npz"), CameraReport.load(out / "camera_report.json")
    noted = [note for window in report.windows for note in window.notes]
    warnings = [warning for warning in dict.fromkeys(cost.warnings) if not any(note in warning for note in noted)]
    table = []
    for k, (shot, spec) in enumerate(zip(facts.shots(), CLIPS[name].shots, strict=True)):
        label = name if len(facts.shots()) == 1 else f"{name}, shot {k + 1}"
        windows = [s for s in report.windows if s.start < shot.stop and s.stop > shot.start]
        cells = [label, spec.truth, _classes(windows), _focal(K[shot], truth.K[shot], windows)]
        cells += _errors(path, truth.T_world_cam, shot)
        cells += [
            f"{100 * _coverage(windows):.0f}",
            f"{path.confidence[shot].mean():.2f}",
            _remarks(windows, warnings),
        ]
        table.append(_row([*cells, *(spent if k == 0 else ("", ""))]))
    return table


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def _classes(windows: list[CameraWindow]) -> str:
    classes = [window.motion_class for window in windows]
    return ", ".join(f"{c} x{classes.count(c)}" if classes.count(c) > 1 else c for c in dict.fromkeys(classes))


def _focal(K: np.ndarray, K_true: np.ndarray, windows: list[CameraWindow]) -> str:
    sources = ", ".join(dict.fromkeys(window.focal_source for window in windows))
    return f"{100 * focal_error(K[:, 0, 0], K_true[:, 0, 0]):+.2f} ({sources})"


def _errors(path: CameraPath, T_true: np.ndarray, shot: slice) -> list[str]:
    angles = np.rad2deg(aligned_rotation_errors(path.T_scene_cam[shot, :3, :3], T_true[shot, :3, :3]))
    turned = f"{angles.mean():.3f}/{angles.max():.3f}"
    score = position_score(path, T_true, shot)
    if score is None:
        return ["-", "-", "-", turned]
    return [f"{score.ate_m:.4f}", f"{100 * score.ate_m / score.path_m:.3f}", f"{score.largest_m:.3f}", turned]


def _coverage(windows: list[CameraWindow]) -> float:
    """Share of frames that were tracked."""
    lengths = np.array([window.stop - window.start for window in windows], dtype=np.float64)
    return float((lengths * [window.coverage for window in windows]).sum() / lengths.sum())


def _remarks(windows: list[CameraWindow], warnings: list[str]) -> str:
    gates = dict.fromkeys(gate.name for window in windows for gate in window.gates if not gate.passed)
    notes = dict.fromkeys(note for window in windows for note in window.notes)
    parts = [", ".join(gates), *(_short(note) for note in (*notes, *warnings))]
    return "; ".join(part for part in parts if part) or "-"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _NOTE_LENGTH else text[: _NOTE_LENGTH - 3] + "..."
