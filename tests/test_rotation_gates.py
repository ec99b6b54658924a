"""Solutions of turning cameras that contradict the points, or that no lens would give, are not passed."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from turning_tracks import FOCAL_PX, N_FRAMES, follow, turning_shot

from nlf_pipeline.cameras.tracks.point_tracks import PointTracks
from nlf_pipeline.cameras.turning.rotation_gates import gate_rotation
from nlf_pipeline.cameras.turning.rotation_solver import solve_rotation
from nlf_pipeline.cameras.windows.window_motion import Lens


@pytest.fixture(scope="module")
def solved():
    tracks = follow(turning_shot(60))
    return tracks, solve_rotation(tracks, Lens(500.0))


def failed(tracks, motion):
    return {gate.name for gate in gate_rotation(tracks, motion) if not gate.passed}


def test_a_good_solution_passes_every_gate(solved):
    assert failed(*solved) == set() and len(gate_rotation(*solved)) == 4


def test_too_few_frames_with_points_fail(solved):
    tracks, motion = solved
    assert failed(tracks, replace(motion, tracked=np.arange(N_FRAMES) < 0.75 * N_FRAMES)) == {
        "frames with enough points"
    }
    assert failed(tracks, replace(motion, tracked=np.arange(N_FRAMES) < 0.85 * N_FRAMES)) == set()


def test_a_path_that_shakes_where_the_points_do_not_fails(solved):
    tracks, motion = solved
    shaken = motion.T_window_cam.copy()
    shaken[::2, :3, :3] = Rotation.from_euler("y", 1.5, degrees=True).as_matrix() @ shaken[::2, :3, :3]
    assert failed(tracks, replace(motion, T_window_cam=shaken)) == {"rotation from frame to frame, deg"}
    once = motion.T_window_cam.copy()
    once[30:, :3, :3] = Rotation.from_euler("y", 1.5, degrees=True).as_matrix() @ once[30:, :3, :3]
    assert failed(tracks, replace(motion, T_window_cam=once)) == set(), "one frame in ten may be off"


@pytest.mark.parametrize(("factor", "name"), [(0.3, "shortest"), (9.0, "longest")])
def test_focal_lengths_that_lenses_do_not_have_fail_if_the_pictures_gave_them(solved, factor, name):
    tracks, motion = solved
    odd = replace(motion, focal_px=np.full(N_FRAMES, factor * FOCAL_PX))
    assert f"{name} focal length / longer side" in failed(tracks, odd)
    given = {gate.name for gate in gate_rotation(tracks, replace(odd, is_focal_observable=False))}
    assert not any("focal" in gate for gate in given)


def test_frames_without_points_are_not_measured():
    none = PointTracks(0, (640, 360), (np.zeros(0, int),) * N_FRAMES, (np.zeros((0, 2), np.float32),) * N_FRAMES)
    tracks = follow(turning_shot(20))
    motion = solve_rotation(tracks, Lens(FOCAL_PX, is_known=True))
    gates = gate_rotation(none, replace(motion, tracked=np.zeros(N_FRAMES, bool), is_focal_observable=False))
    assert [(gate.name, gate.passed) for gate in gates] == [("frames with enough points", False)]
