"""The list of events: a picture, what, when, where. GUI thread; pictures are made as they come into sight."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView

from app.core.events.listing import ListedEvent
from app.core.palette import RGB, class_colour
from app.ui.events.event_rows import CLIP, COLOUR, EVENT, PICTURE, EventRows, facts_text, spoken_text, title_text
from app.ui.services.video_thumbnails import ThumbnailKey, VideoThumbnailMaker
from app.ui.widgets.theme import Theme

_Index = QModelIndex | QPersistentModelIndex


class EventListModel(QAbstractListModel):
    """The events that are listed.

    Args:
        thumbnails: Makes the pictures.
    """

    def __init__(self, thumbnails: VideoThumbnailMaker) -> None:
        super().__init__()
        self._thumbnails = thumbnails
        self.ratio = 1.0
        """Device pixels of a logical one."""
        self.rows: tuple[ListedEvent, ...] = ()
        self.day_s: float | None = None
        """Time of day at which the video begins, seconds."""
        self.colours: Mapping[str, RGB] = {}
        self._video: Path | None = None
        self.picture_of: Callable[[ListedEvent], QImage | None] = _no_picture
        """Has the picture of an event of a live source."""
        self.clip_of: Callable[[ListedEvent], Path | None] = _no_clip
        """Knows the clip of an event that is of no video."""
        thumbnails.made.connect(self.pictures_made)

    def show(self, rows: tuple[ListedEvent, ...], video: Path | None) -> None:
        """List these instead; those that name no video are of ``video``."""
        self.beginResetModel()
        self.rows, self._video = rows, video
        self._thumbnails.forget_wishes()
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == EVENT:
            return row
        if role == CLIP:
            return self.clip_of(row) is not None
        if role == COLOUR:
            return self.colours.get(row.label) or class_colour(row.label)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(row)
        if role == Qt.ItemDataRole.DisplayRole:
            return title_text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return facts_text(row, self.day_s)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken_text(row)
        return None

    def _picture(self, row: ListedEvent) -> QImage | None:
        video = row.video or self._video
        if row.live is not None or video is None:
            return self.picture_of(row)
        size = round(PICTURE[0] * self.ratio), round(PICTURE[1] * self.ratio)
        return self._thumbnails.get(ThumbnailKey(video, row.best_pts_s, row.box, size))

    def pictures_made(self) -> None:
        """Show pictures that are there by now."""
        if self.rows:
            self.dataChanged.emit(self.index(0), self.index(len(self.rows) - 1), [Qt.ItemDataRole.DecorationRole])


class EventListView(QListView):
    """Rows of events; a click or the arrow keys choose one, and several can be selected."""

    chosen = Signal(object)
    """``ListedEvent`` that the user wants to see."""
    reject = Signal()
    """The user rejects what is selected."""

    def __init__(self, theme: Theme, thumbnails: VideoThumbnailMaker) -> None:
        super().__init__()
        self.setObjectName("events")
        self.setAccessibleName("Events")
        self.events = EventListModel(thumbnails)
        self.setModel(self.events)
        self.setItemDelegate(EventRows(theme, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        theme.changed.connect(self.viewport().update)
        self.clicked.connect(self._clicked)

    def show_events(self, rows: tuple[ListedEvent, ...], video: Path | None) -> None:
        """List these; what was selected and is still there stays so."""
        selected = {_identity(row) for row in self.selected()}
        present = self.present()
        place = self.verticalScrollBar().value()
        self.events.ratio = self.devicePixelRatioF()
        self.events.show(rows, video)
        if selected:
            self._select(selected, None if present is None else _identity(present))
        self.verticalScrollBar().setValue(place)

    def selected(self) -> tuple[ListedEvent, ...]:
        """The selected events, in the list's order."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return tuple(self.events.rows[row] for row in rows)

    def present(self) -> ListedEvent | None:
        """The event that was chosen last."""
        row = self.currentIndex().row()
        return self.events.rows[row] if 0 <= row < len(self.events.rows) else None

    def choose(self, row: int) -> None:
        """Select the event in a row alone, bring it into sight and tell."""
        if not 0 <= row < len(self.events.rows):
            return
        index = self.events.index(row)
        self.setCurrentIndex(index)
        self.scrollTo(index)
        self.chosen.emit(self.events.rows[row])

    def step(self, by: int, now_s: float) -> None:
        """Choose the event that many rows further; where none is present, the next or last one from ``now_s``."""
        rows = self.events.rows
        if not rows:
            return
        if self.present() is not None:
            target = self.currentIndex().row() + by
        elif by > 0:
            target = next((number for number, row in enumerate(rows) if row.start_s >= now_s), len(rows) - 1)
        else:
            target = max((number for number, row in enumerate(rows) if row.start_s < now_s), default=0)
        self.choose(min(max(target, 0), len(rows) - 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.present() is not None:
            self.chosen.emit(self.present())
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.reject.emit()
        else:
            before = self.currentIndex()
            super().keyPressEvent(event)
            moved = self.currentIndex() != before and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            if moved and self.present() is not None:
                self.chosen.emit(self.present())

    def _clicked(self, index: QModelIndex) -> None:
        if len(self.selectionModel().selectedRows()) == 1:
            self.chosen.emit(self.events.rows[index.row()])

    def _select(self, keys: set[Hashable], present: Hashable) -> None:
        model = self.selectionModel()
        flag = QItemSelectionModel.SelectionFlag
        for number, row in enumerate(self.events.rows):
            key = _identity(row)
            if key == present:
                model.setCurrentIndex(self.events.index(number), flag.NoUpdate)
            if key in keys:
                model.select(self.events.index(number), flag.Select)


def _identity(row: ListedEvent) -> Hashable:
    """The part that stays the same when threshold or zones change."""
    kept = row.live.kept if row.live is not None else 0
    return row.video, row.label, kept or row.best_pts_s


def _no_clip(_row: ListedEvent) -> Path | None:
    return None


def _no_picture(_row: ListedEvent) -> QImage | None:
    return None
