"""Does what the actions of the window say, as far as that needs no window. GUI thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.errors import ExplainedError
from app.core.frames import FrameResult
from app.core.paths import log_file
from app.core.settings import OverlaySettings, Settings
from app.ui.guides import GUIDES, Guides
from app.ui.services.services import Services
from app.ui.view.address_dialog import AddressDialog
from app.ui.view.video_view import VideoView
from app.ui.widgets.drops import IMAGES, VIDEOS, WEIGHTS
from detector.bundled_files import bundled_path

if TYPE_CHECKING:
    from app.core.snapshot import SnapshotFiles
    from app.ui.help_sheet import HelpSheet

_JUMP_S = 5.0
_DEMO = "demo"
_THRESHOLD_STEP = 0.05


def sample_clip() -> Path:
    """Returns the drawn clip that came with the program; may be absent."""
    return bundled_path("assets", "demo.mp4")


def _patterns(endings: tuple[str, ...]) -> str:
    return " ".join(f"*{ending}" for ending in endings)


class Commands(QObject):
    """Carries out actions over the services.

    Args:
        services: What they act on.
        view: Holds the frame that a snapshot keeps.
        parent: Over which dialogs open; owns this object.
    """

    source_chosen = Signal(str)
    model_chosen = Signal(object)
    """Path of a model file."""

    def __init__(self, services: Services, view: VideoView, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings, self._controller = services.settings, services.controller
        self._banner, self._background = services.banner, services.background
        self._view, self._parent = view, parent
        self._help: HelpSheet | None = None
        self.guides: Guides | None = None
        """Made when they are first shown."""
        self._controller.opening.connect(self._leave_sample)
        self._controller.closed.connect(self._leave_sample)

    def connect_actions(self, actions: dict[str, QAction]) -> None:
        """Have these done from now on; the others are for the window to connect."""
        controller, view = self._controller, self._view
        for name, does in (
            ("open_file", self._open_file),
            ("open_folder", self._open_folder),
            ("open_address", self._open_address),
            ("sample", self._play_sample),
            ("close_source", controller.close_source),
            ("play", controller.playback.toggle_pause),
            ("step_back", self._step_back),
            ("step_forward", self._step_forward),
            ("jump_back", self._jump_back),
            ("jump_forward", self._jump_forward),
            ("rewind", self._rewind),
            ("to_end", controller.playback.seek_end),
            ("loop", self._toggle_loop),
            ("zoom_in", view.zoom_in),
            ("zoom_out", view.zoom_out),
            ("zoom_fit", view.zoom_to_fit),
            ("look_left", lambda: view.pan(-1, 0)),
            ("look_right", lambda: view.pan(1, 0)),
            ("look_up", lambda: view.pan(0, -1)),
            ("look_down", lambda: view.pan(0, 1)),
            ("next_box", lambda: view.step_box(1)),
            ("previous_box", lambda: view.step_box(-1)),
            ("lower", self._lower_threshold),
            ("higher", self._raise_threshold),
            ("labels", self._toggle_labels),
            ("import_model", self._choose_model),
            ("snapshot", self._save_snapshot),
            ("help", self._show_help),
            ("guides", self._show_guides),
            ("diagnostics", self._save_diagnostics),
            ("about", self._show_about),
        ):
            actions[name].triggered.connect(does)

    # Source

    def _open_file(self) -> None:
        kinds = (
            f"Videos and images ({_patterns(VIDEOS + IMAGES)});;Videos ({_patterns(VIDEOS)});;"
            f"Images ({_patterns(IMAGES)});;All files (*)"
        )
        chosen, _ = QFileDialog.getOpenFileName(self._parent, "Open", self._settings.last_folder(), kinds)
        if chosen:
            self.source_chosen.emit(chosen)

    def _open_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self._parent, "Folder of images", self._settings.last_folder())
        if chosen:
            self.source_chosen.emit(chosen)

    def _open_address(self) -> None:
        dialog = AddressDialog(self._settings.current.source.recent, self._parent)
        dialog.chosen.connect(self.source_chosen)
        dialog.open()

    def _play_sample(self) -> None:
        if not sample_clip().exists():
            return
        self._settings.set_for_now("model", "name", _DEMO)  # shows drawn shapes, which no other model knows
        self._controller.open(str(sample_clip()), sample=True)
        chosen = self._settings.lasting("model", "name")
        self._banner.tell(
            "info",
            "Drawn shapes, found by the demo model: this shows that everything works, offline.",
            f"The model {chosen} is back as soon as you open something else." if chosen != _DEMO else "",
            topic="note",
        )

    def _leave_sample(self, uri: str = "") -> None:
        if uri != str(sample_clip()):
            self._settings.take_back("model", "name")

    # Playback

    def _step_back(self) -> None:
        self._controller.playback.step(-1)

    def _step_forward(self) -> None:
        self._controller.playback.step(1)

    def _jump_back(self) -> None:
        self._controller.playback.jump(-_JUMP_S)

    def _jump_forward(self) -> None:
        self._controller.playback.jump(_JUMP_S)

    def _rewind(self) -> None:
        self._controller.playback.seek(0.0)

    def _toggle_loop(self) -> None:
        self._controller.playback.set_loop(not self._controller.playback.looping)

    # Detection

    def _lower_threshold(self) -> None:
        self._change_threshold(-_THRESHOLD_STEP)

    def _raise_threshold(self) -> None:
        self._change_threshold(_THRESHOLD_STEP)

    def _change_threshold(self, by: float) -> None:
        value = round(self._settings.current.detection.threshold + by, 2)
        self._settings.set("detection", "threshold", min(max(value, 0.0), 1.0))

    def _toggle_labels(self) -> None:
        self._settings.set("overlay", "show_labels", not self._settings.current.overlay.show_labels)

    def _choose_model(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self._parent, "Model file", self._settings.last_folder(), f"Models ({_patterns(WEIGHTS)});;All files (*)"
        )
        if chosen:
            self.model_chosen.emit(Path(chosen))

    # Output

    def _save_snapshot(self) -> None:
        result = self._view.result
        if result is None:
            self._banner.tell("info", "There is no frame to save yet.", "Open a camera or a file first.")
            return
        info = self._controller.info
        name = result.frame.name or (info.name if info else "snapshot")
        rows, look = self._view.shown.rows.tolist(), self._settings.current.overlay
        self._background.run(
            "snapshot", lambda: _save(result, rows, look, name), self._snapshot_saved, self._snapshot_failed
        )

    def _snapshot_saved(self, files: SnapshotFiles) -> None:
        folder = files.annotated.parent

        def show_folder() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

        self._banner.tell(
            "success",
            f"Saved {files.annotated.name}",
            f"And a clean copy, and the boxes as data, in {folder}.",
            action=("Open folder", show_folder),
        )

    def _snapshot_failed(self, error: ExplainedError) -> None:
        self._banner.tell_error(error, topic="snapshot")

    # Window

    def _show_help(self) -> None:
        from app.ui.help_sheet import HelpSheet

        if self._help is None:
            self._help = HelpSheet(self._parent)
            self._help.guide_asked.connect(self.show_guide)
        self._help.show()
        self._help.raise_()

    def _show_guides(self) -> None:
        self.show_guide(next(iter(GUIDES)))

    def show_guide(self, where: str) -> None:
        """Show a guide; see ``Guides.open_guide``."""
        if self.guides is None:
            self.guides = Guides(self._parent)
        self.guides.open_guide(where)

    def _save_diagnostics(self) -> None:
        proposal = str(Path(self._settings.last_folder()) / "ssd-viewer-diagnostics.zip")
        chosen, _ = QFileDialog.getSaveFileName(self._parent, "Save diagnostics", proposal, "Zip files (*.zip)")
        if not chosen:
            return
        target, settings, log = Path(chosen), self._settings.current, log_file()

        def saved(_nothing: None) -> None:
            hint = "Versions, self-test, settings and log; no images, names of files or addresses. Nothing was sent."
            self._banner.tell("success", f"Saved {target.name}", hint, topic="diagnostics")

        def failed(error: ExplainedError) -> None:
            self._banner.tell_error(error, topic="diagnostics")

        self._banner.tell("info", "Collecting diagnostics…", "The self-test takes some seconds.", topic="diagnostics")
        self._background.run("diagnostics", lambda: _diagnose(target, settings, log), saved, failed)

    def _show_about(self) -> None:
        from app.ui.about import AboutDialog

        AboutDialog(self._parent).open()


def _save(result: FrameResult, rows: list[int], look: OverlaySettings, name: str) -> SnapshotFiles:
    from app.core.paths import pictures_dir
    from app.core.snapshot import save_snapshot

    return save_snapshot(result, rows, look, pictures_dir(), name)


def _diagnose(target: Path, settings: Settings, log: Path) -> None:
    from app.core.diagnostics import write_diagnostics

    write_diagnostics(target, settings, log)
