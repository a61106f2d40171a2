"""A list of events with what is asked above it and what is said of them below. GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QItemSelection, QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QInputDialog, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from app.core.events.judgements import MAX_NAME, Verdict
from app.core.events.listing import ListedEvent
from app.ui.events.event_list import EventListView
from app.ui.events.filter_bar import FilterBar
from app.ui.services.video_thumbnails import VideoThumbnailMaker
from app.ui.widgets.texts import WrappedLabel
from app.ui.widgets.theme import Theme

NO_FIT = "No event is like that."


class ListPage(QWidget):
    """Shows filters, list and buttons.

    Args:
        theme: The colours.
        thumbnails: Makes the pictures.
    """

    said = Signal(object)
    """(``ListedEvent``, ``Verdict``) pairs: what the user says of events."""
    case = Signal()
    """The user wants a case of these events."""
    clip_asked = Signal(object)
    """Path of a clip to play."""

    def __init__(self, theme: Theme, thumbnails: VideoThumbnailMaker) -> None:
        super().__init__()
        self._can_say = self._can_make_case = False
        self.filters = FilterBar()
        self.list = EventListView(theme, thumbnails)
        self.count = QLabel()
        self.count.setObjectName("muted")
        self.nothing = WrappedLabel()
        self.nothing.setObjectName("muted")
        self.mark = self._button("Mark", "Mark what is selected, to find it again", self._mark)
        self.name = self._button("Name…", "Give what is selected a name", self._name)
        self.reject = self._button("Reject", "There is no such object: list it as rejected (Del)", self._reject)
        self.make_case = self._button("Case…", "Clips, pictures, report and checksums in a folder", self.case.emit)
        self._lay_out()
        self.list.reject.connect(self._reject)
        self.list.selectionModel().selectionChanged.connect(self._selection_changed)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self._show_buttons()

    def _button(self, words: str, tip: str, does: Callable[[], None]) -> QPushButton:
        button = QPushButton(words)
        button.setToolTip(tip)
        button.clicked.connect(does)
        return button

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 12, 0, 0)
        box.setSpacing(8)
        head = QVBoxLayout()
        head.setContentsMargins(12, 0, 12, 0)
        head.setSpacing(8)
        for widget in (self.filters, self.count, self.nothing):
            head.addWidget(widget)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 4, 12, 12)
        foot.setSpacing(4)
        for button in (self.mark, self.name, self.reject, self.make_case):
            foot.addWidget(button, 1)
        box.addLayout(head)
        box.addWidget(self.list, 1)
        box.addLayout(foot)

    def show_events(
        self, listed: tuple[ListedEvent, ...], video: Path | None, can_say: bool, can_make_case: bool
    ) -> None:
        """List these.

        Args:
            listed: The events.
            video: As for ``EventListView``.
            can_say: Whether what is said of them is kept.
            can_make_case: Whether there are videos that a case can be made of.
        """
        self._can_say, self._can_make_case = can_say, can_make_case
        self.list.show_events(listed, video)
        self._show_buttons()

    def show_count(self, listed: int, rows: Sequence[ListedEvent], every: str, nothing: str) -> None:
        """Say how many there are.

        Args:
            listed: How many are listed.
            rows: All.
            every: How many these are, in words.
            nothing: What to say where there are none.
        """
        rejected = sum(row.verdict.rejected for row in rows)
        words = every if listed == len(rows) else f"{listed} of {every}"
        self.count.setText(f"{words}, {rejected} rejected" if rejected else words)
        self.nothing.setText("" if listed else NO_FIT if rows else nothing)
        self.nothing.setVisible(not listed)

    def show_note(self, note: str) -> None:
        """Say this, too; "" for nothing."""
        if note:
            self.nothing.setText(f"{note} {self.nothing.text()}".strip())
            self.nothing.show()

    # What is said

    def _mark(self) -> None:
        chosen = self.list.selected()
        on = not all(row.verdict.marked for row in chosen)
        self.said.emit([(row, replace(row.verdict, marked=on)) for row in chosen])

    def _reject(self) -> None:
        chosen = self.list.selected() if self._can_say else ()
        on = not all(row.verdict.rejected for row in chosen)
        self.said.emit([(row, replace(row.verdict, rejected=on)) for row in chosen])

    def _name(self) -> None:
        chosen = self.list.selected()
        if not chosen:
            return
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Name")
        dialog.setLabelText("What is it called? Empty takes the name away.")
        dialog.setTextValue(chosen[0].verdict.name)

        def named(text: str) -> None:
            name = text.strip()[:MAX_NAME]
            said: list[tuple[ListedEvent, Verdict]] = [(row, replace(row.verdict, name=name)) for row in chosen]
            self.said.emit(said)

        dialog.textValueSelected.connect(named)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _selection_changed(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = [row.verdict for row in self.list.selected()]
        for button in (self.mark, self.name, self.reject):
            button.setEnabled(bool(chosen))
            button.setVisible(self._can_say)
        self.make_case.setVisible(self._can_make_case)
        self.make_case.setEnabled(bool(self.list.events.rows))
        self.mark.setText("Unmark" if chosen and all(verdict.marked for verdict in chosen) else "Mark")
        self.reject.setText("Accept" if chosen and all(verdict.rejected for verdict in chosen) else "Reject")

    def _show_menu(self, at: QPoint) -> None:
        chosen = self.list.selected()
        clip = self.list.events.clip_of(chosen[0]) if len(chosen) == 1 else None
        can_say = bool(chosen) and self._can_say
        if clip is None and not can_say:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if clip is not None:
            menu.addAction("Play clip").triggered.connect(lambda: self.clip_asked.emit(clip))
        for button in (self.mark, self.name, self.reject) if can_say else ():
            menu.addAction(button.text()).triggered.connect(button.click)
        menu.popup(self.list.viewport().mapToGlobal(at))
