"""The panel of events: what is asked, the list, and what a person says of it. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QItemSelection, QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.counts import number_of
from app.core.events.event import Event
from app.core.events.judgements import MAX_NAME, Verdict
from app.core.palette import model_colours
from app.ui.events.event_feed import FeedState
from app.ui.events.event_list import EventListView
from app.ui.events.event_work import ShownList
from app.ui.events.filter_bar import FilterBar
from app.ui.remedies import hint_of
from app.ui.services.video_thumbnails import VideoThumbnailMaker
from app.ui.widgets.key_frame_choice import KeyFrameChoice
from app.ui.widgets.texts import WrappedLabel
from app.ui.widgets.theme import Theme

_STEPS = 1000


class EventPanel(QWidget):
    """Shows states and the list.

    Args:
        theme: The colours.
        thumbnails: Makes the pictures.
    """

    analyse = Signal()
    """The user wants the video to be analysed."""
    case = Signal()
    """The user wants a case of these events."""
    clip_asked = Signal(object)
    """Path of a clip to play."""
    said = Signal(object)
    """(``Event``, ``Verdict``) pairs: what the user says of events."""

    def __init__(self, theme: Theme, thumbnails: VideoThumbnailMaker) -> None:
        super().__init__()
        self.setObjectName("panelBody")
        self._made: ShownList | None = None
        self._offers, self._analysed = False, ""
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
        self.title, self.hint = WrappedLabel(), WrappedLabel()
        self.title.setObjectName("heading")
        self.hint.setObjectName("muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.key_frames = KeyFrameChoice()
        self.begin = QPushButton("Analyse")
        self.begin.setObjectName("primary")
        self.begin.setToolTip("Run the model over the whole video, in the background (A)")
        self.pages = QStackedWidget()
        self._message, self._list_page = self._message_page(), self._make_list_page()
        for page in (self._message, self._list_page):
            self.pages.addWidget(page)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.pages)
        self.begin.clicked.connect(self.analyse)
        self.list.reject.connect(self._reject)
        self.list.selectionModel().selectionChanged.connect(self._selection_changed)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.show_state(FeedState("none"))

    def _button(self, words: str, tip: str, does: Callable[[], None]) -> QPushButton:
        button = QPushButton(words)
        button.setToolTip(tip)
        button.clicked.connect(does)
        return button

    def _message_page(self) -> QWidget:
        page = QWidget()
        box = QVBoxLayout(page)
        box.setContentsMargins(16, 20, 16, 16)
        box.setSpacing(8)
        for widget in (self.title, self.hint, self.bar):
            box.addWidget(widget)
        box.addWidget(self.key_frames)
        box.addWidget(self.begin, 0, Qt.AlignmentFlag.AlignLeft)
        box.addStretch(1)
        return page

    def _make_list_page(self) -> QWidget:
        page = QWidget()
        box = QVBoxLayout(page)
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
        return page

    # What to show

    def show_state(self, state: FeedState) -> None:
        """Show why there is no list, or make room for it."""
        self._offers = state.kind == "offer"
        if state.kind == "ready":
            self.pages.setCurrentWidget(self._list_page)
            return
        self._made = None
        self.list.show_events((), None)
        title, hint = _WORDS.get(state.kind, ("", ""))
        if state.error is not None:
            title, hint = state.error.message, hint_of(state.error)
        self.title.setText(title)
        self.hint.setText(hint)
        self.bar.setVisible(state.kind == "loading")
        self.bar.setRange(0, 0 if state.part is None else _STEPS)
        self.bar.setValue(round((state.part or 0.0) * _STEPS))
        for widget in (self.key_frames, self.begin):
            widget.setVisible(state.kind in ("offer", "failed"))
        self._show_offer()
        self.pages.setCurrentWidget(self._message)

    def show_analysis(self, video: str) -> None:
        """Offer no analysis while that of ``video`` goes on; "" while none does."""
        self._analysed = video
        self._show_offer()

    def _show_offer(self) -> None:
        if self._offers:
            title, hint = (f"Analysing {self._analysed}", _ONE_AT_A_TIME) if self._analysed else _WORDS["offer"]
            self.title.setText(title)
            self.hint.setText(hint)
            for widget in (self.key_frames, self.begin):
                widget.setVisible(not self._analysed)

    def show_events(self, made: ShownList, palette: str) -> None:
        """List these."""
        before, self._made = self._made, made
        if before is None or before.rows is not made.rows or before.scene != made.scene:
            scene = made.scene
            self.filters.set_events(made.rows, [zone.name for zone in scene.zones], [line.name for line in scene.lines])
        self.filters.set_day(made.day_s)
        self.list.events.day_s = made.day_s
        self.filters.judged.setVisible(made.is_kept)
        self.list.events.colours = model_colours(made.labels, palette)
        self.list.show_events(made.listed, made.video)
        rejected = sum(row.verdict.rejected for row in made.rows)
        every = number_of(len(made.rows), "event")
        words = every if len(made.listed) == len(made.rows) else f"{len(made.listed)} of {every}"
        self.count.setText(f"{words}, {rejected} rejected" if rejected else words)
        without = _NO_EVENTS if made.video is not None else _NOT_YET
        empty = "" if made.listed else _NO_FIT if made.rows else without
        self.nothing.setText(f"{made.note} {empty}".strip())
        self.nothing.setVisible(bool(self.nothing.text()))
        self._show_buttons()

    # What is said

    def _verdicts(self) -> list[tuple[Event, Verdict]]:
        events = () if self._made is None else self._made.events
        return [(events[row.number - 1], row.verdict) for row in self.list.selected()]

    def _mark(self) -> None:
        chosen = self._verdicts()
        on = not all(verdict.marked for _, verdict in chosen)
        self.said.emit([(event, replace(verdict, marked=on)) for event, verdict in chosen])

    def _reject(self) -> None:
        chosen = self._verdicts()
        if self._made is None or not self._made.is_kept:
            return
        on = not all(verdict.rejected for _, verdict in chosen)
        self.said.emit([(event, replace(verdict, rejected=on)) for event, verdict in chosen])

    def _name(self) -> None:
        chosen = self._verdicts()
        if not chosen:
            return
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Name")
        dialog.setLabelText("What is it called? Empty takes the name away.")
        dialog.setTextValue(chosen[0][1].name)

        def named(text: str) -> None:
            name = text.strip()[:MAX_NAME]
            self.said.emit([(event, replace(verdict, name=name)) for event, verdict in chosen])

        dialog.textValueSelected.connect(named)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _selection_changed(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen = [row.verdict for row in self.list.selected()]
        for button in (self.mark, self.name, self.reject):
            button.setEnabled(bool(chosen))
        made = self._made
        for button in (self.mark, self.name, self.reject):
            button.setVisible(made is not None and made.is_kept)
        self.make_case.setVisible(made is not None and made.video is not None)
        self.make_case.setEnabled(self._made is not None and bool(self._made.listed))
        self.mark.setText("Unmark" if chosen and all(verdict.marked for verdict in chosen) else "Mark")
        self.reject.setText("Accept" if chosen and all(verdict.rejected for verdict in chosen) else "Reject")

    def _show_menu(self, at: QPoint) -> None:
        chosen = self.list.selected()
        clip = self.list.events.clip_of(chosen[0]) if len(chosen) == 1 else None
        buttons = [button for button in (self.mark, self.name, self.reject) if chosen and button.isVisible()]
        if clip is None and not buttons:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if clip is not None:
            menu.addAction("Play clip").triggered.connect(lambda: self.clip_asked.emit(clip))
        for button in buttons:
            menu.addAction(button.text()).triggered.connect(button.click)
        menu.popup(self.list.viewport().mapToGlobal(at))


_WORDS = {
    "none": ("Events", "Open a video or camera to see what happens: who came, when, where to."),
    "offer": (
        "Not analysed yet",
        "An analysis runs the model over the whole video once. Then each object is listed here with its times, and "
        "every question is answered at once. The video can be watched meanwhile.",
    ),
    "loading": ("Following objects…", "Once for each video; threshold and filters then act at once."),
}
_ONE_AT_A_TIME = "When that is done, what happens in the video is listed here. One video is analysed at a time."
_NO_EVENTS = "Nothing reaches the threshold: a lower one may show more."
_NOT_YET = "Nothing was seen yet. What comes is listed here, with its time of day."
_NO_FIT = "No event is like that."
