"""Settings are checked in words that name the key and what is allowed; ids survive number parsing."""

import pytest
from checked_settings import DEFAULTS, REPOSITORY, SCHEMA, checked_settings

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.settings import local_videos, no_such_video


def check(*arguments, **config):
    return checked_settings(*arguments, config={**DEFAULTS, **config})


def complaint(*arguments, **config):
    with pytest.raises(UserError) as caught:
        check(*arguments, **config)
    return str(caught.value)


def test_the_defaults_are_complete_and_every_one_is_explained():
    settings = check()
    assert settings["video_id"] is None
    assert None not in [settings[stage] for stage in ("segmenter", "semantics", "camera", "estimator", "interpolator")]
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == set(DEFAULTS)
    lines = (REPOSITORY / "config.yaml").read_text().splitlines()
    for key in DEFAULTS:
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{key}:"))
        above = [line for line in lines[:place] if not line.startswith("side_")]
        assert above[-1].startswith("#"), key


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("007", ["007"]),
        ("1e5", ["1e5"]),
        ("'007'", ["007"]),
        ("[007,1e5]", ["007", "1e5"]),
        ("a,b, c", ["a", "b", "c"]),
        ("no", ["no"]),
        ("2024-01-02", ["2024-01-02"]),
        ("-rfABC_1234", ["-rfABC_1234"]),
        ("__________x", ["__________x"]),
        ("x" * 64, ["x" * 64]),
    ],
)
def test_ids_arrive_as_typed(typed, ids):
    parsed_by_snakemake = {"video_id": 7}
    assert check(f"video_id={typed}", **parsed_by_snakemake)["video_id"] == ids


@pytest.mark.parametrize(
    "typed", ["../x", "-rf", "a b", "x" * 65, "a/b", "a,,b", "a,", "", "a.mp4", "ä", "a;b", "$(x)"]
)
def test_ids_that_could_harm_are_refused(typed):
    message = complaint(f"video_id={typed}")
    assert message.count("video_id") >= 1


def test_number_for_an_id_in_a_file_asks_for_quotes():
    assert "quotes" in complaint(video_id=7)
    assert "quotes" in complaint(video_id=[7])
    assert check(video_id=["007", "b"])["video_id"] == ["007", "b"]


def test_lists_on_the_command_line_hold_numbers():
    settings = check("time_range=[2,5.5]", "select_points=[[10,20],[30,40]]", "fov=null", "resolution=[640,360]")
    assert settings["time_range"] == [2, 5.5] and settings["select_points"] == [[10, 20], [30, 40]]
    assert settings["fov"] is None and settings["resolution"] == [640, 360]


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("opacty=0.5", ["opacty", "no such setting", "did you mean opacity"]),
        ("max_persons=many", ["max_persons", "'many' (str)", "whole number from 1 to 50"]),
        ("max_persons=0", ["max_persons", "0 (int)", "1 to 50"]),
        ("max_persons=2.5", ["max_persons", "2.5", "whole number"]),
        ("segmenter=yolo", ["segmenter", "'yolo'", "null, blazepose, stcn, nlf or file"]),
        ("time_range=5", ["time_range", "5", "[start, end]"]),
        ("time_range=[5,2]", ["time_range", "[5, 2]", "before"]),
        ("time_range=[a,b]", ["time_range", "'a'", "seconds"]),
        ("resolution=[641,360]", ["resolution", "641", "even"]),
        ("models=reference", ["'smpl' (from models: reference)", "body_models_dir", "smpl.is.tue.mpg.de", "open"]),
        ("body_model=smplx", ["'smplx' needs", "smplx/SMPLX_NEUTRAL.npz", "smpl-x.is.tue.mpg.de"]),
        ("antialias_factor=3", ["antialias_factor", "3", "1, 2 or 4"]),
        ("static_camera=maybe", ["static_camera", "true or false"]),
        ("camera=file", ["camera_file"]),
        ("segmenter=file", ["segmenter", "needs masks_file"]),
        ("predictions_file=bodies.xz", ["predictions_file", "needs masks_file"]),
        ("body_model=smpl", ["body_models_dir", "smpl"]),
        ("fov={", ["fov", "degrees"]),
        ("opacity=.nan", ["opacity", "nan", "0 to 1"]),
        ("time_range=[0,.inf]", ["time_range", "inf", "seconds"]),
        ("video_id=a,a", ["video_id", "each once"]),
        ("export=glb", ["export", "'glb' (str)", "a list such as [glb, usd]", "nerfstudio"]),
        ("export=[glb,gltf]", ["export", "'gltf'", "in the list", "amass"]),
        ("export=[glb,glb]", ["export", "each once"]),
        ("views=[top]", ["views", "'top'", "camera, side, triptych and skeletons"]),
        ("previews=true", ["previews", "True", "masks, camera and predictions"]),
        ("player=maybe", ["player", "true or false"]),
    ],
)
def test_wrong_value_names_key_value_and_what_is_allowed(setting, shown):
    message = complaint(setting)
    assert all(text in message for text in shown), message


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        (("static_camera=true", "camera=droid"), "static_camera: found True with camera=droid"),
        (("camera=droid", "device=cpu"), "camera=klt"),
        (("masks_file=masks.json", "segmenter=nlf"), "masks_file: given, expected segmenter to be null or file"),
        (("droid_fov_min=60", "droid_fov_max=50"), "droid_fov_min: found 60, expected at most droid_fov_max"),
        (("models=reference", "device=cpu", "body_model=open"), "'droid' runs on a GPU only"),
        (("models=reference", "device=cpu", "camera_file=poses.txt"), "body_models_dir"),
    ],
)
def test_models_that_cannot_go_together_are_told(settings, shown):
    assert shown in complaint(*settings)


def test_reference_models_with_everything_they_need():
    settings = check("models=reference", "body_models_dir=/models", "static_camera=true", "device=cpu")
    assert settings["segmenter"] == "stcn" and settings["camera"] == "static" and settings["body_model"] == "smpl"


def test_every_mistake_is_told_at_once():
    message = complaint("opacity=3", "fps_factor=0", "nonsense=1")
    assert all(key in message for key in ("opacity", "fps_factor", "nonsense"))


def test_setting_missing_from_the_file_is_named():
    config = {key: value for key, value in DEFAULTS.items() if key not in ("fov", "seed")}
    with pytest.raises(UserError, match=r"fov: missing.*degrees") as caught:
        checked_settings(config=config)
    assert str(caught.value).count("seed") == 1


def test_local_videos_by_id(tmp_path):
    for name in ("a.mp4", "IMG_1.MOV", "notes.txt", "README.md"):
        (tmp_path / name).touch()
    assert local_videos(tmp_path) == {"a": tmp_path / "a.mp4", "IMG_1": tmp_path / "IMG_1.MOV"}
    assert local_videos(tmp_path / "nowhere") == {}
    assert "IMG_1, a" in str(no_such_video("b", tmp_path))
    (tmp_path / "a.mkv").touch()
    with pytest.raises(UserError, match=r"a\.mkv.*a\.mp4"):
        local_videos(tmp_path)
