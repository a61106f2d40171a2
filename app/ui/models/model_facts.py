"""Everything known about one model, as a table of words, and its classes with a search. GUI thread."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.core.files.disk import size_text
from app.core.model_cards import ModelCard, published_hash
from app.ui.models.model_text import (
    accuracy_text,
    boxes_text,
    input_text,
    optimised_text,
    origin,
    overlap_text,
    speed_text,
)
from app.ui.widgets.texts import FlowText, FoldedText
from detector.class_names import is_found_by

_ROWS = (
    "Where",
    "Speed here",
    "In int8",
    "Optimised",
    "Accuracy",
    "Threshold",
    "Overlap limit",
    "Size",
    "Licence",
    "Architecture",
    "Input",
    "Default boxes",
    "Comes from",
    "Training recipe",
    "File",
    "SHA-256",
    "Self-check",
)
_FOLDED = ("Training recipe",)
_STATUS = {
    "bundled": "Came with the program",
    "imported": "On this computer, put there by you",
    "absent": "Published; not on this computer",
    "broken": "In the library, but it cannot be used",
}
_SEARCH_FROM = 8  # classes; fewer need no search field
_NOT_MEASURED = "Not measured yet: it is when the model has run for a while."


def fact_rows(card: ModelCard, today: date) -> dict[str, str]:
    """Returns the words for each row that applies."""
    spec = card.spec
    rows = {
        "Where": _STATUS[card.status],
        "Size": size_text(card.size_bytes) if card.size_bytes else "",
        "File": str(card.path or ""),
    }
    if spec is not None:
        comes_from, recipe = origin(spec.provenance)
        speeds = "\n".join(speed_text(speed, today) for speed in card.speeds)
        rows |= {
            "Speed here": speeds or (_NOT_MEASURED if card.usable else ""),
            "In int8": spec.int8.text() if spec.int8 is not None else "",
            "Optimised": optimised_text(card.optimised) if card.optimised is not None else "",
            "Accuracy": "\n".join(accuracy_text(spec)) or "Not known",
            "Threshold": f"{spec.threshold:.2f} is recommended" if spec.threshold is not None else "",
            "Overlap limit": overlap_text(spec),
            "Licence": spec.licence,
            "Architecture": spec.architecture if spec.width == 1 else f"{spec.architecture}, width {spec.width:g}",
            "Input": input_text(spec),
            "Default boxes": boxes_text(spec),
            "Comes from": comes_from,
            "Training recipe": recipe,
        }
        if card.status == "absent" and spec.weights is not None:
            rows |= {"File": spec.weights.url, "SHA-256": published_hash(spec.weights.sha256)}
    return {name: words for name, words in rows.items() if words}


class ModelFacts(QWidget):
    """Shows the facts in rows; those that do not apply are hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = {name: FoldedText(name) if name in _FOLDED else FlowText(name) for name in _ROWS}
        self._keys = {name: QLabel(name) for name in _ROWS}
        for key in self._keys.values():
            key.setObjectName("muted")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(20)
        self._grid.setColumnStretch(1, 1)
        self._narrow: bool | None = None
        self.set_narrow(False)
        self.heading = QLabel()
        self.heading.setObjectName("heading")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search its classes")
        self.search.setAccessibleName("Search the classes of this model")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._show_classes)
        self.classes = FlowText("Classes")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(12)
        box.addLayout(self._grid)
        box.addSpacing(8)
        for widget in (self.heading, self.search, self.classes):
            box.addWidget(widget)
        self._labels: tuple[str, ...] = ()

    def show_card(self, card: ModelCard, today: date) -> None:
        """Show ``card``."""
        rows = fact_rows(card, today)
        for name in _ROWS:
            self.set_row(name, rows.get(name, ""))
        labels = card.spec.labels if card.spec is not None else ()
        if labels != self._labels:
            self.search.clear()
        self._labels = labels
        self.heading.setText("Its class" if len(labels) == 1 else f"Its {len(labels)} classes")
        self.heading.setVisible(bool(labels))
        self.search.setVisible(len(labels) >= _SEARCH_FROM)
        self.classes.setVisible(bool(labels))
        self._show_classes(self.search.text())

    def set_row(self, name: str, words: str) -> None:
        """Fill one row; "" hides it."""
        self.rows[name].set_text(words)
        self.rows[name].setVisible(bool(words))
        self._keys[name].setVisible(bool(words))

    def set_narrow(self, narrow: bool) -> None:
        """Sets whether names stand above their words instead of beside them."""
        if narrow == self._narrow:
            return
        self._narrow = narrow
        self._grid.setVerticalSpacing(2 if narrow else 8)
        top = Qt.AlignmentFlag.AlignTop
        for row, name in enumerate(_ROWS):
            self._keys[name].setContentsMargins(0, 8 if narrow else 0, 0, 0)
            if narrow:
                self._grid.addWidget(self._keys[name], 2 * row, 0, 1, 2)
                self._grid.addWidget(self.rows[name], 2 * row + 1, 0, 1, 2)
            else:
                self._grid.addWidget(self._keys[name], 2 * row, 0, top)
                self._grid.addWidget(self.rows[name], 2 * row, 1, top)

    def _show_classes(self, typed: str) -> None:
        found = [label for label in self._labels if is_found_by(typed.strip(), label)]
        self.classes.set_text("  ·  ".join(found) or f"It has no class “{typed.strip()}”.")
