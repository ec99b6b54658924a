"""Everybody who is visible, frame by frame: as meshes, or as joints alone."""

from collections.abc import Iterator

import numpy as np

from nlf_pipeline.artefacts import Bodies
from nlf_pipeline.body_kinds import body_joints
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.renderers.view_frames import PosedPeople

FILLED_OPACITY = 0.45
"""Bodies that were only interpolated over a gap are drawn this much fainter."""
CHUNK_FRAMES = 32
"""Frames whose meshes are posed at once."""


def posed_bodies(people: Bodies, meshes: BodyMeshes, wanted: range | None = None) -> Iterator[PosedPeople]:
    """The meshes of the visible people of every frame, or of the `wanted` ones, in order."""
    wanted = range(people.visible.shape[1]) if wanted is None else wanted
    colours, opacities = person_colours(len(people.person_ids)), opacities_of(people)
    for start in range(wanted.start, wanted.stop, CHUNK_FRAMES):
        visible = people.visible[:, start : min(start + CHUNK_FRAMES, wanted.stop)]
        frames, rows = np.nonzero(visible.T)
        vertices, _ = meshes.forward(
            people.pose_rotvecs[rows, start + frames], people.betas[rows], people.trans[rows, start + frames]
        )
        for frame in range(visible.shape[1]):
            here = frames == frame
            shown = rows[here]
            yield PosedPeople(shown, vertices[here], colours[shown], opacities[shown, start + frame])


def posed_skeletons(people: Bodies, wanted: range) -> Iterator[PosedPeople]:
    """The same with joints for vertices: those of the body, without face and fingers."""
    colours, opacities = person_colours(len(people.person_ids)), opacities_of(people)
    n_joints = body_joints(people.joints.shape[2])
    for frame in wanted:
        shown = np.flatnonzero(people.visible[:, frame])
        yield PosedPeople(shown, people.joints[shown, frame, :n_joints], colours[shown], opacities[shown, frame])


def opacities_of(people: Bodies) -> np.ndarray:
    """(people, frames) in [0, 1]."""
    return np.where(people.filled, FILLED_OPACITY, 1.0)
