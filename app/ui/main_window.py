"""The window: puts the parts in their places and connects them. GUI thread; all work is done elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QColor, QResizeEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QVBoxLayout, QWidget

from app.core.settings import Choices
from app.core.sources.base import CAMERA
from app.core.sources.uri import kind_by_name
from app.ui.actions import dress_actions, make_actions
from app.ui.camera_menu import CameraMenu, ListCameras, list_cameras_now
from app.ui.camera_permission import when_allowed
from app.ui.commands import Commands, sample_clip
from app.ui.export.export_windows import ExportWindows
from app.ui.faults.shutdown import stop_all
from app.ui.presenter import Presenter
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.services.download_runner import DownloadRunner
from app.ui.services.export_runner import ExportRunner
from app.ui.services.library_client import LibraryClient
from app.ui.services.queue_runner import QueueRunner
from app.ui.services.settings_model import SettingsModel
from app.ui.settings.settings_panel import SettingsPanel
from app.ui.status_bar import StatusBar
from app.ui.top_bar import TopBar
from app.ui.view.notice_feed import NoticeFeed
from app.ui.view.stage import Stage
from app.ui.view.start_text import StartWords
from app.ui.view.timeline_feed import TimelineFeed
from app.ui.widgets.ask import confirmed
from app.ui.widgets.drop_target import DropTarget
from app.ui.widgets.icons import app_icon
from app.ui.widgets.key_guard import keeps_key
from app.ui.widgets.split import Split
from app.ui.widgets.theme import Theme

if TYPE_CHECKING:
    from app.core.model_cards import ModelCard
    from app.ui.models.models_dialog import ModelsDialog

_TITLE = "ssd-viewer"


class MainWindow(QMainWindow):
    """Everything on screen."""

    closing = Signal()
    """Nothing is asked any more."""

    def __init__(
        self,
        theme: Theme,
        settings: SettingsModel,
        background: Background,
        controller: LiveController,
        library: LibraryClient,
        exports: ExportRunner,
        downloads: DownloadRunner,
        queue: QueueRunner,
        list_cameras: ListCameras = list_cameras_now,
    ) -> None:
        super().__init__()
        self.theme, self.settings, self.background = theme, settings, background
        self.controller, self.library = controller, library
        self.downloads = downloads
        self.models: Choices = ()
        """Those on the shelf, for lists to choose from."""
        self.models_dialog: ModelsDialog | None = None
        """Made when it is first shown."""
        self._asks = True
        self.closed = False
        """Whether it was closed, by whomever."""
        self.setWindowTitle(_TITLE)
        self.setWindowIcon(app_icon())
        self.setMinimumSize(360, 300)
        self._commands = Commands(self)
        self.actions_by_name = make_actions(self, self._commands)
        self.actions_by_name["sample"].setVisible(sample_clip().exists())
        self.camera_menu = CameraMenu(theme, background, self.actions_by_name, list_cameras, self)
        self.top_bar = TopBar(theme, self.actions_by_name, self.camera_menu)
        self.stage = Stage(theme, sample_clip().exists())
        self.panel = SettingsPanel(settings)
        self.panel.set_choices("devices", (("auto", "auto"), ("cpu", "CPU")))
        self.split = Split(self.stage, self.panel)
        self.status = StatusBar(theme)
        self._build()
        self.drops = DropTarget(self)
        self.exports = ExportWindows(self, exports, queue)
        self.start_text = StartWords(self.stage.start, library, settings)
        self.presenter = Presenter(controller, self.stage, self.panel, self.status, library, self._try_again)
        self.notices = NoticeFeed(self.stage.view, controller, settings, self.show_models)
        self.timeline = TimelineFeed(self.stage.timeline, controller, settings, background)
        self._connect()
        self._dress()
        self._take_settings()
        self._show_panel_state()

    # Opening and closing

    def open_source(self, uri: str) -> None:
        """Look at ``uri``."""
        self.stage.banner.solved("source")
        if uri.startswith(CAMERA):
            when_allowed(self, lambda: self.controller.open(uri), self._camera_refused)
        else:
            self.controller.open(uri)

    def _camera_refused(self) -> None:
        hint = "Allow it in System Settings, Privacy & Security, Camera; then choose the camera again."
        self.stage.banner.tell("error", "The system does not let ssd-viewer use the camera.", hint, topic="source")

    def import_model(self, path: Path) -> None:
        """Show what a model file is, and put it on the shelf if the user says so."""
        self.show_models().show_import(path)

    def current_video(self) -> Path | None:
        """The video file on the stage, if it is one."""
        uri = self.controller.uri
        return Path(uri) if uri and self.controller.info and self.controller.info.kind == "video" else None

    def last_folder(self) -> str:
        """Where a file dialog starts."""
        for uri in self.settings.current.source.recent:
            if kind_by_name(uri) in ("video", "image", "folder"):
                return str(Path(uri).parent)
        return str(Path.home())

    def show_models(self) -> ModelsDialog:
        """Open the shelf of models."""
        from app.ui.models.models_dialog import ModelsDialog  # not before the window is up

        if self.models_dialog is None:
            self.models_dialog = ModelsDialog(
                self.theme, self.settings, self.library, self.downloads, self.controller, parent=self
            )
        self.models_dialog.show()
        self.models_dialog.raise_()
        self.models_dialog.activateWindow()
        return self.models_dialog

    def show_export(self, source: Path | None) -> None:
        """Open the export dialog, or bring it back while an export runs."""
        self.exports.show_one(source)

    def show_queue(self, paths: Iterable[Path] = ()) -> None:
        """Open the queue of exports, or bring it back; look for videos in ``paths``."""
        self.exports.show_many(paths)

    def set_loop(self, loop: bool) -> None:
        """Whether files start again at their end; remembered."""
        self.controller.set_loop(loop)
        self.settings.set("source", "loop", loop)
        self.stage.playback.set_loop(loop)

    # Looks

    def toggle_panel(self) -> None:
        """Show or hide the settings."""
        show = not self.split.panel_open
        self.split.open_panel(show)
        if not self.split.is_narrow:
            self.settings.set("window", "show_panel", show)

    def set_fullscreen(self, full: bool) -> None:
        """The picture alone, or the window."""
        for widget in (self.top_bar, self.status):
            widget.setVisible(not full)
        self.stage.set_fullscreen(full)
        self.split.set_wanted(not full and self.settings.current.window.show_panel)
        state = Qt.WindowState.WindowFullScreen
        if full:
            self.split.open_panel(False)
            self.setWindowState(self.windowState() | state)
        else:
            self.setWindowState(self.windowState() & ~state)  # a maximised window is maximised again

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and keeps_key(self.focusWidget(), event):
            event.accept()
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.drops.follow()

    def close_now(self) -> None:
        """Close without a question, whatever dialog is open: the system or the terminal wants the program to end."""
        self._asks = False
        self.close()
        QApplication.exit()

    def closeEvent(self, event: QCloseEvent) -> None:
        if (
            self._asks
            and self.exports.running
            and not confirmed(
                self,
                "Stop the export and quit?",
                "An export is still running. Nothing unfinished is left under the final names.",
                yes="Stop it and quit",
                no="Keep exporting",
            )
        ):
            event.ignore()
            return
        self.closing.emit()
        self.presenter.stop()
        self.timeline.stop()
        geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        self.hide()
        self.settings.set("window", "geometry", geometry)
        self.exports.hide()
        if self.models_dialog is not None:
            self.models_dialog.hide()
        self.closed = True
        stop_all(self)
        event.accept()

    # Inside

    def _build(self) -> None:
        whole = QWidget()
        box = QVBoxLayout(whole)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.top_bar)
        box.addWidget(self.split, 1)
        box.addWidget(self.status)
        self.setCentralWidget(whole)
        window = self.settings.current.window
        self.split.set_wanted(window.show_panel)
        room = self.screen().availableSize()
        self.resize(min(1240, room.width()), min(780, room.height()))
        if window.geometry:
            self.restoreGeometry(QByteArray.fromBase64(window.geometry.encode("ascii", "ignore")))

    def _connect(self) -> None:
        controller, stage = self.controller, self.stage
        self.presenter.title.connect(self._show_title)
        stage.playback.play_toggled.connect(controller.toggle_pause)
        stage.playback.step.connect(controller.step)
        stage.playback.seek.connect(controller.seek)
        stage.timeline.seek.connect(controller.seek)
        stage.playback.loop_toggled.connect(self.set_loop)
        self.panel.manage_models.connect(self._commands.do_models)
        stage.start.open_camera.connect(self._commands.do_cameras)
        stage.start.open_file.connect(self._commands.do_open_file)
        stage.start.open_sample.connect(self._commands.do_sample)
        stage.start.open_recent.connect(self.open_source)
        self.camera_menu.chosen.connect(self.open_source)
        self.library.models.connect(self._models_listed)
        self.library.cards.connect(self._cards_listed)
        self.library.devices.connect(self._devices_listed)
        controller.model_measured.connect(self.library.record_speed)
        self.split.changed.connect(self._show_panel_state)
        self.settings.changed.connect(self._setting_changed)
        self.settings.not_saved.connect(
            lambda message, hint: stage.banner.tell("warning", message, f"They hold until the window is closed. {hint}")
        )
        self.theme.changed.connect(self._dress)

    def _show_title(self, source: str) -> None:
        self.setWindowTitle(f"{source} — {_TITLE}" if source else _TITLE)
        self.stage.playback.set_loop(self.controller.looping)

    def _try_again(self) -> None:
        self.open_source(self.controller.uri)

    def _models_listed(self, choices: Choices) -> None:
        self.models = choices
        self.panel.set_choices("models", choices)

    def _cards_listed(self, cards: tuple[ModelCard, ...]) -> None:
        self.settings.know_thresholds({card.name: card.spec.threshold for card in cards if card.spec is not None})

    def _devices_listed(self, choices: Choices) -> None:
        self.panel.set_choices("devices", choices)

    def _setting_changed(self, section: str, name: str) -> None:
        if section in ("detection", "overlay"):
            self._apply_look()
        elif (section, name) == ("window", "theme"):
            self.theme.choose(self.settings.current.window.theme)
        elif section == "source":
            self._take_settings()

    def _take_settings(self) -> None:
        settings = self.settings.current
        self._apply_look()
        self.stage.playback.set_loop(self.controller.looping)
        self.stage.start.set_recent(settings.source.recent)
        self.camera_menu.set_recent(settings.source.recent)

    def _apply_look(self) -> None:
        settings = self.settings.current
        self.stage.view.set_look(settings.detection, settings.overlay)

    def _show_panel_state(self) -> None:
        self.actions_by_name["panel"].setChecked(self.split.panel_open)

    def _dress(self) -> None:
        dress_actions(self.actions_by_name, self.theme.colours)
        self.stage.view.canvas = QColor(self.theme.colours.canvas)
        self.stage.view.update()
