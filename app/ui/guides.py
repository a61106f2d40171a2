"""The guides that came with the program, to be read without a network. GUI thread."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextCursor, QTextTable
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QTextBrowser, QWidget

from app.ui.widgets.screen_room import resize_on_screen
from detector.bundled_files import bundled_path

GUIDES: dict[str, str] = {
    "troubleshooting": "Troubleshooting",
    "streams": "Network cameras and streams",
    "models": "Models",
    "export": "Export",
    "events": "Asking a video: events, zones, lines",
    "watch": "Recording, and watching for weeks",
    "following": "Smooth boxes, fewer runs of the network",
    "many-videos": "Many videos",
    "data-formats": "Data files, tracks, clips",
    "evaluation": "Measuring accuracy",
    "performance": "Measuring speed",
    "training": "Training",
}
"""Titles by name of the file, without its ending, in the order shown."""

NO_CAMERA = "troubleshooting#no-camera-is-found"
"""The place that says what to do where no camera is listed."""
VIRTUAL_CAMERA = "watch#as-a-camera-for-other-programs"
"""The place that says what a camera for other programs needs."""

_SIZE = (960, 680)
_LIST_EDGES = 24


def guide_path(name: str) -> Path:
    """Returns the file of a guide."""
    return bundled_path("docs", f"{name}.md")


def slug(heading: str) -> str:
    """Returns the fragment by which links name a heading, as web sites that show Markdown make it."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


class Guides(QDialog):
    """Titles on the left, the guide on the right. Links between guides are followed, others go to the browser."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Guides")
        self.shown = ""
        """Name of the guide that is shown."""
        self.list = QListWidget()
        self.list.setAccessibleName("Guides")
        self.list.setSpacing(4)
        for name, title in GUIDES.items():
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.list.addItem(item)
        edges = 2 * self.list.spacing() + _LIST_EDGES
        self.list.setFixedWidth(self.list.sizeHintForColumn(0) + edges)
        self.list.currentItemChanged.connect(self._chosen)
        self.page = QTextBrowser()
        self.page.setAccessibleName("Guide")
        self.page.setOpenLinks(False)
        self.page.document().setDocumentMargin(16)
        self.page.anchorClicked.connect(self._follow)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 16, 16, 16)
        row.setSpacing(16)
        row.addWidget(self.list)
        row.addWidget(self.page, 1)
        resize_on_screen(self, *_SIZE)

    def open_guide(self, where: str) -> None:
        """Show a guide.

        Args:
            where: Its name, and after a "#" perhaps the heading to begin at.
        """
        name, _, fragment = where.partition("#")
        names = list(GUIDES)
        if name not in names:
            return
        self.list.setCurrentRow(names.index(name))
        self.show()
        self.raise_()
        self.activateWindow()
        self._begin_at(fragment)  # lines have their places once the page has its width

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        self.shown = str(item.data(Qt.ItemDataRole.UserRole))
        try:
            words = guide_path(self.shown).read_text(encoding="utf-8")
        except OSError as error:
            words = f"This guide cannot be read: {error.strerror}."
        self.page.setMarkdown(words)
        self._space_out()

    def _space_out(self) -> None:
        """Give headings and tables the room that Qt leaves out."""
        document = self.page.document()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                table = frame.format().toTableFormat()
                table.setCellPadding(8)
                table.setBorderBrush(self.palette().mid())
                frame.setFormat(table)
        block = document.begin()
        while block.isValid():
            if block.blockFormat().headingLevel() > 1:
                room = block.blockFormat()
                room.setTopMargin(24)
                room.setBottomMargin(8)
                QTextCursor(block).setBlockFormat(room)
            block = block.next()

    def _begin_at(self, fragment: str) -> None:
        document = self.page.document()
        block = document.begin()
        while fragment and block.isValid():
            if block.blockFormat().headingLevel() and slug(block.text()) == fragment:
                self.page.verticalScrollBar().setValue(int(document.documentLayout().blockBoundingRect(block).top()))
                return
            block = block.next()

    def _follow(self, url: QUrl) -> None:
        if url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)
            return
        name = Path(url.path()).stem if url.path() else self.shown
        self.open_guide(f"{name}#{url.fragment()}")
