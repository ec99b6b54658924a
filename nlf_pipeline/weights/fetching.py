"""Downloading weights: a file appears whole and as published or not at all, and a cut connection goes on later."""

import contextlib
import fcntl
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.receiving import receive_all
from nlf_pipeline.weights.records import check_content, check_folder, record_use, recorded_digest
from nlf_pipeline.weights.registry import Weight

log = logging.getLogger(__name__)
_DRIVE_HOST = "drive.google.com"


def fetch_weight(folder: Path, weight: Weight) -> Path:
    """The file of a weight, downloaded if it is missing, its digest recorded.

    A file, or a link to one, that was put there by hand is taken as it is, once it is what was published or recorded.

    Args:
        folder: of the weights.
        weight: which one.

    Raises:
        UserError: if it cannot be had, or is not what was published or recorded.
        OSError: if the disk is full.
    """
    file = folder / weight.file
    if weight.url is None and not _is_there(file):
        raise UserError(f"{file}: not found, and it cannot be downloaded. {_by_hand(file, weight)}")
    if _is_there(file) and recorded_digest(file) is not None:
        record_use(file, weight)
        return file
    check_folder(folder)
    with _alone(file.with_name(f".{file.name}.lock")):  # another process may be at it too
        if not _is_there(file):
            work = folder / f".download-{weight.name}"
            work.mkdir(exist_ok=True)
            _download(weight, file, work)
            shutil.rmtree(work)
        record_use(file, weight)
    return file


def _is_there(file: Path) -> bool:
    return file.is_symlink() or file.exists()


def direct_url(url: str) -> str:
    """The address that serves a file's bytes: Google Drive's link for sharing leads to a question first."""
    parts = urlsplit(url)
    if parts.hostname == _DRIVE_HOST and (ids := parse_qs(parts.query).get("id")):
        return f"https://drive.usercontent.google.com/download?id={ids[0]}&export=download&confirm=t"
    return url


@dataclass(frozen=True)
class _Downloader:
    """What pooch calls to fill its temporary file: everything arrives in `part` first, which outlives us."""

    part: Path
    name: str
    """Of the weight."""
    cure: str
    """If the download fails."""

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Download `url` to `output_file`."""
        receive_all(direct_url(url), self.part, self.name, self.cure)
        self.part.replace(output_file)


def _download(weight: Weight, file: Path, work: Path) -> None:
    import pooch

    for left_behind in work.glob("tmp*"):  # by pooch, when it was killed
        left_behind.unlink()
    log.info("downloading %s", weight.url)
    known = weight.sha256 or recorded_digest(file)
    pooch.get_logger().setLevel(logging.WARNING)
    downloader: Any = _Downloader(work / "part", weight.name, _by_hand(file, weight))
    assert weight.url is not None
    try:
        name = pooch.retrieve(
            weight.url, known and f"sha256:{known}", fname=weight.file, path=work, downloader=downloader
        )
    except ValueError as error:
        reason = str(error).partition(". ")[0]
        cure = f"delete {file}.sha256.json to take it nevertheless" if not weight.sha256 else "try again later"
        raise UserError(f"{weight.url}: {reason}. {_by_hand(file, weight)}, or {cure}.") from error
    arrived = Path(name)
    try:
        check_content(arrived, weight)
    except UserError:
        arrived.unlink()
        raise
    arrived.replace(file)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting while another process does. It stays: removing it would break the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _by_hand(file: Path, weight: Weight) -> str:
    if weight.registration:
        return f"At {weight.registration.url}: {weight.registration.todo}; then put the file at {file}"
    return f"You can also get it on another machine and put it at {file}"
