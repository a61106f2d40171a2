"""Card of one model: name, what it detects, speed, accuracy, size, licence, where it is. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.model_cards import ModelCard
from app.ui.models.download_bar import DownloadBar
from app.ui.models.model_text import STATUS, card_facts, detects, match_text
from app.ui.services.download_runner import DownloadRunner
from app.ui.widgets.texts import ElidedLabel


class Chips(QWidget):
    """A model's status in a few boxed words; a demo says that it is one."""

    def __init__(self) -> None:
        super().__init__()
        self.demo, self.used, self.status = QLabel("Demo"), QLabel("In use"), QLabel()
        self.recommended = QLabel("Recommended")
        self.recommended.setObjectName("chip")
        self.demo.setObjectName("chipDemo")
        self.demo.setToolTip("Knows drawn shapes only; it finds nothing sensible in photographs.")
        self.used.setObjectName("chipUsed")
        self.status.setObjectName("chip")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for chip in (self.demo, self.used, self.recommended, self.status):
            row.addWidget(chip)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_card(self, card: ModelCard, used: bool) -> None:
        """Show the status of ``card``."""
        self.demo.setVisible(card.spec is not None and card.spec.demo)
        self.used.setVisible(used)
        self.recommended.setVisible(card.recommended)
        self.status.setVisible(not card.recommended)  # the heading says that it is not here; the name needs the room
        self.status.setText(STATUS[card.status])
        name = "chipBad" if card.status == "broken" else "chip"
        if self.status.objectName() != name:
            self.status.setObjectName(name)
            self.status.style().polish(self.status)
            self.status.updateGeometry()


class ModelCardView(QPushButton):
    """A card to choose; Enter or a double click does what suits it best."""

    activated = Signal(str)
    cancel = Signal(str)
    moved = Signal(str, int)
    """Name, and by how many cards an arrow key goes on."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self.card = card
        self.setObjectName("modelCard")
        self.setCheckable(True)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.name = ElidedLabel()
        self.name.setObjectName("section")
        self.chips = Chips()
        self.about, self.found, self.facts = QLabel(), QLabel(), QLabel()
        self.found.setObjectName("found")
        self.facts.setObjectName("muted")
        self.download = DownloadBar()
        self.download.cancel.connect(self._cancelled)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.name, 1)
        head.addWidget(self.chips)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 12, 16, 12)
        box.setSpacing(4)
        box.addLayout(head)
        for label in (self.about, self.found, self.facts):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            box.addWidget(label)
        box.addWidget(self.download)
        for part in (self.name, self.chips, self.about, self.found, self.facts):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_card(self, card: ModelCard, used: bool, classes: tuple[str, ...], downloads: DownloadRunner) -> None:
        """Show ``card``.

        Args:
            card: The facts.
            used: Whether it is the model in use.
            classes: By which of its classes the search found it.
            downloads: Knows whether it is being fetched.
        """
        self.card = card
        self.name.set_text(card.name)
        self.chips.show_card(card, used)
        about = card.reason if card.spec is None else card.spec.title or detects(card.spec)
        self.about.setText(about)
        self.found.setText(match_text(classes) if classes else "")
        self.found.setVisible(bool(classes))
        self.facts.setText(card_facts(card))
        self.facts.setVisible(bool(self.facts.text()))
        self.show_download(downloads)
        use = "in use, " if used else ""
        first = "recommended, " if card.recommended else ""
        self.setAccessibleName(f"{card.name}, {use}{first}{STATUS[card.status]}")
        self.setAccessibleDescription(f"{about}. {self.found.text()} {self.facts.text()}".strip())
        self.updateGeometry()

    def show_download(self, downloads: DownloadRunner) -> None:
        """Show how far its download is, if there is one."""
        self.download.show_state(self.card.name, downloads)

    def sizeHint(self) -> QSize:
        return self._box_hint()

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._box_hint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step is not None:
            self.moved.emit(self.card.name, step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated.emit(self.card.name)
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        self.activated.emit(self.card.name)

    def nextCheckState(self) -> None:
        self.setChecked(True)  # a chosen card stays chosen

    def _box_hint(self) -> QSize:
        box = self.layout()
        assert box is not None
        return QSize(260, box.totalHeightForWidth(max(self.width(), 200)))

    def _cancelled(self) -> None:
        self.cancel.emit(self.card.name)
