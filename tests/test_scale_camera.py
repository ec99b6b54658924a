from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_settings import checked_settings
from walkers import (
    NLF_GRADE,
    Errors,
    Walk,
    background_points,
    camera_path,
    walking_people,
    write_camera_path,
    write_inputs,
)

from nlf_pipeline.artefacts import BodyFits, CameraPath, SceneCameras
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import ArtefactError, UserError
from nlf_pipeline.fit import fit
from nlf_pipeline.geometry import invert_rigid, pinhole_matrix, project, transform_points
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.scale_camera import scale_camera
from nlf_pipeline.scaling.depth_scale import DepthScale
from nlf_pipeline.workflow.stage_options import option_words

FPS, FRAMES = 25.0, 90
UNIT = 0.37
NO_POINTS = np.zeros((0, 3))


@pytest.fixture(scope="module")
def walks(meshes: BodyMeshes) -> list[Walk]:
    return walking_people(meshes, 2, FRAMES, FPS)


def write(
    folder: Path,
    meshes: BodyMeshes,
    walks: list[Walk],
    T_world_cam: np.ndarray,
    units: Sequence[float] = (UNIT,),
    errors: Errors = NLF_GRADE,
    points: np.ndarray = NO_POINTS,
) -> dict[str, Path]:
    """The stage's inputs; with several units the path is parted evenly."""
    write_inputs(folder, meshes, walks, T_world_cam, errors, FPS)
    segment = np.arange(len(T_world_cam)) * len(units) // len(T_world_cam)
    write_camera_path(folder, T_world_cam, np.array(units), segment, points)
    names = {"intrinsics": "intrinsics.json", "camera_path": "camera_path.npz", "predictions": "predictions.xz"}
    return {key: folder / name for key, name in {**names, "video_facts": "video.json"}.items()}


def scale(inputs: dict[str, Path], body_dir: Path, **options: Any) -> SceneCameras:
    out = inputs["predictions"].with_name("cameras.npz")
    scale_camera(**inputs, body=body_dir, out=out, **options)
    return SceneCameras.load(out)


def in_scene(T_world_cam: np.ndarray) -> np.ndarray:
    return invert_rigid(T_world_cam[0]) @ T_world_cam


def test_a_camera_that_stays_keeps_its_path_and_lens(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    inputs = write(tmp_path, meshes, walks, camera_path(FRAMES))
    cameras = scale(inputs, body_dir)
    np.testing.assert_array_equal(cameras.T_scene_cam, CameraPath.load(inputs["camera_path"]).T_scene_cam)
    np.testing.assert_array_equal(cameras.K, np.repeat([[[1000, 0, 639.5], [0, 1000, 359.5], [0, 0, 1]]], FRAMES, 0))
    assert (cameras.metres_per_unit.tolist(), cameras.scale_spread.tolist()) == ([1.0], [0.0])
    assert cameras.person_scale.tolist() == [1.0, 1.0]


def test_the_path_comes_out_in_metres(tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]) -> None:
    T_world_cam = camera_path(FRAMES, moving=True)
    cameras = scale(write(tmp_path, meshes, walks, T_world_cam, points=background_points(100)), body_dir)
    assert cameras.metres_per_unit[0] == pytest.approx(UNIT, rel=0.05)
    assert abs(np.log(cameras.metres_per_unit[0] / UNIT)) < 2 * cameras.scale_spread[0] < 0.12
    true = in_scene(T_world_cam)
    np.testing.assert_allclose(cameras.T_scene_cam[:, :3, 3], true[:, :3, 3], atol=0.05)
    np.testing.assert_allclose(cameras.T_scene_cam[:, :3, :3], true[:, :3, :3], atol=1e-9)


def test_segments_of_different_units_join_into_one_path(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    T_world_cam = camera_path(FRAMES, moving=True, travel=2.0)
    inputs = write(tmp_path, meshes, walks, T_world_cam, (3.0, 0.2), Errors(), background_points(100))
    cameras = scale(inputs, body_dir)
    np.testing.assert_allclose(cameras.metres_per_unit, [3.0, 0.2], rtol=0.02)
    np.testing.assert_allclose(cameras.T_scene_cam, in_scene(T_world_cam), atol=0.03)


def test_nobody_in_sight(tmp_path: Path, body_dir: Path, meshes: BodyMeshes, caplog: pytest.LogCaptureFixture) -> None:
    T_world_cam = camera_path(20, moving=True)
    by_height = scale(write(tmp_path, meshes, [], T_world_cam, points=background_points(100)), body_dir)
    assert by_height.metres_per_unit[0] == pytest.approx(UNIT, rel=0.02)  # it is 1.6 m above the floor
    assert by_height.scale_spread[0] > 0.1
    assert "1.6 m above the floor" in caplog.text
    unknown = scale(write(tmp_path, meshes, [], T_world_cam), body_dir)
    assert (unknown.metres_per_unit[0], unknown.scale_spread[0]) == (1.0, np.inf)
    assert "arbitrary unit" in caplog.text
    assert len(unknown.person_scale) == 0


def test_a_person_of_unlikely_size_is_named(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, caplog: pytest.LogCaptureFixture
) -> None:
    people = walking_people(meshes, 3, FRAMES, FPS)
    too_large = Errors(sizes=(1.0, 1.3, 1.0))
    inputs = write(
        tmp_path, meshes, people, camera_path(FRAMES, moving=True), (UNIT,), too_large, background_points(100)
    )
    assert scale(inputs, body_dir).metres_per_unit[0] == pytest.approx(UNIT, rel=0.02)
    (warning,) = [line for line in caplog.messages if "suspect" in line]
    assert "person 2" in warning and "1.3 times" in warning.replace("1.30", "1.3")


def test_a_given_height_scales_that_person_and_the_camera(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    inputs = write(tmp_path, meshes, walks, camera_path(FRAMES, moving=True), (UNIT,), Errors(), background_points(100))
    first, second = (scale(inputs, body_dir, person_height=(height, 0.0)) for height in (1.5, 1.8))
    assert second.person_scale[0] / first.person_scale[0] == pytest.approx(1.2)
    assert first.person_scale[1] == second.person_scale[1] == 1
    np.testing.assert_allclose(second.metres_per_unit / first.metres_per_unit, 1.2, rtol=1e-2)
    tall = float(np.ptp(meshes.forward(np.zeros((1, 24, 3)), walks[0].betas, np.zeros((1, 3)))[0][0, :, 1]))
    assert scale(inputs, body_dir, person_height=(tall,)).person_scale[0] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("heights", "shown"), [((1.7, 1.8, 1.9), "3 heights, but 2 people"), ((17.0,), "between 0.3 and 2.8")]
)
def test_heights_that_cannot_be(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk], heights: tuple[float, ...], shown: str
) -> None:
    inputs = write(tmp_path, meshes, walks, camera_path(FRAMES))
    with pytest.raises(UserError, match=shown):
        scale(inputs, body_dir, person_height=heights)


def on_floor_px(T_world_cam: np.ndarray) -> np.ndarray:
    """(2, 2) pixels of two points of the floor 2 m apart."""
    points = np.array([[-1.0, 0, -6], [1.0, 0, -6]])
    return project(transform_points(invert_rigid(T_world_cam), points), pinhole_matrix(1000.0, (1280, 720)))


def test_a_measured_distance_scales_everything(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    T_world_cam = camera_path(FRAMES, moving=True)
    inputs = write(tmp_path, meshes, walks, T_world_cam, (UNIT,), Errors(), background_points(100))
    (x1, y1), (x2, y2) = on_floor_px(T_world_cam[50])
    estimated = scale(inputs, body_dir)
    told = scale(inputs, body_dir, measured_distance=(2.0, x1, y1, x2, y2, 2.0))
    assert told.person_scale == pytest.approx([1.0, 1.0], abs=0.03)
    double = scale(inputs, body_dir, measured_distance=(4.0, x1, y1, x2, y2, 2.0))
    np.testing.assert_allclose(double.person_scale, 2 * told.person_scale)
    np.testing.assert_allclose(double.metres_per_unit, 2 * told.metres_per_unit)
    np.testing.assert_allclose(double.T_scene_cam[:, :3, 3], 2 * told.T_scene_cam[:, :3, 3])
    np.testing.assert_allclose(told.metres_per_unit / told.person_scale[0], estimated.metres_per_unit)


@pytest.mark.parametrize(
    ("measured", "shown"),
    [
        ((2.0, 100.0, 700.0, 2000.0, 700.0, 1.0), "outside of the picture"),
        ((2.0, 100.0, 700.0, 600.0, 10.0, 1.0), "horizon"),
        ((2.0, 100.0, 700.0, 600.0, 700.0, 60.0), "3.60 s long"),
        ((2.0, 100.0, 700.0, 100.0, 700.0, 1.0), "two different points"),
    ],
)
def test_distances_that_cannot_be(
    tmp_path: Path,
    body_dir: Path,
    meshes: BodyMeshes,
    walks: list[Walk],
    measured: tuple[float, float, float, float, float, float],
    shown: str,
) -> None:
    inputs = write(tmp_path, meshes, walks, camera_path(FRAMES))
    with pytest.raises(UserError, match=shown):
        scale(inputs, body_dir, measured_distance=measured)


def test_a_distance_needs_feet_on_the_floor(tmp_path: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    inputs = write(tmp_path, meshes, [], camera_path(20))
    with pytest.raises(UserError, match="no feet were seen"):
        scale(inputs, body_dir, measured_distance=(2.0, 100.0, 700.0, 600.0, 700.0, 0.1))


def test_files_of_different_clips_are_told_apart(tmp_path: Path, body_dir: Path, meshes: BodyMeshes) -> None:
    inputs = write(tmp_path, meshes, [], camera_path(5))
    write_camera_path(tmp_path, camera_path(4), np.ones(1), np.zeros(4, int), NO_POINTS)
    with pytest.raises(ArtefactError, match=r"4 frames, .* has 5"):
        scale(inputs, body_dir)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("person_height=1.8", "--person-height 1.8"),
        ("person_height=[1.8,null,1.6]", "--person-height 1.8 0 1.6"),
        ("person_height=null", ""),
        ("measured_distance=[2,1,2,3,4,1.5]", "--measured-distance 2 1 2 3 4 1.5"),
    ],
)
def test_sizes_reach_the_stage(typed: str, words: str) -> None:
    told = checked_settings(typed)
    given = {key: told[key] for key in ("person_height", "measured_distance")}
    assert " ".join(option_words("scale_camera", given, {})) == words
    for wrong in (["person_height=5"], ["measured_distance=[0,1,2,3,4,1]"], [typed, "measured_distance=[2]"]):
        with pytest.raises(UserError, match="expected"):
            checked_settings(*wrong)
    with pytest.raises(UserError, match="only one of them"):
        checked_settings("person_height=1.8", "measured_distance=[2,1,2,3,4,1.5]")


def test_fit_gives_people_the_size_that_was_given(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, walks: list[Walk]
) -> None:
    inputs = write(tmp_path, meshes, walks, camera_path(FRAMES), errors=Errors())
    estimated = scale(inputs, body_dir)

    def fits(person_scale: list[float]) -> BodyFits:
        cameras = SceneCameras(**{**vars(estimated), "person_scale": np.array(person_scale)})
        cameras.save(tmp_path / "cameras.npz")
        fit(
            predictions=inputs["predictions"],
            cameras=tmp_path / "cameras.npz",
            video_facts=inputs["video_facts"],
            body=body_dir,
            out=tmp_path / "fits.npz",
        )
        return BodyFits.load(tmp_path / "fits.npz")

    plain, both, one = fits([1.0, 1.0]), fits([1.1, 1.1]), fits([1.1, 1.0])
    np.testing.assert_allclose(both.joints, 1.1 * plain.joints, atol=0.05)
    np.testing.assert_allclose(one.joints[0], 1.1 * plain.joints[0], atol=0.05)
    assert one.scale_correction[0] == 1.1  # its feet leave the floor of the other person, and still it keeps its size
    assert both.scale_correction == pytest.approx(1.1, abs=0.03)


def test_a_depth_network_gives_the_scale_where_nobody_is(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = write(tmp_path, meshes, [], camera_path(20, moving=True))
    with pytest.raises(UserError, match="--video and --people-mask"):
        scale(inputs, body_dir, depth="zoedepth")
    MaskTracks((1280, 720), FPS, 20, (), ()).save(tmp_path / "people_mask.json")
    monkeypatch.setattr("nlf_pipeline.scale_camera.read_frames", lambda path: None)
    monkeypatch.setattr("nlf_pipeline.scale_camera._depth_estimator", lambda *_: None)
    monkeypatch.setattr("nlf_pipeline.scale_camera.measure_depth_scale", lambda *_: DepthScale(UNIT, 0.16, 12))
    pictures = {"video": tmp_path / "clip.mp4", "people_mask": tmp_path / "people_mask.json"}
    cameras = scale(inputs, body_dir, depth="zoedepth", **pictures)
    assert (cameras.metres_per_unit[0], cameras.scale_spread[0]) == (UNIT, 0.16)


def test_a_depth_network_is_not_asked_about_a_standing_camera(
    tmp_path: Path, body_dir: Path, meshes: BodyMeshes
) -> None:
    inputs = write(tmp_path, meshes, [], camera_path(20))
    assert scale(inputs, body_dir, depth="zoedepth", weights=tmp_path / "none").scale_spread[0] == 0
