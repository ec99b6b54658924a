"""Receiving one file over HTTP, piece by piece, from where the last attempt ended."""

import itertools
import logging
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import requests

from nlf_pipeline.checkpoints import is_web_page
from nlf_pipeline.errors import UserError
from nlf_pipeline.progress import progress

log = logging.getLogger(__name__)
_BLOCK_BYTES = 1 << 20
_TIMEOUTS_S = (20.0, 60.0)
"""To connect, and between two pieces."""
_NOTHING_MORE = 416
_PART = 206
_CUT = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def receive_all(url: str, part: Path, what: str, cure: str) -> None:
    """Download `url` to `part`, going on from what is there; a cut connection is taken up again while bytes come.

    Args:
        url: http or https.
        part: file that is filled; what has arrived stays there whatever happens.
        what: its name, for messages and progress.
        cure: what the user can do if it fails, one or more sentences without the last full stop.

    Raises:
        UserError: if the server cannot be reached, refuses, or answers with a web page.
    """
    while True:
        before = _size(part)
        try:
            return _receive(url, part, what)
        except _CUT as error:
            if _size(part) <= before:
                kept = f" The {_size(part) / _BLOCK_BYTES:.1f} MiB that have arrived are kept." if _size(part) else ""
                raise UserError(
                    f"{url}: the connection failed ({_reason(error)}).{kept} Run again to go on. {cure}."
                ) from error
            log.info("%s: the connection was cut after %.1f MiB, going on", what, _size(part) / _BLOCK_BYTES)
        except _OtherFileError:
            log.info("%s: the server has another file now, starting over", what)
        except requests.HTTPError as error:
            raise UserError(f"{url}: the server refused ({error}). {cure}.") from error
        except requests.RequestException as error:
            raise UserError(f"{url}: cannot be downloaded ({_reason(error)}). {cure}.") from error
        except _WebPageError as error:
            raise UserError(f"{url}: found a web page, expected the file of {what}. {cure}.") from error


class _OtherFileError(Exception):
    """What has arrived is no beginning of the server's file."""


class _WebPageError(Exception):
    """The server answered with a page for people."""


def _receive(url: str, part: Path, what: str) -> None:
    """One request for what is missing."""
    have, validator = _size(part), part.with_name(f"{part.name}.version")
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if validator.is_file() and (version := validator.read_text()):
            headers["If-Range"] = version  # the server starts over if its file is another one now
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
        start, stop = _range_of(response)
        if have and response.status_code == _NOTHING_MORE and stop == have:
            return
        if have and (response.status_code == _NOTHING_MORE or start not in (0, have)):
            part.unlink()
            raise _OtherFileError
        _check_status(response)
        blocks = _blocks(response, start, stop, what)
        validator.write_text(_version(response.headers))
        with part.open("ab" if start else "wb") as file:
            for block in blocks:
                file.write(block)
    if stop is not None and _size(part) != stop:
        raise requests.ConnectionError(f"{_size(part)} of {stop} bytes")


def _blocks(response: requests.Response, start: int, stop: int | None, what: str) -> Iterable[bytes]:
    """The content of an answer in pieces of at most one MiB, with progress."""
    blocks = response.iter_content(_BLOCK_BYTES)
    first = next(blocks, b"")
    if start == 0 and is_web_page(first):
        raise _WebPageError
    blocks = itertools.chain([first], blocks)
    if stop is None:
        return blocks
    return progress(blocks, math.ceil((stop - start) / _BLOCK_BYTES), what, unit="MiB")


def _range_of(response: requests.Response) -> tuple[int, int | None]:
    """Position of the answer's first byte in the file, and the file's length if the server tells it."""
    content_range = response.headers.get("Content-Range", "")
    if response.status_code in (_PART, _NOTHING_MORE):
        span, _, total = content_range.removeprefix("bytes").strip().partition("/")
        start = span.partition("-")[0]
        return int(start) if start.isdigit() else 0, int(total) if total.isdigit() else None
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return 0, int(length) if length.isdigit() and not encoded else None


def _check_status(response: requests.Response) -> None:
    if not response.ok:
        raise requests.HTTPError(f"{response.status_code} {response.reason}".strip(), response=response)


def _version(headers: Mapping[str, str]) -> str:
    """What tells this version of the file from another one."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified", "")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    """The innermost cause in words, without the addresses of objects that libraries put into their messages."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return str(getattr(cause, "strerror", None) or cause) or type(cause).__name__
