"""Snakemake's own report shows the quality report and the player; a new name makes anew what tells it."""

import base64
import re

import pytest
from workflow_runs import Run

PAGES = {
    "report.html": "<!DOCTYPE html><title>Can this be trusted?</title>",
    "player.html": "<!DOCTYPE html><title>See for yourself</title>",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("reported"))
    for name, page in PAGES.items():
        (run.folder.parent / "templates" / name).write_text(page)
    run.add_video("clip.mp4")
    assert "report" in run.stages("video_id=clip")
    return run


def test_snakemake_s_report_holds_the_pages(finished: Run):
    result = finished.snakemake("--report", "all.html", "--config", "video_id=clip")
    assert result.returncode == 0, result.stderr
    whole = (finished.folder / "all.html").read_text()
    pages = [base64.b64decode(found).decode() for found in re.findall(r"data:text/html[^\"]*;base64,([^\"]+)", whole)]
    assert sorted(pages) == sorted(PAGES.values())
    for words in ("Quality", "Player", *(f"results/clip/{name}" for name in PAGES)):
        assert f'"{words}"' in whole


def test_a_new_name_reruns_what_tells_it(finished: Run):
    (finished.folder / "results/clip/tracks.yaml").write_text("people:\n  1: Anna\n")
    assert finished.planned("video_id=clip") == {"report", "player", "export"}
