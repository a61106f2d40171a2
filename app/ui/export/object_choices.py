"""Choices about the objects of an export: numbers, an image and a clip of each. Rows of a form. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QWidget

from app.core.highlights.options import HighlightOptions
from app.ui.widgets.class_field import ClassField
from detector.class_names import find_name

_MAX_S = 3600.0


class ObjectChoices(QWidget):
    """Collects ``HighlightOptions``, but for the images of annotated sets."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: Sequence[str] = ()
        self.tracks = QCheckBox("Number each object")
        self.tracks.setToolTip("An object keeps its number while seen and is counted once; labels and data show it")
        self.snapshots = QCheckBox("An image of each")
        self.snapshots.setToolTip("Its best frame, clean and with boxes, in a folder beside the video")
        self.snapshot_classes = ClassField("Classes of the images", "of any class")
        self.clips = QCheckBox("A clip of each")
        self.clips.setToolTip("A video around each appearance of the class, with sound, in a folder beside the video")
        self.clip_classes = ClassField("Classes of the clips")
        plan = HighlightOptions()
        self.before = _seconds("before", plan.before_s)
        self.after = _seconds("after", plan.after_s)
        self._lay_out()
        for box in (self.tracks, self.snapshots, self.clips):
            box.toggled.connect(self._toggled)
        for line in (self.snapshot_classes, self.clip_classes):
            line.textChanged.connect(self.changed)
        self._toggled()

    @property
    def writes(self) -> bool:
        """Returns whether an output folder is to be made."""
        return self.snapshots.isChecked() or self.clips.isChecked()

    def show_classes(self, shown: Sequence[str], labels: Sequence[str]) -> None:
        """Take over which classes there are to name.

        Args:
            shown: Those that are looked for; empty for all.
            labels: All that the model knows; empty where that is not known.
        """
        self._shown = shown
        for field in (self.snapshot_classes, self.clip_classes):
            field.show_labels(shown or labels)

    @property
    def trouble(self) -> str:
        """Returns why it cannot be done; "" when it can."""
        fields = ((self.snapshots, self.snapshot_classes), (self.clips, self.clip_classes))
        wanted = [field for box, field in fields if box.isChecked()]
        if self.clip_classes in wanted and not self.clip_classes.names:
            such = self.clip_classes.examples
            return f"Say of which classes clips are wanted{f', such as {such}' if such else ''}."
        hidden = [name for field in wanted for name in field.names if find_name(name, self._shown) < 0]
        if self._shown and hidden:
            return f"The settings leave {hidden[0]} out. Show that class, too."
        return next((field.trouble for field in wanted if field.trouble), "")

    def highlights(self, output: Path) -> HighlightOptions:
        """Returns the choices; folders are named like the annotated video ``output``."""
        return HighlightOptions(
            tracks=self.tracks.isChecked(),
            snapshots=output.with_name(f"{output.stem}.snapshots") if self.snapshots.isChecked() else None,
            snapshot_classes=self.snapshot_classes.names if self.snapshots.isChecked() else (),
            clips=output.with_name(f"{output.stem}.clips") if self.clips.isChecked() else None,
            clip_classes=self.clip_classes.names if self.clips.isChecked() else (),
            before_s=tenths(self.before),
            after_s=tenths(self.after),
        )

    def show_options(self, chosen: HighlightOptions) -> None:
        """Show what was chosen before."""
        self.tracks.setChecked(chosen.tracks)
        self.snapshots.setChecked(chosen.snapshots is not None)
        self.snapshot_classes.setText(", ".join(chosen.snapshot_classes))
        self.clips.setChecked(chosen.clips is not None)
        self.clip_classes.setText(", ".join(chosen.clip_classes))
        self.before.setValue(float(chosen.before_s))
        self.after.setValue(float(chosen.after_s))

    def _toggled(self) -> None:
        self.snapshot_classes.setEnabled(self.snapshots.isChecked())
        for widget in (self.clip_classes, self.before, self.after):
            widget.setEnabled(self.clips.isChecked())
        self.changed.emit()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(8)
        grid.addWidget(self.tracks, 0, 0, 1, 4)
        grid.addWidget(self.snapshots, 1, 0)
        grid.addWidget(self.snapshot_classes, 1, 1, 1, 3)
        for column, widget in enumerate((self.clips, self.clip_classes, self.before, self.after)):
            grid.addWidget(widget, 2, column)
        grid.setColumnStretch(1, 1)


def _seconds(when: str, value: Fraction) -> QDoubleSpinBox:
    spin = seconds_box(f" s {when}", value)
    spin.setAccessibleName(f"Seconds {when} the object")
    spin.setToolTip(f"How much of the video a clip shows {when} its object is seen")
    return spin


def seconds_box(suffix: str, value: Fraction) -> QDoubleSpinBox:
    """Makes a field for a time, to a tenth of a second."""
    spin = QDoubleSpinBox()
    spin.setDecimals(1)
    spin.setRange(0.0, _MAX_S)
    spin.setSingleStep(0.5)
    spin.setSuffix(suffix)
    spin.setAlignment(Qt.AlignmentFlag.AlignRight)
    spin.setMaximumWidth(120)
    spin.setValue(float(value))
    return spin


def tenths(spin: QDoubleSpinBox) -> Fraction:
    """Returns the value of a ``seconds_box``, exact."""
    return Fraction(round(spin.value() * 10), 10)
