"""Check boxes for the data formats, in the forms of one and of several exports. GUI thread."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QCheckBox, QGridLayout

from app.core.records.formats import FORMATS

_COLUMNS = 4


def data_boxes() -> dict[str, QCheckBox]:
    """Makes a check box for each data format, by its name; none is checked."""
    boxes = {}
    for name, known in FORMATS.items():
        boxes[name] = QCheckBox(known.title)
        boxes[name].setToolTip(f"{known.help} ({known.ending})")
    return boxes


def in_a_grid(boxes: Mapping[str, QCheckBox]) -> QGridLayout:
    """Lays the boxes out in rows."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(8)
    for place, box in enumerate(boxes.values()):
        grid.addWidget(box, *divmod(place, _COLUMNS))
    grid.setColumnStretch(_COLUMNS, 1)
    return grid
