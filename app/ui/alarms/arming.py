"""Arms the present source: its frames go to the rules, what these find goes to people. GUI thread; work elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app.core.alarms.ways import AlarmWays
from app.core.errors import AppError, ExplainedError
from app.core.events.scene import Scene
from app.core.frames import FrameResult, SourceInfo
from app.core.settings import DetectionSettings, OverlaySettings
from app.ui.alarms.notice import WindowNotice
from app.ui.services.background import Background
from app.ui.services.bridge import Wake
from app.ui.services.controller import LiveController

if TYPE_CHECKING:  # they load PyAV and OpenCV
    from app.core.alarms.actions import Action
    from app.core.alarms.delivery import Delivery
    from app.core.recording.tap_switch import TapSwitch
    from app.core.watching.armed_source import ArmedSource
    from app.core.watching.request import WatchRequest

_FINISH_S, _SEND_S = 30.0, 20.0
_QUIT_S, _QUIT_SEND_S = 1.5, 0.5


class Arming(QObject):
    """One armed source at a time.

    Args:
        controller: Gives the frames.
        background: Prepares and finishes.
        parent: Owns this object.
    """

    changed = Signal()
    """It is armed now, or not."""
    happened = Signal(int, object)
    """Which time it was armed, and a line as of ``watch``."""
    failed = Signal(str, str)
    """Something failed: what, and what to do."""

    def __init__(self, controller: LiveController, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._controller, self._background = controller, background
        self._lines: deque[tuple[int, dict[str, Any]]] = deque()
        self._wake = Wake(self._take_lines)
        self._notice = WindowNotice(self)
        self._notice.failed.connect(self._notice_failed)
        self._source: ArmedSource | None = None
        self._delivery: Delivery | None = None
        self._tap: TapSwitch | None = None
        self._times = 0
        self.starting = False
        """Whether it is about to be armed."""
        controller.frame.connect(self._take_frame)

    @property
    def armed(self) -> bool:
        """Whether the present source is watched by rules."""
        return self._source is not None

    @property
    def keeps_clips(self) -> bool:
        """Whether the last seconds of the source are kept in memory for clips."""
        return self._source is not None and self._source.keeps_clips

    @property
    def dropped(self) -> int:
        """Frames that are missing in clips."""
        return 0 if self._source is None else self._source.dropped

    def arm(
        self, info: SourceInfo, request: WatchRequest, wanted: Collection[str], ways: AlarmWays, look: OverlaySettings
    ) -> int:
        """Arms the present source, which is not armed yet.

        Args:
            info: It.
            request: What is an event, and what to keep.
            wanted: How somebody is told, by ``Action.key``.
            ways: What these ways need.
            look: How boxes look.

        Returns:
            Which time it is armed.
        """
        self._times += 1
        number, self.starting = self._times, True
        notice = self._notice

        def ready(actions: list[Action]) -> None:
            if number == self._times and self.starting:
                self.starting = False
                self._begin(info, request, actions, look)

        def refused(error: ExplainedError) -> None:
            if number == self._times and self.starting:
                self.starting = False
                self.failed.emit(error.message, error.hint)
                self.changed.emit()

        self._background.run("arm", lambda: _prepared(wanted, ways, notice), ready, refused)
        self.changed.emit()
        return number

    def disarm(self) -> None:
        """Ends it; what was found is still told, and its clips are finished, in the background."""
        self.starting = False
        source, delivery = self._taken()
        if source is not None and delivery is not None:
            self._background.run("disarm", lambda: _finish(source, delivery, _FINISH_S, _SEND_S), lambda _: None)
        self.changed.emit()

    def adjust(self, detection: DetectionSettings, scene: Scene) -> None:
        """Goes by another threshold, other zones and masks from now on."""
        if self._source is not None:
            self._source.adjust(detection, scene)

    def lost(self) -> None:
        """The source is lost."""
        if self._source is not None:
            self._source.lost()

    def unseen(self) -> None:
        """Nobody looks at the source for now."""
        if self._source is not None:
            self._source.unseen()

    def follow_tap(self) -> None:
        """The source was opened again: what it gives comes another way."""
        if self._source is not None and self._tap is not self._controller.tap:
            self._lead_tap()

    def close(self) -> None:
        """The window closes; clips that cannot be finished so soon are at the next start."""
        self._wake.close()
        self._notice.close()
        source, delivery = self._taken()
        if source is not None and delivery is not None:
            _finish(source, delivery, _QUIT_S, _QUIT_SEND_S)

    def _begin(self, info: SourceInfo, request: WatchRequest, actions: list[Action], look: OverlaySettings) -> None:
        from app.core.alarms.delivery import Delivery
        from app.core.watching.armed_source import ArmedSource

        number = self._times
        self._delivery = Delivery(actions, partial(self._tell_failure, number))
        tell, alarm = partial(self._tell, number), self._delivery.send
        self._source = ArmedSource(info.name, request, tell, alarm, look, info.fps)
        self._lead_tap()
        self._controller.need_detector(True)
        self.changed.emit()

    def _lead_tap(self) -> None:
        before, self._tap = self._tap, self._controller.tap
        if self._source is not None and self._source.tap is not None:
            if before is not None:
                before.leave(self._source.tap)
            self._tap.lead_to(self._source.tap)

    def _taken(self) -> tuple[ArmedSource | None, Delivery | None]:
        """The parts, to which nothing more goes."""
        source, delivery, tap = self._source, self._delivery, self._tap
        self._source = self._delivery = self._tap = None
        if source is not None:
            if tap is not None and source.tap is not None:
                tap.leave(source.tap)
            self._controller.need_detector(False)
        return source, delivery

    def _take_frame(self, result: FrameResult) -> None:
        if self._source is not None:
            self._source.take(result)

    def _notice_failed(self) -> None:
        self.failed.emit("The notification cannot be shown.", "Install notify-send, or leave out the notifications.")

    # -- from other threads -----------------------------------------------------------------------------------------

    def _tell(self, number: int, line: dict[str, Any]) -> None:
        self._lines.append((number, line))
        self._wake.post()

    def _tell_failure(self, number: int, words: str) -> None:
        self._tell(number, {"type": "trouble", "message": words, "hint": ""})

    def _take_lines(self) -> None:
        while self._lines:
            number, line = self._lines.popleft()
            if line["type"] == "trouble" and "event" not in line:
                self.failed.emit(line["message"], line["hint"])
            else:
                self.happened.emit(number, line)


def _prepared(wanted: Collection[str], ways: AlarmWays, notice: WindowNotice) -> list[Action]:
    """Makes the ways to tell; slow the first time.

    Raises:
        AppError: One cannot be used.
    """
    import app.core.watching.armed_source  # noqa: F401 - loads what the GUI thread would otherwise wait for
    from app.core.alarms.ways import action_of, actions_of_ways

    actions = actions_of_ways([way for way in wanted if way != "notify"], ways)
    if "notify" in wanted:
        try:
            actions.append(action_of("notify", ways))
        except AppError:
            actions.append(notice)
    return actions


def _finish(source: ArmedSource, delivery: Delivery, finish_s: float, send_s: float) -> None:
    source.close(finish_s)
    delivery.close(send_s)
