"""Imports a model file: shows what it was recognised as and what was assumed, and lets the user correct it. GUI thread.

The file is looked into on a worker, again after each change; what is shown is what the import will make.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import ExplainedError
from app.ui.models.model_text import boxes_text, detects, input_text
from app.ui.remedies import FIELDS, phrased, with_controls
from app.ui.services.library_client import Choose, LibraryClient, free_name
from app.ui.widgets.path_field import PathField
from app.ui.widgets.screen_room import resize_on_screen
from app.ui.widgets.texts import ElidedLabel
from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.label_file import read_labels
from detector.importers.layouts import LAYOUTS
from detector.library import check_name

if TYPE_CHECKING:
    from detector.importers.model_writer import RecognisedModel

_AGAIN_MS = 250
_PRIORS = (("As the file or its layout says", None), ("VOC sizes", "voc"), ("COCO sizes", "coco"))
_CHANNELS = (("As the layout's authors train", None), ("RGB", "rgb"), ("BGR", "bgr"))


class ImportSheet(QDialog):
    """Imports one file; emits ``imported`` with the name it got."""

    imported = Signal(str)

    def __init__(self, path: Path, taken: set[str], library: LibraryClient, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import a model")
        self.path = path
        self._taken = {name.lower() for name in taken}
        self._library = library
        self._asked = 0
        self._busy = False
        self.ready = False
        """Whether the file was recognised with the choices as they stand."""
        self.file = ElidedLabel(path.name)
        self.file.setObjectName("heading")
        self.what, self.found, self.notes, self.trouble = QLabel(), QLabel(), QLabel(), QLabel()
        self.what.setObjectName("section")
        self.notes.setObjectName("muted")
        self.trouble.setObjectName("bad")
        for label in (self.what, self.found, self.notes, self.trouble):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.work = QProgressBar()
        self.work.setRange(0, 0)
        self.work.setTextVisible(False)
        self.work.setAccessibleName("Working")
        self._make_fields(free_name(path, taken))
        self.go = QPushButton("Import")
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        self.close_button = QPushButton("Cancel")
        self.close_button.setAutoDefault(False)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(_AGAIN_MS)
        self._again.timeout.connect(self._look)
        self._build()
        self._connect()
        self._show_found(False)
        self._say("")
        self._look()
        self.name.selectAll()
        self.name.setFocus()

    def _make_fields(self, name: str) -> None:
        self.name = QLineEdit(name)
        self.name.setAccessibleName("Name in the library")
        self.layout_choice = _choice(
            FIELDS["layout"], (("Recognised by itself", None), *((r.title, r.name) for r in LAYOUTS))
        )
        self.priors = _choice(FIELDS["priors"], _PRIORS)
        self.channels = _choice(FIELDS["channels"], _CHANNELS)
        self.labels = PathField(FIELDS["labels"])
        self.labels.line.setPlaceholderText("A text file, one class a line")

    def reject(self) -> None:
        """Close; not while the model is being written, which takes a moment and cannot be half done."""
        if not self._busy:
            super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.reject()

    def set_taken(self, taken: set[str]) -> None:
        """Take over the names in use, as soon as they are known; a name the user did not touch makes way."""
        self._taken = {name.lower() for name in taken}
        if not self.name.isModified() and not self._busy:
            self.name.setText(free_name(self.path, taken))
            self.name.selectAll()
        self._check()

    def _chooser(self) -> Choose:
        """Returns what gives the user's choices as they are now; the list of labels is read when it is called."""
        layout, priors, channels = (box.currentData() for box in (self.layout_choice, self.priors, self.channels))
        labels = self.labels.path

        def choose() -> Overrides:
            return Overrides(layout, priors, channels, None if labels is None else read_labels(labels))

        return choose

    def _look(self) -> None:
        """Look into the file; what comes back is shown unless something was changed meanwhile."""
        self._asked += 1
        asked = self._asked
        self.ready = False
        self.work.show()
        self._check()

        def show(seen: RecognisedModel) -> None:
            if asked == self._asked:
                self._recognised(seen)

        def refuse(error: ExplainedError) -> None:
            if asked == self._asked:
                self._refused(error)

        self._library.preview(self.path, self._chooser(), show, refuse)

    def _recognised(self, seen: RecognisedModel) -> None:
        self.ready = True
        self.work.hide()
        spec = seen.spec
        self.what.setText(spec.title or spec.architecture)
        rows = (detects(spec), f"Input: {input_text(spec)}", f"Default boxes: {boxes_text(spec)}")
        self.found.setText("\n".join(rows))
        self.notes.setText("\n".join(f"•  {with_controls(note.text, note.remedies)}" for note in seen.notes))
        self._show_found(True)
        self._say("")
        self._check()

    def _refused(self, error: ExplainedError) -> None:
        self.work.hide()
        self._show_found(False)
        self._say(phrased(error))
        self._check()

    def _show_found(self, found: bool) -> None:
        for label in (self.what, self.found, self.notes):
            label.setVisible(found and bool(label.text()))

    def _changed(self) -> None:
        self.ready = False
        self._again.start()
        self._check()

    def _named(self) -> None:
        self._say("")
        self._check()

    def _check(self) -> None:
        """Enable the import if it is possible as things stand."""
        wrong = self._wrong_name()
        if self.ready:
            self._say(wrong)
        self.go.setEnabled(self.ready and not wrong and not self._busy)

    def _wrong_name(self) -> str:
        name = self.name.text().strip()
        if name.lower() in self._taken:
            return f"There is a model {name} already. Choose another name."
        try:
            check_name(name)
        except DetectorError as error:
            return phrased(error)
        return ""

    def _import(self) -> None:
        if not self.go.isEnabled():
            return
        self._set_busy(True)
        self._library.import_file(self.path, self.name.text().strip(), self._chooser(), self._done, self._failed)

    def _done(self, name: str) -> None:
        self._set_busy(False)
        self.imported.emit(name)
        self.accept()

    def _failed(self, error: ExplainedError) -> None:
        self._set_busy(False)
        self._say(phrased(error))

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self.work.setVisible(busy)
        for widget in (self.form, self.close_button):
            widget.setEnabled(not busy)
        self._check()

    def _say(self, words: str) -> None:
        self.trouble.setText(words)
        self.trouble.setVisible(bool(words))

    def _choose_labels(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Class names", str(self.path.parent), "Text files (*.txt *.names *.labels);;All files (*)"
        )
        if chosen:
            self.labels.line.setText(chosen)

    def _connect(self) -> None:
        for box in (self.layout_choice, self.priors, self.channels):
            box.activated.connect(self._changed)
        self.labels.changed.connect(self._changed)
        self.labels.button.clicked.connect(self._choose_labels)
        self.name.textChanged.connect(self._named)
        self.go.clicked.connect(self._import)
        self.close_button.clicked.connect(self.reject)

    def _build(self) -> None:
        self.form = QWidget()
        fields = QFormLayout(self.form)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        fields.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        fields.setHorizontalSpacing(20)
        fields.setVerticalSpacing(8)
        fields.addRow("Name", self.name)
        say = QLabel("Where the file is understood wrongly, say how it is:")
        say.setObjectName("muted")
        say.setWordWrap(True)
        fields.addRow(say)
        fields.addRow(FIELDS["layout"], self.layout_choice)
        fields.addRow(FIELDS["priors"], self.priors)
        fields.addRow(FIELDS["channels"], self.channels)
        fields.addRow(FIELDS["labels"], self.labels)
        body = QWidget()
        inside = QVBoxLayout(body)
        inside.setContentsMargins(24, 20, 24, 12)
        inside.setSpacing(12)
        for widget in (self.file, self.work, self.what, self.found, self.notes, self.trouble, self.form):
            inside.addWidget(widget)
        inside.addStretch(1)
        area = QScrollArea()
        area.setWidget(body)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(24, 8, 24, 20)
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.go)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(area, 1)
        box.addLayout(buttons)
        resize_on_screen(self, 600, 620)


def _choice(name: str, choices: tuple[tuple[str, str | None], ...]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(12)
    for shown, value in choices:
        box.addItem(shown, value)
    return box
