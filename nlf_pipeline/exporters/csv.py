"""CSV: tables that open in anything. One of each person's joints, one of the camera; UTF-8, commas, a point in numbers.

Frames count from 0, as in the arrays of bodies.npz. Cells of joints are empty where the person is not visible.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Cameras
from nlf_pipeline.exporters.motion import Motion, MovingPerson
from nlf_pipeline.exporters.quaternions import continuous_quaternions
from nlf_pipeline.exporters.tables import text_rows

_DECIMALS = 6
_CAMERA_COLUMNS = ("x_m", "y_m", "z_m", "qx", "qy", "qz", "qw", "fx_px", "fy_px", "cx_px", "cy_px")


def write(motion: Motion, folder: Path) -> None:
    """Write `folder`/{file_stem}.csv for everybody, and camera.csv; see `Exporter`."""
    for person in motion.people:
        columns = [f"{name}_{axis}_m" for name in motion.joint_names for axis in "xyz"]
        flags = ("visible", "filled", "left_contact", "right_contact")
        _write_table(folder / f"{person.file_stem}.csv", motion.fps, [*flags, *columns], _person_rows(person))
    numbers = text_rows(_camera_values(motion.cameras), _DECIMALS, ",")
    _write_table(folder / "camera.csv", motion.fps, _CAMERA_COLUMNS, numbers)


def _write_table(path: Path, fps: float, columns: Sequence[str], rows: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(["frame", "time_s", *columns]) + "\n")
        file.writelines(f"{i},{i / fps:.{_DECIMALS}f},{row}\n" for i, row in enumerate(rows))


def _person_rows(person: MovingPerson) -> Iterable[str]:
    contacts = person.foot_contacts & person.visible[:, None]
    flags = np.column_stack([person.visible, person.filled, contacts]).astype(int)
    joints = np.where(person.visible[:, None, None], person.joints, np.nan).reshape(len(flags), -1)
    for row, numbers in zip(flags.tolist(), text_rows(joints, _DECIMALS, ","), strict=True):
        yield f"{row[0]},{row[1]},{row[2]},{row[3]},{numbers}"


def _camera_values(cameras: Cameras) -> np.ndarray:
    """(frames, 11) position, quaternion that takes camera axes to the world's, focal lengths, principal point."""
    turns = continuous_quaternions(Rotation.from_matrix(cameras.T_world_cam[:, :3, :3]).as_quat())
    K = cameras.K
    lens = np.stack([K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2]], axis=-1)
    return np.concatenate([cameras.T_world_cam[:, :3, 3], turns, lens], axis=1)
