"""The choice of classes to show: a searchable list with each class's colour. GUI thread."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

from app.core.palette import RGB, model_colours
from app.core.settings import SettingInfo
from app.ui.widgets.editors import Editor
from detector.class_names import chosen_ids, is_found_by

_SEARCH_FROM = 8  # classes; fewer need no search field
_ROWS_SHOWN = 7


def swatch(colour: RGB) -> QIcon:
    """Makes a dot in the colour of a class."""
    image = QPixmap(24, 24)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*colour))
    painter.drawEllipse(4, 4, 16, 16)
    painter.end()
    return QIcon(image)


class ClassFilter(Editor):
    """None ticked shows all classes."""

    def __init__(self, info: SettingInfo) -> None:
        super().__init__(info)
        self._chosen: tuple[str, ...] = ()
        self._labels: tuple[str, ...] = ()
        self._palette = "vivid"
        self._changed = False
        self._title = QLabel(info.label)
        self._all = QPushButton("Show all")
        self._all.setObjectName("link")
        self._all.clicked.connect(self._show_all)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search classes")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter_rows)
        self.list = QListWidget()
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemChanged.connect(self._item_changed)
        self.list.itemPressed.connect(self._item_pressed)
        self.list.itemClicked.connect(self._item_clicked)
        self.hint = QLabel("Known once a model is loaded.")
        self.hint.setObjectName("muted")
        self.hint.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._all)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addLayout(head)
        for widget in (self.search, self.list, self.hint):
            box.addWidget(widget)
        self.prepare(self.search, "Search classes")
        self.prepare(self.list)
        self.set_classes((), "vivid")

    def set_classes(self, labels: tuple[str, ...], palette: str) -> None:
        """List the model's classes in their colours."""
        self._labels, self._palette = labels, palette
        self.list.blockSignals(True)
        self.list.clear()
        colours = model_colours(labels, palette)
        for label in labels:
            item = QListWidgetItem(swatch(colours[label]), label)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.list.setVisible(bool(labels))
        self.hint.setVisible(not labels)
        self.search.setVisible(len(labels) >= _SEARCH_FROM)
        if len(labels) < _SEARCH_FROM:
            self.search.clear()  # words nobody sees would hide classes
        row = max(20, self.list.sizeHintForRow(0))
        self.list.setFixedHeight(min(max(len(labels), 1), _ROWS_SHOWN) * row + 2 * self.list.frameWidth() + 8)
        self.show_value(self._chosen)
        self._filter_rows(self.search.text())

    def set_palette(self, palette: str) -> None:
        """Recolour the dots."""
        if palette != self._palette:
            self.set_classes(self._labels, palette)

    def show_value(self, value: Any) -> None:
        self._chosen = tuple(value)
        chosen = chosen_ids(self._chosen, self._labels)
        self.list.blockSignals(True)
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setCheckState(Qt.CheckState.Checked if row in chosen else Qt.CheckState.Unchecked)
        self.list.blockSignals(False)
        self._all.setVisible(bool(self._chosen))
        self._title.setText(f"{self.info.label}: {len(chosen)} chosen" if chosen else f"{self.info.label}: all shown")

    def _filter_rows(self, words: str) -> None:
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(not is_found_by(words, item.text()))

    def _item_changed(self, _item: QListWidgetItem) -> None:
        self._changed = True
        rows = (self.list.item(row) for row in range(self.list.count()))
        ticked = tuple(item.text() for item in rows if item.checkState() == Qt.CheckState.Checked)
        self.show_value(ticked)
        self.edited.emit(ticked)

    def _item_pressed(self, _item: QListWidgetItem) -> None:
        self._changed = False  # Qt does not tell of presses on the box itself

    def _item_clicked(self, item: QListWidgetItem) -> None:
        """A click beside the box ticks it as well; one on the box has done so by itself."""
        if not self._changed:
            ticked = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked)
        self._changed = False

    def _show_all(self) -> None:
        self.search.clear()
        self.show_value(())
        self.edited.emit(())
