"""A video file made of another's frames, changed or not, with its sound and clock. Owned by the thread that writes.

Its header is written with the first frame: only then the size is known, which no sound may come before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from app.core.errors import AppError
from app.core.file_types import is_sequence
from app.core.files.atomic_file import AtomicFile
from app.core.files.write_errors import explain_write_error
from app.core.frames import DecodedFrame, FrameConversion, ImageBGR
from app.core.media.container import main_video, open_container
from app.core.muxing.clock import CopyClock
from app.core.muxing.encoder import EncoderPlan, plan_encoder, to_video_frame
from app.core.muxing.metadata import describe, describe_file, muxer_options, time_code, tracks_left_out
from app.core.muxing.presets import FULLY_FREE
from app.core.muxing.side_tracks import SideTracks
from app.core.muxing.stream_facts import image_facts, stream_facts
from app.core.muxing.thread_priority import usual_priority
from app.core.muxing.video_options import MP4, VideoOptions, container_of


class VideoFile:
    """A video being written; under its name only once finished.

    Args:
        source: The original, for its sound, clock and tags.
        target: Where; the ending chooses the container.
        start_s: Container time of the source's first frame.
        frame_count: Frames the source promises; the last one's duration is believed when they all came.
        options: How the video is written.
        clip_from_s: Container time at which a clip of the source begins, which is 0 in the copy; None for all of it.

    Raises:
        AppError: The target cannot be written, or the source is gone.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        start_s: Fraction,
        frame_count: int | None,
        options: VideoOptions | None = None,
        clip_from_s: Fraction | None = None,
    ) -> None:
        self._start_s = start_s
        self._is_clip = clip_from_s is not None
        self._frame_count = frame_count
        self._options = options or VideoOptions()
        self._container = container_of(target) or MP4
        self._convert = VideoReformatter()
        self._notes: list[str] = []
        self.encoder = ""
        self._source: InputContainer | None = None
        self._sound: SideTracks | None = None
        self._stream: av.VideoStream | None = None
        self._frames = 0
        self._rounded = False
        self._part = AtomicFile(target)
        try:
            if is_sequence(source):
                self._facts = image_facts(self._options.images_per_s)
            else:
                self._source = _open_again(source)
                self._facts = stream_facts(self._source, start_s)
            if clip_from_s is not None:
                self._facts = replace(self._facts, origin_s=clip_from_s, end_s=None)
            settings = muxer_options(self._source, self._container, self._facts.common_clock)
            self._copy = av.open(self._part.file, "w", format=self._container.format, container_options=settings)
        except BaseException:
            self._part.discard()
            raise

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines about what differs from a perfect copy."""
        moved = self._clock.moved if self._stream is not None else 0
        late = (
            f"{moved} time stamps ran backwards and were moved." if moved else "",
            f"{self._container.name} counts in thousandths of a second; times were rounded to them."
            if self._rounded
            else "",
        )
        return (
            *self._notes,
            *(note for note in late if note),
            *(self._sound.notes if self._sound is not None else ()),
        )

    def write(self, frame: DecodedFrame) -> None:
        """Append a frame.

        Raises:
            AppError: The disk is full, or no encoder opens.
        """
        self.append(self.convert(frame), frame.pts_s)

    def convert(self, frame: DecodedFrame) -> av.VideoFrame:
        """The first half of ``write``: the frame as the encoder takes it.

        Only the first call touches the file; after it this may run beside ``append``.

        Raises:
            AppError: No encoder opens, or the file cannot be begun.
        """
        image = frame.image_bgr
        if self._stream is None:
            self._begin(image, frame.conversion)
        with self._explained():
            return to_video_frame(image, self._plan, self._convert)

    def append(self, frame: av.VideoFrame, pts_s: Fraction) -> None:
        """The second half of ``write``: encode and write what was converted, and the sound up to it.

        Raises:
            AppError: The disk is full.
        """
        with self._explained():
            if self._sound is not None:
                self._sound.advance(self._start_s + pts_s)
            self._encode(frame, pts_s)

    def complete(self, end_s: Fraction | None = None) -> None:
        """Write what is left; the file is whole then, but not under its name yet.

        Args:
            end_s: Container time at which a clip ends; None where the source does.

        Raises:
            AppError: It cannot be completed; nothing is left.
        """
        if self._stream is None:
            raise AppError("There was no frame to write.")
        try:
            with self._explained():
                complete = self._frames == self._frame_count
                self._clock.end(self._facts.end_s if end_s is None and complete else end_s)
                for packet in chain(self._clock.pass_on(self._stream.encode(None)), self._clock.last()):
                    self._copy.mux(packet)
                if self._sound is not None:
                    self._sound.finish(end_s)
                self._copy.close()
        except BaseException:
            self.discard()
            raise
        self._close_source()

    def finish(self) -> None:
        """Give a complete file its name.

        Raises:
            AppError: It cannot be named; nothing is left.
        """
        self._part.commit()

    def discard(self) -> None:
        """Leave nothing behind, unless finished; may be called twice."""
        self._part.discard()  # first: a closed file is what keeps the container from writing its trailer
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._copy.close()
        self._close_source()

    def _close_source(self) -> None:
        if self._source is not None:
            self._source.close()

    # -- opening ----------------------------------------------------------------------------------------------------

    def _begin(self, image: ImageBGR, conversion: FrameConversion) -> None:
        height, width = image.shape[:2]
        plan = self._plan = plan_encoder(width, height, self._facts, self._container, self._options, conversion)
        self.encoder = plan.name
        self._notes += _about_encoder(plan, width, height) + _about_conversion(conversion)
        with self._explained():
            stream = self._copy.add_stream(plan.name, rate=plan.rate)
            assert isinstance(stream, av.VideoStream)
            plan.apply(stream.codec_context)
            stream.time_base = plan.time_base
            self._stream = stream
            self._clock = CopyClock(plan.time_base, self._facts.origin_s, round(1 / plan.rate / plan.time_base))
            if self._source is not None:
                self._carry_over(self._source, stream)
            with usual_priority():
                self._copy.start_encoding()

    def _carry_over(self, source: InputContainer, stream: av.VideoStream) -> None:
        main = main_video(source)
        if main is not None:
            describe(main, stream)
        self._sound = SideTracks(source, self._copy, self._container, self._facts.origin_s, self._is_clip)
        if self._is_clip:
            return  # time code, chapters and attachments are the whole video's
        code = time_code(source)
        if code:
            stream.metadata["timecode"] = code
        self._notes += tracks_left_out(source, main)
        self._notes += describe_file(source, self._copy, self._container, self._facts.origin_s)

    def _encode(self, frame: av.VideoFrame, pts_s: Fraction) -> None:
        assert self._stream is not None
        plan: EncoderPlan = self._plan
        frame.pts, frame.time_base = self._clock.stamp(self._start_s + pts_s), plan.time_base
        if self._container is not MP4 and (frame.pts * plan.time_base * 1000).denominator != 1:
            self._rounded = True
        self._frames += 1
        for packet in self._clock.pass_on(self._stream.encode(frame)):
            self._copy.mux(packet)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain_write_error(error, self._part.target) from error
        except (av.FFmpegError, ValueError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AppError(f"{self._part.target.name} cannot be written: {reason}.") from error


def _open_again(source: Path) -> InputContainer:
    try:
        return open_container(str(source))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AppError(
            f"{source.name} cannot be opened any more.", "Start again when it is there and complete."
        ) from error


def _about_encoder(plan: EncoderPlan, width: int, height: int) -> list[str]:
    notes = []
    if plan.name in FULLY_FREE:
        notes.append(f"libx264 is not available here; {plan.name} encoded the video.")
    if plan.stretched:
        notes.append(f"The pixels were made square, {plan.width} x {plan.height}: WebM cannot hold others here.")
    elif (plan.width, plan.height) != (width, height):
        notes.append(
            f"{width} x {height} pixels became {plan.width} x {plan.height}: the encoder needs even numbers; "
            "the last row or column is repeated."
        )
    return notes


def _about_conversion(conversion: FrameConversion) -> list[str]:
    notes = []
    if conversion.curve:
        notes.append(f"The video is HDR ({conversion.curve}); its colours were brought down to an ordinary screen's.")
    if conversion.hdr_left:
        notes.append("The video is HDR of a kind that is not understood; its colours were left as they are.")
    if conversion.fields:
        notes.append("The video is interlaced and stays so; whole frames can be made of it on request (deinterlace).")
    return notes
