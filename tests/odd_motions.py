"""Motions that trouble exporters."""

import numpy as np
from motions import moving_people

from nlf_pipeline.exporters.motion import Motion

N_FRAMES = 12


def _gaps() -> np.ndarray:
    """(3, frames): comes late, is away for a while, is there for three frames."""
    visible = np.ones((3, N_FRAMES), dtype=bool)
    visible[0, :4] = False
    visible[1, 5:8] = False
    visible[2, 3:] = False
    return visible


def make(case: str) -> Motion:
    """The motion of this name, one of CASES."""
    return CASES[case]()


CASES = {
    "plain": lambda: moving_people(2, N_FRAMES),
    "gaps": lambda: moving_people(3, N_FRAMES, visible=_gaps()),
    "cut": lambda: moving_people(2, N_FRAMES, cuts=[5], zooming=True),
    "nobody": lambda: moving_people(0, N_FRAMES),
    "never visible": lambda: moving_people(1, N_FRAMES, visible=np.zeros((1, N_FRAMES), dtype=bool)),
    "first frame only": lambda: moving_people(1, N_FRAMES, visible=np.arange(N_FRAMES)[None] == 0),
    "cut in frame 1": lambda: moving_people(3, 6, cuts=[1, 2], fps=60000 / 1001),
    "one frame": lambda: moving_people(1, 1),
    "twelve": lambda: moving_people(12, 5),
    "names": lambda: moving_people(
        4, 5, names={1: "Zoë  Müller 🙂", 2: "🙂🙂", 3: "camera", 4: '../佐藤\t"quoted", 50 %'}
    ),
    "broadcast": lambda: moving_people(1, N_FRAMES, fps=30000 / 1001),
    "film": lambda: moving_people(1, N_FRAMES, fps=24000 / 1001),
    "fingers": lambda: moving_people(1, N_FRAMES, n_joints=55),
}


def written(motion: Motion, suffix: str, folder) -> list:
    """The files of everybody, in order; fails if others are there than those."""
    paths = [folder / f"{person.file_stem}{suffix}" for person in motion.people]
    assert sorted(path.name for path in folder.iterdir() if path.name != "camera.csv") == sorted(
        path.name for path in paths
    )
    return paths
