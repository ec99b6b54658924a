"""The open body: MakeHuman's shapes brought into SMPL's form."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlf_pipeline.body_kinds import N_BETAS, BodyGender
from nlf_pipeline.open_body.decimation import decimate_symmetric, vertex_areas
from nlf_pipeline.open_body.makehuman import BaseMesh, data_folder, read_base_mesh, read_rig
from nlf_pipeline.open_body.outer_surface import EYEBALL_GROUPS, outer_quads, triangles
from nlf_pipeline.open_body.phenotypes import (
    Phenotypes,
    average_adult,
    blend_targets,
    infant,
    is_adult,
    sample_adults,
    sample_all_ages,
)
from nlf_pipeline.open_body.regressors import joint_regressor
from nlf_pipeline.open_body.shape_space import ShapeSpace, fit_shape_space
from nlf_pipeline.open_body.smpl_rig import SmplRig, merge_rig, mirrored_joints
from nlf_pipeline.open_body.tpose import TPosedPeople, pose_people

N_VERTICES = 6000
"""About the size of SMPL's mesh; twice as many look the same."""
_N_REGRESSED = 100  # people that the joint regressor is fitted to


@dataclass(frozen=True)
class PosableBaseMesh:
    """MakeHuman's whole base mesh with the pose, shape space and skinning of the model: for drawing clothed people."""

    mean: np.ndarray
    """(base vertices, 3)."""
    shapedirs: np.ndarray
    """(betas, base vertices, 3)."""
    weights: np.ndarray
    """(base vertices, 24)."""
    body_faces: np.ndarray
    """(faces, 3) skin, with the insides of the mouth and eye sockets."""
    eye_faces: np.ndarray
    """(faces, 3) both eyeballs."""
    eye_vertices_left: np.ndarray
    """Indices of the left eyeball's vertices."""
    eye_vertices_right: np.ndarray
    """Indices of the right eyeball's vertices."""
    kept_vertices: np.ndarray
    """(vertices,) index of each of the model's vertices."""


@dataclass(frozen=True)
class OpenBody:
    """A body model with SMPL's meaning of every field, and the base mesh that it is a part of.

    In T-pose, y up, facing +z, metres; exactly mirror symmetric.
    """

    v_template: np.ndarray
    """(vertices, 3)."""
    shapedirs: np.ndarray
    """(vertices, 3, betas)."""
    weights: np.ndarray
    """(vertices, 24)."""
    faces: np.ndarray
    """(faces, 3)."""
    J_regressor: np.ndarray
    """(24, vertices)."""
    kid_template: np.ndarray
    """(vertices, 3) an infant."""
    reference: np.ndarray
    """(vertices, 3) average adult in double precision, on which to choose vertices whatever the seed."""
    base: PosableBaseMesh


def make_open_body(
    seed: int = 0,
    n_people: int = 1000,
    all_ages: bool = False,
    gender: BodyGender = "neutral",
    n_betas: int = N_BETAS,
) -> OpenBody:
    """Sample people, bring them into T-pose and learn SMPL's parameters from them.

    With all betas 0 it is the mean adult, whatever the ages: that is who most people are.

    Args:
        seed: of the sample.
        n_people: sampled, more than `n_betas`.
        all_ages: learn the shape space from newborns to old people instead of from adults alone.
        gender: whose shapes to learn from.
        n_betas: shape parameters, at least 2.

    Raises:
        UserError: if MakeHuman's data is not installed.
    """
    folder = data_folder()
    base = read_base_mesh(folder)
    rig = merge_rig(read_rig(folder), len(base.vertices))
    reference = _pose_one(folder, base, average_adult(), rig)
    kept, faces = decimate_symmetric(reference, triangles(outer_quads(base)), base.mirror, N_VERTICES)
    sample = sample_all_ages if all_ages else sample_adults
    sampled = sample(n_people, np.random.default_rng(seed), gender)
    people = pose_people(base.vertices, *blend_targets(folder, sampled, len(base.vertices)), rig)
    adults = people.vertices[is_adult(sampled)] if all_ages else people.vertices
    mean = _symmetric(adults.mean(axis=0, dtype=np.float64), base.mirror)
    space = _shape_space(base, people.vertices, vertex_areas(mean, kept[faces]), sampled, n_betas)
    # SMPL's template has its mean at the origin, which the kid template relies on
    mean = mean - [0, *mean[kept, 1:].mean(axis=0)]
    shapedirs = np.stack([_symmetric(direction, base.mirror) for direction in space.shapedirs])
    weights = rig.weights.astype(np.float64)
    return OpenBody(
        v_template=mean[kept],
        shapedirs=np.moveaxis(shapedirs[:, kept], 0, -1),
        weights=weights[kept],
        faces=faces,
        J_regressor=_symmetric_regressor(people, weights, kept, base.mirror),
        kid_template=_pose_one(folder, base, infant(), rig)[kept],
        reference=reference[kept],
        base=_posable(base, mean, shapedirs, weights, kept),
    )


def _symmetric_regressor(people: TPosedPeople, weights: np.ndarray, kept: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(24, vertices kept) mirror symmetric."""
    regressor = joint_regressor(
        people.vertices[:_N_REGRESSED, kept].astype(np.float64), people.joints[:_N_REGRESSED], weights[kept]
    )
    image = np.searchsorted(kept, mirror[kept])
    return (regressor + regressor[mirrored_joints()][:, image]) / 2


def _posable(
    base: BaseMesh, mean: np.ndarray, shapedirs: np.ndarray, weights: np.ndarray, kept: np.ndarray
) -> PosableBaseMesh:
    eyes = [np.unique(base.quads[base.quad_groups == group]) for group in EYEBALL_GROUPS]
    return PosableBaseMesh(
        mean=mean,
        shapedirs=shapedirs,
        weights=weights,
        body_faces=triangles(base.quads[base.quad_groups == "body"]),
        eye_faces=triangles(base.quads[np.isin(base.quad_groups, EYEBALL_GROUPS)]),
        eye_vertices_left=eyes[0],
        eye_vertices_right=eyes[1],
        kept_vertices=kept,
    )


def _pose_one(folder: Path, base: BaseMesh, person: Phenotypes, rig: SmplRig) -> np.ndarray:
    """(vertices, 3) one person in T-pose, in double precision: rounding must not sway the choice of vertices."""
    coefficients, targets = blend_targets(folder, person, len(base.vertices))
    return _symmetric(
        pose_people(base.vertices, coefficients, targets.astype(np.float64), rig).vertices[0], base.mirror
    )


def _shape_space(base: BaseMesh, bodies: np.ndarray, areas: np.ndarray, people: Phenotypes, n_betas: int) -> ShapeSpace:
    body = np.unique(base.quads[base.quad_groups == "body"])
    traits = (people.weight, people.gender, people.muscle, people.age, people.proportions, *people.races.T)
    stature = np.ptp(bodies[:, body, 1], axis=1)
    return fit_shape_space(bodies, areas, stature, np.column_stack(traits), n_betas)


def _symmetric(vectors: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """(vertices, 3) positions or displacements, averaged with their mirror image."""
    return (vectors + vectors[mirror] * np.array([-1.0, 1.0, 1.0])) / 2
