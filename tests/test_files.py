"""Outputs appear whole or not at all, and a killed writer's remains do not pile up."""

import pytest

from nlf_pipeline.files import atomic_path


def test_file_appears_at_the_end_and_not_before(tmp_path):
    path = tmp_path / "made" / "here.json"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists() and temporary.suffix == path.suffix
    assert path.read_text() == "whole" and [*path.parent.iterdir()] == [path]
    umask_file = tmp_path / "plain"
    umask_file.touch()
    assert path.stat().st_mode == umask_file.stat().st_mode


def test_failure_keeps_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_remains_of_a_killed_writer_are_removed_and_other_files_are_not(tmp_path):
    for name in (".a-abcd1234.json", ".a-abcd1234.tmp_0a1b", ".ab-abcd1234.json", ".a-abcd9999.mp4", "a-abcd1234.json"):
        (tmp_path / name).touch()
    with atomic_path(tmp_path / "a.json") as temporary:
        temporary.write_text("whole")
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"a.json", ".ab-abcd1234.json", ".a-abcd9999.mp4", "a-abcd1234.json"}
