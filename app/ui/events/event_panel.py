"""The panel of events: what is asked, the list, and what a person says of it. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.core.counts import number_of
from app.core.events.judgements import Verdict
from app.core.events.listing import ListedEvent
from app.core.palette import model_colours
from app.ui.events.event_feed import FeedState
from app.ui.events.event_work import ShownList
from app.ui.events.list_page import ListPage
from app.ui.remedies import hint_of
from app.ui.services.video_thumbnails import VideoThumbnailMaker
from app.ui.widgets.key_frame_choice import KeyFrameChoice
from app.ui.widgets.texts import WrappedLabel
from app.ui.widgets.theme import Theme

_STEPS = 1000
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
        self.page = ListPage(theme, thumbnails)
        self.filters, self.list = self.page.filters, self.page.list
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
        self._message = self._message_page()
        for page in (self._message, self.page):
            self.pages.addWidget(page)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.pages)
        self.begin.clicked.connect(self.analyse)
        self.page.case.connect(self.case)
        self.page.said.connect(self._say)
        self.page.clip_asked.connect(self.clip_asked)
        self.show_state(FeedState("none"))

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

    # What to show

    def show_state(self, state: FeedState) -> None:
        """Show why there is no list, or make room for it."""
        self._offers = state.kind == "offer"
        if state.kind == "ready":
            self.pages.setCurrentWidget(self.page)
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
        self.page.show_events(made.listed, made.video, made.is_kept, made.video is not None)
        without = _NO_EVENTS if made.video is not None else _NOT_YET
        self.page.show_count(len(made.listed), made.rows, number_of(len(made.rows), "event"), without)
        self.page.show_note(made.note)

    def _say(self, said: Sequence[tuple[ListedEvent, Verdict]]) -> None:
        events = () if self._made is None else self._made.events
        self.said.emit([(events[row.number - 1], verdict) for row, verdict in said])
