"""CSV files, read by pandas and by the standard library's csv."""

import csv

import numpy as np
import pandas as pd
import pytest
from motions import moving_people
from odd_motions import CASES, make, written
from scipy.spatial.transform import Rotation

from nlf_pipeline.exporters import make_exporter


@pytest.mark.parametrize("case", CASES)
def test_joints_are_in_named_columns_and_cells_empty_while_nobody_is_seen(case, tmp_path):
    motion = make(case)
    make_exporter("csv")(motion, tmp_path)
    for person, path in zip(motion.people, written(motion, ".csv", tmp_path), strict=True):
        table = pd.read_csv(path)
        assert list(table["frame"]) == list(range(motion.n_frames))
        assert np.allclose(table["time_s"], np.arange(motion.n_frames) / motion.fps, atol=1e-6)
        assert np.array_equal(table["visible"], person.visible) and np.array_equal(table["filled"], person.filled)
        contacts = person.foot_contacts & person.visible[:, None]
        assert np.array_equal(table[["left_contact", "right_contact"]], contacts)
        for joint, name in enumerate(motion.joint_names):
            found = table[[f"{name}_x_m", f"{name}_y_m", f"{name}_z_m"]].to_numpy(float)
            assert np.abs(found - person.joints[:, joint])[person.visible].max(initial=0) < 1e-3
            assert np.isnan(found[~person.visible]).all()
        with path.open(newline="", encoding="utf-8") as file:
            assert {len(row) for row in csv.reader(file)} == {6 + 3 * len(motion.joint_names)}


@pytest.mark.parametrize("case", CASES)
def test_camera_puts_joints_where_it_saw_them(case, tmp_path):
    motion = make(case)
    make_exporter("csv")(motion, tmp_path)
    table = pd.read_csv(tmp_path / "camera.csv")
    assert list(table["frame"]) == list(range(motion.n_frames))
    cameras = motion.cameras
    assert np.allclose(table[["x_m", "y_m", "z_m"]], cameras.T_world_cam[:, :3, 3], atol=1e-6)
    turns = Rotation.from_quat(table[["qx", "qy", "qz", "qw"]].to_numpy()).as_matrix()
    assert np.allclose(turns, cameras.T_world_cam[:, :3, :3], atol=1e-5)
    lens = table[["fx_px", "fy_px", "cx_px", "cy_px"]].to_numpy()
    assert np.allclose(lens, cameras.K[:, [0, 1, 0, 1], [0, 1, 2, 2]], atol=1e-6)


def test_quaternions_of_a_turning_camera_do_not_jump_to_their_opposites(tmp_path):
    motion = moving_people(1, 700)  # the camera goes all the way round
    make_exporter("csv")(motion, tmp_path)
    quaternions = pd.read_csv(tmp_path / "camera.csv")[["qx", "qy", "qz", "qw"]].to_numpy()
    assert np.abs(np.diff(quaternions, axis=0)).max() < 0.02


def test_text_is_plain_whatever_the_name(tmp_path):
    motion = make("names")
    make_exporter("csv")(motion, tmp_path)
    names = sorted((path.name for path in tmp_path.iterdir()), key=str.casefold)
    assert names == ["camera.csv", "camera_2.csv", "person_2.csv", "quoted_50.csv", "Zoe_Muller.csv"]
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert content.endswith(b"\n") and b"\r" not in content and b"-0.000000" not in content


def test_the_package_s_csv_does_not_hide_the_standard_library_s():
    from nlf_pipeline.exporters import csv as exporter

    assert csv.reader is not None and exporter.write is make_exporter("csv") and not hasattr(exporter, "reader")
