"""The second page of "Export several": the list, the actions on a row, and how far all of it is. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.core.export_queue.state import QueueItem, QueueSnapshot
from app.core.jobs import ENDED
from app.ui.export.queue_model import ITEM, QueueModel
from app.ui.export.queue_rows import QueueRows
from app.ui.export.queue_text import summary_text
from app.ui.services.queue_runner import QueueRunner
from app.ui.widgets.theme import Theme

# (name, words, key, tooltip)
_ROW_ACTIONS = (
    ("pause", "Pause", "Space", "Pause this video, or resume it"),
    ("up", "Up", "Alt+Up", "Take it earlier"),
    ("down", "Down", "Alt+Down", "Take it later"),
    ("retry", "Try again", "R", "Once more, from where it stopped"),
    ("cancel", "Cancel", "Del", "Give up this video"),
    ("open", "Open folder", "O", "Show where its files are"),
)
_JOBS_HELP = "How many videos are worked on at the same time. On a processor (CPU) they share its cores: leave it at 1."


class QueueView(QWidget):
    """Shows the queue and asks it for changes."""

    add_more = Signal()
    closed = Signal()

    def __init__(self, runner: QueueRunner, theme: Theme) -> None:
        super().__init__()
        self._queue, self._runner = runner.queue, runner
        self.model = QueueModel()
        self.list = QListView()
        self.summary = QLabel()
        self.summary.setObjectName("heading")
        self.summary.setWordWrap(True)
        self.row_actions = {name: self._action(*rest) for name, *rest in _ROW_ACTIONS}
        self.buttons = {name: self._button(action) for name, action in self.row_actions.items()}
        self.pause_all = QPushButton("Pause all")
        self.cancel_all = QPushButton("Cancel all")
        self.clear = QPushButton("Clear ended")
        self.more = QPushButton("Add…")
        self.close_button = QPushButton("Close")
        self.jobs = QSpinBox()
        self.jobs.setRange(1, 16)
        self.jobs.setFixedWidth(56)
        self.jobs.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.jobs.setToolTip(_JOBS_HELP)
        self.jobs.setAccessibleName("At once")
        self.jobs.setAccessibleDescription(_JOBS_HELP)
        self._prepare_list(theme)
        self._lay_out()
        self._connect()
        self.show_queue(self._queue.snapshot())

    def show_queue(self, snapshot: QueueSnapshot) -> None:
        """Show a snapshot."""
        self.model.show(snapshot)
        self.summary.setText(summary_text(snapshot))
        if not self.list.currentIndex().isValid() and snapshot.items:
            self.list.setCurrentIndex(self.model.index(0))
        self._update_actions()

    @property
    def current(self) -> QueueItem | None:
        """The chosen row."""
        item = self.list.currentIndex().data(ITEM) if self.list.currentIndex().isValid() else None
        return item if isinstance(item, QueueItem) else None

    # Inside

    def _prepare_list(self, theme: Theme) -> None:
        view = self.list
        view.setModel(self.model)
        view.setItemDelegate(QueueRows(theme, view))
        view.setAccessibleName("Videos")
        view.setUniformItemSizes(True)
        view.setMouseTracking(True)
        view.setFrameShape(QListView.Shape.NoFrame)
        view.viewport().setAutoFillBackground(False)  # the rows are cards on the window's ground
        view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        view.setDropIndicatorShown(True)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._menu)
        for action in self.row_actions.values():
            view.addAction(action)

    def _action(self, words: str, key: str, tip: str) -> QAction:
        action = QAction(words, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)  # the list's keys, nobody else's
        action.setToolTip(f"{tip} ({key})")
        return action

    @staticmethod
    def _button(action: QAction) -> QPushButton:
        button = QPushButton(action.text())
        button.setAutoDefault(False)
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        return button

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in self.buttons.values():
            row.addWidget(button)
        row.addStretch(1)
        at_once = QLabel("At once")
        at_once.setToolTip(_JOBS_HELP)
        at_once.setBuddy(self.jobs)
        row.addWidget(at_once)
        row.addWidget(self.jobs)
        last = QHBoxLayout()
        last.setSpacing(8)
        for button in (self.pause_all, self.cancel_all, self.clear):
            last.addWidget(button)
        last.addStretch(1)
        for button in (self.more, self.close_button):
            last.addWidget(button)
        for button in (self.pause_all, self.cancel_all, self.clear, self.more, self.close_button):
            button.setAutoDefault(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(12)
        box.addWidget(self.summary)
        box.addLayout(row)
        box.addWidget(self.list, 1)
        box.addLayout(last)

    def _connect(self) -> None:
        for name, does in (
            ("pause", self._pause),
            ("up", self._up),
            ("down", self._down),
            ("retry", self._retry),
            ("cancel", self._cancel),
            ("open", self._open),
        ):
            self.row_actions[name].triggered.connect(does)
        self._runner.changed.connect(self.show_queue)
        self.model.dragged.connect(self._queue.move)
        self.list.selectionModel().currentChanged.connect(self._update_actions)
        self.pause_all.clicked.connect(self._pause_all)
        self.cancel_all.clicked.connect(self._cancel_all)
        self.clear.clicked.connect(self._clear)
        self.more.clicked.connect(self.add_more)
        self.close_button.clicked.connect(self.closed)
        self.jobs.valueChanged.connect(self._queue.set_jobs)

    def _update_actions(self) -> None:
        """Enable what makes sense for the chosen row, and for all."""
        item, items = self.current, self.model.items
        state = item.state if item is not None else ""
        row = self.list.currentIndex().row()
        open_ = item is not None and state not in ENDED
        enabled = {
            "pause": open_,
            "up": item is not None and row > 0,
            "down": item is not None and row < len(items) - 1,
            "retry": state in ("failed", "cancelled"),
            "cancel": open_,
            "open": item is not None,
        }
        for name, on in enabled.items():
            self.row_actions[name].setEnabled(on)
            self.buttons[name].setEnabled(on)
        for thing in (self.row_actions["pause"], self.buttons["pause"]):
            thing.setText("Resume" if state == "paused" else "Pause")
        states = {other.state for other in items}
        self.pause_all.setText("Resume all" if self._all_paused else "Pause all")
        self.pause_all.setEnabled(bool(states - set(ENDED)))
        self.cancel_all.setEnabled(bool(states - set(ENDED)))
        self.clear.setEnabled(bool(states & set(ENDED)))

    @property
    def _all_paused(self) -> bool:
        states = {item.state for item in self.model.items} - set(ENDED)
        return states == {"paused"}

    # The actions

    def _pause(self) -> None:
        item = self.current
        if item is not None:
            (self._queue.resume if item.state == "paused" else self._queue.pause)(item.number)

    def _up(self) -> None:
        self._move(-1)

    def _down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        item = self.current
        if item is not None:
            self._queue.move(item.number, self.list.currentIndex().row() + by)

    def _retry(self) -> None:
        if self.current is not None:
            self._queue.retry(self.current.number)

    def _cancel(self) -> None:
        if self.current is not None:
            self._queue.cancel(self.current.number)

    def _open(self) -> None:
        item = self.current
        if item is not None:
            target = next(item.request.targets())
            folder = target.parent if item.state == "done" else item.request.source.parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _pause_all(self) -> None:
        (self._queue.resume if self._all_paused else self._queue.pause)()

    def _cancel_all(self) -> None:
        self._queue.cancel()

    def _clear(self) -> None:
        self._queue.forget_ended()
        self._runner.refresh()

    def _menu(self, position: QPoint) -> None:
        if self.current is None:
            return
        menu = QMenu(self)
        menu.addActions(list(self.row_actions.values()))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.list.viewport().mapToGlobal(position))
