"""The choice of classes to show: a searchable list with each class's colour. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QListWidgetItem, QPushButton, QVBoxLayout

from app.core.palette import model_colours
from app.core.settings import SettingInfo
from app.ui.settings.class_list import COUNT, LABEL, ClassList, swatch
from app.ui.widgets.editors import Editor
from detector.class_names import chosen_ids, is_found_by

_SEARCH_FROM = 8  # classes; fewer need no search field, and all of them are in sight
_LEAST_ROWS = 4
_STAYS_FIRST = 8  # updates of the counts, for which a class that left the view stays among the first
_LAST = "One class stays shown. “Only this” on another row switches to that one."


class ClassFilter(Editor):
    """A ticked class is shown. No filter at all is all of them ticked, and one of them stays so."""

    def __init__(self, info: SettingInfo) -> None:
        super().__init__(info)
        self._chosen: tuple[str, ...] = ()
        self._labels: tuple[str, ...] = ()
        self._palette = "vivid"
        self._changed = False
        self._counts: dict[int, int] = {}
        self._first: dict[int, int] = {}  # by label: for how many looks it is still among the first
        self._all = QPushButton("Show all")
        self._all.setObjectName("link")
        self._all.clicked.connect(self._show_all)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search classes")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter_rows)
        self.list = ClassList()
        self.list.itemChanged.connect(self._item_changed)
        self.list.itemPressed.connect(self._item_pressed)
        self.list.itemClicked.connect(self._item_clicked)
        self.list.only.connect(self._show_only)
        self.hint = QLabel()
        self.hint.setObjectName("muted")
        self.hint.setWordWrap(True)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title, 1)
        head.addWidget(self._all)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(head)
        for widget in (self.search, self.list, self.hint):
            box.addWidget(widget)
        box.addStretch(1)
        box.setStretchFactor(self.list, 1000)  # all the room, up to its last row
        self.title.setBuddy(self.list)
        self.prepare(self.search, "Search classes")
        self.prepare(self.list)
        self.list.setAccessibleDescription(f"{info.help} Enter shows one class only.")
        self.set_classes((), "vivid")

    def set_classes(self, labels: tuple[str, ...], palette: str) -> None:
        """List the model's classes in their colours."""
        if labels != self._labels:
            self._counts, self._first = {}, {}
        self._labels, self._palette = labels, palette
        self._fill(range(len(labels)))
        self.list.setVisible(bool(labels))
        self.search.setVisible(len(labels) >= _SEARCH_FROM)
        if len(labels) < _SEARCH_FROM:
            self.search.clear()  # words nobody sees would hide classes
        row, edges = max(20, self.list.sizeHintForRow(0)), 2 * self.list.frameWidth() + 8
        self.list.setMinimumHeight(min(max(len(labels), 1), _LEAST_ROWS) * row + edges)
        self.list.setMaximumHeight(max(len(labels), 1) * row + edges)
        self._filter_rows(self.search.text())

    def set_palette(self, palette: str) -> None:
        """Recolour the dots."""
        if palette != self._palette:
            self.set_classes(self._labels, palette)

    def set_counts(self, counts: Mapping[int, int]) -> None:
        """Show how many of each class are in view, and list those first.

        A class that comes and goes keeps its row for a while, and no row moves under the mouse or the keyboard.

        Args:
            counts: Objects above the threshold, by index of their class, whether the class is shown or not.
        """
        self._first = {label: left - 1 for label, left in self._first.items() if left > 1}
        self._first.update(dict.fromkeys(counts, _STAYS_FIRST))
        if counts != self._counts:
            self._counts = dict(counts)
            self._write_counts()
        labels = range(len(self._labels))
        order = sorted(labels, key=lambda label: label not in self._first) if len(labels) >= _SEARCH_FROM else labels
        in_use = self.list.underMouse() or self.list.hasFocus()
        if not in_use and list(order) != self._order():
            self._fill(order)
            self._filter_rows(self.search.text())

    def show_value(self, value: Any) -> None:
        self._chosen = tuple(value)
        chosen = chosen_ids(self._chosen, self._labels)
        with QSignalBlocker(self.list):
            for item in self._items():
                shown = not chosen or item.data(LABEL) in chosen
                item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
        self.list.viewport().update()
        self._all.setVisible(bool(self._chosen))
        count = f"{len(chosen)} of {len(self._labels)}" if chosen else "all" if self._labels else ""
        self.title.setText(f"{self.info.label}: {count}" if count else self.info.label)
        self._hint("" if self._labels else "Known once a model is loaded.")

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _order(self) -> list[int]:
        return [item.data(LABEL) for item in self._items()]

    def _fill(self, order: range | list[int]) -> None:
        """Make the rows, of classes in this order."""
        colours = model_colours(self._labels, self._palette)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable
        with QSignalBlocker(self.list):
            self.list.clear()
            for label in order:
                item = QListWidgetItem(swatch(colours[self._labels[label]]), self._labels[label])
                item.setFlags(flags)
                item.setData(LABEL, label)
                self.list.addItem(item)
        self._write_counts()
        self.show_value(self._chosen)

    def _write_counts(self) -> None:
        with QSignalBlocker(self.list):
            for item in self._items():
                count = self._counts.get(item.data(LABEL), 0)
                item.setData(COUNT, count)
                words = f"{item.text()}, {count} in view" if count else item.text()
                item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
        self.list.viewport().update()

    def _filter_rows(self, words: str) -> None:
        for item in self._items():
            item.setHidden(not is_found_by(words, item.text()))

    def _item_changed(self, _item: QListWidgetItem) -> None:
        self._changed = True
        ticked = {item.data(LABEL) for item in self._items() if item.checkState() == Qt.CheckState.Checked}
        if ticked:
            self._choose(ticked)
        else:
            self.show_value(self._chosen)
            self._hint(_LAST)

    def _choose(self, ids: set[int]) -> None:
        everything = len(ids) == len(self._labels)
        self.show_value(() if everything else tuple(name for at, name in enumerate(self._labels) if at in ids))
        self.edited.emit(self._chosen)

    def _item_pressed(self, _item: QListWidgetItem) -> None:
        self._changed = False  # Qt does not tell of presses on the box itself

    def _item_clicked(self, item: QListWidgetItem) -> None:
        """A click beside the box ticks it as well; one on the box has done so by itself."""
        if not self._changed:
            ticked = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked)
        self._changed = False

    def _show_only(self, row: int) -> None:
        if self.list.is_alone(row):
            self._show_all()
        else:
            self._choose({self.list.item(row).data(LABEL)})

    def _show_all(self) -> None:
        self.search.clear()
        self.show_value(())
        self.edited.emit(())

    def _hint(self, words: str) -> None:
        self.hint.setText(words)
        self.hint.setVisible(bool(words))
