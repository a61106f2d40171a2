"""A folder of photos: leafed through by keys, slider and small images; nothing of it has a rate or a clock."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.frames import FrameResult, ImageBGRA, SourceInfo
from app.core.live.events import LiveState
from app.core.sources.thumbnails import read_thumbnail
from app.ui.services.background import Background
from app.ui.view.film_strip import FilmStrip
from app.ui.widgets.theme import Theme
from tests.sources.test_sources import write_image
from tests.support.qt_fakes import VIDEO, Desk, FakeSession, application, make_candidates, make_frame, make_result

COUNT = 40
FOLDER = SourceInfo("folder", "summer", 320, 180, Fraction(2), Fraction(20), COUNT, seekable=True)


def photo(number: int, name: str) -> FrameResult:
    frame = make_frame(index=number, pts_s=Fraction(number, 2))
    frame = type(frame)(frame.image_bgr, frame.image_bgra, number, frame.pts_s, frame.captured_ns, name)
    return make_result(make_candidates((10, 10, 60, 60, 0.9, 0)), frame)


@pytest.fixture
def summer(tmp_path: Path) -> Path:
    folder = tmp_path / "summer"
    folder.mkdir()
    for index in range(COUNT):
        write_image(folder / f"beach {index + 1}.png", index)
    return folder


def leaf(table: Desk, folder: Path) -> FakeSession:
    session = table.open(FOLDER, str(folder))
    session.enter(LiveState.PAUSED)  # as the real session says of a folder
    table.qtbot.waitUntil(table.window.stage.strip.isVisible)
    return session


def test_the_bar_says_which_image_it_is(table: Desk, summer: Path) -> None:
    leaf(table, summer)
    table.give(photo(4, "beach 5.png"))
    stage = table.window.stage
    assert stage.playback.time.text() == "5 of 40  ·  beach 5.png"
    assert stage.playback.slider.value() == 4
    assert stage.playback.slider.maximum() == COUNT - 1
    assert stage.playback.back.accessibleName() == "Back one image"
    assert "beach 5.png" in table.window.windowTitle()
    assert table.window.status.shown()["source"].startswith("beach 5.png")
    assert stage.strip.currentIndex().row() == 4
    table.open(VIDEO)
    assert not stage.strip.isVisible()
    assert stage.playback.time.text().startswith("0:00.0 / ")


def test_a_folder_after_a_video_begins_at_its_first_image(table: Desk, summer: Path) -> None:
    table.open(VIDEO)
    table.give(make_result(frame=make_frame(pts_s=Fraction(8))))
    session = leaf(table, summer)
    assert "seek" not in session.names()
    assert table.window.stage.playback.slider.value() == 0


def test_nothing_of_a_still_has_a_rate(table: Desk, summer: Path) -> None:
    leaf(table, summer)
    table.give(photo(0, "beach 1.png"))
    table.qtbot.waitUntil(lambda: table.window.status.shown().get("detector") == "Detector 5 ms")
    assert not {"camera", "screen", "age", "drops"} & set(table.window.status.shown())
    table.open(SourceInfo("image", "cat.jpg", 320, 180, frame_count=1), "/cat.jpg")
    table.give(photo(0, "cat.jpg"))
    assert "fps" not in " ".join(table.window.status.shown().values())


def test_keys_and_slider_go_from_image_to_image(table: Desk, summer: Path) -> None:
    session = leaf(table, summer)
    table.give(photo(4, "beach 5.png"))
    actions, slider = table.window.actions_by_name, table.window.stage.playback.slider
    actions["step_forward"].trigger()
    assert session.calls[-1] == ("step", 1)
    slider.setValue(7)
    actions["rewind"].trigger()
    actions["to_end"].trigger()
    actions["jump_forward"].trigger()
    sought = [int(call[1] * 2) for call in session.calls if call[0] == "seek"]  # type: ignore[operator]
    assert sought == [7, 0, 39, 14]


def test_the_strip_goes_where_it_is_pressed(table: Desk, summer: Path) -> None:
    session = leaf(table, summer)
    table.give(photo(0, "beach 1.png"))
    strip = table.window.stage.strip
    cell = strip.visualRect(strip.images.index(3))
    QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())
    strip.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(strip, Qt.Key.Key_Right)
    sought = [int(call[1] * 2) for call in session.calls if call[0] == "seek"]  # type: ignore[operator]
    assert sought == [3, 4]
    assert strip.images.data(strip.images.index(3), Qt.ItemDataRole.AccessibleTextRole) == "4 of 40  ·  beach 4.png"
    table.window.set_fullscreen(True)
    assert not strip.isVisible()
    table.window.set_fullscreen(False)
    assert strip.isVisible()


def test_small_images_are_read_for_what_is_in_sight(qtbot: QtBot, tmp_path: Path) -> None:
    read: list[str] = []

    def reader(path: Path, width: int, height: int) -> ImageBGRA:
        read.append(path.name)
        if path.name == "broken":
            raise AppError("It cannot be read.")
        return np.full((height, width, 4), 200, np.uint8)

    background = Background()
    strip = FilmStrip(Theme(application(), "dark"), background, reader)
    qtbot.addWidget(strip)
    strip.resize(640, 100)
    paths = [tmp_path / name for name in ("broken", *(str(number) for number in range(5000)))]
    strip.show_images(paths)

    def small(number: int) -> QImage | None:
        found = strip.images.data(strip.images.index(number), Qt.ItemDataRole.DecorationRole)
        assert found is None or isinstance(found, QImage)
        return found

    qtbot.waitUntil(lambda: small(1) is not None and strip.images.is_unreadable(paths[0]))
    strip.set_current(4000)
    qtbot.waitUntil(lambda: small(4000) is not None)
    qtbot.waitUntil(lambda: not background.busy)
    assert len(set(read)) < 60, "not the whole folder"
    assert len(read) == len(set(read)), "each once"
    assert strip.images.rowCount(QModelIndex()) == 5001
    assert background.close(5.0)


def test_a_small_image_keeps_its_proportions(tmp_path: Path) -> None:
    path = write_image(tmp_path / "wide.png", 3, (640, 160))
    assert read_thumbnail(path, 96, 64).shape == (24, 96, 4)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(AppError):
        read_thumbnail(tmp_path / "broken.png", 96, 64)
