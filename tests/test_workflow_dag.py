"""The workflow reruns exactly what a change makes invalid. The stages are stand-ins that only write their outputs."""

import inspect
import os
import re
import shlex
import subprocess
import sys
import time

import pytest
from workflow_runs import Run, clone_workflow

from nlf_pipeline.cli import STAGES, load_stage, with_options_of
from nlf_pipeline.workflow.job_options import take_job_options

ALL_STAGES = {
    "fetch", "segment", "edit-tracks", "semantic-masks", "track-camera", "estimate", "scale-camera", "fit", "ground",
    "world", "plan-view", "render", "report", "player", "write-export",
}  # fmt: skip
AFTER_AN_EDIT = ALL_STAGES - {"fetch", "segment", "semantic-masks", "track-camera"}
EXPORTS, VIEWS, PREVIEWS = "[fbx,reference]", "[camera,side,triptych,skeletons]", "[masks,camera,predictions]"
DELIVERED = {"report", "player", "export"}
ALL_RULES = {stage.replace("-", "_") for stage in ALL_STAGES} - {"write_export"} | {"export"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has finished once."""
    run = Run(tmp_path_factory.mktemp("finished"))
    run.add_video("clip.mp4")
    assert run.stages("video_id=clip") == ALL_STAGES | {"build-body"}
    return run


def test_second_run_does_nothing(finished):
    assert finished.stages("video_id=clip") == set()


@pytest.mark.parametrize(
    ("setting", "rules"),
    [
        ("opacity=0.5", {"render"}),
        ("fps_factor=2", {"interpolate", "render"}),
        ("side_azimuth=-60", {"plan_view", "render"}),
        ("ground_threshold=0.1", {"ground", "world", "plan_view", "render"} | DELIVERED),
        ("smoothing=0", {"fit", "ground", "world", "plan_view", "render"} | DELIVERED),
        ("fov=70", ALL_RULES - {"fetch", "segment", "edit_tracks", "semantic_masks"}),
        ("max_persons=2", ALL_RULES - {"fetch"}),
        ("time_range=[0,1.5]", ALL_RULES),
    ],
)
def test_setting_reruns_only_what_depends_on_it(finished, setting, rules):
    assert finished.planned("video_id=clip", setting) == rules


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        (["views=[]"], set()),
        (["views=[side]"], set()),
        (["views=[side,triptych,skeletons]"], {"render"}),
        (["player=false", "export=[]"], set()),
        (["export=[glb,colmap]"], {"export"}),
        (["export=[reference]"], {"export_reference"}),
        (["export=[fbx]"], {"export_fbx"}),
        (["previews=[camera]"], {"preview"}),
    ],
)
def test_what_is_wanted_besides_is_made_of_what_is_there(finished, settings, rules):
    assert finished.planned("video_id=clip", *settings) == rules


def test_each_video_is_made_into_what_its_row_says(tmp_path):
    run = Run(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        run.add_video(name)
    (run.folder / "videos.csv").write_text(
        'video_id,export,views,player\na,"[amass,trc]",[],\nb,"[glb]","[camera]",false\n'
    )
    assert run.stages("videos=videos.csv", "export=[csv]") >= {"player", "write-export"}
    made = {
        str(path.relative_to(run.folder / "results"))
        for pattern in ("*.mp4", "player.html", "export/*")
        for path in (run.folder / "results").glob(f"*/{pattern}")
    }
    clips = {"a/clip.mp4", "b/clip.mp4"}
    assert made == clips | {"a/export/amass", "a/export/trc", "a/player.html", "b/export/glb", "b/camera_view.mp4"}
    assert run.stages("videos=videos.csv", "export=[csv]") == set()
    assert run.stages("videos=videos.csv", "export=[csv]", "views=[]") == set()


def test_changed_setting_is_done_once_and_leaves_the_rest_alone(finished):
    camera_view = finished.folder / "results/clip/camera_view.mp4"
    before = camera_view.stat().st_mtime_ns
    assert finished.stages("video_id=clip", "side_fov=70") == {"plan-view", "render"}
    assert camera_view.stat().st_mtime_ns == before
    os.utime(finished.folder / "videos_in/clip.mp4")  # the same bytes
    assert finished.stages("video_id=clip", "side_fov=70") == set()
    camera_view.unlink()
    assert finished.stages("video_id=clip", "side_fov=70") == {"render"}


def test_edits_of_tracks_rerun_what_depends_on_people_and_nothing_of_the_camera(tmp_path):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    run.stages("video_id=clip")
    file = run.folder / "results/clip/tracks.yaml"
    file.write_text("people:\n  1: Anna\n")
    assert run.stages("video_id=clip") == {"report", "player", "write-export"}
    swap = "edits:\n  - swap: [1, 2]\n    from: 3.2\n"
    file.write_text(swap)
    told = run.snakemake("--dry-run", "--config", "video_id=clip")
    assert "swap 1 and 2 from 3.2" in told.stdout + told.stderr  # among the reasons
    assert run.stages("video_id=clip") == AFTER_AN_EDIT
    file.write_text(f"# at the door\n{swap}people: {{}}\n")
    assert run.stages("video_id=clip") == set()
    file.write_text(f"{swap}  - drop: 3\n")
    assert run.stages("video_id=clip") == AFTER_AN_EDIT
    file.unlink()
    assert run.stages("video_id=clip") == AFTER_AN_EDIT
    assert run.stages("video_id=clip") == set()


def test_wrong_edits_are_told_before_anything_runs(tmp_path):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    file = run.folder / "results/clip/tracks.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("edits:\n  - swap: [1, 2]\n")
    message = run.refuses("video_id=clip")
    assert "results/clip/tracks.yaml, line 2" in message and "from: 3.2" in message


@pytest.mark.parametrize(
    ("models", "renderer", "segmenter", "depth"),
    [
        ("embedded", "moderngl", "blazepose", "null"),
        ("reference", "blendipose", "stcn", "zoedepth"),
        ("reference", "poseviz", "nlf", "null"),
    ],
)
def test_rules_call_the_stages_with_options_that_they_have(tmp_path, models, renderer, segmenter, depth):
    run = Run(tmp_path)
    told = run.snakemake(
        "--dry-run", "--printshellcmds", "--config", "video_id=demo,-rfABC_1234", "fps_factor=2", "time_range=[0,1]",
        "select_points=[[1,2],[3,4]]", "resolution=[64,48]", "fov=60", "body_model=smpl", f"body_models_dir={tmp_path}",
        f"models={models}", f"renderer={renderer}", f"segmenter={segmenter}", f"depth={depth}",
        "player=true", f"export={EXPORTS}", f"views={VIEWS}", f"previews={PREVIEWS}",
    )  # fmt: skip
    calls = [shlex.split(line) for line in re.findall(r"exec nlf-pipeline (.*)", told.stdout + told.stderr)]
    commands = {}
    for words in calls:
        key = take_job_options(words).key
        assert key is not None
        commands[words[0]] = with_options_of(key, words)[1:]
    weights = commands.pop("weights", [])
    assert weights[:1] == ([] if models == "embedded" else ["fetch"])
    assert set(commands) == set(STAGES)
    for stage, words in commands.items():
        parameters = inspect.signature(load_stage(stage)).parameters
        given = [word[2:].removeprefix("no-").partition("=")[0] for word in words if word.startswith("--")]
        names = {name.replace("-", "_").partition(".")[::2] for name in given}
        required = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
        assert required <= {name for name, _ in names} <= set(parameters), stage
        for name, field in names:  # of a backend's options
            assert not field or hasattr(parameters[name].default, field), (stage, name, field)


def test_demo_is_rendered_and_evaluated_and_own_videos_are_not(tmp_path):
    run = Run(tmp_path)
    result = run.snakemake("--config", "video_id=demo")
    assert result.returncode == 0, result.stderr
    stages = set((run.folder / "calls.log").read_text().split())
    assert stages == ALL_STAGES | {"build-body", "render-demo", "evaluate"}
    for shown in (
        "results/demo/side_view.mp4",
        "verdict: check (nobody was found)",
        "results/demo/report.html",
        "note: a note",
        "(55 px) is assumed",
        "a doubt",
        "| PA-MPJPE | 50 mm | <= 65 | yes |",
    ):
        assert shown in result.stdout


def test_both_demos_are_rendered_each_its_own_way(tmp_path):
    result = Run(tmp_path).snakemake("--dry-run", "--printshellcmds", "--config", "video_id=demo,demo_moving")
    assert result.returncode == 0, result.stderr
    for video, clip in (("demo", "still"), ("demo_moving", "moving")):
        (command,) = [line for line in result.stdout.splitlines() if f"--out videos_in/{video}.mp4" in line]
        assert f'"clip": "{clip}"' in command and f"--truth truth/{video}" in command
        assert f"results/{video}/evaluation.json" in result.stdout


def test_single_file_can_be_asked_for(tmp_path):
    run = Run(tmp_path)
    result = run.snakemake("resources/body_models/open/base_mesh.npz")
    assert result.returncode == 0, result.stderr
    assert (run.folder / "calls.log").read_text().split() == ["build-body"]


def test_own_video_called_demo_is_left_alone(tmp_path):
    run = Run(tmp_path)
    run.add_video("demo.mp4")
    stages = run.stages("video_id=demo")
    assert "render-demo" not in stages and "evaluate" not in stages
    assert (run.folder / "videos_in/demo.mp4").read_text() == "demo.mp4"


def test_several_videos_share_one_body(tmp_path):
    run = Run(tmp_path)
    for name in ("a.mp4", "b.MOV", "007.mkv", "1e5.webm"):
        run.add_video(name)
    run.stages("video_id=a,b,007,1e5")
    calls = (run.folder / "calls.log").read_text().split()
    assert calls.count("build-body") == 1 and calls.count("fetch") == 4
    assert {path.name for path in (run.folder / "results").iterdir()} == {"a", "b", "007", "1e5", ".locks", ".wanted"}


def test_id_like_a_youtube_one_is_downloaded_once(tmp_path):
    run = Run(tmp_path)
    assert "download" in run.stages("video_id=-rfABC_1234")
    assert run.stages("video_id=-rfABC_1234", "opacity=0.3") == {"render"}


def test_bad_settings_are_refused_before_anything_is_made(tmp_path):
    run = Run(tmp_path)
    message = run.refuses("video_id=../x", "opacty=0.5", "max_persons=many")
    for shown in ("opacty", "did you mean opacity", "max_persons", "'many'", "whole number from 1 to 50"):
        assert shown in message, message
    assert "'../x'" in run.refuses("video_id=../x")
    assert not (run.folder / "results").exists()


def test_missing_video_is_named_with_what_is_there(tmp_path):
    run = Run(tmp_path)
    run.add_video("other.mp4")
    message = run.refuses("video_id=007")
    assert "videos_in/007.mp4" in message and "other" in message


def test_link_to_nothing_is_named_before_anything_is_made(tmp_path):
    run = Run(tmp_path)
    run.add_video("a.mp4")
    (run.folder / "videos_in" / "b.mp4").symlink_to("gone.mp4")
    result = run.snakemake("--config", "video_id=a,b")
    assert result.returncode != 0 and "error: videos_in/b.mp4: found a link to gone.mp4" in result.stderr
    assert "Exception" not in result.stderr and not (run.folder / "results" / "a").exists()


@pytest.mark.parametrize("place", ["results", "results/clip", "logs"])
def test_folders_that_cannot_be_written_are_named(tmp_path, place):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    (run.folder / place).parent.mkdir(exist_ok=True)
    (run.folder / place).write_text("a file where a folder should be")
    message = run.refuses("video_id=clip")
    assert f"{run.folder / place}: cannot be written" in message and "--directory" in message


def test_two_runs_of_one_video_at_a_time_are_refused_of_two_videos_not(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    run = Run(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        run.add_video(name)
    run.stages("video_id=b")
    with (run.folder / "results/.locks/a").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (run.folder / "calls.log").unlink()
        assert "another run" in run.refuses("video_id=a")
        assert run.stages("video_id=b", "opacity=0.1") == {"render"}
    assert "fetch" in run.stages("video_id=a")


def test_edited_stage_reruns_with_its_dependents_and_an_edited_comment_nothing(tmp_path):
    clone = clone_workflow(tmp_path / "clone")
    run = Run(tmp_path, workflow=clone)
    run.add_video("clip.mp4")
    run.stages("video_id=clip")
    module = clone / "nlf_pipeline" / "plan_view.py"
    module.write_text(module.read_text() + "\n# a comment\n")
    assert run.stages("video_id=clip") == set()
    module.write_text(module.read_text() + "\nANSWER = 42\n")
    assert run.stages("video_id=clip") == {"plan-view", "render"}


def test_failed_stage_ends_with_what_went_wrong_and_the_other_video_is_finished(tmp_path):
    run = Run(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        run.add_video(name)
    run.stages("video_id=a")
    (run.folder / "fail_at").write_text("fetch")
    result = run.snakemake("--config", "video_id=b,a", "opacity=0.1")
    assert result.returncode != 0
    end = result.stderr.partition("What went wrong")[2]
    assert "logs/b/fetch.log: it broke\n  - badly\n" in end and "INFO" not in end and "logs/a" not in end
    (run.folder / "fail_at").unlink()
    assert run.stages("video_id=a", "opacity=0.1") == set()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is told by Linux only")
def test_killed_run_goes_on_where_it_was(tmp_path):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    (run.folder / "wait_at").write_text("estimate")
    process = subprocess.Popen(
        run.command("--config", "video_id=clip"), cwd=run.folder, env=run.environment, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (run.folder / "waiting").exists():
        assert time.monotonic() < end, "the stage was never reached"
        time.sleep(0.05)
    process.kill()
    process.wait()
    (run.folder / "wait_at").unlink()
    assert run.stages("video_id=clip") == AFTER_AN_EDIT - {"edit-tracks"}
