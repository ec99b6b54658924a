"""Whom the segmenter `stcn` follows and when, with models that know people by their colours."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from coloured_people import (
    FPS,
    SIZE_PX,
    ColourDetector,
    ColourModels,
    ColourPropagator,
    colour_of,
    draw,
    standing,
    write_clip,
)

from nlf_pipeline.artefacts import VideoFacts
from nlf_pipeline.errors import UserError
from nlf_pipeline.segmenters import PeopleChoice
from nlf_pipeline.segmenters.stcn import StcnSegmenter, load_models
from nlf_pipeline.segmenters.stcn_options import StcnOptions
from nlf_pipeline.video import read_frames

LEFT, MIDDLE, RIGHT = (16, 24, 24, 56), (68, 24, 24, 56), (120, 24, 24, 56)
OPTIONS = StcnOptions(resolution=96, redetect_every=1.0, memory_frames=8)


def run(folder, walks, n_frames, options=OPTIONS, choice=None, models=None, cuts=()):
    facts = write_clip(folder / "clip.mp4", walks, n_frames, cuts)
    choice = choice or PeopleChoice(6, (), n_frames // 2)
    models = models or ColourModels()
    return StcnSegmenter(options, models.load).segment(read_frames(folder / "clip.mp4"), facts, choice)


def frames_of(tracks, row):
    return [t for t, mask in enumerate(tracks.masks[row]) if mask is not None]


def rows_by_colour(tracks, walks):
    rows = {colour_of(tracks, row, walks): row for row in range(len(tracks.person_ids))}
    assert len(rows) == len(tracks.person_ids)
    return rows


@pytest.mark.parametrize("passes", [1, 2, 3])
@pytest.mark.parametrize("memory_every", [1, 4])
def test_everybody_is_followed_through_all_frames(tmp_path, passes, memory_every):
    walks = {"red": lambda t: (10 + 2 * t, 20, 24, 60), "blue": lambda t: (130 - 2 * t, 30, 20, 50)}
    models = ColourModels()
    options = StcnOptions(passes=passes, memory_every=memory_every, resolution=96, memory_frames=4)
    people = run(tmp_path, walks, 23, options, models=models)
    rows = rows_by_colour(people.followed, walks)
    assert people.followed.person_ids == (1, 2) and people.bystanders.person_ids == ()
    for colour, row in rows.items():
        for t, mask in enumerate(people.followed.masks[row]):
            truth = np.all(draw({colour: walks[colour]}, t) != 128, axis=-1)
            got = mask.to_array() > 0
            assert (truth & got).sum() / (truth | got).sum() > 0.9
    main = models.propagators[0]
    assert main.n_burn_in == (passes - 1) * 8 and main.longest_batch <= memory_every


def test_masks_have_the_clips_size_however_small_the_network_sees(tmp_path):
    walks = {"red": standing(MIDDLE, range(5))}
    people = run(tmp_path, walks, 5, StcnOptions(resolution=32))
    assert people.followed.masks[0][2].shape == SIZE_PX[::-1]
    assert people.followed.masks[0][2].area() == pytest.approx(24 * 56, rel=0.2)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("span", [(13, 40), (26, 40), (0, 14), (3, 9), (37, 40)])
def test_who_enters_or_leaves_is_followed_for_as_long_as_he_is_there(tmp_path, span, passes):
    walks = {"red": standing(LEFT, range(40)), "blue": standing(RIGHT, range(*span))}
    options = StcnOptions(passes=passes, redetect_every=0.5, resolution=96, memory_frames=8)
    people = run(tmp_path, walks, 40, options)
    rows = rows_by_colour(people.followed, walks)
    assert frames_of(people.followed, rows["red"]) == list(range(40))
    assert frames_of(people.followed, rows["blue"]) == list(range(*span))


def test_nobody_is_looked_for_later_if_so_asked(tmp_path):
    models = ColourModels()
    walks = {"red": standing(LEFT, range(30)), "blue": standing(RIGHT, range(20, 30))}
    people = run(tmp_path, walks, 30, StcnOptions(redetect_every=0, resolution=96), models=models)
    assert set(rows_by_colour(people.followed, walks)) == {"red"} and models.detector.looks == 1


def test_looks_are_never_rarer_than_frames(tmp_path):
    models = ColourModels()
    options = StcnOptions(redetect_every=0.001, resolution=96, passes=1)
    run(tmp_path, {"red": standing(LEFT, range(5))}, 5, options, models=models)
    assert models.detector.looks == 1 + 5


def test_who_returns_keeps_his_row_and_is_doubted(tmp_path):
    walks = {"red": standing(LEFT, range(50)), "blue": standing(RIGHT, [*range(12), *range(35, 50)])}
    people = run(tmp_path, walks, 50, choice=PeopleChoice(6, (), 5))
    blue = rows_by_colour(people.followed, walks)["blue"]
    assert frames_of(people.followed, blue) == [*range(12), *range(35, 50)]
    (doubt,) = people.doubts.doubts
    assert (doubt.start, doubt.stop, doubt.reason) == (12, 36, "reappearance")
    assert doubt.person_ids == [people.followed.person_ids[blue]] and 0 < doubt.margin < 1


def test_who_is_hidden_by_another_is_doubted_with_him(tmp_path):
    walks = {"red": standing((60, 20, 30, 60), range(40)), "blue": lambda t: (4 * t - 20, 14, 36, 72)}
    people = run(tmp_path, walks, 40, choice=PeopleChoice(6, (), 12))
    crossings = [doubt for doubt in people.doubts.doubts if doubt.reason == "crossing"]
    assert [sorted(doubt.person_ids) for doubt in crossings] == [[1, 2]]
    hidden = [t for t in range(40) if not (draw(walks, t) == (230, 40, 40)).all(axis=-1).any()]
    assert hidden and crossings[0].start < hidden[0] and hidden[-1] < crossings[0].stop
    assert crossings[0].margin < 0.1


# --- whom to follow


def test_the_best_are_followed_and_others_are_bystanders_about_each_look(tmp_path):
    walks = {"red": standing(LEFT, range(40)), "blue": standing(RIGHT, range(40))}
    models = ColourModels(ColourDetector({"red": 0.7}))
    people = run(tmp_path, walks, 40, choice=PeopleChoice(1, (), 20), models=models)
    assert set(rows_by_colour(people.followed, walks)) == {"blue"} and people.followed.person_ids == (1,)
    assert set(rows_by_colour(people.bystanders, walks)) == {"red"} and people.bystanders.person_ids == (2,)
    assert frames_of(people.bystanders, 0) == list(range(40))


def test_rows_are_in_order_of_prominence(tmp_path):
    walks = {"red": standing((10, 40, 8, 20), range(9)), "blue": standing((60, 10, 40, 80), range(9))}
    people = run(tmp_path, walks, 9, models=ColourModels(ColourDetector({"blue": 0.6})))
    assert rows_by_colour(people.followed, walks) == {"blue": 0, "red": 1}


def test_newcomers_take_the_room_that_there_is(tmp_path):
    walks = {
        "red": standing(LEFT, range(50)),
        "blue": standing(MIDDLE, range(31, 50)),
        "green": standing(RIGHT, range(41, 50)),
    }
    people = run(tmp_path, walks, 50, choice=PeopleChoice(2, (), 20))
    assert set(rows_by_colour(people.followed, walks)) == {"red", "blue"}
    assert set(rows_by_colour(people.bystanders, walks)) == {"green"}


def test_newcomers_need_a_good_score(tmp_path):
    walks = {"red": standing(LEFT, range(40)), "blue": standing(RIGHT, range(25, 40))}
    people = run(tmp_path, walks, 40, models=ColourModels(ColourDetector({"blue": 0.6})))
    assert set(rows_by_colour(people.followed, walks)) == {"red"}
    assert [frames_of(people.bystanders, 0)] == [list(range(20, 40))]  # a second about looks at 30 and 39
    assert people.bystanders.masks[0][30].bbox()[0] == pytest.approx(RIGHT[0], abs=2)


def test_who_is_seen_for_a_moment_is_a_bystander(tmp_path):
    walks = {"red": standing(LEFT, range(40)), "blue": standing(RIGHT, [30])}
    people = run(tmp_path, walks, 40)
    assert set(rows_by_colour(people.followed, walks)) == {"red"}
    assert set(rows_by_colour(people.bystanders, walks)) == {"blue"}


def test_points_choose_and_leave_no_room_for_others(tmp_path):
    walks = {"red": standing(LEFT, range(40)), "blue": standing(RIGHT, range(40)), "green": standing(MIDDLE, range(40))}
    people = run(tmp_path, walks, 40, choice=PeopleChoice(6, ((28, 40), (30, 50)), 10))
    assert set(rows_by_colour(people.followed, walks)) == {"red"}
    assert set(rows_by_colour(people.bystanders, walks)) == {"blue", "green"}


@pytest.mark.parametrize("point, words", [((80, 50), "nobody was found at"), ((200, 50), "outside the picture")])
def test_points_on_nobody_are_refused(tmp_path, point, words):
    walks = {"red": standing(LEFT, range(9))}
    with pytest.raises(UserError, match=words):
        run(tmp_path, walks, 9, choice=PeopleChoice(6, (point,), 4))


# --- shots


def test_people_do_not_cross_cuts(tmp_path):
    walks = {"red": standing(LEFT, range(30))}
    people = run(tmp_path, walks, 30, cuts=[10, 20])
    assert sorted(frames_of(people.followed, row) for row in range(3)) == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 30)),
    ]


def test_points_choose_in_their_shot_only(tmp_path):
    walks = {"red": standing(LEFT, range(30))}
    people = run(tmp_path, walks, 30, choice=PeopleChoice(6, ((28, 40),), 22), cuts=[15])
    assert [frames_of(people.followed, 0)] == [list(range(15, 30))]
    assert [frames_of(people.bystanders, 0)] == [list(range(15))]


def test_where_nobody_is_in_the_first_frame_others_are_tried(tmp_path):
    walks = {"red": standing(LEFT, range(10))}
    people = run(tmp_path, walks, 40, StcnOptions(redetect_every=0, resolution=96))
    assert frames_of(people.followed, 0) == list(range(10))


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_shortest_clips(tmp_path, n_frames, passes):
    walks = {"red": standing(LEFT, range(3))}
    people = run(tmp_path, walks, n_frames, StcnOptions(passes=passes, resolution=96))
    assert frames_of(people.followed, 0) == list(range(n_frames))


@pytest.mark.parametrize("passes", [1, 2])
def test_nobody_at_all(tmp_path, passes):
    people = run(tmp_path, {}, 12, StcnOptions(passes=passes, resolution=96))
    assert people.followed.masks == people.bystanders.masks == () and people.doubts.doubts == []
    assert people.followed.n_frames == 12


def test_no_frames():
    facts = VideoFacts("clip", *SIZE_PX, FPS, 0)
    people = StcnSegmenter(OPTIONS, ColourModels().load).segment(None, facts, PeopleChoice(6, (), 0))
    assert people.followed.masks == ()


def test_memory_of_frames_is_bounded(tmp_path):
    models = ColourModels()
    run(tmp_path, {"red": standing(LEFT, range(90))}, 90, OPTIONS, models=models)
    assert models.propagators[0].n_burn_in == 2 * OPTIONS.memory_frames


@pytest.mark.parametrize("wrong", [{"passes": 0}, {"redetect_every": -1.0}, {"detection_threshold": 1.5}, {"top_k": 0}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=rf"stcn\.{next(iter(wrong))} is"):
        StcnOptions(**wrong)


# --- mistakes and limits


def test_too_little_memory_is_said(tmp_path, monkeypatch):
    def fail(self, images, taken=None):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ColourPropagator, "follow", fail)
    with pytest.raises(UserError, match="Lower stcn_memory_frames"):
        run(tmp_path, {"red": standing(LEFT, range(3))}, 3)


def test_a_missing_package_is_said(monkeypatch):
    for name in ("maskrcnn", "propagation.network"):
        monkeypatch.delitem(sys.modules, f"nlf_pipeline.segmenters.{name}", raising=False)
    for name in ("torchvision", "stcnbuf"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match="is not installed here"):
        load_models(SIZE_PX, OPTIONS, Path("weights"), "cpu")
