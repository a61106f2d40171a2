"""The window's part of the self-test, in a process of its own: opens it, plays the sample clip, writes what it saw.

GUI thread. The settings are the program's own and are kept nowhere; the clip is opened by the action a person uses.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, QTimer, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.core.frames import FrameResult
from app.core.settings import Settings
from app.ui.commands import sample_clip
from app.ui.main import build_window
from app.ui.main_window import MainWindow

_LIMIT_S = 75.0  # for the clip to show boxes
_MIN_FRAMES = 20  # with boxes


@dataclass(slots=True)
class Seen:
    """Observations of the window; times are seconds since the process was asked for."""

    qt: str = ""
    platform: str = ""
    window_s: float = 0.0
    detection_s: float = 0.0
    frames: int = 0
    objects: int = 0
    closed_s: float = 0.0
    failure: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class SampleWatch(QObject):
    """Counts the frames that are painted with boxes, and ends the loop once there are enough or something fails."""

    def __init__(self, window: MainWindow, begun: float) -> None:
        super().__init__()
        self.seen = Seen(str(qVersion()), QGuiApplication.platformName())
        self._window, self._begun = window, begun
        self._with_boxes = 0
        window.stage.view.painted.connect(self._painted)
        window.services.controller.trouble.connect(self._trouble)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._out_of_time)
        self._timer.start(round(_LIMIT_S * 1000))

    def begin(self) -> None:
        """The window is painted: play the clip."""
        self.seen.window_s = time.time() - self._begun
        if sample_clip().exists():
            self._window.actions_by_name["sample"].trigger()
        else:
            self._fail("the sample clip is not in this installation")

    def _painted(self, _result: FrameResult) -> None:
        self.seen.frames += 1
        self.seen.objects = len(self._window.stage.view.marks())
        if self.seen.objects:
            self._with_boxes += 1
            self.seen.detection_s = self.seen.detection_s or time.time() - self._begun
        if self._with_boxes >= _MIN_FRAMES:
            QApplication.exit()

    def _trouble(self, kind: str, _topic: str, message: str, hint: str) -> None:
        if kind == "error":
            self._fail(f"{message} {hint}".strip())

    def _out_of_time(self) -> None:
        self._fail(f"{self.seen.frames} frames were shown, {self._with_boxes} of them with boxes")

    def _fail(self, what: str) -> None:
        self.seen.failure = self.seen.failure or what
        QApplication.exit()


def play_sample(answer: Path, begun: float) -> int:
    """Open the window, play the clip, close it, write the answer; 0 when all of it worked.

    Args:
        answer: JSON file to write.
        begun: When the process was asked for, ``time.time()``.
    """
    faulthandler.dump_traceback_later(_LIMIT_S + 5, exit=True)  # to stderr, which the other process reads
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    window = build_window(application, Settings(), None)
    try:
        watch = SampleWatch(window, begun)
        window.show()
        application.processEvents()
        QTimer.singleShot(0, watch, watch.begin)
        application.exec()
        closing = time.monotonic()
        window.close_now()
        watch.seen.closed_s = time.monotonic() - closing
    finally:
        shiboken6.delete(window)
        faulthandler.cancel_dump_traceback_later()
    answer.write_text(json.dumps(watch.seen.as_dict()), encoding="utf-8")
    return 1 if watch.seen.failure else 0
