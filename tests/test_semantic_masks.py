"""Every pixel of any person, generously."""

import importlib.util

import numpy as np
import pytest
from rlemasklib import RLEMask
from scipy.ndimage import distance_transform_edt
from synthetic_videos import write_video

from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.semantic_masks import semantic_masks
from nlf_pipeline.semantics import make_people_masker
from nlf_pipeline.semantics.deeplabv3_options import DeepLabOptions
from nlf_pipeline.semantics.union import bridge_gaps, widen

WIDTH_PX, HEIGHT_PX, FPS = 120, 90, 30.0
SHAPE = (HEIGHT_PX, WIDTH_PX)


def box(left, top, width=12, height=30):
    mask = np.zeros(SHAPE, np.uint8)
    mask[top : top + height, left : left + width] = 1
    return RLEMask.from_array(mask)


def tracks(*rows, n_frames=None):
    n_frames = n_frames if n_frames is not None else len(rows[0])
    return MaskTracks((WIDTH_PX, HEIGHT_PX), FPS, n_frames, tuple(range(1, len(rows) + 1)), tuple(map(tuple, rows)))


def pixels(mask):
    return mask.to_array().astype(bool)


def run(tmp_path, followed, bystanders, **options):
    paths = {name: tmp_path / f"{name}.json" for name in ("masks", "bystanders", "out")}
    followed.save(paths["masks"])
    bystanders.save(paths["bystanders"])
    frames = [np.full((*SHAPE, 3), 90, np.uint8)] * followed.n_frames
    video = write_video(tmp_path / "clip.mp4", [t / FPS for t in range(followed.n_frames)], frames)
    semantic_masks(video=video, **paths, **options)
    return MaskTracks.load(paths["out"])


def test_everybody_is_marked_with_a_margin(tmp_path):
    walker = [box(10 + t, 20) for t in range(5)]
    bystander = [None, box(90, 10), box(90, 10), None, None]
    people = run(tmp_path, tracks(walker), tracks(bystander), dilation=0.05)
    assert people.person_ids == (0,) and people.n_frames == 5 and people.visible.all()
    for t, mask in enumerate(people.masks[0]):
        everybody = pixels(walker[t]) | (False if bystander[t] is None else pixels(bystander[t]))
        assert pixels(mask)[everybody].all()
        if bystander[t] is not None:
            distance = distance_transform_edt(~everybody)
            assert pixels(mask)[distance <= 5].all() and not pixels(mask)[distance > 8].any()


def test_without_people_every_frame_is_empty(tmp_path):
    people = run(tmp_path, tracks(n_frames=4), tracks(n_frames=4))
    assert people.person_ids == (0,) and people.n_frames == 4
    assert all(mask is not None and not mask.any() for mask in people.masks[0])


@pytest.mark.parametrize("margin_px", [0, 1, 2, 7, 16])
def test_widening_marks_all_within_the_margin_and_little_more(margin_px):
    mask = RLEMask.from_array((np.random.default_rng(0).random(SHAPE) < 0.002).astype(np.uint8))
    distance = distance_transform_edt(~pixels(mask))
    wide = pixels(widen(mask, margin_px))
    assert wide[distance <= 0.9 * margin_px].all() and not wide[distance > margin_px + 1].any()


def test_a_short_gap_is_bridged_along_the_way():
    truth = [box(5 + 3 * t, 30) for t in range(20)]
    seen = [None if 6 <= t < 14 else mask for t, mask in enumerate(truth)]
    for mask, true in zip(bridge_gaps(tuple(seen), FPS), truth, strict=True):
        assert mask is not None and pixels(mask)[pixels(true)].all()


def test_a_long_gap_stays_open_and_the_ends_reach_a_little_further():
    seen = [box(5, 30), *[None] * 60, box(90, 30), *[None] * 40]
    bridged = list(bridge_gaps(tuple(seen), FPS))
    assert bridged[30] is None and bridged[-1] is None
    lead = [t for t, mask in enumerate(bridged) if mask is not None and seen[t] is None]
    assert lead == list(range(62, 68))
    assert list(bridge_gaps((None, None), FPS)) == [None, None]


def test_masks_are_where_they_were_when_nothing_moves():
    mask = box(40, 20)
    masker = make_people_masker("union", dilation=0.0)
    people = masker.mask_people(None, [tracks([mask] * 3), tracks(n_frames=3)])
    assert all((pixels(found) == pixels(mask)).all() for found in people.masks[0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mask_threshold": 0.0}, r"deeplabv3\.mask_threshold is 0; expected 0\.01 to 0\.99"),
        ({"mask_threshold": float("nan")}, r"deeplabv3\.mask_threshold is nan"),
        ({"batch_size": 0}, r"deeplabv3\.batch_size is 0; expected 1 to 256"),
        ({"input_size": 10}, r"deeplabv3\.input_size is 10; expected 32 to 2160"),
    ],
)
def test_senseless_options_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        DeepLabOptions(**values)


def test_a_missing_package_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"torchvision.*make install-reference"):
        make_people_masker("deeplabv3")
