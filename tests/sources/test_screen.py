"""The screen as a source: what is drawn on an X server of the test's own is what the frames hold."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import AppError
from app.core.sources.base import SourceLostError, SourceOptions
from app.core.sources.screen import ScreenSource, is_screen, list_screens
from app.core.sources.uri import kind_by_name, kind_of, open_source, shown_name
from tests.support.command_line import Capture, run
from tests.support.x_server import Display, x_server

_RED_AND_BLUE = """
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QApplication, QWidget

class Painted(QWidget):
    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(0, 0, 100, 80, QColor(255, 0, 0))
        painter.fillRect(100, 0, 100, 80, QColor(0, 0, 255))
        painter.end()
        print("painted", flush=True)

application = QApplication([])
window = Painted()
window.setWindowFlag(Qt.WindowType.FramelessWindowHint)
window.setGeometry(50, 40, 200, 80)
window.show()
application.exec()
"""


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    with x_server("640x480x24") as server:
        monkeypatch.setenv("DISPLAY", server.name)
        yield server


@pytest.fixture
def painted(display: Display) -> Iterator[Display]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "xcb"}
    with subprocess.Popen(
        [sys.executable, "-c", _RED_AND_BLUE], env=environment, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "painted\n"
        yield display
        program.kill()


@pytest.mark.xvfb
def test_a_region_holds_what_is_painted_there(painted: Display) -> None:
    source = open_source("screen:200x80+50+40")
    try:
        assert (source.info.kind, source.info.width, source.info.height) == ("screen", 200, 80)
        wanted = np.zeros((80, 200, 3), np.uint8)
        wanted[:, :100, 2] = wanted[:, 100:, 0] = 255
        for _ in range(200):  # what is painted may take a moment to be shown
            frame = source.read()
            assert frame is not None
            if np.array_equal(frame.image_bgr, wanted):
                break
        np.testing.assert_array_equal(frame.image_bgr, wanted)
        assert (frame.image_bgra[..., 3] == 255).all()
    finally:
        source.close()


@pytest.mark.xvfb
def test_the_whole_screen_at_the_rate_asked_for(display: Display) -> None:
    assert [(screen.number, screen.width, screen.height) for screen in list_screens()] == [(1, 640, 480)]
    source = ScreenSource("", SourceOptions(fps=100))
    frames = [source.read() for _ in range(5)]
    source.close()
    assert [frame.index for frame in frames] == list(range(5))
    assert {frame.image_bgr.shape for frame in frames} == {(480, 640, 3)}
    assert source.info.fps == 100


@pytest.mark.xvfb
@pytest.mark.parametrize("query", ["0", "2", "700x100+0+0", "100x100+600+0", "100x100-1+0", "8x8+0+0", "99999x9+0+0"])
def test_what_is_not_there(display: Display, query: str) -> None:
    with pytest.raises(AppError):
        ScreenSource(query, SourceOptions())


@pytest.mark.xvfb
def test_a_display_that_goes_away_is_a_lost_source(monkeypatch: pytest.MonkeyPatch) -> None:
    from mss.exception import ScreenShotError

    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    with x_server("640x480x24") as server:
        monkeypatch.setenv("DISPLAY", server.name)
        source = ScreenSource("1", SourceOptions())

        def gone(_place: object) -> None:
            raise ScreenShotError("gone")

        monkeypatch.setattr(source._screens, "grab", gone)  # xlib itself would end the process
        with pytest.raises(SourceLostError):
            source.read()
        source.close()


def test_without_a_display_and_on_wayland_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("X and Wayland are Linux's")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(AppError, match="cannot be captured"):
        ScreenSource("", SourceOptions())
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with pytest.raises(AppError, match="Wayland"):
        ScreenSource("", SourceOptions())
    assert list_screens() == []


def test_names() -> None:
    assert kind_of("screen:") == kind_by_name("screen:2") == "screen"
    assert (shown_name("screen:"), shown_name("screen:2")) == ("screen", "screen 2")
    assert all(map(is_screen, ("", "1", "12", "1280x720+100+50", "1280x720-100+50")))
    assert not any(map(is_screen, ("x", "1280x720", "-1", "1.5", "1280x720+100", "٣x", "9999")))


@pytest.mark.parametrize(
    "words", [["--screen", "middle"], ["--screen", "1", "--camera", "0"], ["--screen=1", "a.mp4"]], ids=" ".join
)
def test_wrong_usage(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    assert run(capsys, *words)[0] == 2
