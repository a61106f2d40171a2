"""Texts that cope with any width: one line cut in the middle, or many lines broken anywhere. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent, QTextDocument, QTextOption
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

_NARROWEST = 120  # pixels


class ElidedLabel(QLabel):
    """One line, shortened in the middle where it does not fit; the tooltip has all of it."""

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self._words = words
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._fit()

    def set_text(self, words: str) -> None:
        """Show ``words``."""
        self._words = words
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        margins = self.contentsMargins()
        room = max(0, self.width() - margins.left() - margins.right())
        shown = self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideMiddle, room)
        if shown != self.text():
            self.setText(shown)
        self.setToolTip(self._words if shown != self._words else "")


class WrappedLabel(QLabel):
    """Words in lines, as high as they are at the width given; a ``QLabel`` claims what a narrow one would need."""

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(_NARROWEST, self.heightForWidth(max(_NARROWEST, self.width())))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class FlowText(QTextEdit):
    """Words to read, select and copy; as high as they need. Hashes and paths break anywhere and stay whole copied."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabChangesFocus(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(0)
        # Made here rather than cloned for each measurement: PySide may take a clone for an object that is gone.
        self._measured = QTextDocument()
        self._measured.setDocumentMargin(0)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._measured.setDefaultTextOption(option)
        self.viewport().setAutoFillBackground(False)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_text(self, words: str) -> None:
        """Show ``words``, plainly."""
        if words != self.toPlainText():
            self.setPlainText(words)
            self._measured.setPlainText(words)
            self._fit()

    @property
    def words(self) -> str:
        """The words shown."""
        return self.toPlainText()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        self._measured.setDefaultFont(self.font())
        self._measured.setTextWidth(max(20, width))
        return round(self._measured.size().height() + 0.5)

    def sizeHint(self) -> QSize:
        return QSize(120, self.heightForWidth(max(120, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(max(self.fontMetrics().height(), self.heightForWidth(self.viewport().width())))


class FoldedText(QWidget):
    """A text that hardly anybody needs: shown when it is asked for."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.text = FlowText(name)
        self.text.hide()
        self.button = QPushButton()
        self.button.setObjectName("link")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._toggle)
        self._name = name
        self._say()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self.text)

    def set_text(self, words: str) -> None:
        """Hold ``words``, folded if they are new."""
        if words != self.words:
            self.text.set_text(words)
            self.text.hide()
            self._say()

    @property
    def words(self) -> str:
        """The words, folded or not."""
        return self.text.words

    def _toggle(self) -> None:
        self.text.setVisible(self.text.isHidden())
        self._say()

    def _say(self) -> None:
        verb = "Show" if self.text.isHidden() else "Hide"
        self.button.setText(verb)
        self.button.setAccessibleName(f"{verb} {self._name}")
