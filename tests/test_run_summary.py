"""After a failed run the user reads what failed in this run, and nothing of other runs."""

import os

from nlf_pipeline.workflow.run_summary import failure_summary


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
