"""Exports by command: the folders that the workflow makes; mistakes are told in words."""

import shutil

import numpy as np
import pytest
from workflow_runs import Run

from nlf_pipeline.artefacts import Bodies, Cameras, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.export import export
from nlf_pipeline.export_video import export_video

N_FRAMES = 4


@pytest.fixture
def results(tmp_path):
    """Two people who stand, one of whom has a name."""
    folder = tmp_path / "results" / "walk"
    VideoFacts("walk", 64, 48, 25.0, N_FRAMES).save(folder / "video.json")
    Bodies(
        person_ids=np.array([1, 2]),
        fps=25.0,
        body_model="open",
        pose_rotvecs=np.zeros((2, N_FRAMES, 24, 3)),
        betas=np.zeros((2, 10)),
        trans=np.ones((2, N_FRAMES, 3)),
        joints=np.ones((2, N_FRAMES, 24, 3)),
        visible=np.ones((2, N_FRAMES), bool),
        filled=np.zeros((2, N_FRAMES), bool),
        foot_contacts=np.zeros((2, N_FRAMES, 2), bool),
    ).save(folder / "bodies.npz")
    still, K = np.tile(np.eye(4), (N_FRAMES, 1, 1)), np.tile(np.eye(3), (N_FRAMES, 1, 1))
    Cameras(still, K, np.zeros(5), np.array([64, 48])).save(folder / "world_cameras.npz")
    (folder / "tracks.yaml").write_text("people:\n  2: Ann Lee\n")
    return tmp_path / "results"


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_writes_what_the_stage_writes(results, body_dir, tmp_path):
    export_video("walk", ("glb", "csv"), results=results, body=body_dir)
    folder = results / "walk"
    for name in ("glb", "csv"):
        export(
            format=name, bodies=folder / "bodies.npz", world_cameras=folder / "world_cameras.npz", body=body_dir,
            video_facts=folder / "video.json", edits=folder / "tracks.yaml", out=tmp_path / name,
        )  # fmt: skip
        assert files(folder / "export" / name) == files(tmp_path / name)
    assert (folder / "export/csv/Ann_Lee.csv").is_file()


def test_the_body_model_is_that_of_the_bodies(results, body_dir):
    with pytest.raises(UserError, match="body_models/open: no body model found"):
        export_video("walk", ("trc",), results=results)
    there = results.parent / "resources/body_models/open"
    there.parent.mkdir(parents=True)
    shutil.copytree(body_dir, there)
    export_video("walk", ("trc",), results=results)
    assert (results / "walk/export/trc/person_1.trc").is_file()


@pytest.mark.parametrize(
    ("video", "formats", "message"),
    [
        ("wlak", ("glb",), "wlak: no such video in .*, found walk. Go to where the workflow runs"),
        ("walk", (), "formats: found none, expected some of amass, .*reference"),
        ("walk", ("glb", "gltf"), "found 'gltf', .* Did you mean glb"),
        ("walk", ("reference",), r"masks\.json: not found"),
    ],
)
def test_mistakes_are_told_in_words(results, body_dir, video, formats, message):
    with pytest.raises(UserError, match=message):
        export_video(video, formats, results=results, body=body_dir)


def test_a_video_that_is_not_finished_names_the_command(results, body_dir):
    (results / "walk/bodies.npz").unlink()
    with pytest.raises(UserError, match=r"bodies\.npz not found.*snakemake --config video_id=walk"):
        export_video("walk", ("glb",), results=results, body=body_dir)


def test_the_workflow_makes_anew_what_it_wants_and_has_not_made(results, body_dir, tmp_path):
    export_video("walk", ("trc",), results=results, body=body_dir)
    made = results / "walk"
    assert (made / "export/trc").stat().st_mtime < (made / "bodies.npz").stat().st_mtime
    run = Run(tmp_path / "run")
    run.add_video("walk.mp4")
    run.stages("video_id=walk", "export=[]", "player=false", "views=[]")
    exports = run.folder / "results/walk/export"
    shutil.copytree(made / "export", exports)
    settings = ("video_id=walk", "player=false", "views=[]")
    assert run.planned(*settings, "export=[]") == set()
    assert run.planned(*settings, "export=[trc]") == {"export"}
    assert run.stages(*settings, "export=[trc]") == {"write-export"}
    assert run.planned(*settings, "export=[trc]") == set()
