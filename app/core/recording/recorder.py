"""Writes the packets of one source to files: all that comes, in segments, and clips. ``ssdv-record`` owns the files.

Whatever the disk does, whoever hands packets over never waits. When nothing can be written, that is told once, and
tried again by itself.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from app.core.errors import AppError
from app.core.media.packets import VIDEO, MediaFormat, MediaPacket
from app.core.recording.clips import Clips
from app.core.recording.data_beside import DataBeside
from app.core.recording.inbox import End, Inbox
from app.core.recording.packet_clock import PacketClock, TimedPacket
from app.core.recording.recording_file import RecordingFile
from app.core.recording.reports import RecorderPlan, RecorderReport, RecordingPaused
from app.core.recording.room import check_room
from app.core.recording.told_files import ToldFiles
from app.core.records.frame_record import FrameRecord
from app.core.workers import Worker

log = logging.getLogger(__name__)

_S = 1_000_000_000
_TRY_AGAIN_NS = 5 * _S
_LOOK_NS = _S


class Recorder:
    """A ``FrameSink`` that keeps what it is given.

    Args:
        plan: What to write, and where.
        tell: Told what happens, on the recorder's thread; returns at once.

    Attributes:
        failed: Whether a fault in this program has ended it.
    """

    def __init__(self, plan: RecorderPlan, tell: Callable[[RecorderReport], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._files = ToldFiles(plan, tell)
        self._inbox = Inbox()
        self._clock = PacketClock()
        self._media: MediaFormat | None = None
        self._segment: RecordingFile | None = None
        self._segment_ns = 0
        self._clips = Clips(plan, self._files, tell)
        self._data = DataBeside()
        self._paused = False
        self._look_at_ns = 0
        self._closing = False
        self._written = 0
        self.failed = False
        self.worker = Worker("record", self._run, self._broken)
        self.worker.start()

    @property
    def dropped(self) -> int:
        """Frames that are missing, because encoder or disk were too slow for them, or failed."""
        return self._inbox.dropped

    @property
    def written(self) -> int:
        """Bytes of the whole recording so far, without clips."""
        segment = self._segment
        return self._written + (segment.size if segment is not None else 0)

    # -- from other threads -----------------------------------------------------------------------------------------

    def begin(self, media: MediaFormat) -> None:
        """See ``MediaSink``."""
        self._inbox.put(media)

    def packet(self, packet: MediaPacket) -> None:
        """See ``MediaSink``."""
        self._inbox.put_packet(packet)

    def lost(self, _captured_ns: int) -> None:
        """See ``FrameSink``."""
        self._inbox.count_dropped()

    def ended(self) -> None:
        """See ``MediaSink``."""
        self._inbox.put(End())

    def begin_clip(self, event: int, label: str, from_ns: int) -> None:
        """Makes a clip of an event that goes on, or lets the present clip show it.

        Args:
            event: Its number.
            label: For the file's name.
            from_ns: When the clip shall begin, as of ``MediaPacket.arrived_ns``.
        """
        self._inbox.put(lambda: self._begin_clip(event, label, from_ns))

    def end_clip(self, event: int, until_ns: int) -> None:
        """The event is over, and its clip shall end then."""
        self._inbox.put(lambda: self._clips.event_ended(event, until_ns))

    def data(self, captured_ns: int, record: FrameRecord) -> None:
        """Keeps what was found in a frame beside the recording; returns at once.

        Args:
            captured_ns: As of ``Frame``.
            record: What was found; its number and time follow from the recording.
        """
        if self._plan.folder is not None:
            self._inbox.put_data(lambda: self._guarded(lambda: self._data.write(captured_ns, record)))

    def close(self) -> None:
        """Finishes what is being written, and ends; returns at once."""
        self._inbox.put(self._close)

    # -- on the recorder's thread -----------------------------------------------------------------------------------

    def _run(self, _stopping: threading.Event) -> None:
        self._files.finish_interrupted()
        while not self._closing:
            item = self._inbox.get()
            if isinstance(item, MediaPacket):
                self._take(self._clock.timed(item))
            elif isinstance(item, MediaFormat):
                self._end()
                self._media = item
                self._clock.begin()
                self._begin_early()
            elif isinstance(item, End):
                self._end()
                self._clips.fail_early()
                self._media = None
            else:
                item()

    def _take(self, timed: TimedPacket) -> None:
        self._clips.keep(timed)
        packet = timed.packet
        if self._paused and not self._may_go_on(timed):
            return
        try:
            if packet.arrived_ns >= self._look_at_ns:
                self._look_at_ns = packet.arrived_ns + _LOOK_NS
                self._check_room()
            self._record(timed)
            self._clips.take(timed)
        except AppError as error:
            self._pause(error, packet.arrived_ns)

    def _record(self, timed: TimedPacket) -> None:
        if self._plan.folder is None or self._media is None:
            return
        is_key = timed.packet.track == VIDEO and timed.packet.is_key
        segment = self._segment
        if segment is not None and is_key:
            length_s = (timed.packet.arrived_ns - self._segment_ns) / _S
            if length_s >= self._plan.segment_s or segment.size >= self._plan.segment_bytes:
                self._finish_segment()
        if self._segment is None and is_key:
            from_ns = timed.packet.arrived_ns
            self._segment = self._files.begin(self._plan.folder, self._plan.title, self._media, from_ns, "recording")
            self._segment_ns = from_ns
            self._data.begin(self._segment_ns, self._segment.path)
        if self._segment is not None:
            self._segment.write(timed)

    def _begin_clip(self, event: int, label: str, from_ns: int) -> None:
        if self._paused:
            self._clips.fail(event)
        else:
            self._guarded(lambda: self._clips.begin(event, label, from_ns, self._media))

    def _begin_early(self) -> None:
        for early in self._clips.take_early():
            self._begin_clip(early.event, early.label, early.from_ns)
            if early.until_ns is not None:
                self._clips.event_ended(early.event, early.until_ns)

    # -- ends -------------------------------------------------------------------------------------------------------

    def _finish_segment(self) -> None:
        segment = self._segment
        if segment is not None and not segment.size:  # not even its first packet could be written
            self._segment = None
            segment.discard()
        elif segment is not None:
            path = segment.finish()
            self._written += segment.size
            self._segment = None
            self._files.finished(path, "recording", self._segment_ns, float(segment.seconds))

    def _end(self) -> None:
        """Nothing comes for now, or something else does."""
        for finish in (self._finish_segment, self._clips.finish, self._data.end):
            self._guarded(finish)
        self._clips.end()

    def _close(self) -> None:
        self._end()
        self._clips.fail_early()
        self._closing = True

    def _guarded(self, finish: Callable[[], None]) -> None:
        try:
            finish()
        except AppError as error:
            self._pause(error, time.monotonic_ns())

    # -- trouble ----------------------------------------------------------------------------------------------------

    def _check_room(self) -> None:
        for file in (self._segment, self._clips.file):
            if file is not None and not file.path.parent.is_dir():
                raise AppError(f"The folder {file.path.parent} is gone.", "It is made anew.")
        check_room(self._files.folders, self._plan.min_free)

    def _pause(self, error: AppError, now_ns: int) -> None:
        """Writes nothing for a while; files keep what they have."""
        self._cut_short()
        self._files.paused(error)
        self._paused = True
        self._look_at_ns = now_ns + _TRY_AGAIN_NS

    def _cut_short(self) -> None:
        for finish in (self._finish_segment, self._data.end):
            with contextlib.suppress(AppError):
                finish()
        segment, self._segment = self._segment, None
        if segment is not None:
            self._files.give_up(segment, "recording", self._segment_ns)
        self._clips.cut_short()

    def _may_go_on(self, timed: TimedPacket) -> bool:
        packet = timed.packet
        is_key = packet.track == VIDEO and packet.is_key
        if not is_key or packet.arrived_ns < self._look_at_ns:
            return False
        self._look_at_ns = packet.arrived_ns + _TRY_AGAIN_NS
        try:
            self._check_room()
            if self._plan.folder is None and self._media is not None:
                self._files.try_clip(self._media, timed)
        except AppError:
            return False
        self._paused = False
        return True

    def _broken(self, error: BaseException) -> None:
        """Records nothing any more, but still answers who wants a clip."""
        log.error("recording failed", exc_info=error)
        self.failed = self._paused = True
        self._tell(RecordingPaused("The recording ended because of a fault in this program.", "Start it again."))
        try:
            self._cut_short()
            self._clips.fail_early()
        finally:
            while not self._closing:
                item = self._inbox.get()
                if callable(item):
                    item()
