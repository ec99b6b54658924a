"""Finding people and choosing whom to follow: by law on made-up masks, and with the real models on a few frames."""

import itertools
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlemasklib import RLEMask
from synthetic_videos import write_video

from nlf_pipeline.artefacts import IdentityDoubt, IdentityDoubts, VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.evaluation.identities import mask_overlap
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.metrics import identity_scores
from nlf_pipeline.render_demo import render_demo
from nlf_pipeline.segment import segment
from nlf_pipeline.segmenters import PeopleChoice
from nlf_pipeline.segmenters.blazepose import follow_everybody
from nlf_pipeline.segmenters.people_choice import choose_people, prominence
from nlf_pipeline.segmenters.people_detection import search_tiles, tile_about, tiles
from nlf_pipeline.video import read_frames

SIZE_PX = (200, 100)
FPS = 10.0


def box(left, top, width=20, height=40):
    mask = np.zeros(SIZE_PX[::-1], np.uint8)
    mask[top : top + height, left : left + width] = 1
    return RLEMask.from_array(mask)


def tracks(*rows):
    return MaskTracks(SIZE_PX, FPS, len(rows[0]), tuple(range(len(rows))), tuple(map(tuple, rows)))


def choose(everybody, max_persons=6, points=(), frame=0, cuts=()):
    shots = [slice(a, b) for a, b in itertools.pairwise([0, *cuts, everybody.n_frames])]
    return choose_people(everybody, PeopleChoice(max_persons, points, frame), shots)


LARGE, SMALL, SHORT = [box(90, 20, 30, 60)] * 4, [box(20, 40, 10, 20)] * 4, [box(150, 20, 30, 60), None, None, None]


# --- whom to follow


def test_the_most_prominent_come_first_and_are_numbered():
    people = choose(tracks(SMALL, SHORT, LARGE), max_persons=2)
    assert people.followed.person_ids == (1, 2) and people.bystanders.person_ids == (3,)
    assert people.followed.masks == (tuple(LARGE), tuple(SHORT))
    assert people.bystanders.masks == (tuple(SMALL),)


def test_nobody_is_lost_and_the_left_out_are_named(caplog):
    with caplog.at_level(logging.INFO):
        people = choose(tracks(SMALL, LARGE), max_persons=1)
    assert len(people.followed.masks) + len(people.bystanders.masks) == 2
    assert "20 pixels high at (25, 50)" in caplog.text


def test_prominence_grows_with_size_time_and_towards_the_centre():
    area, longer, corner = [box(90, 30), None], [box(90, 30)] * 2, [box(0, 0), None]
    larger = [box(90, 30, 20, 44), None]
    base, *others = prominence(tracks(area, longer, larger, corner))
    assert others[0] == pytest.approx(2 * base) and others[1] > base > others[2] > 0


def test_each_shot_has_its_own_most_prominent():
    before, after = [*LARGE[:2], None, None], [None, None, *SMALL[:2]]
    beside = [*SMALL[:2], None, None]
    people = choose(tracks(before, beside, after), max_persons=1, cuts=[2])
    assert people.followed.masks == (tuple(before), tuple(after))
    assert people.bystanders.masks == (tuple(beside),)


def test_points_choose_people_in_their_frame():
    late = [None, None, box(20, 40), box(20, 40)]
    everybody = tracks(LARGE, SMALL, late)
    assert choose(everybody, points=((25.0, 50.0),), frame=0).followed.masks == (tuple(SMALL),)
    both = choose(everybody, max_persons=1, points=((25.0, 70.0), (100.0, 50.0)), frame=3)
    assert both.followed.masks == (tuple(LARGE), tuple(late))


def test_doubts_are_about_the_people_followed_under_their_new_ids():
    doubts = [
        IdentityDoubt(2, 3, [0, 2], "crossing", 0.2),
        IdentityDoubt(1, 2, [1, 2], "occlusion", 0.5),
        IdentityDoubt(0, 1, [1], "reappearance", 0.1),
    ]
    everybody = tracks(SMALL, SHORT, LARGE)
    people = choose_people(everybody, PeopleChoice(2, (), 0), [slice(0, 4)], doubts)
    assert [(d.start, d.person_ids) for d in people.doubts.doubts] == [(0, [2]), (1, [2, 1]), (2, [1])]
    people = choose_people(everybody, PeopleChoice(1, (), 0), [slice(0, 4)], doubts)
    assert [(d.start, d.person_ids) for d in people.doubts.doubts] == [(1, [1]), (2, [1])]


def test_the_unreliable_are_followed_only_where_a_point_chooses_them():
    everybody, shots = tracks(SMALL, LARGE), [slice(0, 4)]
    people = choose_people(everybody, PeopleChoice(2, (), 0), shots, unreliable=[1])
    assert people.followed.masks == (tuple(SMALL),) and people.bystanders.masks == (tuple(LARGE),)
    people = choose_people(everybody, PeopleChoice(2, ((100.0, 50.0),), 0), shots, unreliable=[1])
    assert people.followed.masks == (tuple(LARGE),) and people.bystanders.masks == (tuple(SMALL),)


def test_a_point_just_beside_somebody_still_means_him():
    assert choose(tracks(LARGE, SMALL), points=((31.0, 50.0),)).followed.masks == (tuple(SMALL),)


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ((5.0, 5.0), ["(5, 5)", "0.00 s", "x 90-120 y 20-80", "x 20-30 y 40-60"]),
        ((500.0, 50.0), ["(500, 50)", "200 pixels wide and 100 high"]),
        ((-1.0, 50.0), ["outside"]),
    ],
)
def test_a_point_on_nobody_says_who_is_where(point, words):
    with pytest.raises(UserError) as error:
        choose(tracks(LARGE, SMALL), points=(point,))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_nobody_to_choose_from():
    nobody = MaskTracks(SIZE_PX, FPS, 4, (), ())
    people = choose(nobody)
    assert people.followed.masks == people.bystanders.masks == ()
    with pytest.raises(UserError, match="nor anywhere else"):
        choose(nobody, points=((50.0, 50.0),))


# --- tiles


@given(
    width=st.integers(40, 2000),
    height=st.integers(40, 2000),
    smallest=st.none() | st.floats(5, 2000),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_tiles_lie_inside_the_frame_and_hold_everybody_of_their_size_whole(width, height, smallest, x, y):
    found = search_tiles((width, height), smallest)
    assert (found[0].width, found[0].height) == (width, height)
    for tile in found:
        assert 0 <= tile.left <= width - tile.width and 0 <= tile.top <= height - tile.height
    side = min(found[-1].width, found[-1].height)
    size = side * 0.35  # less than the overlap
    left, top = x * (width - size), y * (height - size)
    assert any(
        tile.left <= left
        and tile.top <= top
        and left + size <= tile.left + tile.width
        and top + size <= tile.top + tile.height
        for tile in tiles((width, height), side)
    )


@given(x=st.floats(-50, 700), y=st.floats(-50, 500), size=st.floats(4, 2000))
def test_a_tile_about_a_place_is_inside_the_frame_and_holds_the_place(x, y, size):
    tile = tile_about(np.array([x, y]), size, (640, 400))
    assert tile.width > 0 and tile.height > 0
    assert 0 <= tile.left <= 640 - tile.width and 0 <= tile.top <= 400 - tile.height
    nearest = np.clip([x, y], 0, [639, 399])
    assert (nearest >= [tile.left - 1, tile.top - 1]).all()
    assert (nearest <= [tile.left + tile.width, tile.top + tile.height]).all()


# --- the stage


def run(folder, frames, fps=25.0, cuts=(), **options):
    """Masks of followed people and of bystanders in a clip of `frames`."""
    video = write_video(folder / "clip.mp4", [t / fps for t in range(len(frames))], frames)
    height_px, width_px = frames[0].shape[:2]
    VideoFacts("clip", width_px, height_px, fps, len(frames), cuts=list(cuts)).save(folder / "video.json")
    outputs = folder / "masks.json", folder / "bystanders.json"
    segment(
        video=video,
        video_facts=folder / "video.json",
        out=outputs[0],
        bystanders_out=outputs[1],
        doubts_out=folder / "identity_doubts.json",
        **options,
    )
    return tuple(MaskTracks.load(path) for path in outputs)


def texture(seed, width_px=320, height_px=240):
    """A wall of bricks and noise."""
    rng = np.random.default_rng(seed)
    wall = np.kron(rng.integers(90, 200, (height_px // 16, width_px // 32, 3)), np.ones((16, 32, 1)))
    return np.clip(wall + rng.normal(0, 10, wall.shape), 0, 255).astype(np.uint8)


def test_a_clip_without_people_gives_empty_files_and_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        followed, bystanders = run(tmp_path, [texture(0)] * 12)
    for people in (followed, bystanders):
        assert people.person_ids == () and people.n_frames == 12 and people.size_px == (320, 240)
        assert people.boxes_px.shape == (0, 12, 4)
    assert "no person was found" in caplog.text


@pytest.mark.parametrize("options", [{"max_persons": 0}, {"seg_init_time": -0.1}, {"seg_init_time": 9.0}])
def test_senseless_options_are_refused_before_any_work(tmp_path, options):
    with pytest.raises(UserError, match=next(iter(options))):
        run(tmp_path, [texture(0)] * 2, **options)
    assert not (tmp_path / "masks.json").exists()


def test_points_on_an_empty_clip_are_refused_and_leave_nothing_behind(tmp_path):
    with pytest.raises(UserError, match="nobody was found"):
        run(tmp_path, [texture(1)] * 2, select_points=((10.0, 10.0),))
    assert not (tmp_path / "masks.json").exists()


# --- rendered people: two of them cross, one hidden almost wholly


@pytest.fixture(scope="module")
def crossing(body_dir, tmp_path_factory):
    """(frames, true masks) of the demo's first crossing."""
    folder = tmp_path_factory.mktemp("crossing")
    render_demo(body=body_dir, out=folder / "clip.mp4", truth=folder / "truth", n_frames=32)
    return [np.array(frame) for frame in read_frames(folder / "clip.mp4")], MaskTracks.load(folder / "truth/masks.json")


def test_people_who_cross_are_kept_apart(crossing, tmp_path):
    frames, truth = crossing
    found, bystanders = run(tmp_path, frames)
    assert len(found.person_ids) == 3 and not bystanders.person_ids
    overlap = mask_overlap(truth, found)
    scores = identity_scores(overlap, truth.visible, found.visible)
    assert scores.switches == 0 and scores.recall > 0.93
    assert overlap.max(axis=2)[truth.visible.T].mean() > 0.85
    assert IdentityDoubts.load(tmp_path / "identity_doubts.json").doubts == []
    for at_one_time in zip(*found.masks, strict=True):
        shown = [mask for mask in at_one_time if mask is not None]
        assert max(sum(mask.to_array().astype(int) for mask in shown).ravel()) <= 1


def test_identities_end_at_a_cut_and_nothing_before_it_changes(crossing):
    frames, _ = crossing
    alone, _ = follow_everybody(frames[:8], VideoFacts("clip", 1280, 720, 25.0, 8))
    found, _ = follow_everybody([*frames[:8], *frames[:8]], VideoFacts("clip", 1280, 720, 25.0, 16, cuts=[8]))
    assert len(alone.masks) == 3
    nothing = (None,) * 8
    assert found.masks == (*(track + nothing for track in alone.masks), *(nothing + track for track in alone.masks))


def test_a_chosen_person_is_followed_and_the_others_are_bystanders(crossing, tmp_path):
    frames, truth = crossing
    x, y = truth.masks[2][5].centroid()
    found, bystanders = run(tmp_path, frames[:10], select_points=((float(x), float(y)),), seg_init_time=5.5 / 25)
    assert found.person_ids == (1,) and len(bystanders.person_ids) == 2
    assert all(
        mask is not None and mask.iou(true) > 0.8 for mask, true in zip(found.masks[0], truth.masks[2], strict=False)
    )


def test_large_pictures_are_masked_in_their_own_pixels(crossing, tmp_path):
    """Work is done on a reduced picture; masks must not shift."""
    frames, truth = crossing
    large = [np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1) for frame in frames[:3]]
    found, _ = run(tmp_path, large)
    assert found.size_px == (2560, 1440) and len(found.person_ids) == 3
    true = [RLEMask.from_array(np.kron(track[2].to_array(), np.ones((2, 2), np.uint8))) for track in truth.masks]
    assert all(max(mask.iou(track[2]) for track in found.masks) > 0.85 for mask in true)
