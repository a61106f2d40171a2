"""A plate of words and a button on the frame. GUI thread.

Clicks beside its button go to the view, and it keeps out of the way of boxes as far as there is room.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QLabel, QPushButton, QWidget

_MARGIN = 16  # pixels to the edges of the frame
_SPACING = 12
_PADDING = (16, 8)


class NoticePlate(QFrame):
    """Says one thing at a time, at the foot of the frame."""

    pressed = Signal()

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self.setObjectName("notice")
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)  # a model file brings its own labels
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton()
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the view
        self.button.clicked.connect(self.pressed)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(_PADDING[0], _PADDING[1], _PADDING[0], _PADDING[1])
        self._box.setSpacing(_SPACING)
        self._box.addWidget(self.label, 1)
        self._box.addWidget(self.button, 0, Qt.AlignmentFlag.AlignCenter)
        self.inset = 0
        """Pixels at the foot of the view that something else may cover."""
        self.covered = 0
        """Pixels at its right that something else covers."""
        self.hide()

    @property
    def words(self) -> str:
        """The words shown; "" while there are none."""
        return self.label.text() if not self.isHidden() else ""

    def tell(self, words: str, button: str = "", tip: str = "") -> None:
        """Show ``words``, and a button where it has words of its own."""
        self.label.setText(words)
        self.button.setText(button)
        self.button.setToolTip(tip)
        self.button.setVisible(bool(button))
        self.setAccessibleName(words)
        self.show()

    def place(self, frame: QRectF, boxes: Sequence[QRectF] = ()) -> None:
        """Lie on the frame, at its foot or else its head, where no box is if that can be.

        Args:
            frame: Where it is drawn, pixels of the view.
            boxes: Boxes drawn on it, likewise.
        """
        frame = QRectF(frame)
        frame.setRight(max(frame.left(), min(frame.right(), self._view.width() - self.covered)))
        size = self._fit(int(frame.width()) - 2 * _MARGIN)
        left = round(frame.center().x() - size.width() / 2)
        floor = self._view.height() - self.inset
        foot = min(round(frame.bottom()) - _MARGIN, floor) - size.height()
        head = round(frame.top()) + _MARGIN
        spots = [QRect(QPoint(left, top), size) for top in (foot, head)]
        if self.geometry() in spots:
            spots.insert(0, self.geometry())  # it does not jump without need
        free = (spot for spot in spots if not any(box.intersects(QRectF(spot)) for box in boxes))
        self.setGeometry(next(free, spots[0]))
        self.raise_()

    def _fit(self, room: int) -> QSize:
        """Returns the size where it may be ``room`` wide: in one line, else with the button below the words."""
        words = self.label.fontMetrics().horizontalAdvance(self.label.text()) + 4
        button = self.button.sizeHint() if not self.button.isHidden() else QSize(0, 0)
        beside = words + (button.width() + _SPACING if button.width() else 0) + 2 * _PADDING[0]
        stacked = beside > room
        self._box.setDirection(QBoxLayout.Direction.TopToBottom if stacked else QBoxLayout.Direction.LeftToRight)
        self.label.setWordWrap(stacked)
        width = max(button.width() + 2 * _PADDING[0], min(room, beside))
        if not stacked:
            return QSize(width, max(button.height(), self.label.fontMetrics().height()) + 2 * _PADDING[1])
        high = self.label.heightForWidth(width - 2 * _PADDING[0])
        return QSize(width, high + (_SPACING + button.height() if button.height() else 0) + 2 * _PADDING[1])
