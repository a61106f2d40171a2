"""The real program where something is missing: it opens its window all the same, or says in one line why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.settings import Settings
from tests.support import window_process
from tests.support.media import make_video
from tests.support.qt_fakes import Desk, desk
from tests.support.x_server import x_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="surroundings of Linux")

SAY = "print(window.windowTitle(), flush=True); window.close()"
WHEN_SHOWN = """
def look():
    if window.stage.view.result is not None:
        timer.stop()
        window.grab()
        {then}
timer = QTimer(window); timer.timeout.connect(look); timer.start(20)
"""


def _without_xdg(home: str, **more: str) -> dict[str, str]:
    """Empty counts as not set."""
    return {"HOME": home, **{f"XDG_{name}_HOME": "" for name in ("CONFIG", "DATA", "CACHE", "STATE")}, **more}


def test_no_home_folder() -> None:
    act = """
    services = window.services
    services.settings.set("detection", "threshold", 0.3)
    services.settings.not_saved.connect(lambda _error: (print(services.banner.words[0], flush=True), window.close()))
    """
    ended = window_process.run(act, environment=_without_xdg("/proc/none"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("The settings cannot be saved: ")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_names_beyond_ascii(tmp_path: Path, locale: str) -> None:
    home = tmp_path / "Jürgen Müller 中文"
    home.mkdir()
    clip = make_video(home / "Ferien Ä 日本.mp4")
    there = _without_xdg(str(home), LC_ALL=locale)
    ended = window_process.run(WHEN_SHOWN.format(then=SAY), clip, environment=there)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", "Ferien Ä 日本.mp4 — ssd-viewer\n")
    kept = json.loads((home / ".config" / "ssd-viewer" / "settings.json").read_text(encoding="utf-8"))
    assert kept["source"]["last"] == str(clip)


def test_no_fonts(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts.conf"
    fonts.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>')
    ended = window_process.run(SAY, environment={"FONTCONFIG_FILE": str(fonts)})
    assert (ended.returncode, ended.stdout) == (0, "ssd-viewer\n")
    assert "ssd-viewer: There are no fonts" in ended.stderr


def test_two_screens_of_different_scale(tmp_path: Path) -> None:
    shared = {"y": 0, "logicalBaseDpi": 96, "dpr": 1}
    one = {"name": "one", "x": 0, "width": 1000, "height": 700, "logicalDpi": 96, **shared}
    two = {"name": "two", "x": 1000, "width": 2000, "height": 1400, "logicalDpi": 192, **shared}
    config = tmp_path / "screens.json"
    config.write_text(json.dumps({"screens": [one, two]}))
    act = WHEN_SHOWN.format(
        then="""
        def tell():
            print(window.devicePixelRatioF(), *window.grab().size().toTuple(), *window.size().toTuple(), flush=True)
        def again():
            if window.devicePixelRatioF() != 1:
                moved.stop()
                tell()
                window.close()
        tell()
        moved = QTimer(window); moved.timeout.connect(again); moved.start(20)
        window.windowHandle().setScreen(QApplication.screens()[1])
        window.move(QApplication.screens()[1].geometry().topLeft())"""
    )
    there = {"QT_QPA_PLATFORM": f"offscreen:configfile={config}"}
    ended = window_process.run(act, make_video(tmp_path / "clip.mp4"), environment=there)
    assert (ended.returncode, ended.stderr) == (0, "")
    # At first smaller than the screen by room for a frame; then as many pixels, laid out at twice the scale.
    assert ended.stdout == "1.0 984 652 984 652\n2.0 984 652 492 326\n"


@pytest.mark.parametrize("there", [{"WAYLAND_DISPLAY": "none-7"}, {"QT_QPA_PLATFORM": "nonsense"}])
def test_a_screen_that_qt_cannot_use_is_one_line(there: dict[str, str]) -> None:
    there = {"QT_QPA_PLATFORM": "", "DISPLAY": "", "XDG_RUNTIME_DIR": "/tmp", **there}
    command = [sys.executable, "-m", "app"]
    done = subprocess.run(
        command, cwd=window_process.ROOT, env={**os.environ, **there}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("ssd-viewer: The window cannot open: ")
    assert done.stderr.count("\n") == 1, done.stderr


def test_an_export_outlives_the_display(tmp_path: Path) -> None:
    """What it did is kept, and the next start offers to go on."""
    clip = make_video(tmp_path / "clip.mp4", frames=3000)
    with x_server() as display:
        act = f"""
        import os, signal
        from pathlib import Path
        from app.core.export.request import ExportRequest
        from app.core.settings import ModelSettings
        runner = window.services.exports
        source, output = Path({str(clip)!r}), Path({str(tmp_path / "out.mp4")!r})
        def told(progress):
            if progress.frames_done > 30:
                os.kill({display.pid}, signal.SIGKILL)
        runner.progress.connect(told)
        runner.start(ExportRequest(source, output, model=ModelSettings(name="demo")))
        """
        there = {"DISPLAY": display.name, "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}
        ended = window_process.run(act, environment=there)
    assert ended.returncode == 1
    assert ended.stderr.startswith("ssd-viewer: The display is gone")
    assert not (tmp_path / "out.mp4").exists()
    offer = """
    def look():
        if window.services.banner.isVisible():
            timer.stop()
            print(window.services.banner.words[0], flush=True)
            window.close()
    timer = QTimer(window); timer.timeout.connect(look); timer.start(20)
    """
    again = window_process.run(offer)
    assert again.stdout.startswith("The export of clip.mp4 was interrupted"), again.stderr


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.mark.expects_log
def test_settings_that_cannot_be_kept_are_told_of_once(table: Desk) -> None:
    told: list[tuple[str, str]] = []

    def fail(_settings: Settings) -> None:
        raise AppError("The settings cannot be saved: No space left on device.", "Check the folder.")

    table.settings._save = fail  # a disk that is full from here on; the real one is not ours to fill
    table.settings.not_saved.connect(lambda *words: told.append(words))
    for value in (0.2, 0.3):
        table.settings.set("detection", "threshold", value)
        table.settings._save_soon()
        table.qtbot.waitUntil(lambda: not table.background.busy)
    assert len(told) == 1
    assert table.services.banner.words[0] == "The settings cannot be saved: No space left on device."
    assert table.services.banner.kind == "warning"
