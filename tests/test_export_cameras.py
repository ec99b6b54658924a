"""COLMAP's own library, our readers of camera files and plain formulas all see the pixels that OpenCV does."""

import json
from dataclasses import replace

import numpy as np
import pycolmap
import pytest
from motions import moving_people
from plain_kinematics import opencv_pixels

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.cameras.readers.colmap import read_colmap
from nlf_pipeline.cameras.readers.nerfstudio import read_nerfstudio
from nlf_pipeline.errors import UserError
from nlf_pipeline.exporters import colmap, nerfstudio
from nlf_pipeline.exporters.frame_names import frame_name

DISTORTIONS = [[], [0.1, -0.05, 0.002, -0.001], [0.1, -0.05, 0.002, -0.001, 0.03]]
RATIONAL = [0.1, -0.05, 0.002, -0.001, 0.03, 0.02, -0.01, 0.004]
POINTS = np.random.default_rng(0).uniform((-1.5, 0, -5), (1.5, 2, -3), (20, 3))


def moving_camera(distortion=(), zooming=False, n_frames=12, cuts=(), n_people=1):
    motion = moving_people(n_people, n_frames, zooming=zooming, cuts=cuts)
    K = motion.cameras.K + np.array([[0, 0, 7.0], [0, 20.0, -3.0], [0, 0, 0]])
    return replace(motion, cameras=replace(motion.cameras, K=K, distortion=np.array(distortion, dtype=np.float64)))


def expected_pixels(motion, frame):
    cameras = motion.cameras
    return opencv_pixels(POINTS, cameras.T_world_cam[frame], cameras.K[frame], cameras.distortion)


@pytest.mark.parametrize("zooming", [False, True])
@pytest.mark.parametrize("distortion", [*DISTORTIONS, RATIONAL])
def test_pycolmap_projects_to_the_same_pixels(tmp_path, distortion, zooming):
    motion = moving_camera(distortion, zooming)
    colmap.write(motion, tmp_path)
    model = pycolmap.Reconstruction(str(tmp_path))
    assert len(model.images) == 12 and len(model.cameras) == (12 if zooming else 1) and not model.points3D
    for frame in range(12):
        image = model.images[frame + 1]
        assert image.name == frame_name(frame) == f"frame_{frame + 1:06d}.png"
        in_camera = POINTS @ image.cam_from_world().rotation.matrix().T + image.cam_from_world().translation
        pixels = np.array([image.camera.img_from_cam(point) for point in in_camera])
        np.testing.assert_allclose(pixels - 0.5, expected_pixels(motion, frame), atol=1e-6)
        assert (image.camera.width, image.camera.height) == (640, 360)


@pytest.mark.parametrize("zooming", [False, True])
@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_plain_formulas_see_the_same_in_transforms_json(tmp_path, distortion, zooming):
    """As nerfstudio describes its conventions: x right, y up, looking along -z, (0, 0) is a corner of the picture."""
    motion = moving_camera(distortion, zooming)
    nerfstudio.write(motion, tmp_path)
    content = json.loads((tmp_path / "transforms.json").read_text())
    assert len(content["frames"]) == 12 and content["camera_model"] == ("OPENCV" if distortion else "PINHOLE")
    for frame, entry in enumerate(content["frames"]):
        values = {**content, **entry}
        assert entry["file_path"] == f"images/{frame_name(frame)}"
        x, y, z = (np.linalg.inv(np.array(entry["transform_matrix"])) @ np.c_[POINTS, np.ones(20)].T)[:3]
        seen = np.stack([x / -z, -y / -z], axis=-1)
        k1, k2, p1, p2, k3 = (values[name] for name in ("k1", "k2", "p1", "p2", "k3"))
        u, v = seen.T
        r2 = u**2 + v**2
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        x_px = values["fl_x"] * (u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u**2)) + values["cx"]
        y_px = values["fl_y"] * (v * radial + p1 * (r2 + 2 * v**2) + 2 * p2 * u * v) + values["cy"]
        np.testing.assert_allclose(np.stack([x_px, y_px], axis=-1) - 0.5, expected_pixels(motion, frame), atol=1e-6)


@pytest.mark.parametrize("n_frames", [1, 12])
@pytest.mark.parametrize("zooming", [False, True])
@pytest.mark.parametrize("tool", ["colmap", "nerfstudio"])
def test_what_was_written_can_be_given_as_camera_file(tmp_path, tool, zooming, n_frames):
    motion = moving_camera(DISTORTIONS[2], zooming, n_frames)
    facts = VideoFacts("walk", 640, 360, 25.0, n_frames)
    if tool == "colmap":
        colmap.write(motion, tmp_path)
        camera = read_colmap(tmp_path, facts)
    else:
        nerfstudio.write(motion, tmp_path)
        camera = read_nerfstudio(tmp_path / "transforms.json", facts)
    np.testing.assert_array_equal(camera.at_frame, np.arange(n_frames))
    np.testing.assert_allclose(camera.T_file_cam, motion.cameras.T_world_cam, atol=1e-9)
    K = motion.cameras.K
    np.testing.assert_allclose(camera.lens.focal_px, K[:, [0, 1], [0, 1]], rtol=1e-9)
    np.testing.assert_allclose(camera.lens.principal_point_px, K[:, :2, 2], atol=1e-9)
    np.testing.assert_allclose(camera.lens.distortion[:, :5], np.tile(DISTORTIONS[2], (n_frames, 1)))
    assert camera.notes == []


def test_cameras_jump_at_cuts_and_nobody_need_be_there(tmp_path):
    motion = moving_camera(n_frames=10, cuts=(4,), n_people=0)
    colmap.write(motion, tmp_path)
    nerfstudio.write(motion, tmp_path)
    places = motion.cameras.T_world_cam[:, :3, 3]
    model = pycolmap.Reconstruction(str(tmp_path))
    found = np.array([model.images[frame + 1].projection_center() for frame in range(10)])
    np.testing.assert_allclose(found, places, atol=1e-9)
    assert np.linalg.norm(np.diff(found, axis=0), axis=1).argmax() == 3


def test_lenses_that_a_format_has_not_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"Found a lens with 8 .*at most 5"):
        nerfstudio.write(moving_camera(RATIONAL), tmp_path)
    with pytest.raises(UserError, match=r"Found a lens with 9 .*at most 8"):
        colmap.write(moving_camera([*RATIONAL, 0.001]), tmp_path)
    colmap.write(moving_camera([*RATIONAL[:5], 0, 0, 0, 0, 0, 0, 0]), tmp_path)
    assert pycolmap.Reconstruction(str(tmp_path)).cameras[1].model_name == "FULL_OPENCV"
