"""Snakemake's records that a power cut tore are found, and none that may still be written."""

import os

from nlf_pipeline.workflow.torn_records import redo_torn_records


def test_record_that_is_being_written_is_left_alone(tmp_path):
    (tmp_path / "metadata").mkdir()
    for name in ("young", "old", "whole"):
        (tmp_path / "metadata" / name).write_text("{}" if name == "whole" else "")
        os.utime(tmp_path / "metadata" / name, (200, 200) if name == "young" else (100, 100))
    assert redo_torn_records(tmp_path, before=150) == [tmp_path / "metadata/old"]
    assert [path.name for path in (tmp_path / "incomplete").iterdir()] == ["old"]
    assert redo_torn_records(tmp_path / "none") == []
