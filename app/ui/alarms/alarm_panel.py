"""The page of alarms: arming, the rules, what happened. GUI thread; does nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.alarms.alarm_store import MAX_RULES, AlarmRule
from app.ui.alarms.event_log import EventLog
from app.ui.alarms.rule_text import deeds_text, rule_text
from app.ui.services.background import Background
from app.ui.widgets.texts import WrappedLabel

_NO_SOURCE = "Open a camera, a stream or the screen: alarms go by what is seen live."
_NO_RULES = "Say what is an event, such as a person in a zone for 3 s, and what it does."
_OFF = "Not armed: nothing is watched for, kept or told."
_LEAST_HEIGHT = 96
_ALL_OFF = "Not armed. Tick a rule."


class AlarmPanel(QScrollArea):
    """Shows rules and events of the present live source.

    Args:
        background: Reads the pictures of events.
    """

    arm_asked = Signal(bool)
    changed = Signal(object)
    """The rules as the user wants them."""
    edit_asked = Signal(int)
    """The rule in that row is to be changed; of a new one, the number of rules."""
    ways_asked = Signal()

    def __init__(self, background: Background) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._rules: tuple[AlarmRule, ...] = ()
        self.arm = QPushButton("Arm")
        self.arm.setObjectName("primary")
        self.arm.setToolTip("Begin or end to go by the rules (Shift+W)")
        self.state, self.trouble = WrappedLabel(_NO_SOURCE), WrappedLabel()
        self.state.setObjectName("muted")
        self.trouble.hide()
        self.rules = QListWidget()
        self.rules.setAccessibleName("Rules")
        self.rules.setWordWrap(True)
        self.rules.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.add = self._button("Add…", "Say what is an event, and what it does", self._add)
        self.edit = self._button("Edit…", "Change the chosen rule", self._edit)
        self.remove = self._button("Remove", "Take the chosen rule away", self._remove)
        self.ways = QPushButton("Ways to tell…")
        self.ways.setObjectName("link")
        self.ways.setToolTip("The command and the addresses by which events are told")
        self.log = EventLog(background)
        self._lay_out()
        self.arm.clicked.connect(self._arm)
        self.ways.clicked.connect(self.ways_asked)
        self.rules.itemChanged.connect(self._ticked)
        self.rules.itemDoubleClicked.connect(self._edit)
        self.rules.currentRowChanged.connect(self._show_buttons)
        self.show_rules((), source=False)

    def _lay_out(self) -> None:
        title, happened = QLabel("Alarms"), QLabel("What happened")
        for label in (title, happened):
            label.setObjectName("section")
        title.setBuddy(self.rules)
        happened.setBuddy(self.log)
        head, buttons = QHBoxLayout(), QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.arm)
        buttons.setSpacing(4)
        for button in (self.add, self.edit, self.remove):
            buttons.addWidget(button, 1)
        body = QWidget()
        body.setObjectName("panelBody")
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for view in (self.rules, self.log):
            view.setMinimumHeight(_LEAST_HEIGHT)
        box = QVBoxLayout(body)
        box.setContentsMargins(16, 16, 16, 16)
        box.setSpacing(8)
        box.addLayout(head)
        box.addWidget(self.state)
        box.addWidget(self.trouble)
        box.addWidget(self.rules, 2)
        box.addLayout(buttons)
        box.addWidget(self.ways, 0, Qt.AlignmentFlag.AlignLeft)
        box.addSpacing(8)
        box.addWidget(happened)
        box.addWidget(self.log, 3)

    def _button(self, words: str, tip: str, does: Callable[[], None]) -> QPushButton:
        button = QPushButton(words)
        button.setToolTip(tip)
        button.clicked.connect(does)
        return button

    # What to show

    def show_rules(self, rules: tuple[AlarmRule, ...], source: bool) -> None:
        """Show the rules of a live source, or that there is none."""
        row = self.rules.currentRow()
        self._rules, self._has_source = rules, source
        self.rules.blockSignals(True)
        self.rules.clear()
        for kept in rules:
            item = QListWidgetItem(f"{rule_text(kept.rule)}\n{deeds_text(kept.rule)}")
            item.setCheckState(Qt.CheckState.Checked if kept.on else Qt.CheckState.Unchecked)
            self.rules.addItem(item)
        self.rules.setCurrentRow(min(row, len(rules) - 1))
        self.rules.blockSignals(False)
        self.show_armed("")

    def show_armed(self, words: str, waiting: bool = False) -> None:
        """Show that it is armed, and since when, how often; "" while it is not.

        Args:
            words: What is said.
            waiting: It will be armed in a moment.
        """
        self._armed = bool(words) or waiting
        idle = _OFF if any(kept.on for kept in self._rules) else _ALL_OFF if self._rules else _NO_RULES
        self.state.setText(words or (idle if self._has_source else _NO_SOURCE))
        self.arm.setText("Disarm" if self._armed else "Arm")
        self.arm.setEnabled(self._armed or (self._has_source and any(kept.on for kept in self._rules)))
        self._show_buttons()

    def show_trouble(self, words: str) -> None:
        """Say what failed last; "" for nothing."""
        self.trouble.setText(words)
        self.trouble.setVisible(bool(words))

    def _show_buttons(self, _row: int = -1) -> None:
        free = self._has_source and not self._armed
        chosen = free and self.rules.currentRow() >= 0
        self.rules.setEnabled(free)
        self.rules.setToolTip("Disarm to change the rules" if self._armed else "")
        self.add.setEnabled(free and len(self._rules) < MAX_RULES)
        self.edit.setEnabled(chosen)
        self.remove.setEnabled(chosen)
        self.ways.setEnabled(not self._armed)

    # What is asked for

    def _arm(self) -> None:
        self.arm_asked.emit(not self._armed)

    def _add(self) -> None:
        self.edit_asked.emit(len(self._rules))

    def _edit(self, *_item: object) -> None:
        if 0 <= self.rules.currentRow() < len(self._rules):
            self.edit_asked.emit(self.rules.currentRow())

    def _remove(self) -> None:
        row = self.rules.currentRow()
        if 0 <= row < len(self._rules):
            self.changed.emit((*self._rules[:row], *self._rules[row + 1 :]))

    def _ticked(self, item: QListWidgetItem) -> None:
        row, on = self.rules.row(item), item.checkState() == Qt.CheckState.Checked
        if self._rules[row].on != on:
            self.changed.emit((*self._rules[:row], replace(self._rules[row], on=on), *self._rules[row + 1 :]))
