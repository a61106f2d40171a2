"""The annotated MP4: pictures with their boxes, the source's sound and clock. Owned by ``ssdv-export-write``.

Opened with the first picture, because only then the size is known, and an MP4 must know it before any sound is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av

from app.core.errors import AppError
from app.core.export.audio import SoundTracks
from app.core.export.clock import CopyClock
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
        self._frames = 0
        self._resized = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs from a perfect copy."""
        moved = self._clock.moved if self._stream is not None else 0
        stamps = f"{moved} time stamps ran backwards and were moved." if moved else ""
        resized = f"The picture changes its size; {self._resized} frames were scaled." if self._resized else ""
        return (*self._notes, *(note for note in (stamps, resized) if note))

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
                complete = self._frames == self._frame_count
                self._clock.end(self._facts.end_s if complete else None)
                for packet in chain(self._clock.pass_on(self._stream.encode(None)), self._clock.last()):
                    self._copy.mux(packet)
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
        self._clock = CopyClock(plan.time_base, facts.origin_s, round(1 / plan.rate / plan.time_base))
        self._sound = SoundTracks(self._source, self._copy, facts.origin_s)
        if facts.language:
            stream.metadata["language"] = facts.language
        self._copy.metadata.update({key: self._source.metadata[key] for key in _KEPT if key in self._source.metadata})
        left_out = len(self._source.streams.subtitles)
        if left_out:
            self._notes.append(f"{left_out} subtitle track{'s' if left_out > 1 else ''} left out.")
        with self._explained():
            self._copy.start_encoding()

    def _encode(self, image: ImageBGR, pts_s: Fraction) -> None:
        assert self._stream is not None
        plan: Plan = self._plan
        height, width = image.shape[:2]
        self._resized += (height + height % 2, width + width % 2) != (plan.height, plan.width)
        frame = to_video_frame(image, plan)
        frame.pts, frame.time_base = self._clock.stamp(self._start_s + pts_s), plan.time_base
        self._frames += 1
        for packet in self._clock.pass_on(self._stream.encode(frame)):
            self._copy.mux(packet)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain(error, self._part.target) from error
        except av.FFmpegError as error:
            raise AppError(f"{self._part.target.name} cannot be written: {error.strerror}.") from error
