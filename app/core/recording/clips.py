"""The clips of one source: those that wait for its first packet, and the one that grows. Owned by the recorder."""

from __future__ import annotations

from collections.abc import Callable

from app.core.errors import AppError
from app.core.media.packets import MediaFormat
from app.core.recording.clip import Clip
from app.core.recording.early_clips import EarlyClip, EarlyClips
from app.core.recording.packet_clock import TimedPacket
from app.core.recording.pre_roll import PreRoll
from app.core.recording.recording_file import RecordingFile
from app.core.recording.reports import ClipFailed, RecorderPlan, RecorderReport
from app.core.recording.told_files import ToldFiles

_LOST_NS = 2_000_000_000
"""The end of a file that could not be finished: so much of it may be missing."""


class Clips:
    """At most one grows at a time.

    Args:
        plan: Where they go, and how far back they begin.
        files: Begins and ends the files.
        tell: Told of events that have no whole clip.
    """

    def __init__(self, plan: RecorderPlan, files: ToldFiles, tell: Callable[[RecorderReport], None]) -> None:
        self._plan, self._files, self._tell = plan, files, tell
        self._ring = PreRoll(plan.pre_roll_s)
        self._early = EarlyClips()
        self._clip: Clip | None = None

    @property
    def file(self) -> RecordingFile | None:
        """The file that grows; None for none."""
        return self._clip.file if self._clip is not None else None

    def keep(self, timed: TimedPacket) -> None:
        """Keeps a packet in memory for clips that begin later."""
        if self._plan.clips is not None:
            self._ring.add(timed)

    def take(self, timed: TimedPacket) -> None:
        """Writes a packet to the clip that grows, and finishes it when it is over.

        Raises:
            AppError: It cannot be written.
        """
        if self._clip is not None:
            self._clip.take(timed)
            if self._clip.is_over(timed.packet.arrived_ns):
                self.finish()

    def begin(self, event: int, label: str, from_ns: int, media: MediaFormat | None) -> None:
        """Makes a clip of an event that goes on, or lets the present one show it.

        Args:
            event: Its number.
            label: For the file's name.
            from_ns: When the clip shall begin.
            media: What comes; None where the clip has to wait for that.

        Raises:
            AppError: It cannot be written.
        """
        folder = self._plan.clips
        if folder is None:
            self.fail(event)
            return
        if media is None:
            self._early.add(event, label, from_ns)
            return
        kept = list(self._ring.since(from_ns))
        try:
            if self._clip is not None and not self._clip.touches(from_ns):
                self.finish()
            if self._clip is None:
                began_ns = kept[0].packet.arrived_ns if kept else from_ns
                file = self._files.begin(folder, f"{self._plan.title}-{label}", media, began_ns, "clip")
                self._clip = Clip(file, self._plan.pre_roll_s)
        except AppError:
            self.fail(event)
            raise
        self._clip.add(event, kept)

    def event_ended(self, event: int, until_ns: int) -> None:
        """Goes on until then after this event."""
        self._early.end(event, until_ns)
        if self._clip is not None:
            self._clip.event_ended(event, until_ns)

    def take_early(self) -> tuple[EarlyClip, ...]:
        """Returns those that wait for the first packet, and forgets them."""
        return self._early.take()

    def finish(self) -> None:
        """Ends the clip that grows.

        Raises:
            AppError: It cannot be completed.
        """
        clip = self._clip
        if clip is None:
            return
        if not clip.began_ns:  # no packet came
            clip.file.discard()
            self._clip = None
            self.fail(*clip.events)
            return
        path = clip.file.finish()
        self._clip = None
        self._files.finished(path, "clip", clip.began_ns, float(clip.file.seconds), tuple(clip.events))

    def cut_short(self) -> None:
        """Ends the clip that grows because nothing more can be written, and tells whose end it does not show."""
        clip, lost_ns = self._clip, 0
        if clip is None:
            return
        try:
            self.finish()
        except AppError:
            lost_ns, self._clip = _LOST_NS, None
            self._files.give_up(clip.file, "clip", clip.began_ns, tuple(clip.events))
        if clip.began_ns:
            self.fail(*clip.cut_short(lost_ns))

    def fail(self, *events: int) -> None:
        """Tells that there is no whole clip of these events."""
        if events:
            self._tell(ClipFailed(events))

    def end(self) -> None:
        """Nothing that was kept fits what comes next."""
        self._ring.clear()

    def fail_early(self) -> None:
        """No packet comes for those that wait."""
        self.fail(*(early.event for early in self._early.take()))
