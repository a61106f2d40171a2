"""The annotated MP4: pictures with their boxes, the source's sound and clock. Owned by ``ssdv-export-write``.

Opened with the first picture, because only then the size is known, and an MP4 must know it before any sound is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from app.core.errors import AppError
from app.core.export.audio import SoundTracks
from app.core.export.encoder import ENCODERS, Plan, plan_encoder, to_video_frame
from app.core.export.stream_facts import stream_facts
from app.core.frames import ImageBGR
from app.core.overlay_array import ArrayPainter
from app.core.part_file import PartFile, explain
from app.core.settings import OverlaySettings
from app.core.sources.video import Picture
from detector.detections import Detections

_KEPT = ("title", "artist", "comment", "date", "creation_time", "location", "copyright")


class VideoFile:
    """An annotated video being written; under its name only once finished.

    Args:
        source: The original, for its sound, clock and tags.
        target: The MP4.
        start_s: Container time of the source's first picture.
        frame_count: Pictures the source promises; the last one's duration is believed when they all came.
        look: How boxes look.

    Raises:
        AppError: The target cannot be written.
    """

    def __init__(
        self, source: Path, target: Path, start_s: Fraction, frame_count: int | None, look: OverlaySettings
    ) -> None:
        self._start_s = start_s
        self._frame_count = frame_count
        self._look = look
        self._painter = ArrayPainter()
        self._notes: list[str] = []
        self.encoder = ""
        self._part = PartFile(target)
        try:
            self._source = av.open(str(source), metadata_errors="replace")
            self._facts = stream_facts(self._source)
            # MP4 states when each track starts in ticks of a clock of its own, by default milliseconds: too coarse.
            clock = {"movie_timescale": str(self._facts.common_clock)}
            self._copy = av.open(self._part.file, "w", format="mp4", container_options=clock)
        except BaseException:
            self._part.discard()
            raise
        self._stream: av.VideoStream | None = None
        self._durations: dict[int, int] = {}
        self._last: tuple[int, int] | None = None  # pts, ticks since the one before
        self._first: tuple[int, int] | None = None  # pts and dts of the first packet
        self._end = 0
        self._frames = 0
        self._moved_stamps = 0
        self._resized = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs from a perfect copy."""
        moved = f"{self._moved_stamps} time stamps ran backwards and were moved." if self._moved_stamps else ""
        resized = f"The picture changes its size; {self._resized} frames were scaled." if self._resized else ""
        return (*self._notes, *(note for note in (moved, resized) if note))

    def write(self, picture: Picture, detections: Detections, labels: Sequence[str]) -> None:
        """Paint the boxes into ``picture`` (its array is changed) and append it.

        Raises:
            AppError: The disk is full, or no encoder opens.
        """
        image = picture.image_bgr
        if self._stream is None:
            self._begin(image)
        if not image.flags.writeable:
            image = image.copy()
        self._painter.annotate(image, detections, labels, self._look)
        with self._explained():
            self._sound.advance(self._start_s + picture.pts_s)
            self._encode(image, picture.pts_s)

    def finish(self) -> None:
        """Write what is left, and give the file its name.

        Raises:
            AppError: It cannot be completed; nothing is left.
        """
        if self._stream is None:
            raise AppError("There was no picture to write.")
        try:
            with self._explained():
                self._set_last_duration()
                left = self._stream.encode(None)
                self._close_duration(left)
                self._mux(left)
                self._sound.advance(None)
                self._copy.close()
        except BaseException:
            self.discard()
            raise
        self._notes += self._sound.notes
        self._source.close()
        self._part.commit()

    def discard(self) -> None:
        """Leave nothing behind, unless finished; may be called twice."""
        self._part.discard()  # first: a closed file is what keeps the container from writing its trailer
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._copy.close()
        self._source.close()

    # -- opening ----------------------------------------------------------------------------------------------------

    def _begin(self, image: ImageBGR) -> None:
        facts = self._facts
        height, width = image.shape[:2]
        plan = self._plan = plan_encoder(width, height, facts)
        self.encoder = plan.name
        if plan.name != ENCODERS[0]:
            self._notes.append(f"{ENCODERS[0]} is not available here; {plan.name} encoded the video.")
        if (plan.width, plan.height) != (width, height):
            self._notes.append(
                f"{width} x {height} pixels became {plan.width} x {plan.height}: H.264 needs even numbers; "
                "the last row or column is repeated."
            )
        stream = self._copy.add_stream(plan.name, rate=plan.rate)
        assert isinstance(stream, av.VideoStream)
        plan.apply(stream.codec_context)
        stream.time_base = plan.time_base
        self._stream = stream
        self._sound = SoundTracks(self._source, self._copy, facts.origin_s)
        if facts.language:
            stream.metadata["language"] = facts.language
        self._copy.metadata.update({key: self._source.metadata[key] for key in _KEPT if key in self._source.metadata})
        left_out = len(self._source.streams.subtitles)
        if left_out:
            self._notes.append(f"{left_out} subtitle track{'s' if left_out > 1 else ''} left out.")
        with self._explained():
            self._copy.start_encoding()

    # -- pictures and their clock -----------------------------------------------------------------------------------

    def _encode(self, image: ImageBGR, pts_s: Fraction) -> None:
        assert self._stream is not None
        plan: Plan = self._plan
        height, width = image.shape[:2]
        self._resized += (height + height % 2, width + width % 2) != (plan.height, plan.width)
        frame = to_video_frame(image, plan)
        pts = round((self._start_s + pts_s - self._facts.origin_s) / plan.time_base)
        if self._last is not None:
            if pts <= self._last[0]:
                pts = self._last[0] + 1
                self._moved_stamps += 1
            self._durations[self._last[0]] = pts - self._last[0]
        self._last = (pts, 0 if self._last is None else pts - self._last[0])
        frame.pts, frame.time_base = pts, plan.time_base
        self._frames += 1
        self._mux(self._stream.encode(frame))

    def _set_last_duration(self) -> None:
        """The last picture stays as long as the source says; as long as the one before it, where it does not say."""
        if self._last is None:
            return
        pts, step = self._last
        plan, facts = self._plan, self._facts
        ticks = step or round(1 / plan.rate / plan.time_base)
        if facts.end_s is not None and self._frames == self._frame_count:
            promised = round((facts.end_s - facts.origin_s) / plan.time_base) - pts
            ticks = promised if promised > 0 else ticks
        self._durations[pts] = max(1, ticks)
        self._end = pts + self._durations[pts]

    def _close_duration(self, left: list[av.Packet[Any]]) -> None:
        """Make the decoding times span what the presentation times span: MP4 states both, and players take the less.

        They differ where B-frames change the order and the rate varies; the packet decoded last makes up for it.
        """
        if not left or left[-1].pts is None or left[-1].dts is None:
            return
        self._note_first(left)
        assert self._first is not None  # the last has its times, so has the first
        pts, dts = self._first
        ticks = (self._end - pts) - (left[-1].dts - dts)
        if ticks > 0:
            self._durations[left[-1].pts] = ticks

    def _note_first(self, packets: list[av.Packet[Any]]) -> None:
        if self._first is None and packets and packets[0].pts is not None and packets[0].dts is not None:
            self._first = packets[0].pts, packets[0].dts

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        self._note_first(packets)
        for packet in packets:
            if packet.pts is not None:
                # The encoder passes times but no durations, and MP4 takes the last one's from the packet.
                packet.duration = self._durations.pop(packet.pts, 0)
            self._copy.mux(packet)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain(error, self._part.target) from error
        except av.FFmpegError as error:
            raise AppError(f"{self._part.target.name} cannot be written: {error.strerror}.") from error
