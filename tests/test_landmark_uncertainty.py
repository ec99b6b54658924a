import itertools

import numpy as np

from nlf_pipeline.body_models import SMPL_PARENTS, joint_index
from nlf_pipeline.estimators.landmark_uncertainty import joint_uncertainties, vertex_uncertainties
from nlf_pipeline.landmarks import landmark_index

SEEN = np.ones((1, 33))


def hide(*names: str) -> np.ndarray:
    visibility = SEEN.copy()
    visibility[:, [landmark_index(name) for name in names]] = 0.1
    return visibility


def test_less_visible_means_less_certain():
    levels = [joint_uncertainties(np.full((1, 33), visibility)) for visibility in (1.0, 0.7, 0.4, 0.0)]
    for better, worse in itertools.pairwise(levels):
        assert (worse > better).all()


def test_only_what_is_hidden_becomes_uncertain():
    growth = joint_uncertainties(hide("left_ankle"))[0] / joint_uncertainties(SEEN)[0]
    grown = {joint for joint in range(24) if growth[joint] > 1.01}
    assert grown == {joint_index("left_ankle"), joint_index("left_foot")}


def test_beyond_a_hidden_joint_nothing_is_certain():
    growth = joint_uncertainties(hide("right_elbow"))[0] / joint_uncertainties(SEEN)[0]
    for joint in ("right_elbow", "right_wrist", "right_hand"):
        assert growth[joint_index(joint)] > 2


def test_far_ends_of_limbs_are_the_least_certain():
    errors = joint_uncertainties(SEEN)[0]
    for chain in (("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist", "hand")):
        of_chain = [errors[joint_index(f"left_{joint}")] for joint in chain]
        assert of_chain == sorted(of_chain)


def test_vertices_lie_between_the_ends_of_their_bones():
    errors = np.arange(1.0, 25.0)[None]
    vertices = vertex_uncertainties(errors, np.eye(24))[0]
    for joint in range(24):
        children = [errors[0, child] for child, parent in enumerate(SMPL_PARENTS) if parent == joint]
        ends = [errors[0, joint], *children]
        assert min(ends) <= vertices[joint] <= max(ends)


def test_vertices_are_mixed_by_skinning_weights():
    errors, rng = np.random.default_rng(0).uniform(0.05, 0.2, (4, 24)), np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(24), size=10)
    mixed = vertex_uncertainties(errors, weights)
    np.testing.assert_allclose(mixed, vertex_uncertainties(errors, np.eye(24)) @ weights.T)
    np.testing.assert_allclose(vertex_uncertainties(np.full((1, 24), 0.1), weights), 0.1)
