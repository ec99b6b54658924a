"""What Blender finds in files, in our axes, and where OpenCV sees the same."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlf_pipeline.exporters.motion import Motion
from nlf_pipeline.geometry import invert_rigid, project, transform_points

BLENDER_WORLD = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Our axes to Blender's, whose z is up."""


def look(jobs: Sequence[tuple[str, Path, Path]]) -> list[dict[str, Any]]:
    """What `opened_in_blender.py` finds in each file, in one process; jobs: how, file to open, npz to write."""
    script = str(Path(__file__).with_name("opened_in_blender.py"))
    command = [sys.executable, script, json.dumps([[how, str(file), str(out)] for how, file, out in jobs])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [dict(np.load(out)) for _, _, out in jobs]


def heads(found: dict[str, Any], motion: Motion) -> np.ndarray:
    """(armatures, frames, joints, 3) in our axes."""
    places = np.stack([found[f"head {name}"] for name in motion.joint_names], axis=2)
    return np.swapaxes(places @ BLENDER_WORLD, 0, 1)


def opencv_pixels_of_pelvises(motion: Motion) -> np.ndarray:
    """(people, frames, 2)."""
    T_cam_world = invert_rigid(motion.cameras.T_world_cam)
    K = motion.cameras.K[:, None]
    seen = [project(transform_points(T_cam_world, person.joints[:, :1]), K)[:, 0] for person in motion.people]
    return np.array(seen).reshape(-1, motion.n_frames, 2)
