"""A camera on the network: Motion JPEG over HTTP on the loopback address, every picture showing its own number.

The test decides what it does: a steady rate or every picture on demand, silence, hanging up, refusing, another size.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2

from tests.support.media import coded_image

_BOUNDARY = "picture"


class MjpegServer:
    """Serves while entered as a context.

    Args:
        fps: Pictures per second.
        size: (width, height).
    """

    def __init__(self, fps: float = 60, size: tuple[int, int] = (160, 120)) -> None:
        self.fps = fps
        self.size = size
        self.sent_ns: dict[int, int] = {}
        """When each picture left, by the number it shows; ``time.monotonic_ns()``."""
        self.connections = 0
        self.authorization: str | None = None
        self._flow = threading.Event()
        self._flow.set()
        self._refusing = False
        self._ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._index = 0
        self._sent = threading.Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/camera"

    def wait_sent(self, more: int, patience_s: float = 20.0) -> int:
        """Until that many more pictures have left; the number of the last one."""
        with self._sent:
            goal = self._index + more
            assert self._sent.wait_for(lambda: self._index > goal, patience_s)
            return self._index - 1

    def sent_between(self, index: int, moment_ns: int) -> int:
        """How many pictures after ``index`` had left by that moment."""
        with self._sent:
            return sum(number > index and sent < moment_ns for number, sent in self.sent_ns.items())

    def stall(self) -> None:
        """Keep the connections, send nothing more."""
        self._flow.clear()

    def go_on(self) -> None:
        """Send again, and accept again."""
        self._refusing = False
        self._flow.set()

    def hang_up(self, refuse: bool = False) -> None:
        """Cut all connections; with ``refuse`` answer new ones with an error."""
        self._refusing = refuse
        for connection in list(self._open):
            with _gone():
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> MjpegServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._ending.set()
        self._flow.set()
        self.hang_up()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - "self" is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.authorization = self.headers.get("Authorization", server.authorization)
                if server._refusing:
                    self.send_error(503)
                    return
                server.connections += 1
                server._open.add(self.connection)
                with _gone():
                    self.send_response(200)
                    self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
                    self.end_headers()
                    server._send(self)
                server._open.discard(self.connection)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        return Handler

    def _send(self, handler: BaseHTTPRequestHandler) -> None:
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            self._flow.wait()
            due = max(due + 1 / self.fps, time.monotonic() - 0.1)
            index, self._index = self._index, self._index + 1
            good, jpeg = cv2.imencode(".jpg", coded_image(index, self.size))
            assert good
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            with self._sent:
                self.sent_ns[index] = time.monotonic_ns()
                self._sent.notify_all()
            handler.wfile.write(head.encode() + jpeg.tobytes() + b"\r\n")


@contextmanager
def _gone() -> Iterator[None]:
    """The other side may have hung up at any moment."""
    try:
        yield
    except OSError:
        return
