"""Images of every page of the window, to be looked at: ``xvfb-run -a python -m tools.window_pages FOLDER``.

The real window in folders of its own, with the sample clip and the bundled models; nothing is left but the images. For
another scale set QT_SCALE_FACTOR, and give the X server a screen that is as much larger.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tools.real_window import open_window, settle, wait_until

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog, QWidget

    from app.core.events.geometry import Point
    from app.core.events.scene_edit import Kind
    from app.ui.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[1]
_SHAPES: tuple[tuple[Kind, tuple[Point, ...]], ...] = (
    ("zone", ((0.1, 0.3), (0.4, 0.2), (0.5, 0.8), (0.2, 0.9))),
    ("line", ((0.7, 0.9), (0.65, 0.3))),
    ("mask", ((0.8, 0.0), (1.0, 0.0), (1.0, 0.2), (0.8, 0.2))),
)
_RECENT = ("rtsp://192.0.2.1/live", "http://192.0.2.7/video.mjpg")


class Photographer:
    """Keeps images of pages, numbered in their order."""

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder, self._mark = folder, mark
        self._taken = 0

    def take(self, name: str, page: QWidget) -> None:
        """Keep the image of a page, once it has come to rest."""
        settle()
        self._taken += 1
        page.grab().save(str(self._folder / f"{self._taken:02d}-{name}-{self._mark}.png"))


def photograph(window: MainWindow, camera: Photographer, clip: Path, weights: list[Path], out: Path) -> None:
    """Keep the image of every page.

    Args:
        window: Shown, with nothing open.
        camera: Keeps them.
        clip: A video.
        weights: Files of models to import.
        out: Folder for what the exports write.
    """
    services = window.services
    wait_until(lambda: bool(window.stage.start.isVisible() and services.settings.current.model.name), "start page")
    camera.take("start", window)
    window.open_source(str(clip))
    wait_until(lambda: len(window.stage.view.detections()) > 0, "detections")
    wait_until(lambda: "age" in window.status.shown(), "figures")
    camera.take("live", window)
    _banners(window, camera)
    services.controller.playback.toggle_pause()
    _zones(window, camera)
    for name, dialog in _dialogs(window):
        dialog.show()
        camera.take(name, dialog)
        dialog.close()
    _models(window, camera, weights)
    _one_export(window, camera, clip, out)
    _queue(window, camera, clip, out)
    _events(window, camera, clip, out)
    _alarms(window, camera)


def _banners(window: MainWindow, camera: Photographer) -> None:
    from app.core.errors import AppError

    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes calls and says nothing
        window.open_source(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live")
        camera.take("opening", window)
        window.actions_by_name["escape"].trigger()
    error = AppError("The camera “Integrated RGB Camera” is in use by another program.", "Close the other program.")
    window.services.banner.tell_error(error, action=("Try again", settle))
    camera.take("banner-error", window)
    window.services.banner.tell("success", "Snapshot saved.", "It is in the folder of your pictures.")
    window.services.banner.dismiss()
    window.services.banner.tell("success", "Snapshot saved.", "It is in the folder of your pictures.")
    camera.take("banner-success", window)
    window.services.banner.dismiss()


def _zones(window: MainWindow, camera: Photographer) -> None:
    """One of each, one that cannot be kept, then as they are watched."""
    editor = window.zones.editor
    window.actions_by_name["zones"].trigger()
    for kind, points in _SHAPES:
        editor.drawing.add(kind, points)
        editor.overlay.refresh()
        camera.take(f"zones-{kind}", window)
    editor.drawing.select(0, 1)
    editor.drawing.edit.move_point(0, 1, (0.05, 0.6))
    editor.overlay.refresh()
    camera.take("zones-refused", window)
    editor.drawing.cancel()
    window.actions_by_name["zones"].trigger()
    camera.take("zones-watched", window)


def _dialogs(window: MainWindow) -> Iterator[tuple[str, QDialog]]:
    """Names and dialogs that only have to be shown."""
    from app.ui.about import AboutDialog
    from app.ui.faults.report_dialog import ReportDialog
    from app.ui.guides import GUIDES
    from app.ui.help_sheet import HelpSheet
    from app.ui.licences_dialog import LicencesDialog
    from app.ui.view.address_dialog import AddressDialog

    window.dialogs.show_preferences()
    assert window.dialogs.preferences is not None
    yield "preferences", window.dialogs.preferences
    yield "help", HelpSheet(window)
    window.commands.show_guide(next(iter(GUIDES)))
    assert window.commands.guides is not None
    yield "guides", window.commands.guides
    yield "about", AboutDialog(window)
    yield "licences", LicencesDialog(window)
    yield "address", AddressDialog(_RECENT, window)
    report = "Fatal Python error: Segmentation fault\n\n" + "\n".join(f'  File "app/core/{n}.py"' for n in range(30))
    words = "The last time, the program ended by itself: segmentation fault. Nothing was sent anywhere."
    yield "crash", ReportDialog("ssd-viewer ended unexpectedly", words, report, Path("report.txt"), window)


def _models(window: MainWindow, camera: Photographer, weights: list[Path]) -> None:
    dialog = window.dialogs.show_models()
    wait_until(lambda: bool(dialog.cards), "models")
    camera.take("models", dialog)
    for name in ("everyday", "ssd300-vgg16-coco"):
        dialog.show_model(name)
        camera.take(f"model-{name}", dialog)
    for path in weights:
        dialog.show_import(path)
        wait_until(lambda: dialog.sheet is not None and dialog.sheet.work.isHidden(), str(path))
        assert dialog.sheet is not None
        wait_until(lambda: dialog.sheet is None or not dialog.sheet.pictures.looks.running, str(path))
        camera.take(f"import-{path.stem}", dialog.sheet)
        dialog.sheet.reject()
    dialog.close()


def _one_export(window: MainWindow, camera: Photographer, clip: Path, out: Path) -> None:
    window.exports.show_one(clip)
    dialog = window.exports.dialog
    assert dialog is not None
    wait_until(dialog.form.start.isEnabled, "export form")
    camera.take("export-form", dialog)
    dialog.form.output.line.setText(str(out / "one.mp4"))
    dialog.form.start.click()
    wait_until(lambda: not dialog.page.preview.is_empty, "preview")
    camera.take("export-progress", dialog)
    wait_until(lambda: dialog.has_ended, "result")
    camera.take("export-result", dialog)
    dialog.close()


def _queue(window: MainWindow, camera: Photographer, clip: Path, out: Path) -> None:
    window.exports.show_many([clip])
    dialog = window.exports.queue
    assert dialog is not None
    wait_until(dialog.form.start.isEnabled, "queue form")
    camera.take("queue-form", dialog)
    dialog.form.output.line.setText(str(out))
    dialog.form.start.click()
    wait_until(lambda: any(item.state == "running" for item in dialog.view.model.items), "queue")
    camera.take("queue-running", dialog)
    wait_until(lambda: not window.services.queue.running, "queue's end")
    camera.take("queue-done", dialog)
    dialog.close()


def _events(window: MainWindow, camera: Photographer, clip: Path, out: Path) -> None:
    """The list of events from before the analysis to a case, and that of all videos."""
    desk = window.events
    video = Path(shutil.copy(clip, out / "street.mp4"))
    window.open_source(str(video))
    window.show_events()
    wait_until(lambda: desk.feed.state.kind == "offer", "offer")
    camera.take("events-offer", window)
    window.actions_by_name["analyse"].trigger()
    wait_until(window.stage.analysis.isVisible, "analysis")
    camera.take("events-analysing", window)
    wait_until(lambda: desk.feed.state.kind == "ready", "events")
    window.services.banner.dismiss()
    desk.next_event()
    camera.take("events", window)
    desk.panel.page.reject.click()
    desk.panel.filters.longer.field.setValue(1.0)
    camera.take("events-narrowed", window)
    desk.panel.filters.search.setText("nothing like that")
    camera.take("events-none", window)
    desk.panel.filters.show_all()
    settle()
    desk.make_case()
    assert desk.cases.dialog is not None
    camera.take("case", desk.cases.dialog)
    desk.cases.dialog.reject()
    window.side.show_page(desk.all_panel)
    desk.all.add_folder(out)
    wait_until(lambda: desk.all_panel.list.events.rowCount() > 0, "all videos")
    camera.take("events-all", window)


def _alarms(window: MainWindow, camera: Photographer) -> None:
    """Their page over a live source with and without rules, armed, and the dialogs."""
    from app.core.alarms.alarm_store import AlarmRule
    from app.core.alarms.rules import Rule
    from tools.fixtures.mjpeg_server import MjpegServer

    alarms, none = window.alarms, frozenset[str]()
    window.show_alarms()
    camera.take("alarms-no-source", window)
    with MjpegServer(fps=15, size=(640, 480)) as server:
        window.open_source(server.url)
        wait_until(lambda: alarms.model.source is not None, "live source")
        alarms.panel.add.click()
        assert alarms.dialog is not None
        camera.take("alarms-rule", alarms.dialog)
        alarms.panel.ways.click()
        camera.take("alarms-ways", alarms.dialog)
        alarms.dialog.close()
        rules = (
            Rule(clip=False, ways=none),
            Rule("absent", ("person",), for_s=1.0, ways=none),
            Rule("gone", for_s=30.0),
        )
        alarms.model.replace(tuple(AlarmRule(rule) for rule in rules))
        alarms.panel.arm.click()
        wait_until(lambda: alarms.panel.log.count() > 0, "an event")
        camera.take("alarms-armed", window)
        window.set_fullscreen(True)
        camera.take("alarms-full-screen", window)
        window.set_fullscreen(False)
        window.services.controller.close_source()


def main() -> int:
    """Take the images."""
    parser = argparse.ArgumentParser(prog="python -m tools.window_pages", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--clip", type=Path, default=ROOT / "assets" / "demo.mp4", metavar="FILE")
    parser.add_argument("--weights", type=Path, action="append", default=[], metavar="FILE", help="a model to import")
    parser.add_argument("--theme", choices=("light", "dark"), default="dark", help="(default: dark)")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 800), metavar=("W", "H"), help="of the window")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    scale = os.environ.get("QT_SCALE_FACTOR", "1")
    mark = f"{given.theme}-{given.size[0]}x{given.size[1]}-{scale}"
    with tempfile.TemporaryDirectory() as own:
        os.environ.update({f"XDG_{name}_HOME": str(Path(own) / name.lower()) for name in ("CONFIG", "DATA", "CACHE")})
        window = open_window(given.theme, tuple(given.size))
        try:
            photograph(window, Photographer(given.folder, mark), given.clip, given.weights, Path(own))
        finally:
            window.close_now()
    return 0


if __name__ == "__main__":
    sys.exit(main())
