"""The keys that a focused control keeps for itself, although the window has a shortcut for them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QAbstractSlider, QComboBox, QListView, QWidget

_ENDS = frozenset((Qt.Key.Key_Home, Qt.Key.Key_End))
_MOVES = _ENDS | {Qt.Key.Key_Left, Qt.Key.Key_Right}
_PRESS = frozenset((Qt.Key.Key_Space,))


def keeps_key(focused: QWidget | None, event: QEvent) -> bool:
    """Returns whether ``focused`` should get the key: a slider moves by arrows, a button is pressed by Space."""
    if focused is None or not isinstance(event, QKeyEvent):
        return False
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
        return False
    key = Qt.Key(event.key())
    if isinstance(focused, QAbstractSlider):
        return key in _MOVES
    if isinstance(focused, QListView) and focused.flow() is QListView.Flow.TopToBottom:
        return key in _ENDS | _PRESS  # left and right mean nothing in it: they go on stepping by frames
    if isinstance(focused, QAbstractItemView | QComboBox):
        return key in _MOVES | _PRESS  # not letters: S is a snapshot, whatever was chosen last
    if isinstance(focused, QAbstractButton):
        return key in _PRESS
    return False
