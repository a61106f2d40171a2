"""Cameras on the loopback network that can be unplugged, frozen, resized and started anew."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from tools.fixtures.coded_images import ImageBGR
from tools.fixtures.mjpeg_server import MjpegServer
from tools.watch_hour.picture import Picture

SIZES = ((320, 240), (400, 300))
"""No frame is lower than three quarters of another: FFmpeg takes such Motion JPEG for one field of two."""
_END_S = 5.0


class GeneratedCamera(Protocol):
    """A camera; its frames go on counting whatever happens to it.

    Attributes:
        url: Where it is.
        number: In its pictures.
        fps: Frames a second.
    """

    url: str
    number: int
    fps: int

    def unplug(self) -> None:
        """Is gone, and nobody answers."""
        ...

    def plug_in(self) -> None:
        """Is there again."""
        ...

    def freeze(self) -> None:
        """Sends nothing, and keeps its connections."""
        ...

    def thaw(self) -> None:
        """Sends again."""
        ...

    def resize(self) -> None:
        """Sends frames of the other size."""
        ...

    def sent_s(self, index: int) -> float | None:
        """Returns when a frame was sent, seconds on the monotonic clock; None where it has a clock of its own."""
        ...


class HttpCamera:
    """Motion JPEG over HTTP, which has no times: those of arrival count."""

    def __init__(self, number: int, fps: int = 10) -> None:
        self.number, self.fps = number, fps
        self._pictures = {size: Picture(number, size, fps) for size in SIZES}
        self._sizes = list(SIZES)
        self._sent_ns: dict[int, int] = {}
        self._port = free_port()
        self._server: MjpegServer | None = None
        self.url = f"http://127.0.0.1:{self._port}/camera"
        self.plug_in()

    def _draw(self, index: int, size: tuple[int, int]) -> ImageBGR:
        content = self._pictures[size].frame(index)
        return np.frombuffer(content, np.uint8).reshape(size[1], size[0], 3)

    def unplug(self) -> None:
        """See ``GeneratedCamera``."""
        server, self._server = self._server, None
        if server is not None:
            server.__exit__()
            self._sent_ns |= server.sent_ns

    def plug_in(self) -> None:
        """See ``GeneratedCamera``."""
        first = max(self._sent_ns, default=-1) + 1
        self._server = MjpegServer(self.fps, self._sizes[0], self._draw, self._port, first).__enter__()

    def freeze(self) -> None:
        """See ``GeneratedCamera``."""
        if self._server is not None:
            self._server.stall()

    def thaw(self) -> None:
        """See ``GeneratedCamera``."""
        if self._server is not None:
            self._server.go_on()

    def resize(self) -> None:
        """See ``GeneratedCamera``: in the midst of a connection."""
        self._sizes.reverse()
        if self._server is not None:
            self._server.size = self._sizes[0]

    def sent_s(self, index: int) -> float | None:
        """See ``GeneratedCamera``."""
        sent_ns = self._sent_ns.get(index)
        if sent_ns is None and self._server is not None:
            sent_ns = self._server.sent_ns.get(index)
        return None if sent_ns is None else sent_ns / 1e9


class RtspCamera:
    """H.264 by GStreamer's RTSP server, in a process of its own."""

    def __init__(self, number: int, fps: int = 20) -> None:
        self.number, self.fps = number, fps
        self._sizes = list(SIZES)
        self._port = free_port()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._next = 0
        self.url = f"rtsp://127.0.0.1:{self._port}/live"
        self.plug_in()

    def unplug(self) -> None:
        """See ``GeneratedCamera``: its process is killed."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_END_S)
            assert self._reader is not None
            self._reader.join(_END_S)

    def plug_in(self) -> None:
        """See ``GeneratedCamera``."""
        program = str(Path(__file__).with_name("gst_camera.py"))
        numbers = (self._port, self.number, *self._sizes[0], self.fps, self._next)
        command = [_system_python(), program, *map(str, numbers)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._reader = threading.Thread(target=self._count, args=(self._process,))
        self._reader.start()

    def freeze(self) -> None:
        """See ``GeneratedCamera``."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """See ``GeneratedCamera``."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def resize(self) -> None:
        """See ``GeneratedCamera``: it starts anew for that."""
        self._sizes.reverse()
        self.unplug()
        self.plug_in()

    def sent_s(self, index: int) -> float | None:
        """See ``GeneratedCamera``: what it says of its frames counts."""
        del index
        return None

    def _count(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if line.strip().isdecimal():
                    self._next = int(line) + 1


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def no_rtsp() -> str:
    """Returns why there can be no RTSP camera here; "" when there can."""
    if not _system_python():
        return "there is no system Python"
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer, Gst"
    encoder = "; Gst.init(None); assert Gst.ElementFactory.find('x264enc')"
    tried = subprocess.run([_system_python(), "-c", check + encoder], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "GStreamer's RTSP server or x264enc is not installed"


def _system_python() -> str:
    return "" if sys.platform == "win32" else shutil.which("python3", path="/usr/bin:/opt/homebrew/bin") or ""
