"""The dialog for the address of a stream: what it makes of what is typed, and what it opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.core.settings import Settings, SourceSettings
from app.ui.view.address_dialog import EXAMPLES, AddressDialog, judged
from tests.support.qt_fakes import CAMERA, Desk, desk

RECENT = ("/films/a.mp4", "rtsp://***@10.0.0.9/live", "camera:0", "10.0.0.7:8080/video")


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path, Settings(source=SourceSettings(recent=RECENT))) as made:
        yield made


def shown(table: Desk) -> AddressDialog:
    table.window.actions_by_name["open_address"].trigger()
    dialog = table.window.findChild(AddressDialog)
    assert isinstance(dialog, AddressDialog)
    table.qtbot.waitExposed(dialog)
    return dialog


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("", ""),
        ("rtsp://", ""),
        ("rtsp://cam.local/live", "rtsp://cam.local/live"),
        (" HTTP://10.0.0.7:8080/video ", "HTTP://10.0.0.7:8080/video"),
        ("10.0.0.7:554/live", "10.0.0.7:554/live"),
        ("jane:pw@cam.local", "jane:pw@cam.local"),
        ("cam.local", "cam.local/"),
        ("rtsp:/cam.local/live", ""),
        ("rtmp://cam.local/live", ""),
        ("http://cam.local:0x/", ""),
        ("a camera", ""),
    ],
)
def test_what_is_typed_is_an_address_or_is_not(typed: str, address: str) -> None:
    verdict = judged(typed)
    assert verdict.address == address
    assert verdict.words


def test_it_says_what_is_tried_where_the_scheme_is_missing(table: Desk) -> None:
    dialog = shown(table)
    assert not dialog.go.isEnabled()
    QTest.keyClicks(dialog.line, "10.0.0.7:8080/video")
    assert dialog.verdict.text() == "Without a scheme: tries http://, then https://, then rtsp://."
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert table.session.calls[-1][1] == "10.0.0.7:8080/video"
    table.qtbot.waitUntil(lambda: table.window.findChild(AddressDialog) is None)


def test_a_scheme_that_is_not_understood_is_said_before_it_is_tried(table: Desk) -> None:
    dialog = shown(table)
    QTest.keyClicks(dialog.line, "rtmp://10.0.0.7/live")
    assert "rtmp://" in dialog.verdict.text()
    assert judged(dialog.line.text()).wrong
    QTest.keyClick(dialog.line, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert table.sessions == []


def test_recent_addresses_are_offered_without_their_secrets(table: Desk) -> None:
    dialog = shown(table)
    rows = [dialog.recent.item(row) for row in range(dialog.recent.count())]
    assert [row.text() for row in rows] == ["rtsp://***@10.0.0.9/live", "10.0.0.7:8080/video"]
    dialog.recent.itemActivated.emit(rows[0])
    assert table.session.calls[-1][1] == "rtsp://***@10.0.0.9/live", "the session finds what the stars stand for"


def test_examples_fill_the_field(table: Desk) -> None:
    dialog = shown(table)
    examples = [button for button in dialog.findChildren(QPushButton) if button.objectName() == "link"]
    assert [button.text() for button in examples] == [address for _, address in EXAMPLES]
    for button in examples:
        button.click()
        assert dialog.go.isEnabled()
    assert dialog.line.selectedText() == EXAMPLES[-1][1]
    dialog.reject()
    assert table.sessions == []
    table.open(CAMERA, "camera:0")  # the keys are the window's again
