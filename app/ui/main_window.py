"""The window: puts the widgets in their places and connects them. GUI thread; all work is done elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from app.core.frames import ImageBGR
from app.ui.actions import make_actions
from app.ui.alarm_control import AlarmControl
from app.ui.appearance import Appearance
from app.ui.camera_menu import CameraMenu, ListCameras, list_cameras_now
from app.ui.commands import Commands, sample_clip
from app.ui.dialogs import Dialogs
from app.ui.event_presenter import EventPresenter
from app.ui.events.event_desk import EventDesk
from app.ui.export.export_windows import ExportWindows
from app.ui.faults.shutdown import stop_all
from app.ui.presenter import Presenter
from app.ui.record_control import RecordControl
from app.ui.services.live_rest import LiveRest
from app.ui.services.services import Services
from app.ui.settings.settings_panel import SettingsPanel
from app.ui.several_sources_windows import SeveralSourcesWindows
from app.ui.source_opener import SourceOpener
from app.ui.status_bar import StatusBar
from app.ui.top_bar import TopBar
from app.ui.trust_offer import TrustOffer
from app.ui.unsaved import UnsavedNotices
from app.ui.view.box_menu import BoxMenu
from app.ui.view.folder_feed import FolderFeed
from app.ui.view.notice_feed import NoticeFeed
from app.ui.view.stage import Stage
from app.ui.view.start_text import StartText
from app.ui.view.timeline_feed import TimelineFeed
from app.ui.virtual_camera_control import VirtualCameraControl
from app.ui.widgets.drop_target import DropTarget
from app.ui.widgets.icons import app_icon
from app.ui.widgets.key_guard import keeps_key
from app.ui.widgets.screen_room import place_of, resize_on_screen, restore_place
from app.ui.widgets.side_panel import SidePanel
from app.ui.window_body import WindowBody
from app.ui.zone_drawing import ZoneDrawing

_TITLE = "ssd-viewer"


class MainWindow(QMainWindow):
    """Everything on screen.

    Args:
        services: What the window works with.
        list_cameras: Slow; called on a worker.
    """

    closing = Signal()
    """Emitted once it is certain that the window closes."""

    def __init__(self, services: Services, list_cameras: ListCameras = list_cameras_now) -> None:
        super().__init__()
        self.services = services
        self._asks = True
        self.closed = False
        """Whether it was closed, by the user or by the program."""
        self.setWindowTitle(_TITLE)
        self.setWindowIcon(app_icon())
        self.setMinimumSize(360, 300)
        has_sample = sample_clip().exists()
        self.stage = Stage(services.theme, services.banner, services.background, has_sample)
        self.actions_by_name = make_actions(self)
        self.actions_by_name["sample"].setVisible(has_sample)
        self.camera_menu = CameraMenu(services.theme, services.background, self.actions_by_name, list_cameras, self)
        self.top_bar = TopBar(services.theme, self.actions_by_name, self.camera_menu)
        self.panel = SettingsPanel(services.settings)
        view = self.stage.view
        self.events = EventDesk(services, view, view.frame_rect, lambda: view.card, self)
        self.side = SidePanel(self.panel.width() + 1)
        self.side.add(self.panel, "Settings", "Model, threshold and classes (F9)")
        self.side.add(self.events.panel, "Events", "What happens in the video (E)")
        self.side.add(self.events.all_panel, "All videos", "What happens in all videos that were looked at")
        self.status = StatusBar(services.theme)
        self.body = WindowBody(
            self.top_bar, self.stage, self.side, self.status, services.settings, self.actions_by_name["panel"]
        )
        self.setCentralWidget(self.body)
        resize_on_screen(self, 1240, 780)
        restore_place(self, services.settings.current.window.geometry)
        self._add_dialogs(list_cameras)
        self._add_work()
        self._connect()
        self._connect_actions()
        self._appearance = Appearance(services, self.stage, self.camera_menu, self.actions_by_name, self)
        services.theme.changed.connect(self.alarms.show_state)  # its icon has a colour of its own
        self.alarms.show_state()
        self._unsaved = UnsavedNotices(services, self)

    def _add_dialogs(self, list_cameras: ListCameras) -> None:
        """Add what opens other windows, or is told from outside."""
        services = self.services
        self.dialogs = Dialogs(services, self.panel, self._frame_on_screen, self)
        self.sources = SourceOpener(services, self)
        self.exports = ExportWindows(services, self)
        self.several = SeveralSourcesWindows(services, list_cameras, self)
        self.drops = DropTarget(self, services.theme)
        self.commands = Commands(services, self.stage.view, self)

    def _add_work(self) -> None:
        """Add what works on the frame in view, and with it."""
        services, view, actions = self.services, self.stage.view, self.actions_by_name
        self._start_text = StartText(self.stage.start, services.library, services.settings)
        self._presenter = Presenter(services, self.stage, self.panel, self.status)
        self._rest = LiveRest(services, self)
        self._trust = TrustOffer(services, self)
        self.box_menu = BoxMenu(services, view)
        """The menu on the frame."""
        self.zones = ZoneDrawing(services, self.stage, self.body.split, self.side, actions["zones"])
        self.record = RecordControl(services, view, actions["record"], self)
        self.virtual_camera = VirtualCameraControl(services, view, actions["virtual_camera"], self)
        self.alarms = AlarmControl(services, actions["arm"], actions["alarms"], self)
        self.side.add(self.alarms.panel, "Alarms", "What is told of a live source, and kept (W)")
        self._notices = NoticeFeed(view, services.controller, services.settings)
        self._timeline = TimelineFeed(self.stage.timeline, services.controller, services.settings, services.background)
        self._event_presenter = EventPresenter(services, self.events, self.stage, self._timeline, actions["analyse"])
        self._folder = FolderFeed(self.stage.strip, services.controller, services.background)

    # Opening and closing

    def open_source(self, uri: str) -> None:
        """Look at ``uri``."""
        self.sources.open(uri)

    def open_all(self, sources: Sequence[str]) -> None:
        """Look at the first of these; of several videos, offer to export all."""
        self.sources.open_all(sources)

    def _frame_on_screen(self) -> ImageBGR | None:
        result = self.stage.view.result
        return None if result is None else result.frame.image_bgr

    def close_now(self) -> None:
        """Close without a question, whatever dialog is open: the system or the terminal wants the program to end."""
        self._asks = False
        self.close()
        QApplication.exit()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._asks and not self.exports.may_quit():
            event.ignore()
            return
        self.closing.emit()
        self._presenter.stop()
        self._timeline.stop()
        self.events.close()
        geometry = place_of(self)
        self.hide()
        self.services.settings.set("window", "geometry", geometry)
        self.exports.hide()
        self.several.close()
        self.dialogs.hide()
        self.closed = True
        self.record.close()
        self.virtual_camera.close()
        self.alarms.close()
        stop_all(self.services)
        event.accept()

    # Panel and full screen

    def show_events(self) -> None:
        """Show the list of events."""
        self._show_page(self.events.panel)

    def show_alarms(self) -> None:
        """Show the rules of the live source and what they found."""
        self._show_page(self.alarms.panel)

    def _show_page(self, page: QWidget) -> None:
        self.zones.editor.end()  # where zones are drawn, their list would cover it
        self.body.show_page(page)

    def _page_changed(self, _number: int) -> None:
        self.events.all.show(self.side.page is self.events.all_panel)

    def set_fullscreen(self, full: bool) -> None:
        """Show the video alone, or the whole window."""
        self.body.set_fullscreen(full)
        state = Qt.WindowState.WindowFullScreen
        if full:
            self.setWindowState(self.windowState() | state)
        else:
            self.setWindowState(self.windowState() & ~state)  # a maximised window is maximised again

    def _toggle_fullscreen(self) -> None:
        self.set_fullscreen(not self.isFullScreen())

    def _escape(self) -> None:
        if self.stage.view.unpin() or self.events.player.leave():
            return
        if self.isFullScreen():
            self.set_fullscreen(False)
        elif not self.sources.cancel():
            self.services.banner.dismiss()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and keeps_key(self.focusWidget(), event):
            event.accept()
            return True
        return super().event(event)

    # Inside

    def _connect_actions(self) -> None:
        actions, start = self.actions_by_name, self.stage.start
        self.commands.connect_actions(actions)
        for name, does in (
            ("cameras", self._show_sources),
            ("several", self.several.show),
            ("models", self.dialogs.show_models),
            ("events", self.show_events),
            ("alarms", self.show_alarms),
            ("next_event", self.events.next_event),
            ("previous_event", self.events.previous_event),
            ("export", self._export_present),
            ("export_many", self._show_queue),
            ("panel", self.body.toggle_panel),
            ("preferences", self.dialogs.show_preferences),
            ("fullscreen", self._toggle_fullscreen),
            ("escape", self._escape),
            ("quit", self.close),
        ):
            actions[name].triggered.connect(does)
        self.panel.manage_models.connect(self.dialogs.show_models)
        self.panel.show_preferences.connect(self.dialogs.show_preferences)
        start.open_camera.connect(self._show_cameras)
        for asked, name in (
            (start.open_file, "open_file"),
            (start.open_folder, "open_folder"),
            (start.open_address, "open_address"),
            (start.open_sample, "sample"),
        ):
            asked.connect(actions[name].trigger)

    def _connect(self) -> None:
        services = self.services
        for asked in (self.stage.start.open_recent, self.camera_menu.chosen, self.commands.source_chosen):
            asked.connect(self.open_source)
        for found in (self.commands.model_chosen, self.sources.model_found, self.drops.imported):
            found.connect(self.dialogs.import_model)
        self.drops.opened.connect(self._open_path)
        self.drops.exported.connect(self.exports.show_one)
        for several in (self.drops.queued, self.sources.export_asked):
            several.connect(self.exports.show_many)
        self.camera_menu.help_asked.connect(self.commands.show_guide)
        self.virtual_camera.help_asked.connect(self.commands.show_guide)
        self._presenter.title.connect(self._show_title)
        for again in (self._presenter.retry, self._trust.trusted):
            again.connect(self.sources.open_again)
        self._notices.choose_model.connect(self.dialogs.show_models)
        self.zones.drawing.connect(self._notices.hush)
        self.stage.view.fullscreen_asked.connect(self._toggle_fullscreen)
        for name, control in (
            ("recording", self.record), ("alarms", self.alarms), ("virtual_camera", self.virtual_camera),
        ):  # fmt: skip
            control.status.connect(partial(self._show_state, name))
        self.events.panel.list.events.clip_of = self.alarms.clip_of
        self.events.panel.clip_asked.connect(self.alarms.play)
        self._event_presenter.list_wanted.connect(self.show_events)
        self.side.changed.connect(self._page_changed)
        self.events.open_asked.connect(self.open_source)
        services.controller.model_measured.connect(services.library.record_speed)
        services.scenes.changed.connect(self._timeline.set_scene)

    def _show_state(self, name: str, words: str, sign: str) -> None:
        self.status.set_cell(name, words)
        self.stage.sign.tell(name, sign, words)

    def _show_sources(self) -> None:
        self.top_bar.show_sources()

    def _show_cameras(self) -> None:
        self.top_bar.show_sources(below=self.stage.start.camera)

    def _export_present(self) -> None:
        self.exports.show_one(self.services.controller.video_file)

    def _show_queue(self) -> None:
        self.exports.show_many()

    def _open_path(self, path: Path) -> None:
        self.open_source(str(path))

    def _show_title(self, source: str) -> None:
        self.setWindowTitle(f"{source} — {_TITLE}" if source else _TITLE)
