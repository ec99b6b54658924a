"""Laws of edits of tracks: they undo each other, touch nobody else, and refuse what makes no sense."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rlemasklib import RLEMask

from nlf_pipeline.edit_tracks import edit_tracks
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks, encoded
from nlf_pipeline.repair.corrections import tracks_digest
from nlf_pipeline.repair.edit_file import EXAMPLES, parse_edits, read_edits
from nlf_pipeline.repair.edit_writing import with_edit, with_made_for, with_name
from nlf_pipeline.repair.track_edits import Drop, Merge, Moment, Split, Swap, apply_edits, ids_ever

FPS, N = 10.0, 12
SIZE_PX = (64, 48)


def mask(person: int, frame: int) -> RLEMask:
    return RLEMask.from_bbox(np.array([5 * person, frame, 4, 6]), imsize=SIZE_PX)


def tracks_of(visible) -> MaskTracks:
    """Ids 1, 2, ...; every mask another."""
    rows = tuple(
        tuple(mask(k, t) if seen else None for t, seen in enumerate(row)) for k, row in enumerate(visible, start=1)
    )
    return MaskTracks(SIZE_PX, FPS, N, tuple(range(1, len(rows) + 1)), rows)


def at(frame: int) -> Moment:
    return Moment(frame, is_frame=True)


def row(tracks: MaskTracks, person_id: int):
    return tracks.masks[tracks.person_ids.index(person_id)]


VISIBLE = st.lists(st.lists(st.booleans(), min_size=N, max_size=N).filter(any), min_size=3, max_size=4).map(tracks_of)
FRAMES = st.integers(0, N - 1)


@settings(max_examples=40, deadline=None)
@given(VISIBLE, FRAMES, FRAMES)
def test_swap_twice_is_nothing_and_touches_nobody_else(tracks, start, stop):
    assume(start < stop)
    seen = tracks.visible[:2, start:stop].any()
    swap = Swap(1, 2, at(start), at(stop))
    if not seen:
        with pytest.raises(UserError, match="neither of them is seen"):
            apply_edits(tracks, [swap])
        return
    assert apply_edits(tracks, [swap, swap]) == tracks
    assert apply_edits(tracks, [swap, Swap(2, 1, at(start), at(stop))]) == tracks
    once = apply_edits(tracks, [swap])
    for k, other in enumerate(once.person_ids):
        if other > 2:
            assert once.masks[k] == row(tracks, other)
        else:
            for t, found in enumerate(once.masks[k]):
                assert found == row(tracks, 3 - other if start <= t < stop else other)[t]


@settings(max_examples=40, deadline=None)
@given(VISIBLE, FRAMES)
def test_split_then_merge_is_nothing(tracks, cut):
    if not tracks.visible[1, :cut].any() or not tracks.visible[1, cut:].any():
        with pytest.raises(UserError, match="nothing to split"):
            apply_edits(tracks, [Split(2, at(cut))])
        return
    apart = apply_edits(tracks, [Split(2, at(cut))])
    new = len(tracks.person_ids) + 1
    assert apart.person_ids == (*tracks.person_ids, new)
    assert row(apart, 2)[:cut] == row(tracks, 2)[:cut] and row(apart, new)[cut:] == row(tracks, 2)[cut:]
    assert not any(row(apart, 2)[cut:]) and not any(row(apart, new)[:cut])
    assert apply_edits(tracks, [Split(2, at(cut)), Merge(2, new)]) == tracks


@settings(max_examples=40, deadline=None)
@given(VISIBLE)
def test_drop_removes_that_row_only_and_nobody_is_renumbered(tracks):
    left = apply_edits(tracks, [Drop(2)])
    assert left.person_ids == tuple(i for i in tracks.person_ids if i != 2)
    assert all(row(left, i) == row(tracks, i) for i in left.person_ids)


@settings(max_examples=40, deadline=None)
@given(VISIBLE, FRAMES, FRAMES)
def test_drop_for_a_while_takes_out_these_frames_only(tracks, start, stop):
    assume(start < stop and tracks.visible[0, start:stop].any())
    left = apply_edits(tracks, [Drop(1, at(start), at(stop))])
    assert all(row(left, i) == row(tracks, i) for i in left.person_ids if i != 1)
    kept = [found for t, found in enumerate(row(tracks, 1)) if not start <= t < stop]
    if any(found is not None for found in kept):
        found = row(left, 1)
        assert not any(found[start:stop]) and [*found[:start], *found[stop:]] == kept
    else:
        assert 1 not in left.person_ids


@settings(max_examples=40, deadline=None)
@given(VISIBLE, st.data())
def test_masks_are_moved_never_made_or_lost_but_by_drop(tracks, data):
    edits = []
    for _ in range(data.draw(st.integers(1, 4))):
        ids = st.sampled_from(apply_edits(tracks, edits).person_ids)
        edit = data.draw(
            st.one_of(
                st.builds(Swap, ids, ids, FRAMES.map(at)),
                st.builds(Split, ids, FRAMES.map(at)),
                st.builds(Merge, ids, ids),
            )
        )
        assume(getattr(edit, "first", 0) != getattr(edit, "second", 1))
        assume(getattr(edit, "into", 0) != getattr(edit, "other", 1))
        try:
            apply_edits(tracks, [*edits, edit])
        except UserError:
            continue
        edits.append(edit)
    after = apply_edits(tracks, edits)
    for t in range(N):
        before_t, after_t = ([encoded(track[t]) for track in some.masks if track[t]] for some in (tracks, after))
        assert sorted(after_t) == sorted(before_t)
    rows = after.rows_in(tracks)
    for k in range(len(after.person_ids)):
        for t in range(N):
            assert after.masks[k][t] == (None if rows[k, t] < 0 else tracks.masks[rows[k, t]][t])
    assert set(after.person_ids) <= ids_ever(tracks, edits)


def test_nobody_and_no_edits():
    nobody = MaskTracks(SIZE_PX, FPS, N, (), ())
    assert apply_edits(nobody, []) == nobody
    with pytest.raises(UserError, match="no person was found"):
        apply_edits(nobody, [Drop(1)])


def test_a_person_who_gave_all_his_frames_away_is_gone():
    tracks = tracks_of([[1] * 6 + [0] * 6, [0] * 6 + [1] * 6])
    joined = apply_edits(tracks, [Swap(1, 2, at(6))])
    assert joined.person_ids == (1,) and all(row(joined, 1))
    assert joined == apply_edits(tracks, [Merge(1, 2)])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("swap: [1, 2], from: 1.2", ["1.2 s is outside the clip", "0 to 1.10 s", "frame 11"]),
        ("swap: [1, 2], from: 'frame 12'", ["frame 12 is outside"]),
        ("swap: [1, 9], from: 0.2", ["person 9 does not exist", "1, 2, 3"]),
        ("swap: [1, 2], from: 0.5, to: 0.5", ["`to` is frame 5 and `from` is frame 5"]),
        ("swap: [1, 2], from: 0.5, to: 9", ["9 s is outside"]),
        ("split: 3, at: 0", ["nothing to split", "from 0.50 to 0.90 s (frames 5-9)"]),
        ("split: 3, at: 0.7, as: 2", ["id 2 is or was somebody else's", "such as 4"]),
        ("merge: [1, 2]", ["both are seen in 4 frames", "- drop: 2\n    from: frame 4\n    to: frame 8"]),
        ("drop: 3, to: 0.4", ["nothing to drop", "from 0.50"]),
        ("drop: 4", ["person 4 does not exist"]),
    ],
)
def test_edits_that_cannot_be_done_say_why_and_where(text, shown):
    tracks = tracks_of([[1] * 8 + [0] * 4, [0] * 4 + [1] * 8, [0] * 5 + [1] * 5 + [0] * 2])
    edits = parse_edits("edits:\n  - {" + text + "}\n", "tracks.yaml").edits
    with pytest.raises(UserError) as error:
        apply_edits(tracks, edits)
    assert "tracks.yaml, line 2: cannot " in str(error.value)
    for words in shown:
        assert words in str(error.value)


def test_the_cure_for_people_seen_together_works():
    tracks = tracks_of([[1] * 8 + [0] * 4, [0] * 4 + [1] * 8])
    edits = parse_edits("edits:\n  - drop: 2\n    from: frame 4\n    to: frame 8\n  - merge: [1, 2]", "x").edits
    assert all(row(apply_edits(tracks, edits), 1))


def test_who_is_gone_cannot_be_edited_again():
    tracks = tracks_of([[1] * N, [1] * N])
    with pytest.raises(UserError, match="person 2 is gone by an edit before"):
        apply_edits(tracks, [Drop(2), Swap(1, 2, at(3))])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("edits: 3", ["line 1", "found 3", "a list", EXAMPLES["swap"].replace("\n", "\n    ")]),
        ("edits:\n  - swap: [1, 2]", ["line 2", "without a time", "`from`"]),
        ("edits:\n  - swap: [1, 1]\n    from: 1", ["[1, 1]", "two people"]),
        ("edits:\n  - drop: 1\n  - split: 3\n    at: soon", ["line 3", "'soon'", "seconds", "frame 80"]),
        ("edits:\n  - split: 3", ["line 2", "without a time", "`at`"]),
        ("edits:\n  - merge: [1, 2, 3]", ["[1, 2, 3]", "- merge: [2, 4]"]),
        ("edits:\n  - drop: anna", ["'anna'", "id of one person"]),
        ("edits:\n  - drop: yes", ["True", "id of one person"]),
        ("edits:\n  - remove: 1", ["'remove'", "swap, split, merge, drop"]),
        ("edits:\n  - drop: 1\n    form: 3", ["line 3", "'form'", "drop and from and to"]),
        ("edits:\n  - swap: [1, 2]\n    from: .nan", ["nan"]),
        ("edits:\n  - drop: 1\nedits:\n  - drop: 2", ["line 3", "'edits' a second time"]),
        ("edit:\n  - drop: 1", ["line 1", "'edit'", "people, edits, made_for"]),
        ("people:\n  1: 007", ["line 2", "found 7", '1: "7"']),
        ("people:\n  Anna: 1", ["line 2", "'Anna'", "1: Anna"]),
        ("people:\n  1: Anna\n  2: Anna", ["line 3", "both called 'Anna'", "- merge: [1, 2]"]),
        ("people:\n  1: [", ["not readable as YAML"]),
    ],
)
def test_mistakes_in_the_file_are_told_with_line_and_cure(text, shown):
    with pytest.raises(UserError) as error:
        parse_edits(text, "demo/tracks.yaml")
    assert str(error.value).startswith("demo/tracks.yaml, line ")
    for words in shown:
        assert words in str(error.value)


IDS = st.integers(1, 20)
MOMENTS = st.one_of(st.floats(0, 1e4).map(Moment), st.integers(0, 10**5).map(at))
EDITS = st.one_of(
    st.builds(Swap, st.just(1), st.integers(2, 20), MOMENTS, st.none() | MOMENTS),
    st.builds(Split, IDS, MOMENTS, st.none() | IDS),
    st.builds(Merge, st.just(1), st.integers(2, 20)),
    st.builds(Drop, IDS, st.none() | MOMENTS, st.none() | MOMENTS),
)
FILES = st.sampled_from(
    [
        "",
        "# only a comment",
        "edits:\n",
        "edits: []\npeople: {}\n",
        "edits: [{drop: 3}]  # short\npeople: {1: Ann}",
        "people:\n  1: Anna # the tall one\nedits:\n# first\n- swap: [1, 2]  # at the door\n  from: 3.2\n\n# the end\n",
        "edits:\n    - drop: 2\n    - split: 3\n      at: frame 7\n\n\npeople:\n    1: 'Bo: b'\n",
        "edits:\n  - {drop: 2}\n  -   merge:\n      - 1\n      - 4\nmade_for: abc\n",
    ]
)


@settings(max_examples=40, deadline=None)
@given(FILES, st.lists(EDITS, min_size=1, max_size=3))
def test_added_edits_are_read_back_and_everything_else_stays(text, edits):
    before, added = parse_edits(text, "x"), text
    for edit in edits:
        added = with_edit(added, edit, "x")
    after = parse_edits(added, "x")
    assert after.edits == (*before.edits, *edits)
    assert (after.names, after.made_for) == (before.names, before.made_for)
    lines = iter(added.splitlines())
    assert "[{drop: 3}" in added or "edits: []" in text or all(line in lines for line in text.splitlines())  # in order


NAMES = st.text(st.characters(categories=("L", "N", "P", "Zs", "S")), min_size=1, max_size=12).filter(
    lambda name: name.strip() and name.isprintable() and name not in ("Ann", "Anna", "Bo: b")
)


@settings(max_examples=40, deadline=None)
@given(FILES, IDS, NAMES, NAMES)
def test_names_are_added_and_changed(text, person_id, first, second):
    before = parse_edits(text, "x")
    for name in (first, second):
        text = with_name(text, person_id, name, "x")
        assert parse_edits(text, "x").names == {**before.names, person_id: name}
        assert parse_edits(text, "x").edits == before.edits


def test_what_emoji_and_scripts_need_is_in_names_and_control_characters_are_not():
    flag = "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\U000e007f"
    for name in ("👩\u200d🦰", "Zoë 🕺🏽", "❤️", "می\u200cخک", "דן\u200f (2)", flag):
        assert parse_edits(with_name("", 1, name, "x"), "x").names == {1: name}
    for text in ("\\u202e", "\\u200d", "a\\nb"):
        with pytest.raises(UserError, match="expected a name"):
            parse_edits(f'people: {{1: "{text}"}}', "x")


def test_a_file_that_says_for_which_tracks_it_is_says_it_once():
    text = with_made_for("", "123456789012", "x")
    assert with_made_for(text, "other", "x") == text
    assert parse_edits(with_edit(text, Drop(3), "x"), "x").made_for == "123456789012"


@pytest.fixture
def detected(tmp_path):
    tracks = tracks_of([[1] * N, [1] * N, [1] * N])
    tracks.save(tmp_path / "detected_masks.json")
    return tracks


def run_stage(folder, text=None):
    edits = None
    if text is not None:
        edits = folder / "tracks.yaml"
        edits.write_text(text, encoding="utf-8")
    edit_tracks(detected_masks=folder / "detected_masks.json", out=folder / "masks.json", edits=edits)
    return MaskTracks.load(folder / "masks.json")


def test_stage_without_edits_writes_what_was_detected(tmp_path, detected):
    run_stage(tmp_path)
    assert (tmp_path / "masks.json").read_bytes() == (tmp_path / "detected_masks.json").read_bytes()
    assert run_stage(tmp_path, "people: {1: Jörg}") == detected


def test_stage_edits_and_tells_of_edits_for_other_tracks(tmp_path, detected, caplog):
    text = f'edits: [{{swap: [1, 2], from: 0.5}}]\nmade_for: "{tracks_digest(detected)}"'
    edited = run_stage(tmp_path, text)
    assert edited == apply_edits(detected, [Swap(1, 2, at(5))])
    assert "other tracks" not in caplog.text
    run_stage(tmp_path, text.replace(tracks_digest(detected), "0" * 12))
    assert "written for other tracks" in caplog.text and "tracks show" in caplog.text


def test_stage_refuses_names_for_nobody_and_writes_nothing(tmp_path, detected):
    with pytest.raises(UserError, match=r"person 7 \(Anna\), expected one of 1, 2, 3"):
        run_stage(tmp_path, "people: {7: Anna}")
    with pytest.raises(UserError, match="person 4"):
        run_stage(tmp_path, "edits: [{drop: 4}]")
    assert not (tmp_path / "masks.json").exists()
    assert run_stage(tmp_path, "edits: [{split: 1, at: 0.5}]\npeople: {4: Anna}").person_ids == (1, 2, 3, 4)


def test_missing_and_binary_files_are_named(tmp_path):
    with pytest.raises(UserError, match="not found"):
        read_edits(tmp_path / "tracks.yaml")
    (tmp_path / "tracks.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_edits(tmp_path / "tracks.yaml")


def test_times_mean_the_nearest_frame():
    for fps in (23.976, 25.0, 29.97, 50.0, 59.94):
        for frame in range(0, 300, 7):
            assert Moment(round(frame / fps, 2)).frame(fps) == frame
