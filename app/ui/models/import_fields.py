"""The choices about a model file: a row for each choice, shown where it applies to the file. GUI thread."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from app.ui.remedies import FIELDS, VALUES, value_text
from app.ui.services.library_client import Choose
from app.ui.widgets.path_field import PathField
from detector.errors import Remedy
from detector.importers.base import Overrides
from detector.importers.label_file import read_labels
from detector.importers.layouts import LAYOUTS

if TYPE_CHECKING:
    from detector.importers.model_writer import RecognisedModel
    from detector.spec import ModelSpec

_UNSAID = "As recognised"
_CHOICES = ("priors", "rule", "channels", "scale", "fit", "scores", "first")
_GRAPHS = frozenset(("channels", "fit", "labels"))
_READ = frozenset(("ssd-decoded", "ssd-raw", "grid", "queries"))  # rules that leave open what makes probabilities
_SIZE = re.compile(r"\s*(\d{1,4})\s*[x\u00d7]\s*(\d{1,4})\s*", re.IGNORECASE)  # also with the sign for times
_SIDES = range(8, 4097)


def size_of(text: str) -> tuple[int, int] | None:
    """Returns (width, height) of text such as "640x480"; None where it is none."""
    match = _SIZE.fullmatch(text)
    sides = (int(match[1]), int(match[2])) if match is not None else (0, 0)
    return sides if all(side in _SIDES for side in sides) else None


def applicable(seen: RecognisedModel, chosen: Overrides) -> frozenset[str]:
    """Returns the options that mean something for a file: what it leaves open, and what was chosen already."""
    spec = seen.spec
    options = {"labels", *(remedy.option for note in seen.notes for remedy in note.remedies)} | _made(chosen)
    if spec.graph is None:
        return frozenset(options | ({"layout"} if seen.notes else set()))  # a file of ours has nothing to note
    options |= _GRAPHS
    if spec.graph.element in ("f32", "f16"):
        options.add("scale")
    if spec.graph.rule in _READ and "rule" in options:  # else the whole network is known
        options.add("scores")
    return frozenset(options)


def helpful(remedies: Iterable[Remedy], chosen: Overrides) -> frozenset[str]:
    """Returns the options that help with a refusal, and what was chosen already, which may be the reason."""
    return frozenset({"labels", *(remedy.option for remedy in remedies)} | _made(chosen))


def _made(chosen: Overrides) -> set[str]:
    return {field.name for field in fields(chosen) if getattr(chosen, field.name) is not None}


def _taken(spec: ModelSpec) -> dict[str, str]:
    """The values in force of options, as far as the description tells."""
    if spec.graph is None:
        return {"channels": spec.input.channels}
    from detector.importers.graph_description import scale_of

    graph = spec.graph
    return {
        "channels": spec.input.channels,
        "scale": scale_of(spec.input) or "",
        "rule": graph.rule,
        "fit": graph.fit,
        "scores": graph.activation,
    }


class ImportFields(QWidget):
    """Collects ``Overrides``."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layouts = tuple((layout.title, layout.name) for layout in LAYOUTS)
        self.boxes = {"layout": _choice(FIELDS["layout"], "Recognised by itself", layouts)}
        for option in _CHOICES:
            values = tuple((words, value) for value, words in VALUES[option].items())
            self.boxes[option] = _choice(FIELDS[option], _UNSAID, values)
        self.size_line = QLineEdit()
        self.size_line.setAccessibleName(FIELDS["size"])
        self.size_line.setPlaceholderText("Width x height, such as 640x480")
        self.labels = PathField(FIELDS["labels"])
        self.labels.line.setPlaceholderText("A text file, one class a line")
        self._start_folder = ""
        self._rows: dict[str, QWidget] = {**self.boxes, "size": self.size_line, "labels": self.labels}
        self._build()
        for box in self.boxes.values():
            box.activated.connect(self.changed)
        self.size_line.textChanged.connect(self._size_typed)
        self.labels.changed.connect(self.changed)
        self.labels.button.clicked.connect(self._choose_labels)

    def begin_in(self, folder: str) -> None:
        """Look for lists of names in this folder."""
        self._start_folder = folder

    @property
    def chosen(self) -> Overrides:
        """Returns what was chosen, but for the class names, whose file is not read here."""
        values: dict[str, Any] = {option: box.currentData() for option, box in self.boxes.items()}
        return Overrides(**values, size=size_of(self.size_line.text()))

    @property
    def trouble(self) -> str:
        """Returns what cannot be understood of what was typed; "" where nothing was."""
        text = self.size_line.text()
        if not text.strip() or size_of(text) is not None:
            return ""
        return f"An input size is width x height, from {_SIDES[0]} to {_SIDES[-1]} pixels, such as 640x480."

    def chooser(self) -> Choose:
        """Returns what gives the choices as they are now; the list of names is read when it is called."""
        values: dict[str, Any] = {option: box.currentData() for option, box in self.boxes.items()}
        size, labels = size_of(self.size_line.text()), self.labels.path

        def choose() -> Overrides:
            return Overrides(**values, size=size, labels=None if labels is None else read_labels(labels))

        return choose

    def choose(self, option: str, value: str) -> None:
        """Choose a value by its name in ``Overrides``, as if the user had."""
        if option == "size":
            self.size_line.setText(value)
            return
        box = self.boxes[option]
        box.setCurrentIndex(box.findData(value))
        self.changed.emit()

    def show_only(self, options: frozenset[str]) -> None:
        """Show the rows of these options; the list of names is always there."""
        for option, field in self._rows.items():
            self._form.setRowVisible(field, option in options or option == "labels")
        self._say.setVisible(bool(options - {"labels"}))

    def show_found(self, seen: RecognisedModel) -> None:
        """Say beside each choice what is taken where none is made."""
        taken = _taken(seen.spec)
        for option in _CHOICES:
            box = self.boxes[option]
            if box.currentData() is None:
                words = value_text(option, taken.get(option, ""))
                box.setItemText(0, f"{_UNSAID}: {words}" if words else _UNSAID)

    def _size_typed(self) -> None:
        self.size_line.setProperty("wrong", bool(self.trouble))
        self.size_line.style().polish(self.size_line)
        self.changed.emit()

    def _choose_labels(self) -> None:
        kinds = "Text files (*.txt *.names *.labels);;All files (*)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Class names", self._start_folder, kinds)
        if chosen:
            self.labels.line.setText(chosen)

    def _build(self) -> None:
        form = self._form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setHorizontalSpacing(20)
        form.setVerticalSpacing(8)
        self._say = QLabel("Where the file is understood wrongly, say how it is:")
        self._say.setObjectName("muted")
        self._say.setWordWrap(True)
        form.addRow(self._say)
        for option in FIELDS:
            if option in self._rows:
                form.addRow(FIELDS[option], self._rows[option])


def _choice(name: str, unsaid: str, choices: Iterable[tuple[str, str]]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(12)
    box.addItem(unsaid, None)
    for shown, value in choices:
        box.addItem(shown, value)
    return box
