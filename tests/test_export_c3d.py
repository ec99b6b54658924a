"""C3D files, read by py-c3d: points, gaps, units and the feet's events."""

import warnings
from dataclasses import replace

import c3d
import numpy as np
import pytest
from motions import moving_people
from odd_motions import CASES, make, written

from nlf_pipeline.exporters import make_exporter
from nlf_pipeline.exporters.c3d import foot_events
from nlf_pipeline.exporters.markers import Markers, person_markers


def read(path):
    """The reader with its parameters, and (frames, points, 5) coordinates, residual, cameras."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no analog data
        reader = c3d.Reader(file)
        return reader, np.array([points for _, points, _ in reader.read_frames()])


def texts(reader, name):
    """Strings of a parameter without the blanks that fill them."""
    return [str(text).strip() for text in reader.get(name).string_array]


@pytest.mark.parametrize("case", CASES)
def test_points_are_joints_and_skin_in_millimetres(case, tmp_path):
    motion = make(case)
    make_exporter("c3d")(motion, tmp_path)
    for person, path in zip(motion.people, written(motion, ".c3d", tmp_path), strict=True):
        reader, points = read(path)
        labels = [label.strip() for label in reader.point_labels]
        markers = person_markers(person, motion.skin, motion.joint_names)
        assert tuple(labels) == markers.labels and labels[: len(motion.joint_names)] == list(motion.joint_names)
        assert texts(reader, "POINT.DESCRIPTIONS") == list(markers.descriptions)
        joints = points[:, : len(motion.joint_names), :3]
        assert np.abs(joints / 1000 - person.joints)[person.visible].max(initial=0) < 1e-3
        assert np.abs(points[..., :3] / 1000 - markers.positions)[person.visible].max(initial=0) < 1e-3
        assert reader.get("POINT.UNITS").string_value.strip() == "mm"
        assert reader.point_rate == pytest.approx(motion.fps, rel=1e-6)
        assert (reader.first_frame, reader.last_frame) == (1, motion.n_frames)


def test_points_of_frames_without_the_person_are_marked_as_missing(tmp_path):
    motion = make("gaps")
    make_exporter("c3d")(motion, tmp_path)
    for person, path in zip(motion.people, written(motion, ".c3d", tmp_path), strict=True):
        _, points = read(path)
        assert (points[person.visible, :, 3] == 0).all()
        assert (points[~person.visible, :, 3] == -1).all()


def test_screen_axes_say_that_y_is_up(tmp_path):
    make_exporter("c3d")(moving_people(1, 3), tmp_path)
    reader, points = read(tmp_path / "person_1.c3d")
    assert [reader.get(f"POINT.{axis}_SCREEN").string_value for axis in "XY"] == ["+X", "+Y"]
    head, foot = (list(map(str.strip, reader.point_labels)).index(name) for name in ("head", "left_foot"))
    assert (points[:, head, 1] > points[:, foot, 1] + 1000).all()


def test_events_are_where_feet_begin_and_end_to_touch_the_floor(tmp_path):
    motion = moving_people(1, 18)  # feet change every five frames
    make_exporter("c3d")(motion, tmp_path)
    reader, _ = read(tmp_path / "person_1.c3d")
    minutes, seconds = reader.get("EVENT.TIMES").float_array.T
    found = list(
        zip(
            (60 * minutes + seconds).round(4),
            texts(reader, "EVENT.CONTEXTS"),
            texts(reader, "EVENT.LABELS"),
            strict=True,
        )
    )
    assert found == [
        (pytest.approx(0.2), "Left", "Foot Off"),
        (pytest.approx(0.2), "Right", "Foot Strike"),
        (pytest.approx(0.4), "Left", "Foot Strike"),
        (pytest.approx(0.4), "Right", "Foot Off"),
        (pytest.approx(0.6), "Left", "Foot Off"),
        (pytest.approx(0.6), "Right", "Foot Strike"),
    ]
    assert reader.get("EVENT.USED").int16_value == len(found)
    assert set(texts(reader, "EVENT.SUBJECTS")) == {"person 1"}
    assert reader.get("EVENT.ICON_IDS").int16_array.tolist() == [2, 1, 1, 2, 2, 1]


def test_who_appears_or_goes_does_not_step():
    visible = np.ones((1, 18), dtype=bool)
    visible[0, 4:6] = visible[0, 10:] = False  # the feet change at 5, 10, 15
    (person,) = moving_people(1, 18, visible=visible).people
    assert len(foot_events(person, 25.0).times) == 0


def test_events_beyond_a_minute_have_minutes_and_no_more_are_written_than_fit(tmp_path):
    motion = moving_people(1, 1700)  # more than 255 events
    make_exporter("c3d")(motion, tmp_path)
    reader, points = read(tmp_path / "person_1.c3d")
    minutes, seconds = reader.get("EVENT.TIMES").float_array.T
    assert len(points) == 1700 and reader.get("EVENT.USED").int16_value == len(minutes) == 255
    expected = foot_events(motion.people[0], motion.fps).times
    assert len(expected) > 255 and np.allclose(60 * minutes + seconds, expected[:255], atol=1e-4)


def test_more_frames_than_the_header_can_count(tmp_path, monkeypatch):
    """Of one marker, which is quick; each frame's position says which frame it is."""
    n_frames = 66000
    place = np.arange(n_frames)[:, None, None] * np.array([1e-3, 0, 0])
    monkeypatch.setattr("nlf_pipeline.exporters.c3d.person_markers", lambda *_: Markers(("a",), ("b",), place))
    motion = moving_people(1, 1)
    cameras = replace(motion.cameras, T_world_cam=np.repeat(motion.cameras.T_world_cam, n_frames, axis=0))
    make_exporter("c3d")(replace(motion, cameras=cameras), tmp_path)
    reader, points = read(tmp_path / "person_1.c3d")
    assert reader.last_frame == n_frames > reader.header.last_frame
    assert np.allclose(points[:, 0, 0], np.arange(n_frames), atol=0.01)


def test_names_are_ascii_and_never_empty(tmp_path):
    motion = make("names")
    make_exporter("c3d")(motion, tmp_path)
    subjects = [texts(read(path)[0], "SUBJECTS.NAMES") for path in written(motion, ".c3d", tmp_path)]
    assert subjects == [["Zoe Muller"], ["person_2"], ["camera"], ['../ "quoted", 50 %']]
