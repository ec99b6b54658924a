"""`nlf-pipeline tracks`: who is who, in a picture and a list, and edits from the command line."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from rlemasklib import RLEMask

from nlf_pipeline import cli
from nlf_pipeline.artefacts import IdentityDoubt, IdentityDoubts
from nlf_pipeline.errors import UserError
from nlf_pipeline.masks import MaskTracks
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.repair import commands
from nlf_pipeline.repair.contact_sheet import cut_out
from nlf_pipeline.repair.edit_file import read_edits
from nlf_pipeline.repair.sheet_moments import EVEN_MOMENTS, Look, doubts_of_people, looks
from nlf_pipeline.repair.track_edits import Moment, Split, Swap, apply_edits
from nlf_pipeline.video import writing_video

SIZE_PX, FPS, N = (160, 120), 10.0, 30
CLOTHES = ((190, 20, 190), (30, 180, 30), (40, 40, 220))


def box(k: int, t: int) -> np.ndarray:
    """left, top, width, height of person k."""
    return np.array([10 + 40 * k + t // 3, 30, 16, 60])


def write_video_of(folder, n_people):
    """A clip of people in plain clothes on grey, and their masks; person 3 comes late."""
    (folder / "v").mkdir()
    with writing_video(folder / "v" / "clip.mp4", FPS, crf=10) as sink:
        for t in range(N):
            image = np.full((SIZE_PX[1], SIZE_PX[0], 3), 128, np.uint8)
            for k in range(min(n_people, 3)):
                left, top, width, height = box(k, t)
                image[top : top + height, left : left + width] = CLOTHES[k]
            sink.append_data(image)
    masks = tuple(
        tuple(
            None if k % 3 == 2 and t < 12 else RLEMask.from_bbox(box(k % 3, t) + [k // 3, 0, 0, 0], imsize=SIZE_PX)
            for t in range(N)
        )
        for k in range(n_people)
    )
    tracks = MaskTracks(SIZE_PX, FPS, N, tuple(range(1, n_people + 1)), masks)
    tracks.save(folder / "v" / "detected_masks.json")
    IdentityDoubts([IdentityDoubt(14, 16, [1, 2], "crossing", 0.3)]).save(folder / "v" / "identity_doubts.json")
    return tracks


@pytest.fixture
def three(tmp_path):
    return write_video_of(tmp_path, 3)


def sheet_of(folder, **options):
    commands.show(video_id="v", results=folder, **options)
    return np.asarray(Image.open(options.get("out") or folder / "v" / "tracks.png")).astype(int)


def near(sheet, colour, tolerance=40):
    """(height, width) bool: pixels of about this colour."""
    return np.abs(sheet - np.array(colour)).max(axis=-1) < tolerance


def bands(sheet):
    """(top, bottom) of every person's row of pictures, by the colour of his panel."""
    starts = []
    for colour in person_colours(3) * 255:
        rows = np.flatnonzero(near(sheet[:, 16:38], colour, 3).all(axis=1))
        starts.append(rows[0])
    return [*zip(starts, [*starts[1:], len(sheet)], strict=True)]


def test_everybody_has_a_row_in_his_colour_that_shows_him_and_not_the_others(tmp_path, three):
    sheet = sheet_of(tmp_path)
    for k, (top, bottom) in enumerate(bands(sheet)):
        seen = [near(sheet[top:bottom], colour).sum() for colour in CLOTHES]
        assert np.argmax(seen) == k and seen[k] > 10 * max(s for j, s in enumerate(seen) if j != k)


def test_edits_show_before_they_are_carried_out(tmp_path, three):
    commands.swap((1, 2), video_id="v", from_frame=0, results=tmp_path)
    sheet = sheet_of(tmp_path, out=tmp_path / "other.png")
    assert not (tmp_path / "v" / "tracks.png").exists()
    for (top, bottom), k in zip(bands(sheet), (1, 0, 2), strict=True):
        assert np.argmax([near(sheet[top:bottom], colour).sum() for colour in CLOTHES]) == k


@pytest.mark.parametrize("n_people", [0, 12])
def test_nobody_and_a_crowd(tmp_path, n_people):
    write_video_of(tmp_path, n_people)
    sheet = sheet_of(tmp_path)
    assert sheet.shape[0] > 60 + 150 * n_people
    for colour in person_colours(n_people) * 255:
        assert near(sheet[:, 16:38], colour, 3).any()


def test_names_of_any_letters_are_drawn(tmp_path, three):
    plain = sheet_of(tmp_path)
    for new_name in ("Jörg Łukasz Ωμέγα Дмитрий", "x" * 200, "日本"):
        commands.name(1, new_name, video_id="v", results=tmp_path)
        assert sheet_of(tmp_path).shape == plain.shape
    assert (sheet_of(tmp_path) != plain).any()


def test_looks_are_spread_over_life_at_the_clearest_frames_and_about_doubts():
    areas = np.full(100, -1)
    areas[20:] = 5
    areas[[25, 61]] = 50
    found = looks(areas, [IdentityDoubt(70, 75, [1], "occlusion", 0.1)])
    frames = [look.frame for look in found]
    assert frames == sorted(set(frames)) and len(frames) <= EVEN_MOMENTS + 2
    assert {25, 61} <= set(frames) and min(frames) >= 20 and max(np.diff(frames)) <= 2 * 80 / EVEN_MOMENTS
    assert Look(69, "before") in found and Look(75, "after") in found
    assert looks(np.full(5, -1), []) == []
    assert [look.frame for look in looks(np.array([-1, 3, -1]), [])] == [1]
    assert looks(np.array([4]), [IdentityDoubt(0, 9, [1], "crossing", 0.0)]) == [Look(0)]


def test_doubts_follow_the_masks_they_are_about(three):
    doubts = IdentityDoubts([IdentityDoubt(14, 16, [1, 2], "crossing", 0.3)])
    edited = apply_edits(three, [Swap(1, 3, Moment(13, is_frame=True)), Split(2, Moment(20, is_frame=True), 7)])
    about = dict(zip(edited.person_ids, doubts_of_people(edited, three, doubts), strict=True))
    assert about == {1: [], 2: doubts.doubts, 3: doubts.doubts, 7: []}


@pytest.mark.parametrize("place", [(0, 0, 1, 1), (150, 110, 10, 10), (0, 0, 160, 120), (70, 0, 3, 120)])
def test_any_mask_gives_a_picture(place):
    image = np.zeros((120, 160, 3), np.uint8)
    cell = cut_out(image, RLEMask.from_bbox(np.array(place), imsize=SIZE_PX), (255, 0, 0))
    assert cell.shape == (162, 108, 3) and near(cell.astype(int), (255, 0, 0), 3).any()
    assert cut_out(image, RLEMask.zeros((120, 160)), (255, 0, 0)).shape == cell.shape


def test_edits_are_added_one_after_another_and_listed(tmp_path, three, capsys):
    where = {"video_id": "v", "results": tmp_path}
    commands.swap((1, 2), from_s=1.4, **where)
    commands.split(1, at_frame=20, **where)
    commands.drop(3, from_s=2, **where)
    commands.name(4, "Anna", **where)
    edits = read_edits(tmp_path / "v" / "tracks.yaml")
    assert [str(edit) for edit in edits.edits] == [
        "swap 1 and 2 from 1.4",
        "split 1 at frame 20 as 4",
        "drop 3 from 2",
    ]
    assert edits.names == {4: "Anna"} and edits.made_for
    assert "snakemake --config video_id=v" in capsys.readouterr().out
    commands.list_people(**where)
    listed = capsys.readouterr().out
    for words in ("Anna", "2.00-2.90 s, 10 of 30 frames", "swap 1 and 2 from 1.4"):
        assert words in listed


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (lambda where: commands.swap((1, 2), **where), "--from-s"),
        (lambda where: commands.swap((1, 9), from_s=1, **where), "person 9 does not exist"),
        (lambda where: commands.swap((1, 1), from_s=1, **where), "two people"),
        (lambda where: commands.swap((1, 2), from_s=1, from_frame=3, **where), "only one of them"),
        (lambda where: commands.split(1, **where), "--at-s"),
        (lambda where: commands.split(1, at_s=7, **where), "outside the clip"),
        (lambda where: commands.merge((1, 2), **where), "never seen together"),
        (lambda where: commands.drop(-1, **where), "-1"),
        (lambda where: commands.name(8, "Anna", **where), "person 8"),
        (lambda where: commands.name(1, "", **where), "a name"),
    ],
)
def test_edits_that_cannot_be_done_are_refused_and_the_file_stays(tmp_path, three, edit, shown):
    file = tmp_path / "v" / "tracks.yaml"
    file.write_text("# mine\n")
    with pytest.raises(UserError) as error:
        edit({"video_id": "v", "results": tmp_path})
    assert shown in str(error.value) and file.read_text() == "# mine\n"


def test_a_video_that_has_not_run_is_named(tmp_path):
    with pytest.raises(UserError, match=r"detected_masks\.json: not found"):
        commands.show(video_id="v", results=tmp_path)


def test_edits_for_other_tracks_are_warned_of(tmp_path, three, caplog):
    commands.drop(3, video_id="v", results=tmp_path)
    commands.name(1, "Anna", video_id="v", results=tmp_path)
    assert not caplog.text
    apply_edits(three, [Swap(1, 2, Moment(2))]).save(tmp_path / "v" / "detected_masks.json")
    commands.name(1, "Ann", video_id="v", results=tmp_path)
    assert "written for other tracks" in caplog.text


def run(*arguments):
    command = [sys.executable, "-m", "nlf_pipeline.cli", "tracks", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_command_line(tmp_path, three):
    where = ("--video-id", "v", "--results", tmp_path)
    done = run("swap", 1, 2, "--from-s", 1.5, *where)
    assert done.returncode == 0, done.stderr
    assert read_edits(tmp_path / "v" / "tracks.yaml").edits == (Swap(1, 2, Moment(1.5)),)
    wrong = run("swap", 1, 7, "--from-s", 1.5, *where)
    assert wrong.returncode == 1 and "person 7 does not exist" in wrong.stderr and "Traceback" not in wrong.stderr
    assert run("swop", *where).returncode == 2


def test_every_command_explains_itself():
    import tyro

    for function in cli.load_group("tracks").values():
        text = " ".join(tyro.extras.get_parser(function).format_help().split())
        assert function.__doc__ and function.__doc__.splitlines()[0].rstrip(".") in text
