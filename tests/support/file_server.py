"""A web server for one file, and a proxy, both on the loopback address. The server misbehaves as the test wants.

Each request takes the next of ``answers``; when there is none left the file is served as it should be, with ranges.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ETAG = '"first"'

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request; ``server.owner`` is the ``FileServer``."""

    protocol_version = "HTTP/1.1"
    owner: FileServer

    def do_GET(self) -> None:
        owner = self.owner
        owner.requests.append((self.path, dict(self.headers.items())))
        answer = owner.answers.popleft() if owner.answers else serve
        with contextlib.suppress(OSError):  # the other side may hang up
            answer(self)
        self.close_connection = True

    def head(self, status: int, **headers: str | int) -> None:
        """Status line and headers; underscores become dashes."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Quiet: a handshake that fails is part of what is tested."""


class FileServer:
    """Serves while entered as a context.

    Args:
        content: The file, under every path.
        tls: Encrypts with it.
    """

    def __init__(self, content: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.content = content
        self._scheme = "https" if tls else "http"
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and headers of each request so far."""
        self.answers: deque[Answer] = deque()
        self.stalled = threading.Event()
        """Set once an answer has fallen silent."""
        self._ending = threading.Event()
        handler = type("Bound", (Handler,), {"owner": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def fall_silent(self) -> None:
        """Called by an answer: keep the connection and say nothing until the end."""
        self.stalled.set()
        self._ending.wait()

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._ending.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def serve(handler: Handler) -> None:
    """Serves the content as a web server should."""
    content, start = handler.owner.content, _asked(handler)
    if start is None or handler.headers.get("If-Range", ETAG) != ETAG:
        handler.head(200, Content_Length=len(content), ETag=ETAG, Accept_Ranges="bytes")
        handler.wfile.write(content)
    elif start >= len(content):
        handler.head(416, Content_Range=f"bytes */{len(content)}", Content_Length=0)
    else:
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.head(206, Content_Range=span, Content_Length=len(content) - start, ETag=ETAG)
        handler.wfile.write(content[start:])


def whole(body: bytes | None = None, length: int | None = None, status: int = 200, **headers: str | int) -> Answer:
    """All of it whatever was asked, with a body, an announced length and headers of the test's choice."""

    def answer(handler: Handler) -> None:
        content = handler.owner.content if body is None else body
        announced = {} if length == -1 else {"Content_Length": len(content) if length is None else length}
        handler.head(status, **{"ETag": ETAG, **announced, **headers})
        handler.wfile.write(content)

    return answer


def cut_after(count: int, silent: bool = False, **headers: str | int) -> Answer:
    """The first bytes of what is asked, then the connection ends, or falls silent."""

    def answer(handler: Handler) -> None:
        content, start = handler.owner.content, _asked(handler) or 0
        span = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        handler.head(206 if start else 200, **{"ETag": ETAG, "Content_Length": len(content) - start, **span, **headers})
        handler.wfile.write(content[start : start + count])
        if silent:
            handler.owner.fall_silent()

    return answer


def chunked(count: int, finished: bool = True) -> Answer:
    """The first bytes in two chunks, with or without the mark of the end."""

    def answer(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked", ETag=ETAG)
        content = handler.owner.content[:count]
        for part in (content[: count // 2], content[count // 2 :]):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if finished:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def redirect(target: str, status: int = 302) -> Answer:
    """To another address."""
    return lambda handler: handler.head(status, Location=target, Content_Length=0)


def silence(handler: Handler) -> None:
    """Not a word."""
    handler.owner.fall_silent()


def raw(data: bytes) -> Answer:
    """These very bytes instead of an answer."""
    return lambda handler: handler.wfile.write(data) and None


def _asked(handler: Handler) -> int | None:
    span = handler.headers.get("Range", "")
    return int(span.removeprefix("bytes=").rstrip("-")) if span.startswith("bytes=") else None


class ProxyServer:
    """A forwarding proxy: absolute addresses and CONNECT; remembers what it was asked."""

    def __init__(self, wants: str = "") -> None:
        self.wants = wants
        """The Proxy-Authorization it insists on."""
        self.asked: list[str] = []
        self.authorizations: list[str] = []
        proxy = self

        class ProxyHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if proxy._admits(self):
                    parts = urlsplit(self.path)
                    with socket.create_connection((parts.hostname or "", parts.port or 80)) as upstream:
                        lines = [f"GET {parts.path} HTTP/1.1"]
                        lines += [f"{k}: {v}" for k, v in self.headers.items() if not k.startswith("Proxy-")]
                        upstream.sendall("\r\n".join([*lines, "", ""]).encode())
                        _pump(upstream, self.connection)

            def do_CONNECT(self) -> None:
                if proxy._admits(self):
                    host, _, port = self.path.rpartition(":")
                    with socket.create_connection((host, int(port))) as upstream:
                        self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                        _pump(upstream, self.connection)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), ProxyHandler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def _admits(self, handler: BaseHTTPRequestHandler) -> bool:
        self.asked.append(f"{handler.command} {handler.path}")
        self.authorizations.append(handler.headers.get("Proxy-Authorization", ""))
        if self.wants and self.authorizations[-1] != self.wants:
            handler.send_error(407)
            return False
        return True

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def __enter__(self) -> ProxyServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    with contextlib.suppress(OSError):
        while True:
            for ready in select.select([one, other], [], [], 10)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (other if ready is one else one).sendall(data)
