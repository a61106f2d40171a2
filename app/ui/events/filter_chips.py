"""Chips that narrow a list, each with a menu; one that is set says so. GUI thread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QLineEdit, QMenu, QToolButton, QWidget, QWidgetAction

from app.ui.widgets.quantity_text import clock, seconds_of


class Chip(QToolButton):
    """A button with a menu.

    Args:
        name: What it narrows by, shown while it is not set.
        tip: What that means.
    """

    changed = Signal()

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setObjectName("filter")
        self._name = name
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.options = QMenu(self)
        self.setMenu(self.options)
        self.show_words("")

    def show_words(self, words: str) -> None:
        """Show what it is set to; "" for nothing."""
        self.setText(words or self._name)
        self.setAccessibleDescription(words or "not set")
        self.setProperty("filters", bool(words))
        self.style().unpolish(self)
        self.style().polish(self)
        self.updateGeometry()


class ChoiceChip(Chip):
    """One of several choices, or none.

    Args:
        name: As for ``Chip``.
        tip: As for ``Chip``.
        none: Words of the choice that does not narrow.
    """

    def __init__(self, name: str, tip: str, none: str) -> None:
        super().__init__(name, tip)
        self._none = none
        self.value: Any = None
        """The choice; None for none."""
        self.choices: tuple[tuple[Any, str], ...] = ()
        self._group = QActionGroup(self)
        self._group.triggered.connect(self._picked)

    def set_choices(self, choices: Sequence[tuple[Any, str]]) -> None:
        """Offer these (value, words); the value stays if it is among them. Emits nothing."""
        if tuple(choices) == self.choices:
            return
        self.choices = tuple(choices)
        self.options.clear()
        for action in self._group.actions():
            self._group.removeAction(action)
        for value, words in ((None, self._none), *choices):
            action = self.options.addAction(words.replace("&", "&&"))
            action.setCheckable(True)
            action.setData((value,))
            self._group.addAction(action)
            if value is None and choices:
                self.options.addSeparator()
        self.set_value(self.value if any(value == self.value for value, _ in choices) else None)

    def set_value(self, value: Any) -> None:
        """Show this choice; emits nothing."""
        self.value = value
        for action in self._group.actions():
            action.setChecked(action.data()[0] == value)
        self.show_words(next((words for one, words in self.choices if one == value), ""))

    def _picked(self, action: QAction) -> None:
        self.set_value(action.data()[0])
        self.changed.emit()


class SeveralChip(Chip):
    """Any number of choices; none of them means all."""

    def __init__(self, name: str, tip: str, all_words: str) -> None:
        super().__init__(name, tip)
        self._all_words = all_words
        self.values: tuple[str, ...] = ()
        """Those that were chosen."""
        self._choices: tuple[tuple[str, str], ...] = ()

    def set_choices(self, choices: Sequence[tuple[str, str]]) -> None:
        """Offer these (value, words); what was chosen stays chosen. Emits nothing."""
        if tuple(choices) == self._choices:
            return
        self._choices = tuple(choices)
        self.options.clear()
        everything = self.options.addAction(self._all_words)
        everything.triggered.connect(self.clear)
        self.options.addSeparator()
        for value, words in choices:
            action = self.options.addAction(words.replace("&", "&&"))
            action.setCheckable(True)
            action.setData(value)
            action.setChecked(value in self.values)
            action.toggled.connect(self._toggled)

    def clear(self) -> None:
        """Choose none."""
        self.set_values(())
        self.changed.emit()

    def set_values(self, values: tuple[str, ...]) -> None:
        """Choose these; emits nothing."""
        self.values = values
        for action in self.options.actions():
            with QSignalBlocker(action):
                action.setChecked(action.data() in values)
        self.show_words(values[0] if len(values) == 1 else f"{len(values)} classes" if values else "")

    def _toggled(self, _on: bool) -> None:
        self.set_values(tuple(action.data() for action in self.options.actions() if action.isChecked()))
        self.changed.emit()


class NumberChip(Chip):
    """At least a number, which is typed or one of those that are common.

    Args:
        name: As for ``Chip``.
        tip: As for ``Chip``.
        words: Of a value, with a place for it, e.g. "longer than {} s".
        common: Values to pick.
        most: The largest that can be typed.
        step: Between two values, for the arrow keys; decides how many decimals are shown.
    """

    def __init__(self, name: str, tip: str, words: str, common: Sequence[float], most: float, step: float) -> None:
        super().__init__(name, tip)
        self._words = words
        self.value = 0.0
        """What was chosen; 0 for nothing."""
        self.field = QDoubleSpinBox()
        self.field.setDecimals(2 if step < 0.1 else 1)
        self.field.setRange(0.0, most)
        self.field.setSingleStep(step)
        self.field.setKeyboardTracking(False)
        self.field.setAccessibleName(name)
        before, _, after = words.partition("{}")
        row = QWidget()
        box = QHBoxLayout(row)
        box.setContentsMargins(12, 8, 12, 8)
        box.addWidget(QLabel(f"{before.strip()[:1].upper()}{before.strip()[1:]}"))
        box.addWidget(self.field)
        box.addWidget(QLabel(after.strip()))
        typed = QWidgetAction(self)
        typed.setDefaultWidget(row)
        self.options.addAction("Any").triggered.connect(self.clear)
        for value in common:
            self.options.addAction(words.format(f"{value:g}")).setData(value)
        self.options.addSeparator()
        self.options.addAction(typed)
        self.options.triggered.connect(self._picked)
        self.field.valueChanged.connect(self._choose)
        self.field.lineEdit().returnPressed.connect(self.options.close)

    def clear(self) -> None:
        """Choose nothing."""
        self.field.setValue(0.0)

    def set_value(self, value: float) -> None:
        """Show this value; emits nothing."""
        with QSignalBlocker(self.field):
            self.field.setValue(value)
        self.value = self.field.value()
        self.show_words(self._words.format(f"{self.value:g}") if self.value else "")

    def _picked(self, action: QAction) -> None:
        if isinstance(action.data(), float):
            self.field.setValue(action.data())

    def _choose(self, value: float) -> None:
        self.set_value(value)
        self.changed.emit()


class SpanChip(Chip):
    """From a time to a time, both typed as they are shown.

    Args:
        name: As for ``Chip``.
        tip: As for ``Chip``.
    """

    def __init__(self, name: str, tip: str) -> None:
        super().__init__(name, tip)
        self.value = (0.0, math.inf)
        """(from, to), seconds; all of the time where nothing was chosen."""
        self.begin, self.end = self._field("From", "0:00"), self._field("To", "end")
        row = QWidget()
        box = QHBoxLayout(row)
        box.setContentsMargins(12, 8, 12, 8)
        box.setSpacing(8)
        for words, field in (("From", self.begin), ("to", self.end)):
            box.addWidget(QLabel(words))
            box.addWidget(field)
        typed = QWidgetAction(self)
        typed.setDefaultWidget(row)
        self.options.addAction("Any time").triggered.connect(self.clear)
        self.options.addAction(typed)

    def _field(self, name: str, nothing: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(name)
        field.setPlaceholderText(nothing)
        field.setMaximumWidth(88)
        field.textEdited.connect(self._typed)
        field.returnPressed.connect(self.options.close)
        return field

    def clear(self) -> None:
        """Choose all of the time."""
        self.reset()
        self.changed.emit()

    def reset(self) -> None:
        """Choose all of the time; emits nothing."""
        for field in (self.begin, self.end):
            field.clear()
        self._take()

    def _typed(self, _text: str) -> None:
        if self._take():
            self.changed.emit()

    def _take(self) -> bool:
        """Take over what is typed, where it is a time; False where it is none."""
        times = []
        for field, nothing in ((self.begin, 0.0), (self.end, math.inf)):
            seconds = seconds_of(field.text()) if field.text().strip() else nothing
            field.setProperty("wrong", seconds is None)
            field.style().unpolish(field)
            field.style().polish(field)
            times.append(seconds)
        begin, end = times
        if begin is None or end is None:
            return False
        self.value = begin, end
        words = (f"from {clock(begin)}" if begin else "", f"to {clock(end)}" if end < math.inf else "")
        self.show_words(" ".join(filter(None, words)))
        return True


def sort_menu(owner: QToolButton, sorts: Sequence[tuple[str, str]]) -> tuple[QMenu, QActionGroup, QAction]:
    """Returns a menu of (value, words) of which one is chosen, the group of these, and a switch to turn them round."""
    menu = QMenu(owner)
    group = QActionGroup(owner)
    for value, words in sorts:
        action = menu.addAction(words)
        action.setCheckable(True)
        action.setData(value)
        group.addAction(action)
    group.actions()[0].setChecked(True)
    menu.addSeparator()
    backwards = menu.addAction("The other way round")
    backwards.setCheckable(True)
    owner.setMenu(menu)
    owner.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    owner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return menu, group, backwards
