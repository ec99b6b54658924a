"""Floors that are not level: what their file says, and the world they stand in."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_pipeline.artefacts import Floor, Ground
from nlf_pipeline.geometry import rigid, transform_points
from nlf_pipeline.world import world_from_scene

CAMERA = rigid(Rotation.from_euler("yxz", [20, 170, 3], degrees=True).as_matrix(), np.array([4.0, -7, 2]))


def test_a_floor_says_which_way_is_up(tmp_path: Path) -> None:
    level = Floor((0.0, -1.0, 0.0), -1.6, "feet", 0.9, 0.01, 100)
    slope = Floor((0.0, -1.0, 0.0), -1.6, "feet", 0.9, 0.01, 9, "slope", (0.1, -0.99, 0.0), "bodies", 5.7, 1.0, [0.0])
    Ground([level, slope]).save(tmp_path / "ground.json")
    assert Ground.load(tmp_path / "ground.json").floors == [level, slope]
    np.testing.assert_array_equal(level.world_up, level.normal)
    np.testing.assert_array_equal(slope.world_up, [0.1, -0.99, 0.0])


@pytest.mark.parametrize("slope_deg", [0.0, 10.0])
def test_the_world_is_upright_on_a_slope(slope_deg: float) -> None:
    up = -CAMERA[:3, 1]
    normal = Rotation.from_rotvec(np.deg2rad(slope_deg) * CAMERA[:3, 0]).apply(up)
    on_floor = CAMERA[:3, 3] + 4 * CAMERA[:3, 2] - 1.5 * up
    T_world_scene = world_from_scene(normal, float(normal @ on_floor), CAMERA, up)
    np.testing.assert_allclose(T_world_scene[:3, :3] @ up, [0, 1, 0], atol=1e-12)
    normal_world = T_world_scene[:3, :3] @ normal
    assert transform_points(T_world_scene, on_floor[None])[0] @ normal_world == pytest.approx(0, abs=1e-9)
    x, _, z = T_world_scene[:3, :3] @ CAMERA[:3, 3] + T_world_scene[:3, 3]
    np.testing.assert_allclose([x, z], 0, atol=1e-9)
    assert np.rad2deg(np.arccos(normal_world[1])) == pytest.approx(slope_deg, abs=1e-4)
