"""The same laws for all segmenters: STCN's real network and NLF by their stand-ins, BlazePose as it is."""

import itertools

import numpy as np
import pytest
from pasted_people import FPS, MAN, SIZE_PX, WOMAN, BrightDetector
from rlemasklib import RLEMask
from standins import maskrcnn, nlf, stcn

from nlf_pipeline.artefacts import IdentityDoubts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segment import segment
from nlf_pipeline.segmenters import maskrcnn as detection
from nlf_pipeline.segmenters.people_choice import prominence
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.weights.registry import weights_path

SEGMENTERS = ("blazepose", "stcn", "nlf")
LEAST_OVERLAP = {"blazepose": 0.8, "stcn": 0.3, "nlf": 0.15}
"""Intersection over union with the true masks: STCN's stand-in knows colours of places of 16 pixels, and whom NLF's
stand-in sees spreads arms and legs."""
OUTPUTS = ("masks.json", "bystanders.json", "doubts.json")
N, CUT = 5, 3


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name, model in (("stcn", stcn), ("maskrcnn", maskrcnn), ("nlf_l", nlf)):
        model.write_weights(weights_path(folder, name))
    return folder


def walking(t):
    """Two people apart from each other."""
    return [(MAN, 90 + 2 * t, 104), (WOMAN, 240 - 2 * t, 120)]


def in_two_shots(t):
    """They change places at the cut."""
    return walking(t) if t < CUT else [(MAN, 240 - 2 * t, 104), (WOMAN, 80 + 2 * t, 120)]


@pytest.fixture(params=SEGMENTERS)
def segmenter(request, monkeypatch):
    monkeypatch.setattr(detection, "MaskRcnnDetector", BrightDetector)
    return request.param


@pytest.fixture
def run(segmenter, weights, tmp_path, cutouts):
    """Segment a clip of a scene, checked for what holds for every clip."""

    def run(scene, n_frames=N, cuts=(), out="out", **options):
        truth = cutouts.write(tmp_path, scene, n_frames, cuts)
        found = run_stage(tmp_path, tmp_path / out, segmenter, weights, **options)
        check(*found, n_frames, [0, *cuts, n_frames])
        return *found, truth

    return run


def run_stage(clip, out, segmenter, weights, **options):
    segment(
        video=clip / "clip.mp4",
        video_facts=clip / "video.json",
        out=out / OUTPUTS[0],
        bystanders_out=out / OUTPUTS[1],
        doubts_out=out / OUTPUTS[2],
        segmenter=segmenter,
        stcn=StcnOptions(passes=1, resolution=160, detector_resolution=64, redetect_every=0.4, memory_frames=16),
        weights=weights,
        device="cpu",
        **options,
    )
    return (*(MaskTracks.load(out / name) for name in OUTPUTS[:2]), IdentityDoubts.load(out / OUTPUTS[2]))


def check(followed, bystanders, doubts, n_frames, bounds):
    for tracks in (followed, bystanders):
        assert (tracks.size_px, tracks.fps, tracks.n_frames) == (SIZE_PX, FPS, n_frames)
        assert tracks.visible.shape == (len(tracks.person_ids), n_frames) and tracks.visible.any(axis=1).all()
        masks = [mask for track in tracks.masks for mask in track if mask is not None]
        assert all(mask.shape == SIZE_PX[::-1] and mask.any() for mask in masks)
        assert np.all(np.diff(prominence(tracks)) <= 0), "the most prominent first"
        shots = [tracks.visible[:, a:b].any(axis=1) for a, b in itertools.pairwise(bounds)]
        assert np.all(np.sum(shots, axis=0) <= 1), "nobody is known again after a cut"
    ids = [*followed.person_ids, *bystanders.person_ids]
    assert ids == list(range(1, len(ids) + 1))
    assert all(np.sum(pixels, axis=0).max() <= 1 for pixels in shown(followed) if pixels), "a pixel is one person's"
    assert [doubt.start for doubt in doubts.doubts] == sorted(doubt.start for doubt in doubts.doubts)
    for doubt in doubts.doubts:
        assert 0 <= doubt.start < doubt.stop <= n_frames and 0 <= doubt.margin <= 1
        assert doubt.person_ids and set(doubt.person_ids) <= set(followed.person_ids)
        assert len(set(doubt.person_ids)) == len(doubt.person_ids)
        shot = next(slice(a, b) for a, b in itertools.pairwise(bounds) if a <= doubt.start < b)
        rows = [followed.person_ids.index(person_id) for person_id in doubt.person_ids]
        assert doubt.stop <= shot.stop and followed.visible[rows, shot].any(axis=1).all()


def shown(tracks):
    """Everybody's pixels by frame."""
    return [
        [mask.to_array().astype(int) for mask in frame if mask is not None] for frame in zip(*tracks.masks, strict=True)
    ]


def overlaps(track, true):
    """With a person's true masks by frame, NaN where there is no mask."""
    return np.array(
        [
            np.nan if mask is None else float(mask.iou(RLEMask.from_array(there.astype(np.uint8))))
            for mask, there in zip(track, true, strict=True)
        ]
    )


def middle_px(pixels):
    """A position well inside."""
    rows, columns = np.nonzero(pixels)
    k = np.argmin(np.hypot(rows - rows.mean(), columns - columns.mean()))
    return float(columns[k]), float(rows[k])


def test_people_are_marked_where_they_are_in_every_frame(run, segmenter):
    followed, bystanders, doubts, truth = run(walking, 4)
    assert len(followed.person_ids) == 2 and not bystanders.person_ids and not doubts.doubts
    for k, track in enumerate(followed.masks):  # the man is larger
        found = overlaps(track, [people[k] for people in truth])
        assert np.nanmin(found) > LEAST_OVERLAP[segmenter] and not np.isnan(found).any()


def test_a_cut_ends_everybody_and_runs_repeat_themselves(run, tmp_path):
    followed, _, _, truth = run(in_two_shots, cuts=[CUT])
    assert sorted(followed.visible.sum(axis=1)) == [N - CUT, N - CUT, CUT, CUT]
    for track in followed.masks:  # the same person throughout
        people = [k for k in range(2) if np.nanmin(overlaps(track, [frame[k] for frame in truth])) > 0.1]
        assert len(people) == 1
    run(in_two_shots, cuts=[CUT], out="again")
    for name in OUTPUTS:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_as_many_are_followed_as_wanted_in_each_shot_and_the_others_are_bystanders(run):
    followed, bystanders, _, truth = run(in_two_shots, cuts=[CUT], max_persons=1)
    assert followed.visible.sum(axis=0).tolist() == [1] * N
    assert bystanders.visible[:, [0, CUT]].sum(axis=0).tolist() == [1, 1]
    for tracks, who in ((followed, 0), (bystanders, 1)):
        for track in tracks.masks:
            assert np.nanmin(overlaps(track, [people[who] for people in truth])) > 0.1


def test_points_choose_in_their_frame(run):
    late = 2

    def she_comes_later(t):
        return walking(t) if t >= late else walking(t)[:1]

    seconds = (late + 0.5) / FPS
    (x, y), outside = walking(late)[1][1:], (SIZE_PX[0] + 5.0, 50.0)
    followed, bystanders, _, truth = run(she_comes_later, 5, select_points=((x, y - 15),), seg_init_time=seconds)
    assert followed.person_ids == (1,) and bystanders.person_ids
    assert overlaps(followed.masks[0][late:], [people[1] for people in truth[late:]])[0] > 0.1
    assert not followed.visible[0, 0]
    both = (middle_px(truth[late][0]), middle_px(truth[late][1]), (x, y - 15))
    assert len(run(she_comes_later, 5, select_points=both, seg_init_time=seconds, max_persons=1)[0].person_ids) == 2
    for point, time, message in (
        (
            (x, y - 15),
            0.0,
            r"select_points: nobody was found at \(.*\) at 0\.00 s \(frame 0\)\. People were found at: x",
        ),
        ((3.0, 3.0), seconds, r"select_points: nobody was found at \(3, 3\) at 0\.40 s \(frame 2\)"),
        (outside, seconds, r"select_points: \(325, 50\) is outside the picture"),
    ):
        with pytest.raises(UserError, match=message):
            run(she_comes_later, 5, out="refused", select_points=(point,), seg_init_time=time)


def test_a_point_chooses_in_its_shot_and_everybody_else_is_a_bystander(run):
    _, x, y = in_two_shots(N - 1)[0]
    followed, bystanders, _, truth = run(
        in_two_shots, cuts=[CUT], select_points=((x, y - 20),), seg_init_time=N / FPS, max_persons=3
    )
    assert followed.visible.tolist() == [[False] * CUT + [True] * (N - CUT)]
    assert overlaps(followed.masks[0][-1:], [truth[-1][0]])[0] > 0.1
    assert bystanders.visible[:, [0, CUT - 1, N - 1]].sum(axis=0).tolist() == [2, 2, 1]


def test_nobody(run, tmp_path):
    followed, bystanders, doubts, _ = run(lambda _: [])
    assert followed.person_ids == bystanders.person_ids == () and doubts.doubts == []
    assert followed.boxes_px.shape == bystanders.boxes_px.shape == (0, N, 4)
    with pytest.raises(UserError, match=r"nobody was found at \(50, 50\).*nor anywhere else"):
        run(lambda _: [], out="refused", select_points=((50.0, 50.0),))
    assert not (tmp_path / "refused").exists()


def test_a_clip_of_one_frame(run):
    followed, _, _, truth = run(walking, 1)
    assert len(followed.person_ids) == 2 and followed.visible.all()
    assert [overlaps(track, [truth[0][k]])[0] > 0.1 for k, track in enumerate(followed.masks)] == [True, True]


def test_who_is_away_has_no_masks_and_a_row_again(run):
    gone = range(2, 6)
    followed, _, _, _ = run(lambda t: walking(t % 5)[: 1 if t in gone else 2], 8)
    assert followed.visible[0].all() and not followed.visible[1:, list(gone)].any()
    assert followed.visible[1:, [0, 7]].sum(axis=0).tolist() == [1, 1]


def test_doubts_are_said_where_people_of_one_look_are_hidden(run):
    def then_twins(t):
        if t < 2:
            return walking(t)
        return [] if 4 <= t < 10 else [(WOMAN, 94 + 3 * t, 110), (WOMAN, 226 - 3 * t, 110)]

    _, _, doubts, _ = run(then_twins, 12, cuts=[2], max_persons=2)
    assert doubts.doubts
