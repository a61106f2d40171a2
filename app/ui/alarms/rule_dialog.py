"""Asks what an event is and what it does. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.core.alarms.alarm_store import AlarmRule
from app.core.alarms.mqtt import is_installed
from app.core.alarms.rules import Rule
from app.core.alarms.ways import WAYS, AlarmWays
from app.ui.alarms.rule_text import WAY_NAMES
from app.ui.alarms.time_field import TimeField
from app.ui.widgets.button_row import button_row
from app.ui.widgets.class_field import ClassField
from app.ui.widgets.texts import WrappedLabel

_WHAT = (("seen", "Something is there"), ("absent", "Something is not there"), ("gone", "The source itself is gone"))
_ANYWHERE = "Anywhere"
_NOT_SET_UP = "Name it under “Ways to tell…” first"


class RuleDialog(QDialog):
    """Makes or changes one rule.

    Args:
        kept: The rule to begin with.
        labels: The classes that the model knows.
        zones: Names of the zones on the source.
        ways: Which ways to tell are set up.
        parent: Over which it opens.
    """

    made = Signal(object)
    """``AlarmRule``."""

    def __init__(
        self, kept: AlarmRule, labels: Sequence[str], zones: Sequence[str], ways: AlarmWays, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Alarm rule")
        self._kept = kept
        self.what = QComboBox()
        self.what.setAccessibleName("When")
        for value, words in _WHAT:
            self.what.addItem(words, value)
        self.classes = ClassField("Classes", without="anything")
        self.classes.show_labels(labels)
        self.zone = QComboBox()
        self.zone.setAccessibleName("Where")
        self.lasts, self.every = TimeField("For", none="at once"), TimeField("At most every", none="always")
        self.clip, self.snapshot = QCheckBox("Clip"), QCheckBox("Picture")
        self.clip.setToolTip("A clip that begins before the event; how long is set in the Preferences")
        self.snapshot.setToolTip("The frame with its boxes; a notification shows it")
        self.tell = {way: QCheckBox(WAY_NAMES[way]) for way in WAYS}
        self.trouble = WrappedLabel()
        self.save = QPushButton("Save")
        self.save.setObjectName("primary")
        self.cancel = QPushButton("Cancel")
        self._lay_out()
        self._show(kept.rule, zones, ways)
        self.what.currentIndexChanged.connect(self._look)
        self.classes.textChanged.connect(self._look)
        self.save.clicked.connect(self._done)
        self.cancel.clicked.connect(self.reject)
        self._look()

    @property
    def rule(self) -> Rule:
        """The rule as it is asked for."""
        what = self.what.currentData()
        is_gone = what == "gone"
        return Rule(
            what,
            () if is_gone else self.classes.names,
            "" if is_gone else str(self.zone.currentData()),
            self.lasts.seconds,
            self.every.seconds,
            self.clip.isChecked(),
            self.snapshot.isChecked(),
            frozenset(way for way, box in self.tell.items() if box.isChecked()),
        )

    def _lay_out(self) -> None:
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(16)
        self._form.setVerticalSpacing(8)
        self._form.addRow("When", self.what)
        self._form.addRow("Classes", self.classes)
        self._form.addRow("Where", self.zone)
        self._form.addRow("For", self.lasts)
        self._form.addRow("At most every", self.every)
        self._kept_row = _row(self.clip, self.snapshot)
        self._form.addRow("Keep", self._kept_row)
        self._form.addRow("Tell by", _row(self.tell["notify"], self.tell["sound"]))
        self._form.addRow("", _row(self.tell["command"], self.tell["post"], self.tell["mqtt"]))
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 20)
        box.setSpacing(16)
        box.addLayout(self._form)
        box.addWidget(self.trouble)
        box.addLayout(button_row(self.cancel, self.save, default=self.save))
        self.resize(460, 0)

    def _show(self, rule: Rule, zones: Sequence[str], ways: AlarmWays) -> None:
        self.what.setCurrentIndex(self.what.findData(rule.what))
        self.classes.setText(", ".join(rule.classes))
        self.zone.addItem(_ANYWHERE, "")
        for zone in zones:
            self.zone.addItem(zone, zone)
        if self.zone.findData(rule.zone) < 0:
            self.zone.addItem(f"{rule.zone} (not there any more)", rule.zone)
        self.zone.setCurrentIndex(self.zone.findData(rule.zone))
        self.lasts.show_seconds(rule.for_s)
        self.every.show_seconds(rule.every_s)
        self.clip.setChecked(rule.clip)
        self.snapshot.setChecked(rule.snapshot)
        for way, box in self.tell.items():
            box.setChecked(way in (rule.ways or ()))
            box.setEnabled(ways.has(way) or box.isChecked())
            box.setToolTip("" if box.isEnabled() else _NOT_SET_UP)
        self.tell["mqtt"].setVisible(is_installed() or self.tell["mqtt"].isChecked())

    def _look(self, *_about: object) -> None:
        """Offer what fits, and say what is wrong."""
        what = self.what.currentData()
        for field in (self.classes, self.zone):
            self._form.setRowVisible(field, what != "gone")
        self.clip.setVisible(what == "seen")
        self._form.setRowVisible(self._kept_row, what != "gone")
        trouble = "" if what == "gone" else self.classes.trouble
        self.trouble.setText(trouble)
        self.trouble.setVisible(bool(trouble))
        self.save.setEnabled(not trouble)

    def _done(self) -> None:
        self.made.emit(replace(self._kept, rule=self.rule))
        self.accept()


def _row(*boxes: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(16)
    for box in boxes:
        row.addWidget(box)
    row.addStretch(1)
    return holder
