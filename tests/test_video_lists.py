"""Lists of videos: every form is read, every mistake is named, and rows are put over the common settings."""

import csv
import json

import pytest
from checked_settings import DEFAULTS as CONFIG
from checked_settings import SCHEMA, checked_settings
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.settings import given_settings
from nlf_pipeline.workflow.videos.ids import is_video_id
from nlf_pipeline.workflow.videos.lists import (
    check_videos,
    chosen_videos,
    read_video_list,
    video_settings,
    videos_of_run,
)

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)
SECONDS = st.floats(0, 1e4, allow_nan=False)
VALUES = {
    "time_range": st.none() | st.lists(SECONDS, min_size=2, max_size=2),
    "max_persons": st.integers(1, 50),
    "fov": st.none() | st.floats(1, 170),
    "static_camera": st.booleans(),
    "select_points": st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2), max_size=3),
    "body_gender": st.sampled_from(["neutral", "female", "male"]),
    "seed": st.integers(0, 10**12),
}
ROWS = st.lists(
    st.tuples(IDS, st.fixed_dictionaries({}, optional=VALUES)), min_size=1, max_size=12, unique_by=lambda row: row[0]
)


@pytest.fixture
def settings():
    return given_settings(CONFIG, [], SCHEMA)


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def complaints(path):
    with pytest.raises(UserError) as raised:
        read_video_list(path, SCHEMA)
    return str(raised.value)


@given(
    rows=ROWS,
    separator=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    n_empty=st.integers(0, 3),
)
def test_what_is_written_to_a_table_is_read_from_it(
    tmp_path_factory, rows, separator, ending, encoding, quoting, n_empty
):
    path = tmp_path_factory.mktemp("lists") / "videos.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator, lineterminator=ending, quoting=quoting)
        writer.writerow(["video_id", *VALUES, "#notes"])
        for video_id, own in rows:
            cells = [json.dumps(own[name]) if name in own else "" for name in VALUES]
            writer.writerow([video_id, *(cell.strip('"') for cell in cells), f"a note{separator} in two\nlines"])
        file.write(n_empty * (separator * len(VALUES) + ending))
    read = read_video_list(path, SCHEMA)
    assert [(video.video_id, video.settings) for video in read] == rows
    assert all(type(read.settings[k]) is type(own[k]) for read, (_, own) in zip(read, rows, strict=True) for k in own)


def test_a_cell_means_what_it_means_on_the_command_line(tmp_path, settings):
    for name, text in {
        "fov": "60",
        "time_range": "[0, 5.5]",
        "static_camera": "yes",
        "camera": "null",
        "seed": "010",
    }.items():
        path = write(tmp_path / "videos.csv", f'video_id,{name}\na,"{text}"\n')
        (video,) = read_video_list(path, SCHEMA)
        typed = checked_settings("video_id=a", f"{name}={text}")
        assert video_settings(settings, video) == typed


def test_rows_are_put_over_the_common_settings(tmp_path):
    common = given_settings(CONFIG, ["fov=70", "max_persons=2"], SCHEMA)
    path = write(tmp_path / "videos.csv", "video_id,fov,max_persons,static_camera\na,,,\nb,50,,\nc,null,9,true\n")
    read = [video_settings(common, video) for video in read_video_list(path, SCHEMA)]
    assert [(s["video_id"], s["fov"], s["max_persons"]) for s in read] == [
        (["a"], 70, 2),
        (["b"], 50, 2),
        (["c"], None, 9),
    ]
    assert [s["camera"] for s in read] == ["klt", "klt", "static"]  # decided for each row by itself


def test_files_are_relative_to_the_table_and_name_their_ids(tmp_path, settings):
    folder = tmp_path / "far away"
    (folder / "sub").mkdir(parents=True)
    for name in ("sub/a.mp4", "b.mov", "Müller tanzt.mp4"):
        (folder / name).touch()
    table = "video_id;file;camera_file\n;sub/a.mp4;\nthe_second;b.mov;sub\n;Müller tanzt.mp4;\nyoutube;;\n"
    first, second, third, fourth = videos = read_video_list(write(folder / "videos.csv", table), SCHEMA)
    assert (first.video_id, first.source) == ("a", folder / "sub/a.mp4")
    assert (second.video_id, second.source) == ("the_second", folder / "b.mov")
    assert second.settings == {"camera_file": str(folder / "sub")}
    assert third.video_id.startswith("Muller-tanzt-") and is_video_id(third.video_id)
    assert (fourth.video_id, fourth.source) == ("youtube", None)
    check_videos(settings, videos)
    (folder / "b.mov").unlink()
    (folder / "sub/a.mp4").unlink()
    (folder / "sub").rmdir()
    (folder / "Müller tanzt.mp4").unlink()
    (folder / "Müller tanzt.mp4").mkdir()
    with pytest.raises(UserError) as raised:
        check_videos(settings, videos)
    message = str(raised.value)
    assert "videos.csv, line 2: " in message and "a.mp4 is not there" in message
    assert "videos.csv, line 3: " in message and "b.mov is not there" in message and "camera_file: " in message
    assert "videos.csv, line 4: " in message and "tanzt.mp4 is a folder, expected a video file" in message


def test_every_wrong_cell_is_named_at_once(tmp_path):
    path = write(
        tmp_path / "videos.csv",
        "video_id;fov;estimator;opacity;time_range\ngood;60;;;\ntwo words;500;;;\na;;blazpose;0,5;[3]\ngood;wide;;;\n",
    )
    lines = complaints(path).splitlines()[1:]
    expected = [
        ("line 3, column fov: found 500 (int), expected null or degrees from 1 to 170",),
        ("line 3, column video_id: found 'two words'", "letters, digits"),
        (
            "line 4, column estimator: found 'blazpose' (str), expected null, blazepose, nlf or file, "
            "did you mean blazepose?",
        ),
        ("line 4, column opacity: found '0,5'", "with a point"),
        ("line 4, column time_range: found [3] (list)",),
        ("line 5, column fov: found 'wide'",),
        ("line 5: found the id 'good' again", "line 2"),
    ]
    assert len(lines) == len(expected)
    for line, parts in zip(lines, expected, strict=True):
        assert line.startswith(f"  {path}, ") and all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("id,fov\na,60\n", ["found 'id', 'fov', expected video_id or file"]),
        ("", ["found nothing, expected video_id or file"]),
        ("video_id\n", ["names no video"]),
        ("video_id,fob\na,60\n", ["line 1, column fob: no such setting, did you mean fov?"]),
        ("video_id,Time Range\na,\n", ["did you mean time_range? Expected video_id, file"]),
        ("video_id,xyz\na,\n", ["no such setting. Expected video_id, file"]),
        ('video_id,time_range\na,"5,65"\n', ["found '5,65' (str), expected null or [start, end]", "mean [5,65]?"]),
        (
            "video_id,device\na,cpu\n",
            ["column device: it is the same for all videos", "changes no result", "config.yaml"],
        ),
        ("video_id,droid_env\na,x\n", ["column droid_env: it is the same for all videos"]),
        ("video_id,fov,fov\na,60,70\n", ["column fov: found 2 times"]),
        ("video_id,time_range\na,[0,5]\n", ["line 2: found 3 cells, expected at most 2", '"[0,5]"']),
        ("video_id,,fov\na,60,\n", ["line 2: found 3 cells, expected at most 2"]),
        ('video_id,fov\na,"60\nb,70\n', ["line 2: is no row of a table"]),
        ('video_id,fov\n\n"a\nb",70\n', ["line 3, column video_id: found 'a\\nb'"]),
        ("video_id\nhttps://youtu.be/dQw4w9WgXcQ?t=3\n", ["the 11 characters of a YouTube id: dQw4w9WgXcQ"]),
        ("video_id,fov\n,60\n", ["line 2, column video_id: found ''"]),
        ("video_id,fov\na,{b: 1\n", ["found '{b: 1' (str), expected null or degrees"]),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path, text, parts):
    told = complaints(write(tmp_path / "videos.csv", text))
    assert all(part in told for part in parts), told


def test_tables_as_spreadsheets_write_them(tmp_path):
    text = "sep=;\r\nvideo_id;fov;;\r\na;60;;\r\n;;;\r\nb;;;\r\n;;;\r\n\r\n"
    read = read_video_list(write(tmp_path / "videos.csv", text, "utf-8-sig"), SCHEMA)
    assert [(video.video_id, video.settings) for video in read] == [("a", {"fov": 60}), ("b", {})]
    assert read[1].place.endswith("videos.csv, line 5")
    assert "UTF-8" in complaints(write(tmp_path / "old.csv", "video_id;file\n;Bär.mp4\n", "cp1252"))
    assert "CSV" in complaints(write(tmp_path / "videos.xlsx", "PK"))


def test_contradictions_are_found_per_row(tmp_path, settings):
    text = 'video_id,static_camera,camera,time_range\na,true,,\nb,true,klt,\nc,,,"[5, 2]"\n'
    videos = read_video_list(write(tmp_path / "videos.csv", text), SCHEMA)
    with pytest.raises(UserError) as raised:
        check_videos(settings, videos)
    lines = str(raised.value).splitlines()[1:]
    assert [line.partition(": ")[0].rpartition(" ")[2] for line in lines] == ["3", "4"]
    assert "static_camera: found True with camera=klt" in lines[0] and "time_range: found [5, 2]" in lines[1]
    check_videos(settings, videos[:1])


def test_text_files_hold_ids_and_paths(tmp_path):
    text = "# my videos\r\n\r\ndemo\r\n  -ab_x123456  # from YouTube\r\nsub/a b.MOV\r\nc.mp4\r\n/x/y"
    first, second, third, fourth, fifth = read_video_list(write(tmp_path / "list.txt", text, "utf-8-sig"), SCHEMA)
    assert (first.video_id, first.source, first.settings) == ("demo", None, {})
    assert (second.video_id, second.source) == ("-ab_x123456", None)
    assert third.video_id.startswith("a-b-") and third.source == tmp_path / "sub/a b.MOV"
    assert (fourth.video_id, fourth.source, fourth.place) == ("c", tmp_path / "c.mp4", f"{tmp_path}/list.txt, line 6")
    assert (fifth.video_id, str(fifth.source)) == ("y", "/x/y")
    told = complaints(write(tmp_path / "bad.txt", "a\nb c\na\nhttps://www.youtube.com/watch?v=dQw4w9WgXcQ\n"))
    assert (
        "bad.txt, line 2: found 'b c'" in told and "line 3: found the id 'a' again" in told and ": dQw4w9WgXcQ" in told
    )
    assert "names no video" in complaints(write(tmp_path / "none.txt", "# nothing\n\n"))
    assert "not found" in complaints(tmp_path / "missing.txt")


def test_a_folder_holds_videos_by_any_name(tmp_path):
    for name in ("b.mp4", "A.MOV", "Müller & Co.mkv", "\N{DANCER}.webm", "notes.txt", ".hidden.mp4", "._b.mp4"):
        (tmp_path / name).touch()
    read = read_video_list(tmp_path, SCHEMA)
    assert {video.source.name for video in read if video.source} == {
        "b.mp4",
        "A.MOV",
        "Müller & Co.mkv",
        "\N{DANCER}.webm",
    }
    assert {"A", "b"} < {video.video_id for video in read} and all(is_video_id(video.video_id) for video in read)
    (tmp_path / "folder.mp4").mkdir()
    assert read_video_list(tmp_path, SCHEMA) == read
    (tmp_path / "b.mov").touch()
    assert "found the id 'b' again" in complaints(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "found no video (.mp4, " in complaints(tmp_path / "empty")


def test_some_of_a_list_are_chosen_by_id(tmp_path):
    listed = read_video_list(write(tmp_path / "list.txt", "one\ntwo\nthree\n"), SCHEMA)
    assert [video.video_id for video in chosen_videos(listed, None, None)] == ["one", "two", "three"]
    assert [video.video_id for video in chosen_videos(listed, ["three", "one"], None)] == ["three", "one"]
    with pytest.raises(UserError, match=r"'thre' is not in the list .*did you mean three"):
        chosen_videos(listed, ["thre"], None)


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ([], ["a", "b", "demo"]),
        (["video_id=b"], ["b"]),
        (["video_id=demo,a"], ["demo", "a"]),
        (["shard=1/1"], ["a", "b", "demo"]),
        (["videos=null"], ["demo"]),
        (["videos=null", "video_id=x,y"], ["x", "y"]),
    ],
)
def test_the_videos_of_a_run(tmp_path, typed, ids):
    path = write(tmp_path / "list.csv", "video_id,fov\na,50\nb,\ndemo,\n")
    settings = given_settings({**CONFIG, "video_id": None}, [f"videos={path}", *typed], SCHEMA)
    videos = videos_of_run(settings, SCHEMA)
    assert [video.video_id for video in videos] == ids
    assert all(video.settings == ({"fov": 50} if video.video_id == "a" else {}) for video in videos)


def test_a_run_without_a_list_is_told_of_its_settings(settings):
    with pytest.raises(UserError) as raised:
        videos_of_run({**settings, "video_id": ["a", "b"], "static_camera": True, "camera": "klt"}, SCHEMA)
    assert str(raised.value).startswith("wrong settings (config.yaml or --config):\n  static_camera: ")
    assert str(raised.value).count("static_camera: found") == 1


@given(ids=st.lists(IDS, unique=True, min_size=1, max_size=40), extra=IDS, n=st.integers(1, 6))
def test_shares_part_a_list_and_do_not_move_as_it_grows(tmp_path_factory, ids, extra, n):
    folder = tmp_path_factory.mktemp("shares")
    listed = read_video_list(write(folder / "list.txt", "\n".join(ids)), SCHEMA)
    grown = read_video_list(write(folder / "more.txt", "\n".join(dict.fromkeys([extra, *ids]))), SCHEMA)
    shares = [chosen_videos(listed, None, f"{i}/{n}") for i in range(1, n + 1)]
    assert sorted(video.video_id for share in shares for video in share) == sorted(ids)
    for i, share in enumerate(shares, start=1):
        kept = [video.video_id for video in chosen_videos(grown, None, f"{i}/{n}")]
        assert [video_id for video_id in kept if video_id in ids and video_id != extra] == [
            video.video_id for video in share if video.video_id != extra
        ]


def test_shares_are_about_equal(tmp_path):
    listed = read_video_list(write(tmp_path / "list.txt", "\n".join(f"v{i}" for i in range(2000))), SCHEMA)
    sizes = [len(chosen_videos(listed, None, f"{i}/10")) for i in range(1, 11)]
    assert sum(sizes) == 2000 and min(sizes) > 150 and max(sizes) < 250


def test_a_share_of_few_videos_may_be_empty(settings):
    shares = [videos_of_run({**settings, "video_id": ["a", "b"], "shard": f"{i}/9"}, SCHEMA) for i in range(1, 10)]
    assert sorted(map(len, shares), reverse=True)[:3] in ([1, 1, 0], [2, 0, 0])


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "1/0", "a/b", "1/2/3", "-1/3"])
def test_impossible_shares_are_refused(shard):
    with pytest.raises(UserError, match=r"shard: found .* such as 2/10"):
        chosen_videos([], None, shard)


def test_very_long_lists_of_mistakes_are_cut(tmp_path):
    told = complaints(write(tmp_path / "videos.csv", "video_id,fov\n" + "".join(f"v{i},1000\n" for i in range(500))))
    assert len(told.splitlines()) < 40 and "and 470 more" in told
