"""Trajectories in the format of the TUM RGB-D benchmark, which most SLAM systems write: time, place, quaternion.

Beside it may lie calibration.txt, one line as DROID-SLAM reads it: fx fy cx cy [k1 k2 p1 p2 [k3 [k4 k5 k6]]], pixels of
the clip, the centre of the top left one being (0, 0).
"""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.cameras.readers import FileCamera, FileLens, lens_from_matrices, make_file_camera, unreadable
from nlf_pipeline.cameras.readers.frame_numbers import to_frames, too_many_frames
from nlf_pipeline.files import check_readable
from nlf_pipeline.geometry import rigid

CALIBRATION_NAME = "calibration.txt"
_COLUMNS = 8
_CALIBRATION_COUNTS = (4, 8, 9, 12)
_SAME_RATE = 0.05


def read_tum(path: Path, facts: VideoFacts) -> FileCamera:
    """Read a trajectory, and the calibration beside it if there is one.

    Times are seconds from the start of the clip, or from the first pose if that is later than the clip's end; or they
    are the numbers of frames.

    Args:
        path: lines of `timestamp tx ty tz qx qy qz qw`, camera to world; # starts a comment.
        facts: of the clip.

    Raises:
        UserError: if the file is no such trajectory or goes on after the clip.
    """
    check_readable(path, "a TUM trajectory")
    rows = np.array(_rows(path), dtype=np.float64).reshape(-1, _COLUMNS)
    if not len(rows):
        raise unreadable(path, "an empty trajectory", "a pose for every frame of the clip", "Export it again.")
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    at_frame, notes = _frames(path, rows[:, 0], facts)
    R = Rotation.from_quat(rows[:, 4:]).as_matrix()
    return make_file_camera(path, at_frame, rigid(R, rows[:, 1:4]), _lens(path, len(rows), facts), notes=notes)


def _rows(path: Path) -> list[list[float]]:
    """Numbers of every line that has a complete pose."""
    expected = "timestamp tx ty tz qx qy qz qw"
    rows = []
    for number, words in _lines(path):
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        complete = bool(np.isfinite(values).all())
        if len(values) != _COLUMNS or (complete and np.linalg.norm(values[4:]) < 0.5):
            raise unreadable(path, f"{' '.join(words)[:80]!r} in line {number}", expected, "Mend or export it again.")
        if complete:
            rows.append(values)
    return rows


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Words of the lines that are neither empty nor comments, with the lines' numbers from 1."""
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise unreadable(path, "bytes that are no text", "lines of numbers", "Export it again.") from error
    words = [(number, line.partition("#")[0].replace(",", " ").split()) for number, line in enumerate(lines, start=1)]
    return [(number, line) for number, line in words if line]


def _frames(path: Path, times: np.ndarray, facts: VideoFacts) -> tuple[np.ndarray, list[str]]:
    """(poses,) when poses were taken, in frames, and notes; `times` ascend."""
    seconds = facts.n_frames / facts.fps
    are_whole = bool((times == times.round()).all())
    if are_whole and times[0] <= facts.n_frames and times[-1] - times[0] + 1 > seconds:
        frames, notes = to_frames(path, times.astype(int), facts.n_frames, counts_from=0)
        return frames.astype(np.float64), notes
    notes = []
    if times[0] > seconds:
        times = times - times[0]
        notes.append("the times in the file are not the clip's: counted from the first pose")
    at_frame = times * facts.fps
    spacing = float(np.median(np.diff(at_frame))) if len(times) > 1 else 1.0
    rounded = np.floor(at_frame + 0.5)
    if abs(spacing - 1) < _SAME_RATE and len(np.unique(rounded)) == len(rounded):
        at_frame = rounded
    if at_frame[0] < -0.5 or at_frame[-1] >= facts.n_frames - 1 + max(1.0, spacing):
        found = f"{len(times)} poses from {times[0]:.3f} s to {times[-1]:.3f} s"
        raise too_many_frames(path, f"{found} (the clip ends at {seconds:.3f} s)", facts.n_frames)
    return at_frame, notes


def _lens(path: Path, n_poses: int, facts: VideoFacts) -> FileLens | None:
    calibration = path.with_name(CALIBRATION_NAME)
    if not calibration.exists():
        return None
    check_readable(calibration, "fx fy cx cy in pixels")
    try:
        values = np.array([float(word) for _, words in _lines(calibration) for word in words])
    except ValueError:
        values = np.zeros(0)
    if len(values) not in _CALIBRATION_COUNTS or not np.isfinite(values).all():
        raise unreadable(
            calibration,
            f"{len(values)} numbers" if len(values) else "no line of numbers",
            "fx fy cx cy, followed by nothing, k1 k2 p1 p2, k1 k2 p1 p2 k3 or k1 k2 p1 p2 k3 k4 k5 k6",
            "Mend it, or remove it to use fov.",
        )
    size_px = np.array(facts.size_px, dtype=np.float64)
    if np.any(np.abs(values[2:4] / size_px - 0.5) > 0.25):
        raise unreadable(
            calibration,
            f"the principal point ({values[2]:g}, {values[3]:g})",
            f"one near the middle of the clip's picture, {facts.width_px} x {facts.height_px}",
            "Bring the calibration to the size of the clip.",
        )
    K = np.array([[values[0], 0, values[2]], [0, values[1], values[3]], [0, 0, 1]])
    return lens_from_matrices(np.repeat(K[None], n_poses, axis=0), values[4:], size_px)
