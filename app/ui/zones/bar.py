"""The bar above the frame while zones are drawn: what to draw, undo, redo, done, and what to do now. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout

from app.ui.widgets.icons import icon
from app.ui.widgets.texts import ElidedLabel
from app.ui.widgets.theme import Theme
from app.ui.zones.drawing import Drawing, Tool
from app.ui.zones.zone_text import hint_text, key_text

_TOOLS: tuple[tuple[Tool, str, str], ...] = (
    ("select", "Select", "Choose, move and change shapes"),
    ("zone", "Zone", "An area in which objects are looked for"),
    ("line", "Line", "A line that objects cross, in or out"),
    ("mask", "Mask", "An area in which nothing is found"),
)
_WORDS_FROM = 560  # pixels of width


class ZoneBar(QFrame):
    """Shows what can be done; does nothing itself."""

    tool_chosen = Signal(str)
    """A ``Tool``."""
    undo = Signal()
    redo = Signal()
    done = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("topBar")
        self._theme = theme
        self.tools: dict[Tool, QToolButton] = {}
        self._told = ""
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(4)
        for tool, words, tip in _TOOLS:
            button = self._button(words, tip)
            button.setCheckable(True)
            button.clicked.connect(lambda _checked, chosen=tool: self.tool_chosen.emit(chosen))
            self._group.addButton(button)
            self.tools[tool] = button
            row.addWidget(button)
        row.addStretch(1)
        self.undo_button, self.redo_button = self._button("Undo", "Undo (Ctrl+Z)"), self._button("Redo", "Redo")
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.done_button = QPushButton("Done")
        self.done_button.setObjectName("primary")
        self.done_button.setToolTip("Zones are kept as they are drawn (Z)")
        self.done_button.clicked.connect(self.done)
        for widget in (self.undo_button, self.redo_button, self.done_button):
            row.addWidget(widget)
        self.hint = ElidedLabel()  # one line, always: the frame below must not move while it is drawn on
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 4, 8, 4)
        box.setSpacing(4)
        box.addLayout(row)
        box.addWidget(self.hint)
        theme.changed.connect(self._apply_theme)
        self._apply_theme()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside, alone = Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly
        for button in self.tools.values():
            button.setToolButtonStyle(beside if event.size().width() >= _WORDS_FROM else alone)

    def shortcuts(self) -> tuple[QAction, ...]:
        """Makes the keys of undo and redo, for whatever widgets are to have them."""
        made = []
        for words, keys, does in (
            ("Undo", QKeySequence.StandardKey.Undo, self.undo),
            ("Redo", QKeySequence.StandardKey.Redo, self.redo),
        ):
            action = QAction(words, self)
            action.setShortcuts(keys)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(does)
            made.append(action)
        return tuple(made)

    def show_drawing(self, drawing: Drawing, by_keys: bool) -> None:
        """Show what can be done with it now, by mouse or by keys, and what is wrong."""
        self.tools[drawing.tool].setChecked(True)
        self.undo_button.setEnabled(drawing.edit.can_undo or bool(drawing.path))
        self.redo_button.setEnabled(drawing.edit.can_redo)
        wrong = drawing.wrong
        words = wrong or (key_text(drawing) if by_keys else hint_text(drawing))
        if words != self._told:
            self._told = words
            self.hint.set_text(words)
            self.hint.setObjectName("bad" if wrong else "muted")
            self.hint.style().unpolish(self.hint)
            self.hint.style().polish(self.hint)

    def _button(self, words: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName("flat")
        button.setText(words)
        button.setToolTip(tip)
        button.setAccessibleName(words)
        button.setIconSize(QSize(20, 20))
        return button

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        for name, button in (*self.tools.items(), ("undo", self.undo_button), ("redo", self.redo_button)):
            button.setIcon(icon(name, colours.text, colours.muted))
