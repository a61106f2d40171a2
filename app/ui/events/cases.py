"""Opens the dialog that makes a case, one at a time. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.ui.events.case_dialog import CaseDialog
from app.ui.events.case_work import CaseChoice
from app.ui.services.services import Services


class Cases:
    """Has the dialog.

    Args:
        services: What it works with.
        parent: Over which it opens.
    """

    def __init__(self, services: Services, parent: QWidget) -> None:
        self._services, self._parent = services, parent
        self.dialog: CaseDialog | None = None
        """The one that was opened last."""

    def open(self, choice: CaseChoice | None) -> None:
        """Open the dialog, or bring it back while it is open; None where no event is of a video."""
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.raise_()
            self.dialog.activateWindow()
        elif choice is None:
            hint = "A case has clips of videos; of live sources, pictures are kept."
            self._services.banner.tell("info", "None of these events is of a video.", hint, topic="index")
        else:
            if self.dialog is not None:
                self.dialog.deleteLater()
            overlay = self._services.settings.current.overlay
            self.dialog = CaseDialog(choice, overlay, self._services.background, self._parent)
            self.dialog.show()

    def close(self) -> None:
        """The window closes: what is being written is given up."""
        if self.dialog is not None:
            self.dialog.stop()
            self.dialog.hide()
