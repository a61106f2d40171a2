"""One small editor for each kind of setting: number, choice, switch, text. GUI thread.

Each shows a value (``show_value``, silent) and tells of changes by the user (``edited``); none knows which setting it
edits. ``make_editor`` picks by the setting's type and limits. The title stands above the field, or wherever the owner
of an editor without one puts ``title``.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.core.settings import Choices, SettingInfo
from app.ui.widgets.marked_slider import MarkedSlider


class NoWheel(QObject):
    """Lets the wheel scroll the page instead of changing whatever lies under the mouse."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class Editor(QWidget):
    """Base of all editors."""

    edited = Signal(object)

    def __init__(self, info: SettingInfo) -> None:
        super().__init__()
        self.info = info
        self.title = QLabel(info.label)
        """The setting's name; belongs into a layout unless the editor is ``titled``."""
        self._no_wheel = NoWheel(self)
        self.setToolTip(info.help)

    def show_value(self, value: Any) -> None:
        """Show ``value`` without telling anyone."""
        raise NotImplementedError

    def lay_out(self, field: QWidget, titled: bool) -> None:
        """Place the only field, below the title if this editor has its own."""
        self.title.setBuddy(field)
        self.setFocusProxy(field)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        if titled:
            box.addWidget(self.title)
        box.addWidget(field)

    def prepare(self, widget: QWidget, name: str = "") -> None:
        """Set tooltip, accessible name and wheel behaviour of an inner widget."""
        widget.setToolTip(self.info.help)
        widget.setAccessibleName(name or self.info.label)
        widget.setAccessibleDescription(self.info.help)
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.installEventFilter(self._no_wheel)


class NumberEditor(Editor):
    """A slider with the exact number beside it."""

    def __init__(self, info: SettingInfo, whole: bool, titled: bool = True) -> None:
        super().__init__(info)
        assert info.minimum is not None
        assert info.maximum is not None
        self._whole = whole
        self._step = info.step or (1.0 if whole else 0.01)
        self._minimum = info.minimum
        self.slider = MarkedSlider()
        self.slider.setRange(0, round((info.maximum - info.minimum) / self._step))
        self.slider.setPageStep(max(1, self.slider.maximum() // 10))
        self.spin = QDoubleSpinBox()
        self.spin.setDecimals(0 if self._step >= 1 else 2 if self._step < 0.1 else 1)
        self.spin.setRange(info.minimum, info.maximum)
        self.spin.setSingleStep(self._step)
        self.spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.spin.setKeyboardTracking(False)
        if info.unit:
            self.spin.setSuffix(f" {info.unit}")
        self.spin.setSpecialValueText(info.minimum_label)
        widest = self.spin.fontMetrics().horizontalAdvance(self.spin.textFromValue(info.maximum) + self.spin.suffix())
        self.spin.setFixedWidth(max(60 if titled else 88, widest + 22))  # on a grid all are as wide as the widest
        self.title.setBuddy(self.spin)
        self.setFocusProxy(self.spin)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title if titled else self.slider, 1)
        head.addWidget(self.spin)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addLayout(head)
        if titled:
            box.addWidget(self.slider)
        self.prepare(self.slider, f"{info.label}, slider")
        self.prepare(self.spin)
        self.slider.valueChanged.connect(self._slid)
        self.spin.valueChanged.connect(self._typed)

    def show_value(self, value: Any) -> None:
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.spin.setValue(float(value))
            self.slider.setValue(self._position(float(value)))

    def set_mark(self, value: float | None, words: str = "") -> None:
        """Mark ``value`` on the slider, with words that explain it; None takes the mark away."""
        self.slider.set_mark(None if value is None else self._position(value), words)
        self.slider.setAccessibleDescription(f"{self.info.help} {words}".strip())

    def _position(self, value: float) -> int:
        return round((value - self._minimum) / self._step)

    def _slid(self, position: int) -> None:
        self._tell(self._minimum + position * self._step)

    def _typed(self, value: float) -> None:
        self._tell(value)

    def _tell(self, value: float) -> None:
        exact: float | int = round(value) if self._whole else round(value, 4)
        self.show_value(exact)
        self.edited.emit(exact)


class ChoiceEditor(Editor):
    """A drop-down list; its choices may come later."""

    def __init__(self, info: SettingInfo, titled: bool = True) -> None:
        super().__init__(info)
        self._value = ""
        self.combo = QComboBox()
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.combo.setMinimumContentsLength(6)
        self.lay_out(self.combo, titled)
        self.prepare(self.combo)
        self.set_choices(info.choices)
        self.combo.activated.connect(self._picked)

    def set_choices(self, choices: Choices) -> None:
        """Replace the list; the value stays, also when the list lacks it."""
        self.combo.clear()
        for stored, shown in choices:
            self.combo.addItem(shown, stored)
            self.combo.setItemData(self.combo.count() - 1, shown, Qt.ItemDataRole.ToolTipRole)
        self.show_value(self._value)

    def show_value(self, value: Any) -> None:
        self._value = str(value)
        index = self.combo.findData(self._value)
        if index < 0 and self._value:
            self.combo.addItem(self._value, self._value)
            index = self.combo.count() - 1
        self.combo.setCurrentIndex(index)

    def _picked(self, index: int) -> None:
        self._value = str(self.combo.itemData(index))
        self.edited.emit(self._value)


class SwitchEditor(Editor):
    """A check box, which carries its title itself."""

    def __init__(self, info: SettingInfo) -> None:
        super().__init__(info)
        self.check = QCheckBox(info.label)
        self.title.clear()
        self.lay_out(self.check, titled=False)
        self.prepare(self.check)
        self.check.clicked.connect(self._clicked)

    def show_value(self, value: Any) -> None:
        self.check.setChecked(bool(value))

    def _clicked(self, checked: bool) -> None:
        self.edited.emit(checked)


class TextEditor(Editor):
    """A line of text, told when it is finished, not at every key."""

    def __init__(self, info: SettingInfo, titled: bool = True) -> None:
        super().__init__(info)
        self.line = QLineEdit()
        self.line.setMaxLength(500)
        self.lay_out(self.line, titled)
        self.prepare(self.line)
        self.line.editingFinished.connect(self._finished)

    def show_value(self, value: Any) -> None:
        self.line.setText(str(value))

    def _finished(self) -> None:
        self.edited.emit(self.line.text().strip())


def make_editor(info: SettingInfo, value: Any, titled: bool = True) -> Editor:
    """The editor for a setting of ``value``'s type, showing it."""
    editor: Editor
    if isinstance(value, bool):
        editor = SwitchEditor(info)
    elif isinstance(value, int | float):
        editor = NumberEditor(info, isinstance(value, int), titled)
    elif info.choices or info.dynamic:
        editor = ChoiceEditor(info, titled)
    else:
        editor = TextEditor(info, titled)
    editor.show_value(value)
    return editor
