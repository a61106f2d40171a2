"""What the view shows while a source is being opened: its name, what to expect, a way back. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.frames import SourceKind

_AFTER_MS = 300  # most files are open before anybody could read it
_PATIENCE: dict[SourceKind, str] = {
    "camera": "Some cameras take seconds to start.",
    "stream": "A camera on the network may take seconds to answer.",
    "folder": "Looking for images…",
}
_WIDTH = 420


class WaitingPlate(QFrame):
    """Lies in the middle of the view, once it takes long enough to be read."""

    cancelled = Signal()

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self.setObjectName("notice")
        self._title, self._line = QLabel(), QLabel()
        for label in (self._title, self._line):
            label.setTextFormat(Qt.TextFormat.PlainText)  # names of files are not to become markup
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        self._line.setObjectName("plain")
        self.cancel = QPushButton("Cancel")
        self.cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.cancel.clicked.connect(self.cancelled)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 16, 24, 16)
        box.setSpacing(8)
        box.addWidget(self._title)
        box.addWidget(self._line)
        box.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignCenter)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._appear)
        view.installEventFilter(self)
        self.hide()

    @property
    def words(self) -> str:
        """Returns what is shown; "" while nothing is."""
        return f"{self._title.text()} {self._line.text()}".strip() if not self.isHidden() else ""

    def begin(self, name: str, kind: SourceKind) -> None:
        """A source of that name is being opened."""
        self._title.setText(f"Opening {name}…")
        self._line.setText(_PATIENCE.get(kind, ""))
        self._line.setVisible(kind in _PATIENCE)
        self._timer.start()

    def end(self) -> None:
        """There is a frame, or there will be none."""
        self._timer.stop()
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return super().eventFilter(watched, event)

    def _appear(self) -> None:
        self.show()
        self._place()

    def _place(self) -> None:
        width = min(_WIDTH, self._view.width() - 32)
        self.resize(width, max(self.sizeHint().height(), self.heightForWidth(width)))
        self.move((self._view.width() - width) // 2, (self._view.height() - self.height()) // 2)
