"""A message over the edge of a window: what happened, what to do, and a button that does it. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.core.errors import ExplainedError
from app.ui.remedies import hint_of
from app.ui.widgets.icons import icon, pixmap
from app.ui.widgets.theme import Theme

Kind = Literal["info", "success", "warning", "error"]
_STAY_MS = {"info": 9000, "success": 7000}
_MARGIN = 8  # pixels to the edges of what it lies over
_WIDEST = 720


class Banner(QFrame):
    """Shows one message at a time, and moves nothing else.

    Warnings, errors and whatever has a button stay until dismissed; the rest leaves by itself, not under the mouse.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("banner")
        self._theme = theme
        self._kind: Kind = "info"
        self._topic = ""
        self._host: QWidget | None = None
        self._edge = Qt.Edge.TopEdge
        self._act: Callable[[], None] | None = None
        self._icon = QLabel()
        self._message = QLabel()
        self._hint = QLabel()
        for label in (self._message, self._hint):
            label.setTextFormat(Qt.TextFormat.PlainText)  # names of files and hosts are not to become markup
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._hint.setObjectName("muted")
        self._button = QPushButton()
        self._button.clicked.connect(self._pressed)
        self._other_act: Callable[[], None] | None = None
        self._other = QPushButton()
        self._other.clicked.connect(self._other_pressed)
        self._close = QToolButton()
        self._close.setObjectName("flat")
        self._close.setIconSize(QSize(16, 16))
        self._close.setToolTip("Dismiss (Esc)")
        self._close.setAccessibleName("Dismiss")
        self._close.clicked.connect(self._leave)
        self._row = self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._leave)
        theme.changed.connect(self._apply_theme)
        self.hide()

    def _lay_out(self) -> QHBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._message)
        words.addWidget(self._hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(12)
        row.addWidget(self._icon)
        row.addLayout(words, 1)
        row.addWidget(self._other)
        row.addWidget(self._button)
        row.addWidget(self._close)
        return row

    def tell(
        self,
        kind: Kind,
        message: str,
        hint: str = "",
        *,
        topic: str = "",
        action: tuple[str, Callable[[], None]] | None = None,
        other: tuple[str, Callable[[], None]] | None = None,
    ) -> None:
        """Show a message.

        Args:
            kind: Colour and icon, and whether it stays.
            message: What happened, one line.
            hint: What to do.
            topic: What it is about; ``dismiss`` with the same topic takes it away.
            action: Words of a button, and what it does.
            other: Likewise, of a second one.
        """
        if kind in _STAY_MS and self.isVisible() and self._kind == "error" and topic != self._topic:
            return  # good news never hides a failure
        self._kind, self._topic = kind, topic
        self._message.setText(message)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._act = action[1] if action else None
        self._button.setText(action[0] if action else "")
        self._button.setVisible(action is not None)
        self._other_act = other[1] if other else None
        self._other.setText(other[0] if other else "")
        self._other.setVisible(other is not None)
        self.setAccessibleName(f"{kind}: {message} {hint}")
        self._apply_theme()
        self.show()
        self._place()  # only what is shown knows how high it has to be
        self._wait_or_stay()

    def lie_over(self, host: QWidget, edge: Qt.Edge = Qt.Edge.TopEdge) -> None:
        """Lie over the top or bottom edge of ``host`` from now on, which notices nothing of it."""
        if host is self._host:
            return
        if self._host is not None:
            self._host.removeEventFilter(self)
        shown = not self.isHidden()
        self._host, self._edge = host, edge
        self.setParent(host)  # which hides it
        host.installEventFilter(self)
        self.setVisible(shown)
        self._place()

    @property
    def leaves(self) -> bool:
        """Returns whether the message leaves by itself, unless the mouse comes."""
        return self._timer.isActive()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place()
        return False

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self.isVisible():
            self._wait_or_stay()

    def _wait_or_stay(self) -> None:
        self._timer.stop()
        stays = self._act is not None or self._other_act is not None or self.underMouse()
        if self._kind in _STAY_MS and not stays:
            self._timer.start(_STAY_MS[self._kind])

    def _place(self) -> None:
        host = self._host
        if host is None:
            return
        self._row.activate()
        width = max(0, min(_WIDEST, host.width() - 2 * _MARGIN))
        height = self.heightForWidth(width)
        top = _MARGIN if self._edge == Qt.Edge.TopEdge else host.height() - _MARGIN - height
        self.setGeometry((host.width() - width) // 2, top, width, height)
        self.raise_()

    def tell_error(
        self, error: ExplainedError, *, topic: str = "", action: tuple[str, Callable[[], None]] | None = None
    ) -> None:
        """Show a failure, and the controls of the window that help."""
        self.tell("error", error.message, hint_of(error), topic=topic, action=action)

    def dismiss(self, topic: str | None = None) -> None:
        """Go away; where a topic is given, only if that is what the message is about."""
        if topic is None or (self.isVisible() and topic == self._topic):
            self._leave()

    def _leave(self) -> None:
        self._timer.stop()
        self.hide()

    @property
    def kind(self) -> Kind:
        """The kind of the last message."""
        return self._kind

    @property
    def words(self) -> tuple[str, str]:
        """Message and hint shown last."""
        return self._message.text(), self._hint.text()

    def _pressed(self) -> None:
        act = self._act
        self.dismiss()
        if act is not None:
            act()

    def _other_pressed(self) -> None:
        act = self._other_act
        self.dismiss()
        if act is not None:
            act()

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        strong = {
            "info": colours.accent,
            "success": colours.success,
            "warning": colours.warning,
            "error": colours.danger,
        }[self._kind]
        self._icon.setPixmap(pixmap(self._kind, strong, 22, self.devicePixelRatioF()))
        self._close.setIcon(icon("close", colours.muted, size=16))
        self.setStyleSheet(
            f"QFrame#banner {{ background: {colours.surface}; border: 1px solid {colours.border}; border-radius: 8px;"
            f" border-left: 4px solid {strong}; border-top-left-radius: 0; border-bottom-left-radius: 0; }}"
            " QFrame#banner QLabel { background: transparent; }"
        )
