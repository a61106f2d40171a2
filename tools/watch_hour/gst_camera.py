"""A camera with GStreamer's RTSP server. Runs under the system's Python, which has GStreamer's bindings.

``python3 gst_camera.py PORT CAMERA WIDTH HEIGHT FPS FIRST``: says "serving", then the number of each frame it sends.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gi  # type: ignore[import-not-found] # the system's Python has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: E402  # as above

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.watch_hour.picture import Picture  # noqa: E402  # found by the line before

_PIPELINE = (
    "( appsrc name=source is-live=true format=time block=true max-bytes=1 caps=video/x-raw,format=BGR,width={width},"
    "height={height},framerate={fps}/1 ! videoconvert ! video/x-raw,format=I420"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} bitrate=2000 ! rtph264pay name=pay0 pt=96 )"
)


class Camera:
    """Frames that go on counting from one connection to the next, each of which has a clock of its own."""

    def __init__(self, camera: int, size: tuple[int, int], fps: int, first: int) -> None:
        self._picture = Picture(camera, size, fps)
        self._fps = fps
        self._next = first

    def configure(self, _factory: object, media: object) -> None:
        """Feeds a connection."""
        source = media.get_element().get_by_name_recurse_up("source")  # type: ignore[attr-defined] # GStreamer's
        source.connect("need-data", self._feed, [0])

    def _feed(self, source: object, _length: int, sent: list[int]) -> None:
        buffer = Gst.Buffer.new_wrapped(self._picture.frame(self._next))
        buffer.pts = buffer.dts = sent[0] * Gst.SECOND // self._fps
        buffer.duration = Gst.SECOND // self._fps
        source.emit("push-buffer", buffer)  # type: ignore[attr-defined] # GStreamer's
        print(self._next, flush=True)
        self._next += 1
        sent[0] += 1


def main() -> None:
    """Serves until it is killed."""
    port, camera, width, height, fps, first = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(_PIPELINE.format(width=width, height=height, fps=fps))
    feeder = Camera(int(camera), (int(width), int(height)), int(fps), int(first))
    factory.connect("media-configure", feeder.configure)
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        raise SystemExit(f"port {port} cannot be used")
    print("serving", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
