"""Snakemake's own report shows the quality report, and a new name of a person makes nothing else anew."""

import base64
import re

import pytest
from workflow_runs import Run

PAGE = "<!DOCTYPE html><title>Can this be trusted?</title>"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("reported"))
    (run.folder.parent / "templates" / "report.html").write_text(PAGE)
    run.add_video("clip.mp4")
    assert "report" in run.stages("video_id=clip")
    return run


def test_snakemake_s_report_holds_the_page(finished: Run):
    result = finished.snakemake("--report", "all.html", "--config", "video_id=clip")
    assert result.returncode == 0, result.stderr
    whole = (finished.folder / "all.html").read_text()
    pages = [base64.b64decode(found).decode() for found in re.findall(r"data:text/html[^\"]*;base64,([^\"]+)", whole)]
    assert pages == [PAGE]
    assert '"Quality"' in whole and '"results/clip/report.html"' in whole


def test_a_new_name_reruns_the_report_alone(finished: Run):
    (finished.folder / "results/clip/tracks.yaml").write_text("people:\n  1: Anna\n")
    assert finished.planned("video_id=clip") == {"report"}
