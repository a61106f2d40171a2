"""What every action of the window does. GUI thread; each ``do_<name>`` belongs to one entry of ``app.ui.actions``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLineEdit

from app.core.diagnostics import write_diagnostics
from app.core.frames import FrameResult
from app.core.paths import log_file
from app.core.settings import OverlaySettings
from app.ui.about import AboutDialog
from app.ui.help_sheet import HelpSheet
from app.ui.widgets.drops import IMAGES, VIDEOS, WEIGHTS
from detector.bundled_files import bundled_path
from detector.detections import Detections

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

_JUMP_S = 5.0
_DEMO = "demo"
_THRESHOLD_STEP = 0.05


def sample_clip() -> Path:
    """The drawn clip that came with the program; may be absent."""
    return bundled_path("assets", "demo.mp4")


def _patterns(endings: tuple[str, ...]) -> str:
    return " ".join(f"*{ending}" for ending in endings)


class Commands(QObject):
    """The window's verbs."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._help: HelpSheet | None = None
        window.controller.opening.connect(self._leave_sample)
        window.controller.closed.connect(self._leave_sample)

    # Source

    def do_open_file(self) -> None:
        wanted = (
            f"Videos and images ({_patterns(VIDEOS + IMAGES)});;Videos ({_patterns(VIDEOS)});;"
            f"Images ({_patterns(IMAGES)});;All files (*)"
        )
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Open", self._window.last_folder(), wanted)
        if chosen:
            self._window.open_source(chosen)

    def do_open_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self._window, "Folder of images", self._window.last_folder())
        if chosen:
            self._window.open_source(chosen)

    def do_open_address(self) -> None:
        typed, accepted = QInputDialog.getText(
            self._window,
            "Stream address",
            "Address of a stream (http, https or rtsp):",
            QLineEdit.EchoMode.Normal,
            "rtsp://",
        )
        if accepted and typed.strip() not in ("", "rtsp://"):
            self._window.open_source(typed.strip())

    def do_cameras(self) -> None:
        self._window.top_bar.source.showMenu()

    def do_sample(self) -> None:
        if not sample_clip().exists():
            return
        settings = self._window.settings
        settings.set_for_now("model", "name", _DEMO)  # shows drawn shapes, which no other model knows
        self._window.controller.open(str(sample_clip()), sample=True)
        chosen = settings.lasting("model", "name")
        self._window.stage.banner.tell(
            "info",
            "Drawn shapes, found by the demo model: this shows that everything works, offline.",
            f"The model {chosen} is back as soon as you open something else." if chosen != _DEMO else "",
            topic="note",
        )

    def _leave_sample(self, uri: str = "") -> None:
        if uri != str(sample_clip()):
            self._window.settings.take_back("model", "name")

    def do_close_source(self) -> None:
        self._window.controller.close_source()

    # Playback

    def do_play(self) -> None:
        self._window.controller.toggle_pause()

    def do_step_back(self) -> None:
        self._window.controller.step(-1)

    def do_step_forward(self) -> None:
        self._window.controller.step(1)

    def do_jump_back(self) -> None:
        self._window.controller.jump(-_JUMP_S)

    def do_jump_forward(self) -> None:
        self._window.controller.jump(_JUMP_S)

    def do_rewind(self) -> None:
        self._window.controller.seek(0.0)

    def do_loop(self) -> None:
        self._window.set_loop(not self._window.controller.looping)

    # Detection

    def do_lower(self) -> None:
        self._change_threshold(-_THRESHOLD_STEP)

    def do_higher(self) -> None:
        self._change_threshold(_THRESHOLD_STEP)

    def do_labels(self) -> None:
        settings = self._window.settings
        settings.set("overlay", "show_labels", not settings.current.overlay.show_labels)

    def do_models(self) -> None:
        self._window.show_models()

    def do_import_model(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self._window, "Model file", self._window.last_folder(), f"Models ({_patterns(WEIGHTS)});;All files (*)"
        )
        if chosen:
            self._window.import_model(Path(chosen))

    # Output

    def do_snapshot(self) -> None:
        result = self._window.stage.view.result
        if result is None:
            self._window.stage.banner.tell("info", "There is no frame to save yet.", "Open a camera or a file first.")
            return
        info = self._window.controller.info
        name = result.frame.name or (info.name if info else "snapshot")
        shown = self._window.stage.view.detections()
        look = self._window.settings.current.overlay
        self._window.background.run(
            "snapshot", lambda: _save(result, shown, look, name), self._snapshot_saved, self._snapshot_failed
        )

    def do_export(self) -> None:
        self._window.show_export(self._window.current_video())

    def do_export_many(self) -> None:
        self._window.show_queue()

    # Window

    def do_panel(self) -> None:
        self._window.toggle_panel()

    def do_fullscreen(self) -> None:
        self._window.set_fullscreen(not self._window.isFullScreen())

    def do_escape(self) -> None:
        if self._window.isFullScreen():
            self._window.set_fullscreen(False)
        else:
            self._window.stage.banner.dismiss()

    def do_help(self) -> None:
        if self._help is None:
            self._help = HelpSheet(self._window)
        self._help.show()
        self._help.raise_()

    def do_diagnostics(self) -> None:
        proposal = str(Path(self._window.last_folder()) / "ssd-viewer-diagnostics.zip")
        chosen, _ = QFileDialog.getSaveFileName(self._window, "Save diagnostics", proposal, "Zip files (*.zip)")
        if not chosen:
            return
        target, settings, banner = Path(chosen), self._window.settings.current, self._window.stage.banner

        def saved(_nothing: None) -> None:
            hint = "Versions, self-test, settings and log; no images, names of files or addresses. Nothing was sent."
            banner.tell("success", f"Saved {target.name}", hint, topic="diagnostics")

        def failed(message: str, hint: str) -> None:
            banner.tell("error", message, hint, topic="diagnostics")

        banner.tell("info", "Collecting diagnostics…", "The self-test takes some seconds.", topic="diagnostics")
        log = log_file()
        self._window.background.run("diagnostics", lambda: write_diagnostics(target, settings, log), saved, failed)

    def do_about(self) -> None:
        AboutDialog(self._window).open()

    def do_quit(self) -> None:
        self._window.close()

    def _change_threshold(self, by: float) -> None:
        settings = self._window.settings
        value = round(settings.current.detection.threshold + by, 2)
        settings.set("detection", "threshold", min(max(value, 0.0), 1.0))

    def _snapshot_saved(self, paths: tuple[Path, Path]) -> None:
        folder = paths[0].parent

        def show_folder() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

        self._window.stage.banner.tell(
            "success", f"Saved {paths[0].name}", f"And a clean copy, in {folder}.", action=("Open folder", show_folder)
        )

    def _snapshot_failed(self, message: str, hint: str) -> None:
        self._window.stage.banner.tell("error", message, hint, topic="snapshot")


def _save(result: FrameResult, shown: Detections, look: OverlaySettings, name: str) -> tuple[Path, Path]:
    from app.core.paths import pictures_dir
    from app.core.snapshot import save_snapshot

    return save_snapshot(result, shown, look, pictures_dir(), name)
