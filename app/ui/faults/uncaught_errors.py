"""UncaughtErrors of the program that nobody caught: logged, shown once, and the program goes on. Any thread.

A slot or an event of Qt that raises ends up in ``sys.excepthook`` and the event loop goes on; a thread that raises
ends, which is told by ``threading.excepthook``. A fault that comes again, from the same place, is only counted: one in
a paint event comes sixty times a second.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import traceback
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.core.addresses import without_passwords
from app.core.paths import log_file
from app.ui.services.bridge import Wake

if TYPE_CHECKING:
    from app.ui.faults.report_dialog import ReportDialog

_log = logging.getLogger(__name__)
_MAX_SHOWN = 10
_MAX_CHARACTERS = 20_000
_UNSEEN = ("offscreen", "minimal")
_TITLE = "Something in ssd-viewer went wrong"
_WORDS = (
    "This is a fault of the program. It goes on, and so does an export that runs, but what you just did may not have "
    "been done. The text below says where it happened; please send it with what you did."
)


class UncaughtErrors:
    """Catches errors from ``install`` to ``remove``. Create it in the GUI thread.

    Args:
        parent: Over which they are shown.
    """

    def __init__(self, parent: QWidget) -> None:
        self._parent = parent
        self._wake = Wake(self._show)
        self._lock = threading.Lock()
        self._times: dict[tuple[object, ...], int] = {}
        self._untold: deque[str] = deque(maxlen=_MAX_SHOWN)
        self._shown = 0
        self.dialog: ReportDialog | None = None
        """The one on screen, or the last that was."""

    def install(self) -> None:
        """Catch them from now on."""
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook, threading.excepthook = self._raised, self._thread_raised

    def remove(self) -> None:
        """Put the hooks back that were there before."""
        sys.excepthook, threading.excepthook = self._before
        self._wake.close()

    def _raised(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, Exception):  # Ctrl-C
            self._before[0](kind, error, trace)
        elif self._is_new(kind, error, trace):
            self._tell(error, threading.current_thread().name)

    def _thread_raised(self, fault: threading.ExceptHookArgs) -> None:
        error = fault.exc_value
        if error is None or not issubclass(fault.exc_type, Exception):
            self._before[1](fault)
        elif self._is_new(fault.exc_type, error, fault.exc_traceback):
            self._tell(error, fault.thread.name if fault.thread is not None else "a thread")

    def _is_new(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> bool:
        """Returns whether it is the first of its kind from its place; logs what deserves it."""
        last = trace
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        place = (kind, last.tb_frame.f_code, last.tb_lineno) if last is not None else (kind,)
        with self._lock:
            times = self._times[place] = self._times.get(place, 0) + 1
        if times == 1:
            _log.error("a fault nobody caught", exc_info=(kind, error, trace))
        elif str(times).strip("0") == "1":  # 10, 100, ...
            _log.error("the same fault, for the %dth time: %s", times, kind.__name__)
        return times == 1

    def _tell(self, error: BaseException, thread: str) -> None:
        report = f"In {thread}:\n{_report_text(error)}"
        with contextlib.suppress(OSError, ValueError, AttributeError):  # no terminal
            sys.stderr.write(report)
        self._untold.append(report)
        self._wake.post()

    def _show(self) -> None:
        from app.ui.faults.report_dialog import ReportDialog  # hardly ever

        while self._untold:
            report = self._untold.popleft()
            self._shown += 1
            if self._shown > _MAX_SHOWN:
                return  # the log has them
            if self.dialog is not None and self.dialog.isVisible():
                self.dialog.add(report)
                continue
            if self.dialog is not None:
                self.dialog.deleteLater()
            self.dialog = ReportDialog(_TITLE, _WORDS, report, log_file(), self._parent)
            self.dialog.show()


def tell_why_it_does_not_start(error: Exception) -> None:
    """The window could not be made: say so to somebody who started it by a click and sees no terminal."""
    _log.error("the window could not be made", exc_info=error)
    if QGuiApplication.platformName() in _UNSEEN:
        return
    from app.ui.faults.report_dialog import ReportDialog

    words = "The window could not be opened, because of a fault of the program. The text below says where it happened."
    ReportDialog("ssd-viewer does not start", words, _report_text(error), log_file()).exec()


def _report_text(error: BaseException) -> str:
    return without_passwords("".join(traceback.format_exception(error)))[:_MAX_CHARACTERS]
