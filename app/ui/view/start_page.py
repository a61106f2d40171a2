"""The start page: open a camera or a file, drop something, try the sample, or a recent source."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.sources.uri import kind_by_name, shown_name
from app.ui.widgets.icons import app_icon, pixmap
from app.ui.widgets.theme import Theme

_WIDE = 700  # from here on the cards stand side by side
_BESIDE = 420  # and the links
_RECENT_SHOWN = 5
_COLUMN = 780  # widest, pixels
_SHARE = 102  # parts of the room, of which the column takes all but one on either side
_MARGIN = 24
_GAP = 12
_MIN_CARD = 62
_SAMPLE = "Drawn shapes, found by the demo model: shows that everything works, offline"


def recent_text(uri: str) -> tuple[str, str]:
    """Returns name and place of a remembered source, for people; no password."""
    kind = kind_by_name(uri)
    return shown_name(uri), str(Path(uri).parent) if kind in ("video", "image", "folder") else ""


def source_icon(uri: str) -> str:
    """Returns the name of the icon for a remembered source."""
    return {"camera": "camera", "screen": "fullscreen", "stream": "globe", "image": "image", "folder": "folder"}.get(
        kind_by_name(uri), "film"
    )


class StartCard(QPushButton):
    """A large button: icon, title, one line of explanation."""

    def __init__(self, icon_name: str, title: str, explanation: str, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setAccessibleName(title)
        self.setAccessibleDescription(explanation)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._icon_name, self._theme = icon_name, theme
        self._icon = QLabel()
        name = QLabel(title)
        name.setObjectName("heading")
        line = QLabel(explanation)
        line.setObjectName("muted")
        line.setWordWrap(True)
        line.setAlignment(Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(name)
        words.addWidget(line, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(16)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        for label in (self._icon, name, line):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._row = row
        theme.changed.connect(self._apply_theme)
        self._apply_theme()

    def needed_height(self, width: int) -> int:
        """Returns the height at which every word is seen, pixels."""
        return max(_MIN_CARD, self._row.heightForWidth(width))

    def sizeHint(self) -> QSize:
        return QSize(200, max(_MIN_CARD, self.minimumHeight()))

    def _apply_theme(self) -> None:
        self._icon.setPixmap(pixmap(self._icon_name, self._theme.colours.accent, 28, 2.0))


class StartPage(QScrollArea):
    """Shown while no source is open."""

    open_camera = Signal()
    open_file = Signal()
    open_folder = Signal()
    open_address = Signal()
    open_sample = Signal()
    open_recent = Signal(str)
    shown = Signal()
    """It comes to the front."""

    def __init__(self, theme: Theme, has_sample: bool) -> None:
        super().__init__()
        self._theme = theme
        self._recent: tuple[str, ...] = ()
        self._model = QLabel()
        self._links = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is focused in it comes into sight
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.camera = StartCard("camera", "Open a camera", "Webcam or capture card", theme)
        self.file = StartCard("film", "Open a video", "Or an image", theme)
        self.sample = StartCard("shapes", "Try the sample", _SAMPLE, theme)
        self.sample.setVisible(has_sample)
        self.camera.clicked.connect(self.open_camera)
        self.file.clicked.connect(self.open_file)
        self.sample.clicked.connect(self.open_sample)
        self._lay_out()
        theme.changed.connect(self._fill_recent)

    def _lay_out(self) -> None:
        body = QWidget()
        outer = QHBoxLayout(body)
        outer.setContentsMargins(_MARGIN, 20, _MARGIN, 20)
        column = QWidget()
        column.setMaximumWidth(_COLUMN)
        outer.addStretch(1)
        outer.addWidget(column, _SHARE - 2)
        outer.addStretch(1)
        self._box = QVBoxLayout(column)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(8)
        self._box.addStretch(2)
        self._add_text()
        self._cards = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._cards.setSpacing(_GAP)
        for card in (self.camera, self.file, self.sample):
            self._cards.addWidget(card, 1)
        self._box.addSpacing(12)
        self._box.addLayout(self._cards)
        self._add_links()
        self._recent_box = QVBoxLayout()
        self._recent_box.setSpacing(0)
        self._box.addSpacing(12)
        self._box.addLayout(self._recent_box)
        self._box.addStretch(3)
        self.setWidget(body)

    def set_recent(self, uris: tuple[str, ...]) -> None:
        """List the remembered sources, newest first."""
        if uris != self._recent:
            self._recent = uris
            self._fill_recent()

    @property
    def model_text(self) -> str:
        """The line about the chosen model."""
        return self._model.text()

    def set_model(self, words: str) -> None:
        """Show a line on what the chosen model detects; "" for none."""
        self._model.setText(words)
        self._model.setVisible(bool(words))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shown.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.viewport().width()
        wide = room >= _WIDE
        self._cards.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        beside = room >= _BESIDE
        self._links.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        cards = [card for card in (self.camera, self.file, self.sample) if not card.isHidden()]
        width = min((room - 2 * _MARGIN) * (_SHARE - 2) // _SHARE, _COLUMN)
        if wide:
            width = (width - (len(cards) - 1) * _GAP) // len(cards)
        height = max(card.needed_height(width) for card in cards)
        for card in cards:
            card.setFixedHeight(height)

    def _add_text(self) -> None:
        logo = QLabel()
        logo.setPixmap(app_icon().pixmap(56, 56))
        title = QLabel("What shall we look at?")
        title.setObjectName("title")
        title.setWordWrap(True)
        line = QLabel("Open a camera or a video, or drop a file anywhere in this window.")
        line.setObjectName("muted")
        line.setWordWrap(True)
        self._model.setObjectName("muted")
        self._model.setWordWrap(True)
        self._model.setTextFormat(Qt.TextFormat.PlainText)  # names of classes are not to become markup
        self._model.hide()
        for label in (logo, title, line, self._model):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            self._box.addWidget(label)

    def _add_links(self) -> None:
        self.folder, self.address = QPushButton("Open a folder of images…"), QPushButton("Open a stream address…")
        self._links.setSpacing(4)
        for link, opens in ((self.folder, self.open_folder), (self.address, self.open_address)):
            link.setObjectName("link")
            link.clicked.connect(opens)
            self._links.addWidget(link)
        holder = QHBoxLayout()
        holder.addStretch(1)
        holder.addLayout(self._links)
        holder.addStretch(1)
        self._box.addLayout(holder)

    def _fill_recent(self) -> None:
        while (item := self._recent_box.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        if not self._recent:
            return
        heading = QLabel("Recent")
        heading.setObjectName("section")
        heading.setContentsMargins(8, 0, 0, 4)
        self._recent_box.addWidget(heading)
        for uri in self._recent[:_RECENT_SHOWN]:
            self._recent_box.addWidget(self._recent_row(uri))

    def _recent_row(self, uri: str) -> QWidget:
        name, place = recent_text(uri)
        button = RecentRow(name, place, pixmap(source_icon(uri), self._theme.colours.muted, 18, 2.0))
        button.setProperty("uri", uri)
        button.clicked.connect(self._recent_clicked)
        return button

    def _recent_clicked(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.open_recent.emit(str(sender.property("uri")))


class RecentRow(QPushButton):
    """A remembered source; what is too long is shortened in the middle, the whole is in the tooltip."""

    def __init__(self, name: str, place: str, image: QPixmap) -> None:
        super().__init__()
        self.setObjectName("row")
        self._name, self._place = name, place
        self.setToolTip(f"{name}\n{place}" if place else name)
        self.setAccessibleName(f"Open {name}")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._icon, self._title, self._where = QLabel(), QLabel(), QLabel()
        self._icon.setPixmap(image)
        self._where.setObjectName("muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(8)
        for label in (self._icon, self._title, self._where):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(label)
        row.addStretch(1)
        self._row = row

    def sizeHint(self) -> QSize:
        return QSize(120, max(18, self.fontMetrics().height()) + 16)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        metrics, middle = self.fontMetrics(), Qt.TextElideMode.ElideMiddle
        room = self.width() - 56
        title = metrics.elidedText(self._name, middle, room)
        self._title.setText(title)
        left = room - metrics.horizontalAdvance(title)
        self._where.setText(metrics.elidedText(self._place, middle, left) if left > 60 else "")
