"""Many videos in one run: a text file, a table with settings of each video's own, or a folder of files."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.contradictions import contradictions
from nlf_pipeline.workflow.settings import VIDEO_SUFFIXES, completed_for_video, completed_settings
from nlf_pipeline.workflow.videos.cells import PATH_SETTINGS, near
from nlf_pipeline.workflow.videos.ids import id_of_name
from nlf_pipeline.workflow.videos.listed_video import NO_SETTINGS, ListedVideo, id_problem
from nlf_pipeline.workflow.videos.tables import read_table

_DEFAULT_IDS = ("demo",)
_COMMENT = re.compile(r"(^|\s)#.*")
_SHARD = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")
_SETTINGS = "config.yaml or --config"
_WRONG_SETTINGS, _WRONG_LIST = f"wrong settings ({_SETTINGS}):", "wrong list of videos (setting videos):"
_MOST_PROBLEMS = 30
_KINDS = "a folder of videos, a .txt file of ids or paths, or a .csv file with a column video_id"


def videos_of_run(settings: Mapping[str, Any], schema: Mapping[str, Any]) -> list[ListedVideo]:
    """The videos that the settings `video_id`, `videos` and `shard` choose together; there may be none in a share.

    Args:
        settings: of all videos, as `settings.given_settings` returns them. Where `videos` is given, `video_id` chooses
            some of that list, and None stands for all of it; else None stands for the demo.
        schema: JSON schema of the settings.

    Raises:
        UserError: naming all that is wrong with the list, or with the chosen videos.
    """
    ids, shard = settings["video_id"], settings["shard"]
    if settings["videos"] is not None:
        chosen = chosen_videos(read_video_list(Path(settings["videos"]), schema), ids, shard)
        check_videos(settings, chosen)
        return chosen
    ids = ids or _DEFAULT_IDS
    _stop_at(contradictions(completed_settings({**settings, "video_id": ids})), _WRONG_SETTINGS)
    return chosen_videos([ListedVideo(video_id, None, NO_SETTINGS, _SETTINGS) for video_id in ids], None, shard)


def read_video_list(path: Path, schema: Mapping[str, Any] | None) -> list[ListedVideo]:
    """The videos that a list names, in its order, each cell of a table checked.

    Args:
        path: a folder of video files; a .txt file with an id or a path per line; or a .csv (or .tsv) file with a column
            `video_id` or `file` or both, and others called as settings are. Paths are relative to the list. Files with
            names that are no ids get one made from their names. In a table, an empty cell leaves a setting as it is.
        schema: JSON schema of the settings, whose properties' descriptions say in words what is allowed; None: settings
            are not read.

    Raises:
        UserError: naming all that is wrong, each with file, line and column, or if the list names no video.
    """
    if path.is_dir():
        videos, problems = _read_folder(path)
    elif not path.is_file():
        raise UserError(f"{path}: not found, expected {_KINDS} (setting videos).")
    elif path.suffix.lower() in (".csv", ".tsv"):
        videos, problems = read_table(path, schema)
    elif path.suffix.lower() == ".txt":
        videos, problems = _read_lines(path)
    else:
        raise UserError(f"{path}: expected {_KINDS} (setting videos). A spreadsheet is saved as CSV first.")
    _stop_at([*problems, *_repeated(videos)])
    if not videos:
        raise UserError(f"{path}: names no video, expected {_KINDS} (setting videos).")
    return videos


def chosen_videos(listed: Sequence[ListedVideo], ids: Sequence[str] | None, shard: str | None) -> list[ListedVideo]:
    """Those videos of a list that a run takes.

    Args:
        listed: all.
        ids: only these, in this order; None: all.
        shard: such as `2/10`: only the second of ten shares, which may have no video in it. A video's share depends
            on its id alone, so lists can grow. None: all.

    Raises:
        UserError: if an id is not in the list, or there is no such share.
    """
    by_id = {video.video_id: video for video in listed}
    unknown = [video_id for video_id in ids or () if video_id not in by_id]
    _stop_at(
        f"video_id: {video_id!r} is not in the list (setting videos){near(video_id, by_id)}" for video_id in unknown
    )
    chosen = list(listed) if ids is None else [by_id[video_id] for video_id in ids]
    if shard is None:
        return chosen
    number, count = _parsed_shard(shard)
    return [video for video in chosen if _share(video.video_id, count) == number]


def video_settings(settings: Mapping[str, Any], video: ListedVideo) -> dict[str, Any]:
    """The complete settings of one video: its own before those of all.

    Args:
        settings: of all videos, as `settings.given_settings` returns them.
        video: which.
    """
    return completed_for_video(settings, {"video_id": [video.video_id], **video.settings})


def check_videos(settings: Mapping[str, Any], videos: Iterable[ListedVideo]) -> None:
    """Refuse videos whose files are not there, or whose settings, put together, make no sense.

    Args:
        settings: of all videos, as `settings.given_settings` returns them.
        videos: those that a run takes.

    Raises:
        UserError: naming all that is wrong, each with its file and line.
    """
    problems: list[str] = []
    known: dict[int, list[str]] = {}
    for video in videos:
        if video.source is not None and not video.source.is_file():
            found = "is a folder" if video.source.is_dir() else "is not there"
            problems.append(f"{video.place}: {video.source} {found}, expected a video file")
        key = id(video.settings)  # rows with the same cells share their settings
        if key not in known:
            known[key] = [*contradictions(video_settings(settings, video)), *_missing_files(video.settings)]
        problems += [f"{video.place}: {problem}" for problem in known[key]]
    _stop_at(problems)


def _missing_files(settings: Mapping[str, Any]) -> Iterable[str]:
    for name in PATH_SETTINGS & settings.keys():
        if settings[name] is not None and not Path(settings[name]).exists():
            yield f"{name}: {settings[name]} is not there, expected a file or folder"


def _read_folder(folder: Path) -> tuple[list[ListedVideo], list[str]]:
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    videos = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()]
    problems = []
    if not videos:
        problems.append(f"{folder}: found no video ({', '.join(VIDEO_SUFFIXES)}) among its {len(files)} files")
    return [ListedVideo(id_of_name(path.stem), path, NO_SETTINGS, str(path)) for path in videos], problems


def _read_lines(path: Path) -> tuple[list[ListedVideo], list[str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not text in UTF-8 (byte {error.start}). Save it as such.") from error
    videos, problems = [], []
    for number, line in enumerate(lines, start=1):
        text, place = _COMMENT.sub("", line).strip(), f"{path}, line {number}"
        if not text:
            continue
        is_path = ("/" in text or Path(text).suffix.lower() in VIDEO_SUFFIXES) and "://" not in text
        source = path.parent / Path(text).expanduser() if is_path else None
        video_id = text if source is None else id_of_name(source.stem)
        if problem := id_problem(video_id):
            problems.append(f"{place}: {problem}; or a path, which has a / or ends like {VIDEO_SUFFIXES[0]}")
        videos.append(ListedVideo(video_id, source, NO_SETTINGS, place))
    return videos, problems


def _repeated(videos: Iterable[ListedVideo]) -> Iterable[str]:
    first: dict[str, ListedVideo] = {}
    for video in videos:
        earlier = first.setdefault(video.video_id, video)
        if earlier is not video:
            yield f"{video.place}: found the id {video.video_id!r} again ({earlier.place}), expected each once"


def _parsed_shard(shard: str) -> tuple[int, int]:
    match = _SHARD.fullmatch(shard)
    if match is None or int(match[1]) > int(match[2]):
        raise UserError(f"shard: found {shard!r}, expected I/N with I from 1 to N, such as 2/10")
    return int(match[1]), int(match[2])


def _share(video_id: str, count: int) -> int:
    """Which of `count` shares a video belongs to, 1 to `count`."""
    return int.from_bytes(hashlib.sha256(video_id.encode()).digest()[:8]) % count + 1


def _stop_at(problems: Iterable[str], heading: str = _WRONG_LIST) -> None:
    lines = list(problems)
    if lines:
        more = [f"  and {len(lines) - _MOST_PROBLEMS} more"] if len(lines) > _MOST_PROBLEMS else []
        raise UserError("\n".join([heading, *(f"  {line}" for line in lines[:_MOST_PROBLEMS]), *more]))
