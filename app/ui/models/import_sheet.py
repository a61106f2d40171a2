"""Imports a model file: shows what it was recognised as and what was assumed, and lets the user correct it. GUI thread.

The file is looked into on a worker, again after each change; what is shown is what the import will make.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import ExplainedError
from app.ui.models.import_fields import ImportFields, applicable, helpful
from app.ui.models.import_pictures import ImportPictures
from app.ui.models.model_text import boxes_text, detects, input_text, overlap_text
from app.ui.remedies import phrased, with_controls
from app.ui.services.library_client import LibraryClient, free_name
from app.ui.widgets.button_row import button_row
from app.ui.widgets.screen_room import resize_on_screen
from app.ui.widgets.texts import ElidedLabel
from detector.errors import DetectorError
from detector.library import check_name

if TYPE_CHECKING:
    from detector.importers.model_writer import RecognisedModel

_AGAIN_MS = 250
_BESIDE = 820  # pixels of width from which on the pictures stand beside the rest
_SIZE = (1000, 700)


class ImportSheet(QDialog):
    """Imports one file; emits ``imported`` with the name it got.

    Args:
        path: The file.
        taken: Names in use.
        library: Looks into the file and imports it.
        pictures: Shows what the file would see; taken over.
        parent: Over which it opens.
    """

    imported = Signal(str)

    def __init__(
        self, path: Path, taken: set[str], library: LibraryClient, pictures: ImportPictures, parent: QWidget
    ) -> None:
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
        self.work = _endless_bar()
        self.name = QLineEdit(free_name(path, taken))
        self.name.setAccessibleName("Name in the library")
        self.fields = ImportFields()
        self.fields.begin_in(str(path.parent))
        self.pictures = pictures
        self.go = QPushButton("Import")
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        self.close_button = QPushButton("Cancel")
        self._lay_out()
        self._connect()
        self._show_found(False)
        self._say("")
        self._look()
        self.name.selectAll()
        self.name.setFocus()

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

        self._library.preview(self.path, self.fields.chooser(), show, refuse)

    def _recognised(self, seen: RecognisedModel) -> None:
        self.ready = True
        self.work.hide()
        spec = seen.spec
        self.what.setText(spec.title or spec.architecture)
        rows = (
            detects(spec),
            f"Input: {input_text(spec)}",
            f"Default boxes: {boxes_text(spec)}",
            f"Overlap limit: {overlap_text(spec)}",
        )
        self.found.setText("\n".join(rows))
        self.notes.setText("\n".join(f"•  {with_controls(note.text, note.remedies)}" for note in seen.notes))
        self.fields.show_only(applicable(seen, self.fields.chosen))
        self.fields.show_found(seen)
        self._show_found(True)
        self._say("")
        self._check()
        self.pictures.show()
        self.pictures.look(self.path, self.fields.chooser())

    def _refused(self, error: ExplainedError) -> None:
        self.work.hide()
        self._show_found(False)
        self._show_sizes(error)
        self.fields.show_only(helpful(error.remedies, self.fields.chosen))
        self._say(phrased(error))
        self._check()

    def _show_sizes(self, error: ExplainedError) -> None:
        """Show what it would see in the usual sizes, where these are asked for; else nothing."""
        from detector.importers.alternatives import asks_for_size  # loaded: the file was looked into

        self.pictures.setVisible(asks_for_size(error))
        if asks_for_size(error):
            self.pictures.look(self.path, self.fields.chooser())

    def _show_found(self, found: bool) -> None:
        for label in (self.what, self.found, self.notes):
            label.setVisible(found and bool(label.text()))

    def _changed(self) -> None:
        self.ready = False
        self.pictures.stop()
        self._again.start()
        self._check()

    def _named(self) -> None:
        self._say("")
        self._check()

    def _check(self) -> None:
        """Enable the import if it is possible as things stand."""
        wrong = self.fields.trouble or self._wrong_name()
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
        self.pictures.stop()
        self._library.import_file(self.path, self.name.text().strip(), self.fields.chooser(), self._done, self._failed)

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

    def _connect(self) -> None:
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(_AGAIN_MS)
        self._again.timeout.connect(self._look)
        self.fields.changed.connect(self._changed)
        self.pictures.chosen.connect(self.fields.choose)
        self.name.textChanged.connect(self._named)
        self.go.clicked.connect(self._import)
        self.close_button.clicked.connect(self.reject)
        self.finished.connect(self.pictures.close_looks)

    def _lay_out(self) -> None:
        self.form = QWidget()
        form = QVBoxLayout(self.form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(12)
        naming = QFormLayout()
        naming.setHorizontalSpacing(20)
        naming.addRow("Name", self.name)
        form.addLayout(naming)
        form.addWidget(self.fields)
        left = QVBoxLayout()
        left.setSpacing(12)
        for widget in (self.file, self.work, self.what, self.found, self.notes, self.trouble, self.form):
            left.addWidget(widget)
        left.addStretch(1)
        body = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, body)
        self._columns.setContentsMargins(24, 20, 24, 12)
        self._columns.setSpacing(24)
        self._columns.addLayout(left, 4)
        self._columns.addWidget(self.pictures, 5)
        area = QScrollArea()
        area.setWidget(body)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        buttons = button_row(self.close_button, self.go, default=self.go)
        buttons.setContentsMargins(24, 8, 24, 20)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(area, 1)
        box.addLayout(buttons)
        resize_on_screen(self, *_SIZE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside, below = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._columns.setDirection(beside if event.size().width() >= _BESIDE else below)


def _endless_bar() -> QProgressBar:
    """Says that something is being done, not how far it is."""
    bar = QProgressBar()
    bar.setRange(0, 0)
    bar.setTextVisible(False)
    bar.setAccessibleName("Working")
    return bar
