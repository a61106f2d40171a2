"""Stage and panel: side by side where there is room, the panel laid over the stage where there is not."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

_MIN_STAGE = 420  # pixels the stage keeps before the panel goes on top of it


class Split(QWidget):
    """Places ``stage`` and ``panel``. In a narrow window the panel starts closed."""

    changed = Signal()
    """The panel came or went, or lies over the stage now, or no more."""

    def __init__(self, stage: QWidget, panel: QWidget) -> None:
        super().__init__()
        self._stage, self._panel = stage, panel
        self._preferred = True
        self._over = False
        self._narrow = False
        for widget in (stage, panel):
            widget.setParent(self)
        panel.raise_()

    @property
    def panel_open(self) -> bool:
        """Returns whether the panel is on screen."""
        return self._over if self._narrow else self._preferred

    @property
    def is_narrow(self) -> bool:
        """Returns whether the panel lies over the stage."""
        return self._narrow

    def open_panel(self, show: bool) -> None:
        """Show or hide the panel."""
        if self._narrow:
            self._over = show
        else:
            self._preferred = show
        self._place()

    def prefer_open(self, show: bool) -> None:
        """Sets whether the panel is open where there is room for it."""
        self._preferred = show
        self._place()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 180)

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = self.width() < self._panel.width() + _MIN_STAGE
        if narrow and not self._narrow:
            self._over = False
        was_narrow, self._narrow = self._narrow, narrow
        self._place()
        if narrow is not was_narrow:
            self.changed.emit()

    def _place(self) -> None:
        width = self._panel.width()
        shown = self.panel_open
        beside = width if shown and not self._narrow else 0
        self._stage.setGeometry(0, 0, max(0, self.width() - beside), self.height())
        self._panel.setGeometry(self.width() - width, 0, width, self.height())
        if shown != self._panel.isVisibleTo(self):
            self._panel.setVisible(shown)
            self.changed.emit()
