"""Our scores of identities agree with py-motmetrics; the clips they are measured on hold what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_clips.choreographies import CLIPS, FPS
from identity_clips.dressing import draw_roles
from identity_scores import score_overlap
from rlemasklib import RLEMask

from nlf_pipeline.demo.choreography import trace_path
from nlf_pipeline.evaluation.identities import identity_measurements, mask_overlap
from nlf_pipeline.masks import MaskTracks

pytestmark = pytest.mark.filterwarnings("ignore")  # of pandas


def random_tracks(rng, n_frames=25, n_people=3, n_tracks=4):
    """Overlaps of tracks that follow people, change between them, break off and miss; disjoint, as masks are."""
    overlap = np.zeros((n_frames, n_people, n_tracks))
    shown = rng.random((n_tracks, n_frames)) < 0.8
    asked = rng.random((n_people, n_frames)) < 0.9
    owner = rng.permutation(n_tracks)[:n_people]
    for frame in range(n_frames):
        if rng.random() < 0.15:
            owner = rng.permutation(n_tracks)[:n_people]
        for person, track in enumerate(owner):
            if shown[track, frame]:
                overlap[frame, person, track] = rng.choice([0.3, 0.6, 0.9], p=[0.15, 0.25, 0.6])
    return overlap, asked, shown


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), n_people=st.integers(1, 4))
def test_our_scores_are_those_of_motmetrics(seed, n_people):
    overlap, asked, shown = random_tracks(np.random.default_rng(seed), n_people=n_people)
    ours = {m.name: m.value for m in identity_measurements(overlap, asked, shown)}
    theirs = score_overlap(overlap, asked, shown)
    assert ours["identity switches"] == theirs.switches
    if asked.any():
        assert ours["detection recall"] == pytest.approx(theirs.recall)
        assert ours["IDF1"] == pytest.approx(theirs.idf1)


def boxes(*left_edges, width=20):
    """A track of boxes with these left edges; None where there is none."""
    track = []
    for left in left_edges:
        mask = np.zeros((40, 200), np.uint8)
        if left is not None:
            mask[:, left : left + width] = 1
        track.append(None if left is None else RLEMask.from_array(mask))
    return tuple(track)


def test_a_swap_counts_for_both_and_halves_idf1():
    true = MaskTracks((200, 40), 25.0, 4, (1, 2), (boxes(0, 0, 0, 0), boxes(100, 100, 100, 100)))
    found = MaskTracks((200, 40), 25.0, 4, (1, 2), (boxes(0, 0, 100, 100), boxes(100, 100, 0, 0)))
    scores = score_overlap(mask_overlap(true, found), true.visible, found.visible)
    assert scores.switches == 2 and scores.idf1 == pytest.approx(0.5) and scores.recall == scores.precision == 1


@pytest.mark.parametrize("name", CLIPS)
def test_people_of_a_clip_do_not_walk_through_one_another(name):
    clip = CLIPS[name]
    paths = [trace_path(script, clip.n_frames / FPS) for script in clip.scripts]
    times = np.arange(clip.n_frames) / FPS
    places = np.stack([path.xz_at(times) for path in paths])
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + 10 * np.eye(len(paths))[..., None]
    assert distances.min() > 0.3
    assert len(paths) <= 4 and (places[..., 1] < -1).all()


def test_only_twins_look_alike():
    scripts = CLIPS["circle"].scripts
    others = draw_roles(scripts, False, np.random.default_rng(1))
    assert len({role.outfit.top for role in others}) == len(scripts)
    twins = draw_roles(scripts, True, np.random.default_rng(1))
    assert len({(role.outfit, role.stature) for role in twins}) == 1 and [r.script for r in twins] == list(scripts)
