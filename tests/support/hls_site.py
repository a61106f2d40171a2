"""A web server whose files are a dictionary, plain or encrypted, and HLS segments to put into it."""

from __future__ import annotations

import io
import shlex
import shutil
import ssl
import subprocess
import threading
from collections.abc import Mapping
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

RATE = 10
SEGMENT_S = 1
_OWN = "req -x509 -newkey rsa:2048 -nodes -days 2"


class Site:
    """Serves while entered as a context.

    Args:
        files: Content by path; may be changed while it serves.
        tls: Encrypts with it.
    """

    def __init__(self, files: Mapping[str, tuple[str, bytes]], tls: ssl.SSLContext | None = None) -> None:
        self.files = dict(files)
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                found = site.files.get(self.path.partition("?")[0])
                self.send_response(404 if found is None else 200)
                kind, content = found or ("text/plain", b"")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                """Quiet: a handshake that fails is part of what is tested."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.place = f"127.0.0.1:{self._server.server_address[1]}"
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def url(self, path: str) -> str:
        return f"{self._scheme}://{self.place}{path}"

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def playlist(names: list[str], first: int = 0, ended: bool = False) -> tuple[str, bytes]:
    """A media playlist of segments of one second."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_S}", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for name in names:
        lines += [f"#EXTINF:{SEGMENT_S}.0,", name]
    return "application/vnd.apple.mpegurl", ("\n".join(lines + ["#EXT-X-ENDLIST"] * ended) + "\n").encode()


def segment(number: int, key_first: bool = False) -> tuple[str, bytes]:
    """The ``number``-th second of a video, as MPEG-TS; with ``key_first`` only its first frame is a key frame."""
    written = io.BytesIO()
    with av.open(written, "w", format="mpegts") as container:
        options = {"preset": "ultrafast", "tune": "zerolatency"} if key_first else {}
        stream = container.add_stream("libx264" if key_first else "mpeg4", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, RATE)
        for index in range(RATE * SEGMENT_S):
            grey = np.full((48, 64, 3), (number * RATE + index) * 5 % 250, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts = (number * SEGMENT_S) * RATE + index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return "video/mp2t", written.getvalue()


class Signed:
    """Certificates of a test, made by the openssl program.

    Args:
        folder: Where to keep them.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("no openssl program to make certificates with")
        self._folder = folder

    def _run(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)

    def by_itself(self, name: str = "camera") -> ssl.SSLContext:
        """Returns the context of a certificate like a camera's: signed by itself, valid for no host."""
        key, certificate = f"{name}.key", f"{name}.pem"
        self._run(*shlex.split(f"{_OWN} -subj /CN={name} -keyout {key} -out {certificate}"))
        return self._context(certificate, key)

    def by_authority(self, alternative: str = "IP:127.0.0.1") -> tuple[ssl.SSLContext, Path]:
        """Signed by an authority, valid for ``alternative``; and the authority's own certificate."""
        self._run(
            *shlex.split("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem")
        )
        self._run(*shlex.split("req -newkey rsa:2048 -nodes -subj /CN=site -keyout site.key -out site.csr"))
        (self._folder / "site.ext").write_text(f"subjectAltName={alternative}\n")
        self._run(
            *shlex.split("x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile site.ext"),
            *shlex.split("-out site.pem"),
        )
        return self._context("site.pem", "site.key"), self._folder / "ca.pem"

    def _context(self, certificate: str, key: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / certificate, self._folder / key)
        return context
