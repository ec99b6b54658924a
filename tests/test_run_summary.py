"""After a run the user reads what was made and what to know about it, or what failed in this run."""

import os

import numpy as np
import pytest

from nlf_pipeline.artefacts import (
    Bodies,
    CameraReport,
    CameraWindow,
    Floor,
    Ground,
    Intrinsics,
    SceneCameras,
    VideoFacts,
)
from nlf_pipeline.reporting.quality import CameraQuality, QualityReport
from nlf_pipeline.workflow.states.run_summary import failure_summary, run_summary


def write_log(path, text, time):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time, time))


def test_only_errors_of_this_run_are_told(tmp_path):
    error = "2030-01-02 10:20:32,139 ERROR nlf_pipeline: videos_in/{}.mp4: is {}\n"
    write_log(tmp_path / "mine" / "fetch.log", error.format("mine", "first") + error.format("mine", "broken"), 200)
    write_log(tmp_path / "mine" / "segment.log", error.format("mine", "old"), 100)
    write_log(tmp_path / "mine" / "fit.log", "2030-01-02 10:20:32,139 INFO nlf_pipeline: all is well\n", 200)
    write_log(tmp_path / "other" / "fetch.log", error.format("other", "broken"), 200)
    summary = failure_summary(tmp_path, ["mine", "never_ran"], since=150)
    assert "videos_in/mine.mp4: is broken" in summary and "fetch.log" in summary
    assert not any(word in summary for word in ("other", "old", "first", "well"))
    assert failure_summary(tmp_path, ["never_ran"], since=150) == ""


def write_results(folder, focal_source="user", ground_source="feet", notes=(), spread=0.05, floor="flat"):
    """One person in three frames, as far as the summary reads it."""
    VideoFacts(folder.name, 640, 360, 25.0, 3).save(folder / "video.json")
    Intrinsics((640, 360), (500.0, 500.0), (319.5, 179.5), [], focal_source).save(folder / "intrinsics.json")
    window = CameraWindow(0, 3, "static", focal_source, 0.1, None, None, 1.0, [], list(notes))
    CameraReport([window]).save(folder / "camera_report.json")
    still, K = np.tile(np.eye(4), (3, 1, 1)), np.tile(np.eye(3), (3, 1, 1))
    SceneCameras(still, K, np.zeros(0), np.array([640, 360]), np.ones(1), np.array([spread]), np.ones(1)).save(
        folder / "cameras.npz"
    )
    Ground([Floor((0.0, -1.0, 0.0), -1.6, ground_source, 1.0, 0.01, 10, kind=floor, slope_deg=7.1)]).save(
        folder / "ground.json"
    )
    pose, place, shown = np.zeros((1, 3, 24, 3)), np.zeros((1, 3, 3)), np.ones((1, 3), bool)
    contacts = np.zeros((1, 3, 2), bool)
    people = Bodies(np.array([1]), 25.0, "open", pose, np.zeros((1, 10)), place, pose, shown, ~shown, contacts)
    people.save(folder / "bodies.npz")


def test_a_run_without_doubts_has_no_notes(tmp_path):
    write_results(tmp_path / "walk")
    summary = run_summary(["walk"], results=tmp_path)
    assert "walk: 3 frames at 25 frames/s, 1 person" in summary
    assert "bodies.npz" in summary
    assert "note" not in summary and "1 video" not in summary
    assert run_summary(["never_ran"], results=tmp_path) == ""


def test_several_videos_are_told_in_a_table_and_few_of_them_at_length(tmp_path):
    names = ["a", "b", "c", "d"]
    for name in names[:3]:
        write_results(tmp_path / name)
    few = run_summary(names[1:], results=tmp_path, logs=tmp_path / "logs")
    assert "3 videos: 1 not started, 2 unfinished" in few and "b: 3 frames" in few and "c: 3 frames" in few
    many = run_summary(names, results=tmp_path, logs=tmp_path / "logs")
    assert "4 videos: 1 not started, 3 unfinished" in many and "b: 3 frames" not in many


def test_the_verdict_is_told_unless_the_bodies_are_newer(tmp_path):
    folder = tmp_path / "walk"
    write_results(folder)
    camera = CameraQuality("good", "static", 500.0, 65.0, "user", 1.0, 1.0, None, 0.0, [0.0], [], [], [])
    QualityReport(
        "walk", "check", "1 person: 1 to check", [], 3, 25.0, (640, 360), 1, [], [], camera, [], []
    ).save(folder / "report.json")  # fmt: skip
    assert "verdict: check (1 person: 1 to check); see" in run_summary(["walk"], results=tmp_path)
    os.utime(folder / "report.json", (100, 100))
    assert "verdict:" not in run_summary(["walk"], results=tmp_path)


@pytest.mark.parametrize(
    ("doubt", "note"),
    [
        ({"focal_source": "assumed"}, "fov=DEGREES"),
        ({"ground_source": "camera"}, "too few feet"),
        ({"floor": "slope"}, "slopes by 7 degrees"),
        ({"floor": "uneven"}, "several heights"),
        ({"spread": 0.3}, "uncertain (30 %)"),
        ({"spread": np.inf}, "nothing tells the scale"),
        ({"notes": ["the camera seems to move"]}, "camera seems to move"),
    ],
)
def test_every_assumption_is_told(tmp_path, doubt, note):
    write_results(tmp_path / "walk", **doubt)
    summary = run_summary(["walk"], results=tmp_path)
    assert summary.count("note:") == 1
    assert note in summary
