"""A web server that events are posted to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """A web server that answers with the next of ``codes``, then 204, and remembers what it was sent."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.got: list[dict[str, object]] = []
        self.logins: list[str | None] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                code = web.codes.pop(0) if web.codes else 204
                if code == 204:
                    assert self.headers["Content-Type"] == "application/json"
                    web.got.append(json.loads(content))
                    web.logins.append(self.headers["Authorization"])
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                if code == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Web:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
