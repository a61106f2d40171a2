"""A network camera: GStreamer's RTSP server, in a process of its own that can be killed and started again.

GStreamer's Python bindings belong to the system's Python, not to our environment, so this file is also the program that
runs there (standard library and ``gi`` only): ``python3 rtsp_server.py PORT [USER PASSWORD]``.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from functools import cache

PATH = "/live"
_SIZE = (320, 240)


class RtspServer:
    """Serves while entered as a context.

    Args:
        login: (user, password) to insist on.
    """

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._login = login
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}{PATH}"

    def start(self) -> None:
        """Begin to serve, at the same address as before; returns when it does."""
        command = [_python(), __file__, str(self.port), *(self._login or ())]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "serving\n"

    def kill(self) -> None:
        """Drop dead, as when its plug is pulled."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> RtspServer:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()


@cache
def missing() -> str:
    """Why there can be no RTSP server here; "" when there can."""
    if not _python():
        return "no system Python for GStreamer's RTSP server"
    check = f"import runpy; runpy.run_path({__file__!r})['_bindings']()"
    tried = subprocess.run([_python(), "-c", check], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else "GStreamer's RTSP server (gir1.2-gst-rtsp-server-1.0) is not installed"


def _python() -> str:
    return shutil.which("python3", path="/usr/bin:/usr/local/bin:/opt/homebrew/bin") or ""


# -- inside the server's process ------------------------------------------------------------------------------------


def _bindings():  # type: ignore[no-untyped-def] # GStreamer's bindings have no types
    import gi  # type: ignore[import-not-found] # the system's Python has it

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # as above

    Gst.init(None)
    for element in ("videotestsrc", "x264enc", "rtph264pay"):
        if Gst.ElementFactory.find(element) is None:
            raise ImportError(f"no {element}")
    return GLib, Gst, GstRtspServer


def _serve(port: str, *login: str) -> None:
    glib, gst, rtsp = _bindings()  # type: ignore[no-untyped-call] # as above
    server = rtsp.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = rtsp.RTSPMediaFactory.new()
    # One key frame, at the start: who throws that away never sees anything.
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! video/x-raw,width={_SIZE[0]},height={_SIZE[1]},framerate=25/1"
        " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=100000 ! rtph264pay name=pay0 pt=96 )"
    )
    if login:
        auth = rtsp.RTSPAuth.new()
        token = rtsp.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(rtsp.RTSPAuth.make_basic(*login), token)
        server.set_auth(auth)
        role = gst.Structure.new_from_string(
            "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        )
        factory.add_role_from_structure(role)
    server.get_mount_points().add_factory("/live", factory)
    assert server.attach(None) > 0
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    glib.MainLoop().run()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
