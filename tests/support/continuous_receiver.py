"""An HTTP server on loopback that takes alerts, and can be told how to answer badly."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import threading
import time
from collections.abc import Iterator


@dataclasses.dataclass
class Receiver:
    """What came, and how to answer.

    Attributes:
        url: Where it listens.
        statuses: Answers to come, the next first; 200 when there are none left.
        drip: Whether to answer byte by byte, without an end.
        came: Path, headers and body of each request.
    """

    url: str = ""
    statuses: list[int] = dataclasses.field(default_factory=list)
    drip: bool = False
    came: list[tuple[str, dict[str, str], bytes]] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Yields a receiver that runs."""
    receiver, ended = Receiver(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.came.append((self.path, dict(self.headers), body))
            if receiver.drip:
                self._drip()
                return
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            self.send_response(status)
            if status in {301, 302, 307}:
                self.send_header("Location", receiver.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self) -> None:
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not ended.is_set():
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.05)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
