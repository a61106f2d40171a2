"""Shows on the widgets what the live session says: frames, sources, models, troubles, figures. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.core.counts import counted
from app.core.frames import Frame, FrameResult, SourceInfo
from app.core.live.events import ModelReady
from app.core.sources.uri import kind_by_name, shown_name
from app.ui.live_text import KINDS, badge, cells, delay_tip, source_text, still_cells
from app.ui.services.services import Services
from app.ui.settings.settings_panel import SettingsPanel
from app.ui.status_bar import StatusBar
from app.ui.view.box_places import BoxPlaces
from app.ui.view.stage import Stage
from app.ui.widgets.banner import Kind
from app.ui.widgets.quantity_text import shorten

_FIGURES_EVERY_MS = 250
_IDLE = "Ready. F1 shows help and the keyboard shortcuts."
_NO_MODEL = "No detector"
_RESTING = "Detection pauses while {}"


class Presenter(QObject):
    """Carries the controller's signals to stage, panel and status bar.

    Args:
        services: The controller speaks, the banner is told.
        stage: Shows the frames, and where in the video they are.
        panel: Gets the running model's classes.
        status: Gets the figures.
    """

    title = Signal(str)
    """Name of the source; "" for none."""
    retry = Signal()
    """The user wants to try again what could not be opened."""

    def __init__(self, services: Services, stage: Stage, panel: SettingsPanel, status: StatusBar) -> None:
        super().__init__()
        controller = services.controller
        self._controller, self._banner, self._analyses = controller, services.banner, services.analyses
        self._stage, self._panel, self._status = stage, panel, status
        self._boxes = BoxPlaces(stage.view)
        self._timer = QTimer(self)
        self._timer.setInterval(_FIGURES_EVERY_MS)
        self._timer.timeout.connect(self._show_figures)
        stage.view.painted.connect(controller.painted)
        stage.playback.play_toggled.connect(controller.playback.toggle_pause)
        stage.playback.step.connect(controller.playback.step)
        stage.playback.loop_toggled.connect(controller.playback.set_loop)
        for bar in (stage.playback, stage.timeline):
            bar.seek.connect(controller.playback.seek)
        controller.frame.connect(self._show_frame)
        stage.view.waiting.cancelled.connect(controller.close_source)
        controller.awaiting.connect(self._show_figures)
        controller.opening.connect(self._source_opening)
        controller.opened.connect(self._source_opened)
        controller.closed.connect(self._nothing_to_show)
        controller.playback.paused.connect(stage.playback.set_paused)
        controller.playback.live.connect(stage.playback.set_live)
        controller.playback.loop_changed.connect(stage.playback.set_loop)
        controller.model_loading.connect(self._model_loading)
        controller.model_ready.connect(self._model_ready)
        # Once a model runs, the library that knows the devices is loaded anyway.
        controller.model_ready.connect(services.library.refresh_devices, Qt.ConnectionType.SingleShotConnection)
        controller.model_lost.connect(self._model_lost)
        controller.trouble.connect(self._trouble)
        controller.resolved.connect(services.banner.dismiss)
        status.set_cell("source", _IDLE)

    def stop(self) -> None:
        """Stop updating the figures: the window closes."""
        self._timer.stop()

    def _show_frame(self, result: FrameResult) -> None:
        self._stage.view.show_result(result)
        if result.frame.pts_s is not None:
            self._stage.playback.set_position(result.frame.pts_s)
            self._stage.timeline.set_position(float(result.frame.pts_s))
        info = self._controller.info
        if info is not None and info.kind == "folder":
            self._show_image(result.frame, info)

    def _show_image(self, frame: Frame, folder: SourceInfo) -> None:
        """Say which of the folder's images it is, and how large that one is."""
        self._stage.playback.show_image(frame.index, frame.name)
        self._status.set_cell("source", source_text(frame.name, frame.width, frame.height), folder.name)
        self._stage.view.setAccessibleName(f"{KINDS['image']}: {frame.name}")
        self.title.emit(f"{frame.name} — {folder.name}")

    def _source_opening(self, uri: str) -> None:
        self._banner.dismiss("note")  # it was about the source before
        self._stage.show_source()
        self._stage.view.clear()
        self._stage.view.waiting.begin(shorten(shown_name(uri), 40), kind_by_name(uri))
        self._clear_figures("")
        if self._controller.model is not None:
            self._show_model(self._controller.model)
        self._show_figures()
        self._timer.start()

    def _source_opened(self, info: SourceInfo) -> None:
        self.title.emit(info.name)
        self._stage.view.setAccessibleName(f"{KINDS[info.kind]}: {info.name}")
        self._stage.playback.set_source(info)
        self._status.set_cell("source", source_text(info.name, info.width, info.height), info.name)
        self._show_figures()

    def _nothing_to_show(self) -> None:
        self._timer.stop()
        self._boxes.update(still=False)
        self.title.emit("")
        self._stage.show_start()
        self._clear_figures(_IDLE)
        self._status.set_cell("model", "")

    def _clear_figures(self, source: str) -> None:
        self._view_described("")
        for name in ("seen", "so_far", "camera", "detector", "screen", "age", "drops"):
            self._status.set_cell(name, "")
        self._status.set_cell("source", source)

    def _model_loading(self, name: str) -> None:
        self._stage.view.set_demo(False)
        self._status.set_cell("model", f"Loading {name}…")
        self._show_figures()

    def _show_model(self, model: ModelReady) -> None:
        self._stage.view.set_demo(model.spec.demo)
        words = "  ·  ".join((model.spec.name, model.device, model.precision))
        self._status.set_cell("model", words, "\n".join((model.spec.title or words, *model.notes)))

    def _model_ready(self, model: ModelReady) -> None:
        self._show_model(model)
        self._panel.set_classes(model.spec.labels)
        self._banner.dismiss("model")
        if model.notes:
            self._banner.tell("info", model.notes[0], " ".join(model.notes[1:]), topic="model")
        self._show_figures()

    def _model_lost(self) -> None:
        self._stage.view.set_demo(False)
        self._status.set_cell("model", _NO_MODEL, "Choose a model in the settings.")
        self._show_figures()

    def _trouble(self, kind: str, topic: str, message: str, hint: str) -> None:
        shown: Kind = "error" if kind == "error" else "warning" if kind == "warning" else "info"
        failed = kind == "error" and topic in ("source", "refused")
        action = ("Try again", self.retry.emit) if failed else None
        self._banner.tell(shown, message, hint, topic=topic, action=action)
        if failed and topic == "source" and self._stage.view.result is None:
            self._nothing_to_show()
        self._show_figures()

    def _show_figures(self) -> None:
        controller, view = self._controller, self._stage.view
        stats, info = controller.stats(), controller.info
        if info is None or stats is None:
            view.set_badge("")
            self._view_described(view.waiting.words)
            self._boxes.update(still=False)
            return
        without = view.result is not None and view.result.candidates is None  # what is kept of a video is shown still
        works = "analysing" if self._analyses.running else "exporting"
        resting = _RESTING.format(works) if controller.resting and without else ""
        note = f"Loading {controller.loading}…" if controller.loading else resting
        if controller.awaited:
            note = f"Opening {shorten(shown_name(controller.awaited), 40)}…"
        self._status.set_cell("seen", view.shown.seen_text())
        so_far = counted(view.shown.so_far())
        self._status.set_cell("so_far", f"So far {so_far}" if so_far else "")
        self._panel.set_counts(view.shown.class_counts())
        still = controller.playback.is_paused or info.kind in ("image", "folder")
        self._view_described(view.notice.words or view.shown.spoken_text(with_places=still))
        self._boxes.update(still)
        if info.kind in ("image", "folder"):
            view.set_badge("", note)
            shown = still_cells(view.result.detect_ms if view.result is not None else 0.0)
        else:
            halted = "Ended" if controller.playback.at_end else "Paused"
            view.set_badge(halted if controller.playback.is_paused else badge(stats), note)
            shown = cells(stats, info.kind in ("camera", "stream"))
        for name, words in shown.items():
            self._status.set_cell(name, words, delay_tip(stats) if name == "age" and words else "")

    def _view_described(self, words: str) -> None:
        """Describe the view for screen readers."""
        if self._stage.view.accessibleDescription() != words:
            self._stage.view.setAccessibleDescription(words)
