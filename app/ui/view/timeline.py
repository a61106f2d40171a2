"""Timeline of an analysed video: a row for each class, with its appearances; a click goes there. GUI thread.

In: rows from ``timeline_feed``, the position on screen, which events are listed. Out: ``seek``. The rows beyond the
first few are reached by scrolling; the wheel over the time zooms at the cursor, sideways it moves along. With the
keyboard, up and down choose a row, left and right go from one appearance to the next, and with Ctrl up and down zoom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy

from app.core.live.appearances import ClassRow
from app.core.palette import RGB
from app.ui.view.timeline_rows import TimelineRows
from app.ui.widgets.theme import Theme

MAX_ROWS = 6


class Timeline(QScrollArea):
    """The rows of an analysed video, the first few in view; hidden where there are none."""

    seek = Signal(float)
    """Seconds from the start."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._allowed = True
        self.body = TimelineRows(theme)
        self.setObjectName("timeline")
        self.setWidget(self.body)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.body.seek.connect(self.seek)
        self.body.chosen.connect(self._bring_into_view)
        self.hide()

    def show_rows(self, rows: Sequence[ClassRow], colours: dict[str, RGB], duration: float) -> None:
        """Show these; none hides the timeline."""
        self.body.show_rows(rows, colours, duration)
        self.updateGeometry()
        self._show_or_hide()

    def clear(self) -> None:
        """Forget the rows: nothing is known of the source."""
        self.show_rows((), {}, 0.0)

    def set_axis(self, left: float, length: float, duration: float) -> None:
        """Take over the slider's axis; see ``TimelineRows.set_axis``."""
        self.body.set_axis(left, length, duration)

    def show_listed(self, listed: Mapping[str, ClassRow] | None) -> None:
        """Draw the listed appearances strongly; see ``TimelineRows.show_listed``."""
        self.body.show_listed(listed)

    def set_position(self, seconds: float) -> None:
        """Show the time of the frame on screen."""
        self.body.set_position(seconds)

    def allow(self, allowed: bool) -> None:
        """Sets whether it may be shown: not on a full screen."""
        self._allowed = allowed
        self._show_or_hide()

    def sizeHint(self) -> QSize:
        return QSize(320, self.body.row_height * min(MAX_ROWS, len(self.body.rows)))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.body.row_height)

    def _show_or_hide(self) -> None:
        self.setVisible(self._allowed and bool(self.body.rows))

    def _bring_into_view(self, where: QRect) -> None:
        self.ensureVisible(0, where.center().y(), 0, where.height() // 2 + 1)
