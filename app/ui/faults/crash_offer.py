"""Shows, at the start and once, the report that a crash of an earlier run left. GUI thread; a worker reads the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.core.crash_files import CrashReport, new_reports
from app.ui.services.background import Background

if TYPE_CHECKING:
    from app.ui.faults.report_dialog import ReportDialog


class CrashOffer:
    """Shows the newest report; older ones that nobody saw are below it.

    Args:
        parent: Over which the dialog opens.
        background: Reads the disk.
    """

    def __init__(self, parent: QWidget, background: Background) -> None:
        self._parent, self._background = parent, background
        self.dialog: ReportDialog | None = None

    def look(self, then: Callable[[bool], None]) -> None:
        """Look for reports; a dialogue tells of them, if there are any.

        Args:
            then: Called after that, with whether there was a crash.
        """

        def looked(found: tuple[CrashReport, ...]) -> None:
            if found:
                self._show(found)
            then(bool(found))

        self._background.run("crash-reports", new_reports, looked, lambda *_: then(False))

    def _show(self, found: tuple[CrashReport, ...]) -> None:
        from app.ui.faults.report_dialog import ReportDialog  # hardly ever

        words = (
            f"The last time, the program ended by itself: {found[0].cause}. Nothing was sent anywhere. The text below "
            "names no image or video of yours; if this happens again, please send it with what you did."
        )
        text = "\n\n".join(report.text.strip() for report in found)
        self.dialog = ReportDialog("ssd-viewer ended unexpectedly", words, text, found[0].path, self._parent)
        self.dialog.show()
