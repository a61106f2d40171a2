"""Files dropped on the window: recognised by name, and passed on by where they fall."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPointF

from app.ui.widgets.drops import classify
from tests.support.drops import drop
from tests.support.qt_fakes import Desk


@pytest.mark.parametrize(("fraction", "what"), [(0.25, "watch"), (0.75, "export")])
def test_dropped_video_is_watched_or_exported(table: Desk, tmp_path: Path, fraction: float, what: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"")
    where = QPointF(table.window.width() * fraction, table.window.height() / 2)
    drop(table.window, [path], where)
    if what == "watch":
        assert table.session.calls[0][1] == str(path)
    else:
        dialog = table.window.exports.dialog
        assert dialog is not None
        assert dialog.form.source.path == path
        assert table.sessions == []


def test_dropped_folder_and_image_are_opened(table: Desk, tmp_path: Path) -> None:
    picture = tmp_path / "bird.JPG"
    picture.write_bytes(b"")
    left = QPointF(200, table.window.height() / 2)
    drop(table.window, [tmp_path], left)
    drop(table.window, [picture], left)
    assert [call[1] for call in table.session.calls] == [str(tmp_path), str(picture)]


def test_dropped_weights_are_shown_before_they_go_to_the_library(table: Desk, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(b"no weights at all")
    drop(table.window, [path], QPointF(200, 200))
    dialog = table.window.dialogs.models
    assert dialog is not None
    sheet = dialog.sheet
    assert sheet is not None
    table.qtbot.waitUntil(sheet.trouble.isVisible)
    assert "net.pth" in sheet.trouble.text()
    assert not sheet.go.isEnabled()
    assert table.sessions == []


def test_dropped_text_is_refused(table: Desk) -> None:
    drop(table.window, [], QPointF(200, 200))
    assert table.sessions == []


def test_drops_by_name(tmp_path: Path) -> None:
    assert classify([]).kind == "nothing"
    assert classify([tmp_path]).kind == "folder"
    assert classify([Path("a.MOV")]).kind == "video"
    assert classify([Path("a.unknown")]).kind == "video", "the reader says what is wrong with it"
    assert classify([Path("a.png"), Path("b.jpg")]).kind == "image"
    assert classify([Path("a.png"), Path("b.mp4")]).kind == "mixed"
    assert classify([Path("a.safetensors")]).kind == "weights"
    assert classify([tmp_path / "model.json", tmp_path / "group1-shard1of1.bin"]).paths == (tmp_path / "model.json",)
    (tmp_path / "model.json").touch()
    assert classify([tmp_path]).kind == "weights", "the folder of a TensorFlow.js model"
