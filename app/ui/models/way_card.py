"""One way to understand a model file: the user's image with what it finds, and how sharp that is. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.core.counts import number_of
from app.core.import_pictures import WayPicture
from app.ui.remedies import FIELDS, value_text

WIDTH = 216
_HEIGHT = 144


def way_name(picture: WayPicture) -> str:
    """Returns "As it stands", or the field and the value that say so."""
    way = picture.way
    return f"{FIELDS[way.option]}: {value_text(way.option, way.value)}" if way.option else "As it stands"


class WayCard(QPushButton):
    """A picture to click; the sharpest says that it is."""

    def __init__(self, picture: WayPicture) -> None:
        super().__init__()
        self.picture = picture
        self.setObjectName("modelCard")
        self.setCheckable(True)
        self.setChecked(not picture.way.option)
        self.setAutoDefault(False)
        self.setFixedWidth(WIDTH)
        self._name, self._facts = QLabel(way_name(picture)), QLabel()
        self._name.setObjectName("section")
        self._facts.setObjectName("muted")
        for label in (self._name, self._facts):
            label.setWordWrap(True)
        box = self._box = QVBoxLayout(self)
        box.setContentsMargins(8, 8, 8, 8)
        box.setSpacing(4)
        for part in (_Picture(picture), self._name, self._facts):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            box.addWidget(part)
        box.addStretch(1)
        self.show_rank(False)

    def show_rank(self, sharpest: bool) -> None:
        """Say whether its answers are the sharpest of all."""
        way = self.picture.way
        found = f"{number_of(way.objects, 'object')}, best {way.best:.2f}" if way.best else "Finds nothing"
        words = f"{found} · sharpest" if sharpest else found
        self._facts.setText(words)
        self.setAccessibleName(f"{way_name(self.picture)}: {words}")
        self.setToolTip("" if not way.option else f"Take “{way_name(self.picture)}”")

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, self._box.heightForWidth(WIDTH))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class _Picture(QWidget):
    """The picture, letterboxed."""

    def __init__(self, picture: WayPicture) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        frame = picture.picture
        height, width = frame.shape[:2]
        # A copy: the array may go at any time.
        self._image = QImage(frame.data, width, height, frame.strides[0], QImage.Format.Format_RGB32).copy()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        spot = QRectF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2, *size.toTuple())
        painter.drawImage(spot, self._image)
        painter.end()
