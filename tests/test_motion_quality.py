"""Fit, ground and world on a generated clip with NLF's grade of errors: what must never come back."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from motion_clips.making import MotionTruth, make_clip
from motion_clips.mishaps import Kind
from motion_clips.specs import ErrorLevels, MotionClip
from motion_found import raw_motions, world_motions
from motion_scores import Scores, score

from nlf_pipeline.artefacts import Bodies, Ground
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.fit import fit
from nlf_pipeline.ground import ground
from nlf_pipeline.world import world

CLIP = MotionClip(n_people=2, n_frames=120, seed=14)
THEFTS = replace(CLIP, seed=22, layout="in_line", errors=ErrorLevels(lose_hidden=True, thefts=1.0))


@dataclass(frozen=True)
class Chain:
    """What the three stages made of a clip."""

    truth: MotionTruth
    bodies: Bodies
    raw: Scores
    found: Scores


def run_chain(clip: MotionClip, folder: Path, body: Path, meshes: BodyMeshes) -> Chain:
    make_clip(clip, folder, body)
    scene = {"cameras": folder / "cameras.npz", "video_facts": folder / "video.json", "body": body}
    fits, floor = folder / "fits.npz", folder / "ground.json"
    fit(predictions=folder / "predictions.xz", out=fits, **scene)
    ground(fits=fits, out=floor, **scene)
    out = {"bodies_out": folder / "bodies.npz", "cameras_out": folder / "world_cameras.npz"}
    world(fits=fits, ground=floor, **scene, **out)
    truth = MotionTruth.load(folder)
    raw = score(raw_motions(folder, truth, meshes), truth)
    plane = Ground.load(floor).floors[0]
    found = score(world_motions(folder, truth, meshes, plane), truth, plane)
    return Chain(truth, Bodies.load(folder / "bodies.npz"), raw, found)


@pytest.fixture(scope="module")
def near(body_dir: Path, meshes: BodyMeshes, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return run_chain(CLIP, tmp_path_factory.mktemp("near"), body_dir, meshes)


@pytest.fixture(scope="module")
def far(body_dir: Path, meshes: BodyMeshes, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return run_chain(replace(CLIP, scene_origin=(10.0, 0.0, 10.0)), tmp_path_factory.mktemp("far"), body_dir, meshes)


def test_planted_feet_do_not_slide(near: Chain):
    assert near.raw.slide > 30
    assert near.found.slide < 3  # millimetres per frame


def test_people_stay_where_they_are_and_move_as_they_do(near: Chain):
    assert near.found.root < 100 < near.raw.root  # millimetres
    assert near.found.mpjpe < near.raw.mpjpe
    assert near.found.pa_mpjpe < near.raw.pa_mpjpe
    assert near.found.accel < 8
    assert near.found.jitter < 200
    assert near.found.coverage == 100


def test_nobody_sinks_into_the_floor(near: Chain):
    assert near.found.own_penetration < 10


def nearest_people(chain: Chain) -> np.ndarray:
    """(rows, frames) the true person that is nearest to each row."""
    joints, true = chain.bodies.joints, chain.truth.bodies.joints
    return np.linalg.norm(joints[:, None] - true[None], axis=-1).mean(axis=-1).argmin(axis=1)


def test_everybody_keeps_the_row(near: Chain):
    np.testing.assert_array_equal(nearest_people(near), np.tile([[0], [1]], CLIP.n_frames))
    assert near.found.idf1 == 1 and near.found.switches == 0


def test_who_is_taken_for_another_behind_him_keeps_the_row(body_dir: Path, meshes: BodyMeshes, tmp_path: Path):
    chain = run_chain(THEFTS, tmp_path, body_dir, meshes)
    assert (chain.truth.mishaps.kinds == Kind.STOLEN).sum() > 5
    assert (nearest_people(chain) == [[0], [1]])[chain.bodies.visible].all()
    assert chain.found.root_stolen < 300 < 1000 < chain.raw.root_stolen
    assert chain.found.switches == 0


def test_where_the_scene_has_its_origin_makes_no_difference(near: Chain, far: Chain):
    """Every world has its origin under the first camera, so the bodies are the same ones in the same place."""
    np.testing.assert_array_equal(near.bodies.visible, far.bodies.visible)
    np.testing.assert_array_equal(near.bodies.foot_contacts, far.bodies.foot_contacts)
    assert np.abs(near.bodies.joints - far.bodies.joints).max() < 0.001
