"""Progressive frames from interlaced ones, by FFmpeg's ``bwdif`` or ``yadif``; as many as before, at the same times.

Used by the thread that reads. Frames go in and come out in order, one late.
"""

from __future__ import annotations

import av
import av.filter

from app.core.errors import AppError
from detector.errors import Remedy

_FILTERS = ("bwdif", "yadif")


class Deinterlacer:
    """Deinterlaces every frame, whether it says that it is interlaced or not: somebody has looked, and asked for this.

    Args:
        bottom_first: The lower lines are the earlier half.

    Raises:
        AppError: FFmpeg was built without such a filter.
    """

    def __init__(self, bottom_first: bool) -> None:
        known = [name for name in _FILTERS if name in av.filter.filters_available]
        if not known:
            raise AppError(
                "This build of FFmpeg cannot deinterlace.",
                "Leave the fields as they are.",
                Remedy("deinterlace", omit=True),
            )
        self._filter = known[0]
        self._parity = "1" if bottom_first else "0"
        self._graph: av.filter.Graph | None = None
        self._like: tuple[int, int, str] = (0, 0, "")

    def put(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """Puts a frame in, and returns those that are ready now."""
        like = frame.width, frame.height, frame.format.name
        ready: list[av.VideoFrame] = []
        if self._graph is None or like != self._like:
            ready = self.flush()
            self._graph, self._like = self._make_graph(frame), like
        self._graph.vpush(frame)
        return ready + self._pull()

    def flush(self) -> list[av.VideoFrame]:
        """The frames still inside; the next one starts anew."""
        if self._graph is None:
            return []
        self._graph.vpush(None)
        rest, self._graph = self._pull(), None
        return rest

    def _make_graph(self, like: av.VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        try:
            source = graph.add_buffer(
                width=like.width, height=like.height, format=like.format, time_base=like.time_base
            )
            whole = graph.add(self._filter, mode="send_frame", parity=self._parity, deint="all")
            graph.link_nodes(source, whole, graph.add("buffersink")).configure()
        except (av.FFmpegError, ValueError) as error:
            raise AppError(
                "This video cannot be deinterlaced.", "Leave the fields as they are.", Remedy("deinterlace", omit=True)
            ) from error
        return graph

    def _pull(self) -> list[av.VideoFrame]:
        assert self._graph is not None
        ready: list[av.VideoFrame] = []
        while True:
            try:
                ready.append(self._graph.vpull())
            except (av.BlockingIOError, av.EOFError):
                return ready
