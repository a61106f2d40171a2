"""A camera behind a playlist (HLS): FFmpeg's own segments of a second, served over HTTP on the loopback network."""

from __future__ import annotations

import functools
import tempfile
import threading
import time
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path

import av
import numpy as np

from tools.watch_hour.cameras import SIZES, free_port
from tools.watch_hour.check import CameraCheck
from tools.watch_hour.picture import Picture

_PIECE_S = 1.0
_KEPT = 10
_PLAYLIST = "live.m3u8"


class HlsCamera:
    """H.264 in segments of MPEG-TS; its times count from the encoder's start.

    Attributes:
        keys: Numbers of the key frames.
    """

    def __init__(self, number: int, fps: int = 10) -> None:
        self.number, self.fps = number, fps
        self._sizes = list(SIZES)
        self._port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="hls-")
        self._server: ThreadingHTTPServer | None = None
        self._threads: list[threading.Thread] = []
        self._flow, self._ending, self._resized = threading.Event(), threading.Event(), threading.Event()
        self._next = 0
        self.keys: set[int] = set()
        self.url = f"http://127.0.0.1:{self._port}/{_PLAYLIST}"
        self.plug_in()

    def unplug(self) -> None:
        """See ``GeneratedCamera``: server and encoder are gone, and so are the segments."""
        server, self._server = self._server, None
        if server is None:
            return
        self._ending.set()
        self._flow.set()
        server.shutdown()
        server.server_close()
        for thread in self._threads:
            thread.join()
        for path in Path(self._folder.name).iterdir():
            path.unlink()

    def plug_in(self) -> None:
        """See ``GeneratedCamera``."""
        self._ending.clear()
        self._flow.set()
        handler = functools.partial(_Handler, directory=self._folder.name)
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        serve = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._threads = [serve, threading.Thread(target=self._run, daemon=True)]
        for thread in self._threads:
            thread.start()

    def freeze(self) -> None:
        """See ``GeneratedCamera``: the playlist is there and brings nothing new."""
        self._flow.clear()

    def thaw(self) -> None:
        """See ``GeneratedCamera``."""
        self._flow.set()

    def resize(self) -> None:
        """See ``GeneratedCamera``: after a discontinuity, in the midst of a connection."""
        self._resized.set()

    def sent_s(self, index: int) -> float | None:
        """See ``GeneratedCamera``: its frames have times."""
        del index
        return None

    # -- on the encoder's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        begun = False
        while not self._ending.is_set():
            self._encode(
                self._sizes[0], ["omit_endlist", "delete_segments", *(["append_list", "discont_start"] * begun)]
            )
            begun = True

    def _encode(self, size: tuple[int, int], flags: list[str]) -> None:
        """Encodes until the camera is gone or another size is wanted."""
        picture, due = Picture(self.number, size, self.fps), time.monotonic()
        options = {"hls_time": str(_PIECE_S), "hls_list_size": str(_KEPT), "hls_flags": "+".join(flags)}
        path = f"{self._folder.name}/{_PLAYLIST}"
        with av.open(path, "w", format="hls", options=options) as output:
            stream = output.add_stream("libx264", rate=self.fps, options={"preset": "ultrafast", "tune": "zerolatency"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.gop_size, stream.bit_rate = round(self.fps * _PIECE_S), 2_000_000
            for count in range(1 << 30):
                self._flow.wait()
                if self._ending.wait(max(0.0, due - time.monotonic())):
                    return
                due = max(due + 1 / self.fps, time.monotonic() - 0.1)
                image = np.frombuffer(picture.frame(self._next), np.uint8).reshape(size[1], size[0], 3)
                frame = av.VideoFrame.from_ndarray(image, "bgr24")
                frame.pts, frame.time_base = count, Fraction(1, self.fps)
                packets = stream.encode(frame)
                if any(packet.is_keyframe for packet in packets):
                    self.keys.add(self._next)
                self._next += 1
                output.mux(packets)
                if self._resized.is_set():
                    self._resized.clear()
                    self._sizes.reverse()
                    return


class HlsCheck(CameraCheck):
    """Knows which frames no recording can have.

    FFmpeg gives the last frames of a segment with the next one. Where the connection is lost meanwhile, they are the
    first ones of the next connection, whose packets are copied from a key frame on.
    """

    apart_s = 5.0
    """Its frames were there when their segment was, and are looked at evenly after that."""

    def _torn(self, first: int, last: int) -> int:
        assert isinstance(self._camera, HlsCamera)
        keys, torn = self._camera.keys, super()._torn(first, last)
        for part in self._parts:
            before = takewhile(lambda each: each.index not in keys, part)
            torn += sum(first <= each.index <= last for each in before)
        return torn


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Logs nothing."""
