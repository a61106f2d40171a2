"""Previews of a model file: the user's image with what it finds, once for each way to understand it. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import ExplainedError
from app.core.frames import ImageBGR
from app.core.import_pictures import WayPicture
from app.ui.models.way_card import WIDTH, WayCard, way_name
from app.ui.remedies import phrased
from app.ui.services.background import Background
from app.ui.services.import_looks import ImportLooks, ReadImage
from app.ui.services.library_client import Choose
from app.ui.widgets.drop_target import local_paths
from app.ui.widgets.drops import IMAGES
from app.ui.widgets.texts import WrappedLabel

PresentFrame = Callable[[], ImageBGR | None]
"""Gives the frame on screen; None while there is none."""

_ASK = "Choose a picture of yours, or drop one here, that has something to find in it."
_GAP = 8
_CLEARLY = 1.2  # times as sharp: one picture does not decide between neighbours


class ImportPictures(QWidget):
    """Shows the ways, the sharpest first, and emits ``chosen`` with the option and value of one that was clicked."""

    chosen = Signal(str, str)

    def __init__(self, background: Background, frame: PresentFrame, folder: str) -> None:
        super().__init__()
        self._frame, self._folder = frame, folder
        self.looks = ImportLooks(background, self)
        self._image: ReadImage | None = _frame_reader(frame)
        self._asked: tuple[Path, Choose] | None = None
        self.cards: list[WayCard] = []
        """The ways, the sharpest first."""
        self._columns = 1
        self.words = WrappedLabel(_ASK)
        self.words.setObjectName("muted")
        self.work = QProgressBar()
        self.work.setRange(0, 0)
        self.work.setTextVisible(False)
        self.work.setAccessibleName("Looking")
        self.work.hide()
        self.choose_picture = QPushButton("Choose a picture…")
        self.choose_picture.setAutoDefault(False)
        self.take_frame = QPushButton("Frame on screen")
        self.take_frame.setAutoDefault(False)
        self.take_frame.setToolTip("Take the frame that the window shows")
        self.take_frame.setVisible(frame() is not None)
        self._build()
        self.setAcceptDrops(True)
        self.choose_picture.clicked.connect(self._choose)
        self.take_frame.clicked.connect(self._take_frame)
        self.looks.came.connect(self._came)
        self.looks.ended.connect(self._ended)
        self.looks.failed.connect(self._failed)

    def look(self, path: Path, choose: Choose) -> None:
        """Show the ways of this file, with the user's choices put in question no more."""
        self._asked = path, choose
        self._clear()
        if self._image is not None:
            self.words.setText("Looking…")
            self.work.show()
            self.looks.start(path, choose, self._image)

    def stop(self) -> None:
        """The file is not understood, or looked into again: nothing of before holds."""
        self.looks.stop()
        self._asked = None
        self._clear()
        self.work.hide()
        self.words.setText("" if self._image is not None else _ASK)

    def close_looks(self) -> None:
        """Look at nothing more: the sheet closes."""
        self.looks.close()

    def use_picture(self, path: Path) -> None:
        """Look at a picture in a file."""
        self._image = partial(_read, path)
        self._again()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        columns = max(1, (self.width() + _GAP) // (WIDTH + _GAP))
        if columns != self._columns:
            self._columns = columns
            self._arrange()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _image_in(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _image_in(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.use_picture(path)

    def _came(self, picture: WayPicture) -> None:
        card = WayCard(picture)
        card.clicked.connect(self._clicked)
        self.cards.append(card)
        self.cards.sort(key=lambda each: -each.picture.way.sharpness)
        self._arrange()

    def _ended(self) -> None:
        self.work.hide()
        if not self.cards:
            self.words.setText("It runs in none of the ways that were tried.")
            return
        best = self.cards[0].picture
        self.cards[0].show_rank(best.way.sharpness > 0)
        if best.way.sharpness <= 0:
            self.words.setText("It is sure of nothing in this picture. Another one may tell more.")
        elif best.way.sharpness > _CLEARLY * self._as_it_stands:
            self.words.setText(f"“{way_name(best)}” answers more sharply. Click the picture whose boxes are right.")
        elif len(self.cards) > 1:
            self.words.setText("No other way is clearly sharper. Click another picture if its boxes are right.")
        else:
            self.words.setText("Nothing of it was assumed.")

    @property
    def _as_it_stands(self) -> float:
        """Sharpness of the answers as the file is understood."""
        return next((card.picture.way.sharpness for card in self.cards if not card.picture.way.option), 0.0)

    def _failed(self, error: ExplainedError) -> None:
        self.work.hide()
        self.words.setText(phrased(error))

    def _clicked(self) -> None:
        card = self.sender()
        assert isinstance(card, WayCard)
        way = card.picture.way
        card.setChecked(not way.option)
        if way.option:
            self.chosen.emit(way.option, way.value)

    def _choose(self) -> None:
        kinds = f"Images ({' '.join(f'*{ending}' for ending in IMAGES)});;All files (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, "A picture to look at", self._folder, kinds)
        if chosen:
            self._folder = str(Path(chosen).parent)
            self.use_picture(Path(chosen))

    def _take_frame(self) -> None:
        self._image = _frame_reader(self._frame) or self._image
        self._again()

    def _again(self) -> None:
        if self._asked is not None:
            self.look(*self._asked)

    def _clear(self) -> None:
        for card in self.cards:
            self._grid.removeWidget(card)
            card.deleteLater()
        self.cards = []

    def _arrange(self) -> None:
        for place, card in enumerate(self.cards):
            self._grid.addWidget(card, *divmod(place, self._columns), Qt.AlignmentFlag.AlignTop)

    def _build(self) -> None:
        title = QLabel("What it would see")
        title.setObjectName("section")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.choose_picture, self.take_frame):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(title)
        box.addWidget(self.words)
        box.addLayout(buttons)
        box.addWidget(self.work)
        grid = QHBoxLayout()
        grid.addLayout(self._grid)
        grid.addStretch(1)
        box.addLayout(grid)
        box.addStretch(1)


def _image_in(mime: QMimeData) -> Path | None:
    """The first image among files that are dropped."""
    return next((path for path in local_paths(mime) if path.suffix.lower() in IMAGES), None)


def _frame_reader(frame: PresentFrame) -> ReadImage | None:
    """Returns what gives the frame that is on screen now."""
    image = frame()
    return None if image is None else partial(_same, image)


def _same(image: ImageBGR) -> ImageBGR:
    return image


def _read(path: Path) -> ImageBGR:
    from app.core.sources.images import read_image

    return read_image(path)
