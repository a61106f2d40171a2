"""The images of a folder, small, below the one that is looked at. GUI thread; the small images are made on workers.

In: the paths, the number of the image on screen. Out: ``chosen``. Only what comes into sight is read, the newest first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.core.errors import ExplainedError
from app.core.frames import ImageBGRA
from app.ui.services.background import Background
from app.ui.widgets.theme import Theme

ReadThumbnail = Callable[[Path, int, int], ImageBGRA]

_WIDTH, _HEIGHT = 96, 64  # of a small image, logical pixels
_PADDING = 4
_KEPT = 600  # small images in memory, 24 kB each
_WANTED = 60  # more have scrolled out of sight again before they could be read
_Index = QModelIndex | QPersistentModelIndex


def place_text(number: int, count: int, name: str) -> str:
    """Returns text such as "5 of 40  ·  beach.jpg"; ``number`` counts from 0."""
    return f"{number + 1} of {count}  ·  {name}" if name else f"{number + 1} of {count}"


def read_thumbnail_now(path: Path, width: int, height: int) -> ImageBGRA:
    """Reads a small image; on a worker."""
    from app.core.sources.thumbnails import read_thumbnail

    return read_thumbnail(path, width, height)


class ImageList(QAbstractListModel):
    """Names of images, and small copies as they are asked for.

    Args:
        background: Reads them, one at a time.
        read: Makes a small copy.
        ratio: Returns the device pixels of a logical one.
    """

    def __init__(self, background: Background, read: ReadThumbnail, ratio: Callable[[], float]) -> None:
        super().__init__()
        self._background, self._read, self._ratio = background, read, ratio
        self.paths: tuple[Path, ...] = ()
        self._rows: dict[Path, int] = {}
        self._made: OrderedDict[Path, QImage | None] = OrderedDict()  # None: it cannot be read
        self._wanted: OrderedDict[Path, None] = OrderedDict()
        self._reading: Path | None = None

    def show(self, paths: Sequence[Path]) -> None:
        """List these instead."""
        self.beginResetModel()
        self.paths = tuple(paths)
        self._rows = {path: row for row, path in enumerate(paths)}
        self._made.clear()
        self._wanted.clear()
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.paths)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        path = self.paths[index.row()]
        if role == Qt.ItemDataRole.DecorationRole:
            return self._thumbnail(path)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return path.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return place_text(index.row(), len(self.paths), path.name)
        return None

    def is_unreadable(self, path: Path) -> bool:
        """Returns whether it was tried in vain."""
        return self._made.get(path, path) is None

    def _thumbnail(self, path: Path) -> QImage | None:
        if path in self._made:
            self._made.move_to_end(path)
            return self._made[path]
        if path == self._reading:
            return None
        self._wanted[path] = None
        self._wanted.move_to_end(path)
        if len(self._wanted) > _WANTED:
            self._wanted.popitem(last=False)
        self._next()
        return None

    def _next(self) -> None:
        if self._reading is not None or not self._wanted:
            return
        path, _ = self._wanted.popitem()
        self._reading = path
        read, ratio = self._read, self._ratio()

        def work() -> QImage:
            bgra = read(path, round(_WIDTH * ratio), round(_HEIGHT * ratio))
            rows, columns = bgra.shape[:2]
            image = QImage(bgra.data, columns, rows, bgra.strides[0], QImage.Format.Format_RGB32).copy()
            image.setDevicePixelRatio(ratio)
            return image

        def failed(_error: ExplainedError) -> None:
            self._done(path, None)

        self._background.run("thumbnail", work, lambda image: self._done(path, image), failed)

    def _done(self, path: Path, image: QImage | None) -> None:
        self._reading = None
        row = self._rows.get(path)
        if row is not None:
            self._made[path] = image
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
            index = self.index(row)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])
        self._next()


class _Painter(QStyledItemDelegate):
    """Paints an image in its cell, framed where it is the one on screen."""

    def __init__(self, theme: Theme, images: ImageList, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._images = theme, images

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(_WIDTH + 2 * _PADDING, _HEIGHT + 2 * _PADDING)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        colours = self._theme.colours
        cell: QRect = option.rect
        state: QStyle.StateFlag = option.state
        room = cell.adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)
        image = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(image, QImage):
            size = image.deviceIndependentSize().toSize()
            place = QStyle.alignedRect(Qt.LayoutDirection.LeftToRight, Qt.AlignmentFlag.AlignCenter, size, room)
            painter.drawImage(place, image)
        else:
            self._paint_without(painter, room, self._images.paths[index.row()])
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(1, 1, -1, -1), 5, 5)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(colours.muted), 1))
            painter.drawRoundedRect(cell.adjusted(1, 1, -1, -1), 5, 5)

    def _paint_without(self, painter: QPainter, room: QRect, path: Path) -> None:
        """Paints the name, while the image is being read or where it cannot be."""
        colours = self._theme.colours
        painter.fillRect(room, QColor(colours.raised))
        painter.setPen(QColor(colours.danger if self._images.is_unreadable(path) else colours.muted))
        words = painter.fontMetrics().elidedText(path.name, Qt.TextElideMode.ElideMiddle, room.width() - 8)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, words)


class FilmStrip(QListView):
    """Small images in a row; hidden where there are none."""

    chosen = Signal(int)
    """Number of the image that the user wants to see, from 0."""

    def __init__(self, theme: Theme, background: Background, read: ReadThumbnail = read_thumbnail_now) -> None:
        super().__init__()
        self.setObjectName("filmStrip")
        self.setAccessibleName("Images of the folder")
        self.images = ImageList(background, read, self.devicePixelRatioF)
        self.setModel(self.images)
        self.setItemDelegate(_Painter(theme, self.images, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the view
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._allowed = True
        theme.changed.connect(self.viewport().update)
        self.clicked.connect(self._clicked)
        self.hide()

    def show_images(self, paths: Sequence[Path]) -> None:
        """Show these; a single one, or none, hides the strip."""
        self.images.show(paths)
        self.setVisible(self._allowed and len(paths) > 1)

    def set_current(self, number: int) -> None:
        """Frame the image that is on screen, and bring it into sight."""
        index = self.images.index(number)
        if index.isValid() and index != self.currentIndex():
            self.setCurrentIndex(index)
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def allow(self, allowed: bool) -> None:
        """Sets whether it may be shown: not on a full screen."""
        self._allowed = allowed
        self.setVisible(allowed and self.images.rowCount() > 1)

    def sizeHint(self) -> QSize:
        return QSize(320, _HEIGHT + 2 * _PADDING + self.horizontalScrollBar().sizeHint().height() + 2)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        """Keys choose: what is framed is what is shown."""
        index = super().moveCursor(action, modifiers)
        if index.isValid() and index != self.currentIndex():
            self.chosen.emit(index.row())
        return index

    def _clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.row())
