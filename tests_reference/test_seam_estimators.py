"""The same laws for all estimators and kinds of bodies: NLF by its stand-in, BlazePose as it is."""

from dataclasses import replace

import framepump
import numpy as np
import pytest
import torch
from pasted_people import FPS, MAN, SIZE_PX, WOMAN
from registered_bodies import write_smplx
from rlemasklib import RLEMask
from standins import nlf

from nlf_pipeline.artefacts import Intrinsics, VideoFacts
from nlf_pipeline.body_models import SUBSET_SIZE, BodyMeshes, load_resting_body
from nlf_pipeline.estimators import make_estimator
from nlf_pipeline.estimators.canonical_points import canonical_pose
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.geometry import project
from nlf_pipeline.import_body import import_body
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.person_cache import PersonCache
from nlf_pipeline.video import read_frames
from nlf_pipeline.weights.registry import weights_path

ESTIMATORS = ("blazepose", "nlf")
N_JOINTS = {"open": 24, "smplx": 55}
CENTRE_PX = ((SIZE_PX[0] - 1) / 2, (SIZE_PX[1] - 1) / 2)
ORIGIN = np.zeros((1, 3))
LENS = Intrinsics(SIZE_PX, (300.0, 300.0), CENTRE_PX, [], "user")
FIELDS = ("vertices", "joints", "vertex_uncertainties", "joint_uncertainties", "valid")
N_TOLD = len(nlf.REPORTED)
"""First vertices whose uncertainties are none: NLF's stand-in tells in them what it was given."""
N = 6


@pytest.fixture(scope="module")
def bodies(body_dir, tmp_path_factory):
    """Folders of body models by their layout."""
    folder = tmp_path_factory.mktemp("bodies")
    write_smplx(folder / "licensed", body_dir)
    import_body(source=folder / "licensed", out=folder / "smplx", family="smplx")
    return {"open": body_dir, "smplx": folder / "smplx"}


@pytest.fixture(scope="module")
def weights(bodies, tmp_path_factory):
    """NLF's stand-in, which knows where the joints of SMPL and of SMPL-X are."""
    body = BodyMeshes(load_resting_body(bodies["smplx"], subset=True))
    _, joints = body.forward(canonical_pose(N_JOINTS["smplx"])[None], np.zeros((1, body.model.num_betas)), ORIGIN)
    smpl, smplx = nlf.canonical_joints(), torch.from_numpy(joints[0]).float()
    smplx = smplx - smplx[0] + smpl[0]
    folder = tmp_path_factory.mktemp("weights")
    points = {"smpl": torch.cat([smpl, smpl]), "smplx": torch.cat([smplx, smplx])}
    nlf.write_weights(weights_path(folder, "nlf_l"), cano_all=points)
    return folder


@pytest.fixture(scope="module")
def clip(cutouts, tmp_path_factory):
    """Two people walking: their clip and their masks."""
    folder = tmp_path_factory.mktemp("clip")
    truth = cutouts.write(folder, lambda t: [(MAN, 90 + 2 * t, 104), (WOMAN, 240 - 2 * t, 120)], N)
    masks = tuple(tuple(RLEMask.from_array(people[k].astype(np.uint8)) for people in truth) for k in range(2))
    return folder / "clip.mp4", tracks_of(masks)


def tracks_of(masks):
    return MaskTracks(SIZE_PX, FPS, len(masks[0]) if masks else N, tuple(range(1, len(masks) + 1)), masks)


@pytest.fixture(params=ESTIMATORS)
def estimate(request, clip, bodies, weights):
    """What an estimator makes of tracks, checked for what holds for all."""

    def estimate(tracks, detected=None, lens=LENS, cache=None, body="open", cuts=()):
        people = PersonCache(cache, "clip")
        method = make_estimator(request.param, bodies[body], people, weights, "cpu", NlfOptions(num_aug=1))
        facts = VideoFacts("clip", *SIZE_PX, FPS, tracks.n_frames, list(cuts))
        frames = read_frames(clip[0]) if tracks.n_frames == N else read_frames(clip[0])[: tracks.n_frames]
        found = list(method.estimate(frames, facts, tracks, detected or tracks, lens))
        check(found, tracks, lens, N_JOINTS[body])
        return found

    return estimate


def check(frames, tracks, lens, n_joints):
    assert len(frames) == tracks.n_frames
    n_people = len(tracks.person_ids)
    for t, (frame, K) in enumerate(zip(frames, lens.K_frames(tracks.n_frames), strict=True)):
        assert frame.vertices.shape == (n_people, SUBSET_SIZE, 3) and frame.joints.shape == (n_people, n_joints, 3)
        assert frame.vertex_uncertainties.shape == (n_people, SUBSET_SIZE)
        assert frame.joint_uncertainties.shape == (n_people, n_joints)
        assert frame.valid.shape == (n_people,) and frame.valid.dtype == bool
        for name in FIELDS[:4]:
            assert getattr(frame, name).dtype == np.float32 and np.isfinite(getattr(frame, name)).all()
            assert not getattr(frame, name)[~frame.valid].any()
        for k in np.flatnonzero(frame.valid):
            mask = tracks.masks[k][t]
            assert mask is not None and mask.any(), "nobody is estimated where no mask is"
            assert frame.vertices[k, :, 2].min() > 0.3, "in front of the camera"
            assert np.ptp(frame.vertices[k], axis=0).max() == pytest.approx(1.7, abs=0.5), "metres"
            for uncertainties in (frame.vertex_uncertainties[k, N_TOLD:], frame.joint_uncertainties[k]):
                assert uncertainties.min() > 0 and uncertainties.max() < 1
            left, top, width, height = mask.bbox()
            x, y = project(frame.joints[k, :1].astype(np.float64), K)[0]
            assert left < x < left + width and top + 0.2 * height < y < top + 0.8 * height, "his hips are where he is"


def same(first, second, rows=slice(None), other_rows=slice(None)):
    return len(first) == len(second) and all(
        np.array_equal(getattr(a, name)[rows], getattr(b, name)[other_rows])
        for a, b in zip(first, second, strict=True)
        for name in FIELDS
    )


def roots(frames):
    """(people, frames, 3)."""
    return np.stack([frame.joints[:, 0] for frame in frames], axis=1)


@pytest.fixture
def unreadable(monkeypatch):
    """From when it is called, reading any frame fails."""

    def refuse():
        def never(*_, **__):
            raise AssertionError("frames were read")
            yield

        for name in ("__iter__", "frames_at"):
            monkeypatch.setattr(framepump.VideoFrames, name, never)

    return refuse


@pytest.mark.parametrize("body", ["open", "smplx"])
def test_everybody_in_every_frame_and_the_same_again_from_the_cache(estimate, clip, body, tmp_path, unreadable):
    first = estimate(clip[1], body=body, cache=tmp_path / "cache")
    assert all(frame.valid.all() for frame in first)
    if body == "open":
        assert same(first, estimate(clip[1]))
    unreadable()
    assert same(first, estimate(clip[1], body=body, cache=tmp_path / "cache"))


def exchanged(tracks, first):
    """The same with the two people exchanged from a frame on."""
    one, other = tracks.masks
    return tracks_of(((*one[:first], *other[first:]), (*other[:first], *one[first:])))


def test_rows_follow_masks_after_an_edit(estimate, clip, tmp_path, unreadable):
    true, detected = clip[1], exchanged(clip[1], 3)
    right, cold = estimate(true), estimate(true, detected)
    wrong = estimate(detected, cache=tmp_path / "cache")
    unreadable()
    edited = estimate(true, detected, cache=tmp_path / "cache")
    assert same(edited, cold) and not same(edited, wrong)
    np.testing.assert_allclose(roots(edited), roots(right), atol=0.1)  # landmarks are sought along detected tracks
    turned = tracks_of(true.masks[::-1])
    assert same(estimate(turned, detected, cache=tmp_path / "cache"), edited, [1, 0])


def test_nobodys_result_depends_on_who_else_is_wanted(estimate, clip):
    both, alone = estimate(clip[1]), estimate(tracks_of(clip[1].masks[1:]), clip[1])
    assert same(both, alone, [1])


@pytest.mark.parametrize("n_people", [0, 2])
def test_nobody_anywhere_is_nothing_to_read(estimate, unreadable, n_people):
    unreadable()
    frames = estimate(tracks_of(((None,) * N,) * n_people))
    assert len(frames) == N and not any(frame.valid.any() for frame in frames)


def test_who_leaves_or_has_an_empty_mask_is_not_estimated_there(estimate, clip):
    man, woman = (list(track) for track in clip[1].masks)
    woman[3:] = [None] * 3
    man[2] = RLEMask.zeros(SIZE_PX[::-1])
    valid = np.array([frame.valid for frame in estimate(tracks_of((tuple(man), tuple(woman))))])
    assert valid.T.tolist() == [[t != 2 for t in range(N)], [t < 3 for t in range(N)]]


def test_one_frame(estimate, clip):
    (frame,) = estimate(tracks_of(tuple(track[:1] for track in clip[1].masks)))
    assert frame.valid.all()


def test_a_longer_lens_puts_everybody_farther_away(estimate, clip, tmp_path):
    near = roots(estimate(clip[1], cache=tmp_path))
    focal_px = (2 * LENS.focal_px[0], 2 * LENS.focal_px[1])
    far = roots(estimate(clip[1], cache=tmp_path, lens=replace(LENS, focal_px=focal_px)))
    np.testing.assert_allclose(far[..., 2] / near[..., 2], 2, rtol=0.1)
    zoomed = estimate(clip[1], cache=tmp_path, lens=replace(LENS, zoom=[2.0] * N))
    np.testing.assert_allclose(roots(zoomed), far, atol=0.02)
    straight = estimate(clip[1], cache=tmp_path, lens=replace(LENS, distortion=[0.0] * 5))
    np.testing.assert_allclose(roots(straight), near, atol=1e-3)


def test_a_shot_is_estimated_without_the_other(estimate, clip, tmp_path):
    first, second = (estimate(tracks, cuts=[3], cache=tmp_path) for tracks in (clip[1], exchanged(clip[1], 3)))
    np.testing.assert_allclose(roots(first)[:, :3], roots(second)[:, :3], atol=0.02)
    np.testing.assert_allclose(roots(first)[:, 3:], roots(second)[::-1, 3:], atol=0.02)
