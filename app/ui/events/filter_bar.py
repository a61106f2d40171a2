"""The controls above the list of events: search, order, and a chip for each thing to narrow by. GUI thread."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.core.events.listing import ListedEvent, ListQuery
from app.core.events.question import Question
from app.ui.events.filter_chips import Chip, ChoiceChip, NumberChip, SeveralChip, SpanChip, sort_menu
from app.ui.widgets.flow_layout import FlowLayout

_TYPING_MS = 120
_SORTS = (
    ("time", "By time"),
    ("duration", "Longest first"),
    ("still", "Longest standstill first"),
    ("score", "Best score first"),
    ("class", "By class"),
)
_JUDGED = (
    ("marked", "marked"),
    ("named", "named"),
    ("not rejected", "not rejected"),
    ("rejected", "rejected"),
)
_WAYS = (("in", "in"), ("out", "out"))
_DAY_S = 86_400.0
_LONG = (1.0, 3.0, 10.0, 30.0, 60.0, 300.0)
_SCORES = (0.3, 0.5, 0.7, 0.9)


class FilterBar(QWidget):
    """Makes a ``ListQuery``."""

    changed = Signal(object)
    """``ListQuery``."""

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setToolTip("Class, name, zone, line, or #number")
        self.search.setAccessibleName("Search the events")
        self.search.setClearButtonEnabled(True)
        self.order = QToolButton()
        self.order.setText("Order")
        self.order.setToolTip("In what order events are listed")
        _, self._sorts, self._backwards = sort_menu(self.order, _SORTS)
        self.classes = SeveralChip("Class", "Only events of some classes", "All classes")
        self.zone = ChoiceChip("Zone", "Only what stayed in a zone", "Anywhere")
        self.line = ChoiceChip("Line", "Only what crossed a line", "Any line, or none")
        self.longer = NumberChip("Duration", "Only what was there for so long", "longer than {} s", _LONG, _DAY_S, 1.0)
        self.still = NumberChip("Standing", "Only what stood still for so long", "still for {} s", _LONG, _DAY_S, 1.0)
        self.score = NumberChip("Score", "Only what the model is so sure of", "score from {}", _SCORES, 1.0, 0.05)
        self.span = SpanChip("Time", "Only what was there between two times")
        self.day = SpanChip("Time of day", "Only what was there between two times of the day, by the file's own clock")
        self._day_s: float | None = None
        self.judged = ChoiceChip("Marks", "Only what was marked, named or rejected", "All")
        self.judged.set_choices(_JUDGED)
        self.reset = QPushButton("Show all")
        self.reset.setObjectName("link")
        self.chips: tuple[Chip, ...] = (
            *(self.classes, self.zone, self.line, self.longer, self.still, self.score),
            *(self.span, self.day, self.judged),
        )
        self._lay_out()
        self._connect()
        self._show_what_applies((), ())
        self.set_day(None)
        self.reset.hide()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self.search, 1)
        head.addWidget(self.order)
        chips = FlowLayout(4)
        for widget in (*self.chips, self.reset):
            chips.addWidget(widget)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(head)
        box.addLayout(chips)

    def _connect(self) -> None:
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self._tell)
        self.search.textChanged.connect(self._typing.start)
        self.reset.clicked.connect(self.show_all)
        for chip in self.chips:
            chip.changed.connect(self._tell)
        self._sorts.triggered.connect(self._tell_order)
        self._backwards.triggered.connect(self._tell_order)

    def query(self) -> ListQuery:
        """Returns what is asked for."""
        from_s, to_s = self._span()
        line, direction = self.line.value or ("", None)
        question = Question(
            classes=self.classes.values,
            zone=self.zone.value or "",
            line=line,
            direction=direction,
            min_duration_s=self.longer.value,
            still_s=self.still.value,
            from_s=from_s,
            to_s=to_s,
            min_score=self.score.value,
        )
        chosen = self._sorts.checkedAction()
        sort = chosen.data() if chosen is not None else "time"
        words = self.search.text().strip()
        return ListQuery(question, self.judged.value or "all", words, sort, self._backwards.isChecked())

    def set_events(self, events: Sequence[ListedEvent], zones: Sequence[str], lines: Sequence[str]) -> None:
        """Offer the classes of these events, and zones and lines by name; what is asked for stays."""
        counts = Counter(event.label for event in events)
        missing = {label: 0 for label in self.classes.values if label not in counts}
        self.classes.set_choices(
            [(label, f"{label} ({count})") for label, count in [*counts.most_common(), *missing.items()]]
        )
        self._show_what_applies(zones, lines)

    def set_day(self, day_s: float | None) -> None:
        """Offer times of the day: the video begins at this one, seconds; None where that is not known."""
        if day_s != self._day_s:
            self._day_s = day_s
            self.day.reset()
        self.day.setVisible(day_s is not None)

    def _span(self) -> tuple[float, float]:
        """From when to when, seconds of the video."""
        begin, end = self.span.value
        if self._day_s is None or self.day.value == (0.0, math.inf):
            return begin, end
        from_s, to_s = (time - self._day_s for time in self.day.value)
        if to_s < 0:  # on the day after
            from_s, to_s = from_s + _DAY_S, to_s + _DAY_S
        return max(begin, from_s), min(end, to_s)

    def show_all(self) -> None:
        """Ask for all events."""
        self.classes.set_values(())
        for choice in (self.zone, self.line, self.judged):
            choice.set_value(None)
        for number in (self.longer, self.still, self.score):
            number.set_value(0.0)
        self.span.reset()
        self.day.reset()
        self.search.clear()
        self._tell()

    def _show_what_applies(self, zones: Sequence[str], lines: Sequence[str]) -> None:
        before = self.query()
        self.zone.set_choices([(zone, zone) for zone in zones])
        ways: list[tuple[Any, str]] = []
        for line in lines:
            ways.append(((line, None), line))
            ways += [((line, way), f"{line}, {words}") for way, words in _WAYS]
        self.line.set_choices(ways)
        self.zone.setVisible(bool(zones))
        self.line.setVisible(bool(lines))
        if self.query() != before:  # a zone or line that was asked for is gone
            self._tell()

    def _tell_order(self, _action: QAction | bool) -> None:
        self._tell()

    def _tell(self) -> None:
        query = self.query()
        self._typing.stop()
        self.reset.setVisible(not query.is_everything)
        self.changed.emit(query)
