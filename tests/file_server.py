"""An HTTP server in a thread that serves one file, well or badly."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """How the next requests are answered; tests change it between them."""

    content: bytes
    ranges: bool = True
    """Whether a part of the file can be asked for."""
    cut_after: int | None = None
    """Bytes of an answer after which the connection is closed."""
    refuse_from: int | None = None
    """The request, counted from 1, from which on the answer is 503."""
    status: int = 200
    with_length: bool = True
    version: str = '"1"'
    redirects: int = 0
    asked: list[str] = field(default_factory=list)
    """The Range header of every request, "all" where there was none."""


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve while the context lasts; yields the file's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if behaviour.redirects:
                behaviour.redirects -= 1
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            behaviour.asked.append(self.headers.get("Range", "all"))
            if behaviour.refuse_from is not None and len(behaviour.asked) >= behaviour.refuse_from:
                self.send_error(503)
                return
            start = self._start()
            if start >= len(behaviour.content) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(behaviour.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._answer(start)

        def _start(self) -> int:
            wanted = self.headers.get("Range")
            same = self.headers.get("If-Range") in (None, behaviour.version)
            return int(wanted[len("bytes=") : -1]) if wanted and behaviour.ranges and same else 0

        def _answer(self, start: int) -> None:
            body = behaviour.content[start:]
            self.send_response(206 if start else behaviour.status)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(behaviour.content)}")
            if behaviour.with_length:
                self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", behaviour.version)
            self.send_header("Connection", "close")
            self.end_headers()
            if behaviour.cut_after is not None:
                body = body[: behaviour.cut_after]
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients that hang up are part of the game
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
