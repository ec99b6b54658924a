"""A server of a few named things on this machine, files of them in ranges, as browsers ask for when they seek.

Python's own server knows no ranges. Requests follow RFC 9110.
"""

import contextlib
import gzip
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_ZIPPED = ("text/", "application/json")
_LEAST_ZIPPED_BYTES = 1000
_ZIP_LEVEL = 1
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Content:
    """What is behind a name."""

    media_type: str
    source: bytes | Path

    def open(self) -> tuple[BinaryIO, int]:
        """A stream of the bytes, and how many there are."""
        if isinstance(self.source, bytes):
            return BytesIO(self.source), len(self.source)
        file = self.source.open("rb")
        return file, file.seek(0, 2)


Route = Callable[[], Content | None]
"""Gives what is behind a name now; None: nothing yet."""


class RangeServer(ThreadingHTTPServer):
    """Serves what `routes` name, and nothing else."""

    daemon_threads = True

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        """Listen at once.

        Args:
            host: address of this machine to listen at; of 127.0.0.1 only this machine hears.
            port: 0 takes any that is free.
            routes: path of a URL, "/..." -> what is there.

        Raises:
            OSError: if the port is in use, or the address is none of this machine's.
        """
        self.routes = dict(routes)
        self.allowed_hosts = {*_LOOPBACK, host.lower()} if host in _LOOPBACK else None
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nlf-pipeline"
    sys_version = ""
    server: RangeServer

    def do_GET(self) -> None:
        """Answer with what is behind the name."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with what is told of it."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the page asks every two seconds."""

    def _answer(self, with_body: bool) -> None:
        """Answer a request; a browser may go away in the middle."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            if not self._is_for_us():
                # Else a page from elsewhere could have its own name lead here, and read what is served.
                self._refuse(HTTPStatus.FORBIDDEN, with_body)
                return
            route = self.server.routes.get(urlsplit(self.path).path)
            try:
                content = route() if route else None
                stream, size = content.open() if content else (None, 0)
            except FileNotFoundError:
                content = stream = None
            if content is None or stream is None:
                self._refuse(HTTPStatus.NOT_FOUND, with_body)
                return
            with stream:
                self._send(content, stream, size, with_body)

    def _is_for_us(self) -> bool:
        allowed = self.server.allowed_hosts
        if allowed is None:
            return True
        with contextlib.suppress(ValueError):
            return (urlsplit(f"//{self.headers.get('Host', '')}").hostname or "") in allowed
        return False

    def _refuse(self, status: HTTPStatus, with_body: bool) -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self._send_head(status, "text/plain", len(text))
        if with_body:
            self.wfile.write(text)

    def _send(self, content: Content, stream: BinaryIO, size: int, with_body: bool) -> None:
        wanted = _RANGE.fullmatch(self.headers.get("Range", "").strip())
        if wanted and any(wanted.groups()):
            span = _span(wanted[1], wanted[2], size)
            if span is None:
                extra = {"Content-Range": f"bytes */{size}"}
                self._send_head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, content.media_type, 0, extra)
                return
            extra = {"Content-Range": f"bytes {span.start}-{span.stop - 1}/{size}"}
            self._send_head(HTTPStatus.PARTIAL_CONTENT, content.media_type, len(span), extra)
            if with_body:
                _copy(stream, self.wfile, span)
            return
        if self._is_zipped(content, size):
            zipped = gzip.compress(stream.read(), _ZIP_LEVEL)
            self._send_head(HTTPStatus.OK, content.media_type, len(zipped), {"Content-Encoding": "gzip"})
            stream, size = BytesIO(zipped), len(zipped)
        else:
            self._send_head(HTTPStatus.OK, content.media_type, size)
        if with_body:
            _copy(stream, self.wfile, range(size))

    def _is_zipped(self, content: Content, size: int) -> bool:
        accepts = "gzip" in self.headers.get("Accept-Encoding", "")
        return accepts and size >= _LEAST_ZIPPED_BYTES and content.media_type.startswith(_ZIPPED)

    def _send_head(self, status: HTTPStatus, kind: str, length: int, extra: Mapping[str, str] | None = None) -> None:
        is_text = kind.startswith("text/")
        headers = {
            "Content-Type": f"{kind}; charset=utf-8" if is_text else kind,
            "Content-Length": str(length),
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            **(extra or {}),
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _span(first: str, last: str, size: int) -> range | None:
    """The bytes that a range asks for; None if there are none of them."""
    if not first:
        span = range(max(size - int(last), 0), size)
    else:
        span = range(int(first), min(int(last) + 1, size) if last else size)
    return span or None


def _copy(source: BinaryIO, target: BinaryIO | object, span: range) -> None:
    source.seek(span.start)
    left = len(span)
    while left > 0 and (piece := source.read(min(left, _CHUNK_BYTES))):
        target.write(piece)  # type: ignore[attr-defined]
        left -= len(piece)
