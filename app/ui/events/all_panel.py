"""The panel of all videos: one list over everything that was looked at or analysed. GUI thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.core.counts import number_of
from app.ui.events.all_events import AllList
from app.ui.events.list_page import ListPage
from app.ui.services.video_thumbnails import VideoThumbnailMaker
from app.ui.widgets.texts import ElidedLabel
from app.ui.widgets.theme import Theme

_EMPTY = (
    "Videos that are looked at or analysed here are listed by themselves, and so is what cameras, streams and screens "
    "show. Add a folder of videos that were analysed elsewhere, by exports or the command line."
)


class AllPanel(QWidget):
    """Shows the list, and fills it from folders.

    Args:
        theme: The colours.
        thumbnails: Makes the pictures.
    """

    folder_chosen = Signal(object)
    """Path of a folder to look through."""
    stopped = Signal()
    """The user wants no more folders to be looked through."""

    def __init__(self, theme: Theme, thumbnails: VideoThumbnailMaker) -> None:
        super().__init__()
        self.setObjectName("panelBody")
        self.page = ListPage(theme, thumbnails)
        self.filters, self.list = self.page.filters, self.page.list
        self.list.setAccessibleName("Events of all videos")
        self.state = ElidedLabel()
        self.add = QPushButton("Add folder…")
        self.add.setToolTip("List the events of analysed videos in a folder and below it")
        self.stop = QPushButton("Stop")
        self.stop.hide()
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 4, 12, 12)
        foot.setSpacing(8)
        foot.addWidget(self.state, 1)
        foot.addWidget(self.stop)
        foot.addWidget(self.add)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.page, 1)
        box.addLayout(foot)
        for widget in (self.filters, self.page.count, self.page.nothing):
            widget.hide()  # until it is known what there is
        self.add.clicked.connect(self._choose)
        self.stop.clicked.connect(self.stopped)

    def show_events(self, made: AllList) -> None:
        """List these."""
        events = made.content.events
        zones = sorted({visit.zone for event in events for visit in event.zones})
        lines = sorted({crossing.line for event in events for crossing in event.crossings})
        self.filters.set_events(events, zones, lines)
        is_any = bool(events)
        self.page.show_events(made.listed, None, is_any, bool(made.content.videos))
        places = (number_of(len(made.content.videos), "video"), number_of(made.content.sources, "live source"))
        where = " and ".join(place for place in places if not place.startswith("0 "))
        self.page.show_count(len(made.listed), events, f"{number_of(len(events), 'event')} in {where}", _EMPTY)
        self.page.count.setVisible(bool(where))
        self.filters.setVisible(bool(where))

    def show_filling(self, count: int, name: str) -> None:
        """Show how far looking through a folder is; no name at its end."""
        self.stop.setVisible(bool(name))
        self.add.setVisible(not name)
        done = f"{number_of(count, 'video')} added"
        self.state.set_text(f"{name}…" if name else done)

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of analysed videos")
        if chosen:
            self.folder_chosen.emit(Path(chosen))
