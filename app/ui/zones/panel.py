"""The list of zones, lines and masks, and what can be said of the chosen one. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.events.scene import MAX_NAME
from app.core.events.scene_edit import Shape
from app.ui.widgets.class_field import ClassField
from app.ui.widgets.icons import icon
from app.ui.zones.drawing import Drawing
from app.ui.zones.painter import shape_colour
from app.ui.zones.zone_text import shape_text

_EMPTY = "Nothing is drawn on this source yet."


class ZonePanel(QFrame):
    """Shows the shapes; does nothing itself."""

    chosen = Signal(int)
    renamed = Signal(str)
    """Another name for the chosen shape."""
    limited = Signal(object)
    """Names of the classes that the chosen shape counts."""
    flipped = Signal()
    deleted = Signal()
    copy_asked = Signal()
    import_asked = Signal()
    export_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._shown: tuple[Shape, ...] = ()
        self._shape: Shape | None = None
        self.list = QListWidget()
        self.list.setAccessibleName("Zones, lines and masks")
        self.list.currentRowChanged.connect(self._row_changed)
        self.empty = QLabel(_EMPTY)
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self.form = self._make_form()
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 16)
        box.setSpacing(8)
        title = QLabel("Zones, lines and masks")
        title.setObjectName("section")
        title.setBuddy(self.list)
        box.addWidget(title)
        box.addWidget(self.empty)
        box.addWidget(self.list, 1)
        box.addWidget(self.form)
        box.addStretch(0)
        for words, tip, asked in (
            ("Copy from another source…", "Have what was drawn on another camera or video", self.copy_asked),
            ("Import…", "Read a file of zones", self.import_asked),
            ("Export…", "Save as JSON, for ssd-viewer events --zones", self.export_asked),
        ):
            box.addWidget(self._link(words, tip, asked), 0, Qt.AlignmentFlag.AlignLeft)

    def show_labels(self, labels: Sequence[str]) -> None:
        """Offer the classes of the model that runs."""
        self.classes.show_labels(labels)

    def show_drawing(self, drawing: Drawing, palette: str) -> None:
        """Show its shapes, and the chosen one."""
        shapes = drawing.edit.kept
        selected = drawing.selected if drawing.selected is not None else -1
        with QSignalBlocker(self.list):
            if shapes != self._shown:
                self._shown = shapes
                self._fill_list(shapes, palette)
            if selected != self.list.currentRow():
                self.list.setCurrentRow(selected)
        self.empty.setVisible(not shapes)
        self.list.setVisible(bool(shapes))
        self._show_shape(shapes[selected] if 0 <= selected < len(shapes) else None)

    def _fill_list(self, shapes: Sequence[Shape], palette: str) -> None:
        self.list.clear()
        for shape in shapes:
            item = QListWidgetItem(icon(shape.kind, shape_colour(shape, palette).name()), shape.name)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, shape_text(shape))
            self.list.addItem(item)

    def begin_name(self) -> None:
        """Let the name of the chosen shape be typed."""
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)
        self.name.selectAll()

    def _show_shape(self, shape: Shape | None) -> None:
        if shape == self._shape:
            return
        same = shape is not None and self._shape is not None and shape.name == self._shape.name
        limits_same = same and shape is not None and self._shape is not None and shape.classes == self._shape.classes
        self._shape = shape
        self.form.setVisible(shape is not None)
        if shape is None:
            return
        self.kind.setText(shape.kind.capitalize())
        if not same:
            self.name.setText(shape.name)
        if not limits_same:
            self.classes.setText(", ".join(shape.classes or ()))
        for widget in (self.classes, self._classes_title):
            widget.setVisible(shape.kind != "mask")
        self.flip.setVisible(shape.kind == "line")

    def _make_form(self) -> QWidget:
        form = QWidget()
        self.kind = QLabel()
        self.kind.setObjectName("section")
        self.name = QLineEdit()
        self.name.setMaxLength(MAX_NAME)
        self.name.setAccessibleName("Name")
        self.name.editingFinished.connect(self._name_typed)
        self.classes = ClassField("Classes", without="all classes")
        self.classes.editingFinished.connect(self._classes_typed)
        self._classes_title = QLabel("Only these classes")
        self._classes_title.setBuddy(self.classes)
        title = QLabel("Name")
        title.setBuddy(self.name)
        self.flip = QPushButton("Turn “in” around")
        self.flip.setToolTip("Let the line go from its other end, so that in becomes out")
        self.flip.clicked.connect(self.flipped)
        self.delete = QPushButton("Delete")
        self.delete.clicked.connect(self.deleted)
        buttons = QHBoxLayout()
        for button in (self.flip, self.delete):
            buttons.addWidget(button)
        buttons.addStretch(1)
        box = QVBoxLayout(form)
        box.setContentsMargins(0, 8, 0, 8)
        box.setSpacing(4)
        for widget in (self.kind, title, self.name, self._classes_title, self.classes):
            box.addWidget(widget)
        box.addSpacing(4)
        box.addLayout(buttons)
        form.hide()
        return form

    def _link(self, words: str, tip: str, asked: object) -> QPushButton:
        link = QPushButton(words)
        link.setObjectName("link")
        link.setToolTip(tip)
        link.clicked.connect(asked)
        return link

    def _row_changed(self, row: int) -> None:
        if row >= 0:
            self.chosen.emit(row)

    def _name_typed(self) -> None:
        if self._shape is not None and self.name.text().strip() != self._shape.name:
            self.renamed.emit(self.name.text())

    def _classes_typed(self) -> None:
        if self._shape is not None and self.classes.names != (self._shape.classes or ()) and not self.classes.trouble:
            self.limited.emit(self.classes.names)
