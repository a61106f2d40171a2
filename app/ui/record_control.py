"""Records the live source, shows how long and how large, says where it is. GUI thread; the work runs elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices

from app.core.counts import number_of
from app.core.files.disk import size_text
from app.core.frames import LIVE_KINDS, FrameResult, SourceInfo
from app.core.recording.folder import finish_interrupted, limits_of, recordings_folder
from app.core.recording.reports import (
    FileBegun,
    FileFinished,
    RecorderPlan,
    RecorderReport,
    RecordingPaused,
    RecordingResumed,
)
from app.core.records.frame_record import FrameRecord
from app.ui.services.bridge import Wake
from app.ui.services.services import Services
from app.ui.view.video_view import VideoView
from app.ui.widgets.icons import icon
from app.ui.widgets.quantity_text import duration_text

if TYPE_CHECKING:  # they load PyAV and OpenCV
    from app.core.recording.drawn import DrawnFrames
    from app.core.recording.source_recording import SourceRecording

TOPIC = "recording"
_SHOWN_EVERY_MS = 500
_FINISH_S = 20.0
_QUIT_S = 1.5


class RecordControl(QObject):
    """Does what the action "record" says.

    Args:
        services: The controller has the source.
        view: Its frames are recorded with the boxes that it shows.
        action: Checked while it records.
        parent: Owns this object.
    """

    status = Signal(str, str)
    """How long and how large, while it records, and the same in a word; "" otherwise."""

    def __init__(self, services: Services, view: VideoView, action: QAction, parent: QObject) -> None:
        super().__init__(parent)
        self._services, self._view, self._action = services, view, action
        self._clean: SourceRecording | None = None
        self._drawn: SourceRecording | None = None
        self._frames: DrawnFrames | None = None
        self._shown_ns = -1
        self._told = _Told()
        self._reports: deque[tuple[_Told, str, RecorderReport]] = deque()
        self._wake = Wake(self._take_reports)
        self._looks = ("", "")
        self._timer = QTimer(self)
        self._timer.setInterval(_SHOWN_EVERY_MS)
        self._timer.timeout.connect(self._show)
        action.triggered.connect(self._toggle)
        controller = services.controller
        controller.opening.connect(self._source_left)
        controller.closed.connect(self._source_left)
        controller.opened.connect(self._source_opened)
        view.received.connect(self._take_frame)
        action.setEnabled(False)

    @property
    def running(self) -> bool:
        """Returns whether it records."""
        return self._clean is not None or self._drawn is not None

    def finish_interrupted(self) -> None:
        """Finish, in the background, what an earlier run left."""
        folder = recordings_folder(self._services.settings.current.recording)
        self._services.background.run("recordings-left", lambda: finish_interrupted(folder), self._tell_found)

    def close(self) -> None:
        """Ends the recording, whose files are then whole, or finished by the next start."""
        self._wake.close()
        for recording in self._taken():
            recording.close(_QUIT_S)

    # -- begins and ends --------------------------------------------------------------------------------------------

    def _toggle(self) -> None:
        if self.running:
            self._stop()
        else:
            self._start()

    def _start(self) -> None:
        info = self._services.controller.info
        if info is None or info.kind not in LIVE_KINDS:
            self._show()
            return
        from app.core.recording.drawn import DrawnFrames

        settings = self._services.settings.current
        self._told = _Told()
        mode = settings.recording.mode
        if mode in ("clean", "both"):
            self._clean = self._recording(info, "")
            self._services.controller.tap.lead_to(self._clean)
        if mode in ("drawn", "both"):
            self._frames = DrawnFrames(settings.overlay)
            self._drawn = self._recording(info, "-drawn" if mode == "both" else "")
        self._timer.start()
        self._show()

    def _recording(self, info: SourceInfo, ending: str) -> SourceRecording:
        from app.core.recording.recorder import Recorder
        from app.core.recording.source_recording import SourceRecording

        chosen = self._services.settings.current.recording
        plan = RecorderPlan(f"{info.name}{ending}", recordings_folder(chosen), limits=limits_of(chosen))
        told = self._told

        def report(said: RecorderReport) -> None:
            self._reports.append((told, ending, said))
            self._wake.post()

        recorder = Recorder(replace(plan, segment_s=chosen.segment_min * 60.0), report)
        return SourceRecording(recorder, lambda error: report(RecordingPaused(error.message, error.hint)), info.fps)

    def _stop(self) -> None:
        recordings = self._taken()
        self._timer.stop()
        self._show()
        told = self._told
        self._services.background.run(
            "recording", lambda: _finished(recordings), lambda whole: self._ended(told, _dropped(recordings), whole)
        )

    def _taken(self) -> list[SourceRecording]:
        """The recordings, to which nothing more goes."""
        if self._clean is not None:
            self._services.controller.tap.leave(self._clean)
        recordings = [each for each in (self._clean, self._drawn) if each is not None]
        self._clean = self._drawn = self._frames = None
        return recordings

    def _source_left(self, *_about: object) -> None:
        if self.running:
            self._stop()
        self._action.setEnabled(False)

    def _source_opened(self, info: SourceInfo) -> None:
        self._action.setEnabled(info.kind in LIVE_KINDS)

    # -- frames with their boxes ------------------------------------------------------------------------------------

    def _take_frame(self, result: FrameResult) -> None:
        captured_ns = result.frame.captured_ns
        if not self.running or captured_ns == self._shown_ns:
            return
        self._shown_ns = captured_ns
        shown = self._view.shown
        found, tracks, unseen_s = shown.detections, shown.numbers, shown.unseen_s
        frames = self._frames
        if self._drawn is not None and frames is not None:
            self._drawn.image(captured_ns, lambda: frames.draw(result, found, tracks, unseen_s))
        if result.candidates is not None:
            record = FrameRecord(0, Fraction(0), found, result.labels, tracks, followed=result.followed)
            for recording in (self._clean, self._drawn):
                if recording is not None:
                    recording.recorder.data(captured_ns, record)

    # -- what is said -----------------------------------------------------------------------------------------------

    def _take_reports(self) -> None:
        while self._reports:
            told, ending, report = self._reports.popleft()
            if isinstance(report, FileFinished) and report.began_ns:  # not what an earlier run left
                told.files.append(report.path)
            elif isinstance(report, RecordingPaused):
                told.waiting.add(ending)
                told.why = report
                self._services.banner.tell("warning", report.message, report.hint, topic=TOPIC)
            elif isinstance(report, RecordingResumed | FileBegun) and ending in told.waiting:  # begun: it is encoded
                told.waiting.remove(ending)
                if not told.waiting:
                    self._services.banner.tell("info", "Recording goes on.", topic=TOPIC)
        self._show()

    def _show(self) -> None:
        recordings = [each for each in (self._clean, self._drawn) if each is not None]
        self._action.setChecked(bool(recordings))
        colours = self._services.theme.colours
        looks = (colours.danger if recordings else colours.text, colours.muted)
        if looks != self._looks:
            self._looks = looks
            self._action.setIcon(icon("record", *looks))
        if not recordings:
            self.status.emit("", "")
            return
        begun = duration_text(time.monotonic() - self._told.begun_s)
        word, sign = ("Recording waits", "Waits") if self._told.waiting else ("Recording", begun)
        written = sum(each.recorder.written for each in recordings)
        dropped = _dropped(recordings)
        self.status.emit(
            f"{word} {begun}  ·  {size_text(written)}" + (f"  ·  {dropped} frames left out" if dropped else ""), sign
        )

    def _ended(self, told: _Told, dropped: int, whole: bool) -> None:
        self._take_reports()
        if not told.files:
            why = "No frame came." if told.why is None else f"{told.why.message} {told.why.hint}".strip()
            self._services.banner.tell("warning", "Nothing was recorded.", why, topic=TOPIC)
            return
        files = tuple(told.files)
        left = f" {dropped} frames were left out: the computer was too slow." if dropped else ""
        late = "" if whole else " The last one is finished at the next start."
        self._services.background.run(
            "recorded", lambda: _gone(files), lambda gone: self._tell_recorded(files, f"{gone}{left}{late}")
        )

    def _tell_recorded(self, files: Sequence[Path], more: str) -> None:
        folder = files[-1].parent
        named = files[-1].name if len(files) == 1 else f"{len(files)} files"
        self._services.banner.tell(
            "success", f"Recorded {named}", f"In {folder}.{more}", topic=TOPIC, action=_show_folder(folder)
        )

    def _tell_found(self, files: list[Path]) -> None:
        if files:
            named = files[0].name if len(files) == 1 else f"{len(files)} files"
            folder = files[0].parent
            self._services.banner.tell(
                "info", f"Finished {named}", "An earlier recording was interrupted.", topic=TOPIC,
                action=_show_folder(folder),
            )  # fmt: skip


@dataclass
class _Told:
    """Reports of one recording.

    Attributes:
        begun_s: When it began, monotonic clock.
        files: Those that are whole.
        waiting: Which of its recordings wait, by the endings of their names.
        why: Why it waited last; None for never.
    """

    begun_s: float = field(default_factory=time.monotonic)
    files: list[Path] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    why: RecordingPaused | None = None


def _finished(recordings: Sequence[SourceRecording]) -> bool:
    """Finishes all; whether that was done in time."""
    done = [recording.close(_FINISH_S) for recording in recordings]
    return all(done)


def _dropped(recordings: Sequence[SourceRecording]) -> int:
    return sum(recording.dropped for recording in recordings)


def _gone(files: Sequence[Path]) -> str:
    """Says how many files are not there any more, because of the folder's limits or by hand."""
    gone = sum(not path.exists() for path in files)
    return f" {gone} of {number_of(len(files), 'file')} went again, by the folder's limits or by hand." if gone else ""


def _show_folder(folder: Path) -> tuple[str, Callable[[], None]]:
    def show() -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    return ("Open folder", show)
