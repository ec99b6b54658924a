"""People found by NLF's detector: a stand-in finds bright boxes and sees a body with spread limbs in each."""

from pathlib import Path

import numpy as np
import pytest
import torch
from standins.nlf import write_weights

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.estimators.nlf_options import NlfOptions
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.segment import segment
from nlf_pipeline.video import writing_video
from nlf_pipeline.weights.registry import weights_path

SIZE_PX = (320, 180)
FPS = 12.0
COLOURS = np.array([(220, 60, 60), (70, 200, 90)])


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_weights(weights_path(folder, "nlf_l"))
    return folder


@pytest.fixture
def run(tmp_path, weights):
    """Segment a clip of boxes: `boxes[t]` are (colour, left, top, width, height) in frame t."""

    def run(boxes, cuts=(), **options) -> tuple[MaskTracks, MaskTracks]:
        with writing_video(tmp_path / "clip.mp4", FPS, crf=4) as sink:
            for present in boxes:
                picture = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
                for colour, left, top, width, height in present:
                    picture[top : top + height, left : left + width] = COLOURS[colour]
                sink.append_data(picture)
        VideoFacts("clip", *SIZE_PX, FPS, len(boxes), cuts=list(cuts)).save(tmp_path / "video.json")
        outs = {name: tmp_path / f"{name}.json" for name in ("out", "bystanders_out", "doubts_out")}
        given = {"video": tmp_path / "clip.mp4", "video_facts": tmp_path / "video.json", "weights": weights}
        segment(**{**given, **outs, "segmenter": "nlf", "device": "cpu", **options})
        return MaskTracks.load(outs["out"]), MaskTracks.load(outs["bystanders_out"])

    return run


def walking(n):
    """Two people walking towards the right and the left, apart."""
    return [[(0, 60 + t, 40, 30, 100), (1, 250 - t, 60, 24, 80)] for t in range(n)]


def centres(track):
    return np.array([mask.centroid() for mask in track if mask is not None])


def test_two_people_are_followed_through_the_clip(run):
    n = 20
    people, bystanders = run(walking(n))
    assert people.visible.all() and people.visible.shape == (2, n) and not bystanders.person_ids
    # The larger one first. A silhouette is about as high as the box it was found in, and stands in it.
    for k, (left, step, top, width, height) in enumerate([(60, 1, 40, 30, 100), (250, -1, 60, 24, 80)]):
        middle = np.array([left + step * (n - 1) / 2 + width / 2, top + height / 2])
        np.testing.assert_allclose(centres(people.masks[k]).mean(axis=0), middle, atol=0.15 * height)
        assert np.diff(centres(people.masks[k])[:, 0]) == pytest.approx(step, abs=1.0)
        assert people.boxes_px[k, :, 3].mean() == pytest.approx(height, rel=0.25)


def test_pixels_belong_to_one_person_the_nearer_one(run):
    boxes = [[(0, 100, 40, 36, 120), (1, 150, 60, 24, 60)]] * 8
    people, _ = run(boxes)
    nearer, farther = (np.stack([mask.to_array() for mask in track]) for track in people.masks)
    assert not (nearer & farther).any()
    alone, _ = run([[box[1]] for box in boxes])
    whole = np.stack([mask.to_array() for mask in alone.masks[0]])
    assert farther.sum() < whole.sum()  # spread arms reach over
    assert not (farther & ~whole.astype(bool)).any()


def test_somebody_unseen_for_a_moment_is_the_same_person(run):
    boxes = walking(24)
    for t in range(10, 15):
        boxes[t] = boxes[t][:1]
    people, _ = run(boxes)
    assert len(people.person_ids) == 2
    assert people.visible[1].tolist() == [not 10 <= t < 15 for t in range(24)]


def touching(n, at):
    """A child beside somebody; in the frames `at` the two are found as one, whose body stands between them."""
    boxes = [[(0, 100, 40, 30, 100), (1, 134, 90, 16, 50)] for _ in range(n)]
    for t in at:
        boxes[t].append((0, 128, 100, 8, 20))
    return boxes


@pytest.mark.parametrize(("n", "at"), [(12, (5, 6)), (5, (1, 3)), (24, range(1, 24, 2))])
def test_who_is_found_together_with_somebody_for_moments_is_not_lost(run, n, at):
    people, bystanders = run(touching(n, at))
    assert len(people.person_ids) + len(bystanders.person_ids) == 2
    tracks = [*people.masks, *bystanders.masks]
    for x, y in ((115, 60), (142, 110)):
        for t in sorted({*range(n)} - {*at}):
            there = [mask.to_array()[y - 10 : y + 10, x - 9 : x + 9] for track in tracks if (mask := track[t])]
            assert np.any(there)


def test_who_jumps_about_is_followed_only_where_a_point_chooses_him(run):
    boxes = touching(24, range(1, 24, 2))
    people, bystanders = run(boxes)
    assert people.person_ids == (1,) and bystanders.person_ids == (2,)
    assert np.median(centres(people.masks[0])[:, 0]) > np.median(centres(bystanders.masks[0])[:, 0])
    people, bystanders = run(boxes, select_points=((115.0, 90.0),))
    assert people.visible.all() and people.visible.shape == (1, 24) and bystanders.visible.sum() == 12


def test_a_cut_ends_everybody(run):
    people, _ = run(walking(24), cuts=(12,))
    assert sorted(people.visible.sum(axis=1)) == [12] * 4
    assert not (people.visible[:, :12].any(axis=1) & people.visible[:, 12:].any(axis=1)).any()


def test_nobody_gives_no_rows(run):
    people, bystanders = run([[]] * 5)
    assert people.person_ids == bystanders.person_ids == () and people.n_frames == 5


def test_options_reach_the_detector(run):
    people, bystanders = run(walking(6), max_persons=1)
    assert len(people.person_ids) == len(bystanders.person_ids) == 1
    people, bystanders = run(walking(6), nlf=NlfOptions(max_detections=1))
    assert len(people.person_ids) == 1 and not bystanders.person_ids
    people, _ = run(walking(6), nlf=NlfOptions(detector_threshold=0.95))
    assert not people.person_ids


def test_batches_do_not_matter(run):
    one, other = (run(walking(11), nlf=NlfOptions(batch_size=size))[0] for size in (1, 8))
    for a, b in zip(one.masks, other.masks, strict=True):
        assert all(np.array_equal(p.to_array(), q.to_array()) for p, q in zip(a, b, strict=True))


def test_a_release_without_smpls_points_is_refused(run, tmp_path):
    write_weights(weights_path(tmp_path / "bare", "nlf_l"), cano_all={"other": torch.zeros(3, 3)})
    with pytest.raises(UserError, match="SMPL's points"):
        run([[]] * 2, weights=tmp_path / "bare")
