"""What rules are given: the same for all videos at once, or for each by its own settings."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from checked_settings import DEFAULTS, SCHEMA

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.chosen_files import camera_files, shown_clip
from nlf_pipeline.workflow.rule_parts import RuleParts
from nlf_pipeline.workflow.run_settings import RunSettings
from nlf_pipeline.workflow.settings import given_settings
from nlf_pipeline.workflow.stage_keys import read_key
from nlf_pipeline.workflow.stopping import all_or_stop
from nlf_pipeline.workflow.video_inputs import VideoInputs
from nlf_pipeline.workflow.videos.listed_video import NO_SETTINGS, ListedVideo

GIVEN = given_settings(DEFAULTS, [], SCHEMA)


class Wildcards(SimpleNamespace):
    def get(self, name, default=None):
        return getattr(self, name, default)

    def keys(self):
        return vars(self).keys()

    def __getitem__(self, name):
        return vars(self)[name]


def parts_of(**own_settings):
    videos = [ListedVideo(name, None, own or NO_SETTINGS, "here") for name, own in own_settings.items()]
    return RuleParts(RunSettings(GIVEN, videos), lambda video: f"{video}.mp4", Path("results"))


def test_what_is_the_same_for_all_videos_is_no_function():
    assert parts_of(a=None, b=None).of_video(shown_clip) == "results/{video}/clip.mp4"


def test_each_video_gets_what_its_own_settings_say():
    find = parts_of(a=None, b={"fps_factor": 2}).of_video(shown_clip)
    assert [find(Wildcards(video=video)) for video in "ab"] == ["results/a/clip.mp4", "results/b/clip_x2.mp4"]


def test_settings_are_completed_once_per_variant():
    own = {"smoothing": 0.5}
    settings = RunSettings(GIVEN, [ListedVideo(name, None, own, "here") for name in "abc"])
    assert settings.of("a") is settings.of("c") and settings.of("a")["smoothing"] == 0.5
    assert len(settings.variants) == 1 and settings.of("of no list") is settings.common


def test_keys_are_of_the_videos_settings_and_know_their_logs():
    find = parts_of(a=None, b={"smoothing": 0.5}).key_of("fit")
    keys = [find(Wildcards(video=video)) for video in "ab"]
    assert [read_key(key).settings["smoothing"] for key in keys] == [GIVEN["smoothing"], 0.5]
    assert [key.log for key in keys] == ["logs/a/fit.log", "logs/b/fit.log"]


def test_other_parts_of_a_key_are_asked_for_each_video():
    find = parts_of(a=None, b=None).key_of("edit_tracks", edits=lambda wildcards: f"those of {wildcards.video}")
    assert ["those of a" in find(Wildcards(video="a")), "those of a" in find(Wildcards(video="b"))] == [True, False]


def test_a_body_model_is_told_by_its_folder():
    find = parts_of(a=None).body_key("build_body", "logs/build_body_{family}{kind}.log")
    assert read_key(find(Wildcards(family="anny", kind="-female-12"))).settings == {
        "body_model": "anny", "body_gender": "female", "body_betas": 12,
    }  # fmt: skip
    plain = read_key(find(Wildcards(family="open", kind=""))).settings
    assert (plain["body_gender"], plain["body_betas"]) == ("neutral", 10)


def test_jobs_get_more_memory_when_they_are_tried_again_and_no_gpu_that_nobody_uses():
    needs = parts_of(a=None).needs("segment")
    first, second = (needs["mem_mb"](Wildcards(video="a"), attempt) for attempt in (1, 2))
    assert second == 2 * first > 0
    assert needs["gpu"] == needs["vram_mb"] == 0


def test_one_video_with_a_network_has_a_gpu():
    gpu = parts_of(a=None, b={"segmenter": "stcn"}).needs("segment")["gpu"]
    assert [gpu(Wildcards(video=video), 1) for video in "ab"] == [0, 1]


@pytest.mark.parametrize("given", [".", "images.bin"])
def test_a_camera_models_files_count_one_by_one(tmp_path, given):
    for name in ("cameras.bin", "images.bin", "points3D.bin", "notes.md", "other.txt"):
        (tmp_path / name).touch()
    found = camera_files({"camera_file": str(tmp_path / given)})
    assert [Path(name).name for name in found] == ["cameras.bin", "images.bin", "points3D.bin"]


@pytest.mark.parametrize("name", ["path.txt", "frames.npz", "missing.json"])
def test_a_camera_in_one_file_is_that_file(tmp_path, name):
    (tmp_path / "cameras.bin").touch()
    assert camera_files({"camera_file": str(tmp_path / name)}) == [str(tmp_path / name)]
    assert camera_files({"camera_file": None}) == []


def test_all_mistakes_are_told_at_once_and_each_once(capsys):
    def refuse(what):
        raise UserError(what)

    with pytest.raises(SystemExit) as stopped:
        all_or_stop([(refuse, "one"), (len, "abc"), (refuse, "two"), (refuse, "one")])
    assert stopped.value.code == "error: one\nerror: two"
    assert all_or_stop([(len, "abc"), (max, 1, 2)]) == [3, 2]


def test_a_file_called_demo_is_an_ordinary_video(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos_in").mkdir()
    inputs = VideoInputs([], ["demo", "demo_moving"], tmp_path / "results")
    assert inputs.rendered == ["demo", "demo_moving"] and inputs.has_truth("demo")
    (tmp_path / "videos_in" / "demo.mov").touch()
    inputs = VideoInputs([], ["demo", "demo_moving"], tmp_path / "results")
    assert inputs.rendered == ["demo_moving"] and not inputs.has_truth("demo")
    assert inputs.source_of("demo") == "videos_in/demo.mov"


def test_a_video_comes_from_its_list_the_folder_or_a_download(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = tmp_path / "elsewhere.mp4"
    listed.touch()
    inputs = VideoInputs([ListedVideo("a", listed, NO_SETTINGS, "here")], [], tmp_path / "results")
    assert inputs.source_of("a") == str(listed)
    assert inputs.source_of("dQw4w9WgXcQ") == "resources/downloads/dQw4w9WgXcQ.mp4"
    with pytest.raises(UserError, match="not found"):
        inputs.source_of("b")


def test_a_video_of_the_future_is_refused_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video = tmp_path / "videos_in" / "a.mp4"
    video.parent.mkdir()
    video.touch()
    for ahead_s in (-3600, 2):
        os.utime(video, (time.time() + ahead_s,) * 2)
        assert VideoInputs([], [], tmp_path / "results").source_of("a") == "videos_in/a.mp4"
    os.utime(video, (time.time() + 3600,) * 2)
    inputs = VideoInputs([ListedVideo("b", Path("videos_in/a.mp4"), NO_SETTINGS, "here")], [], tmp_path / "results")
    for name in "ab":
        with pytest.raises(UserError, match=r"a\.mp4: its time \(.*\) lies in the future.* touch videos_in/a\.mp4"):
            inputs.source_of(name)
