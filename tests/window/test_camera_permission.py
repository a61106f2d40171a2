"""Whether a camera is opened only after the system allowed it; the system is played here, as it is macOS's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication, Qt

from app.ui import camera_permission
from tests.support.qt_fakes import Desk

Status = Qt.PermissionStatus


class System:
    """Asks the user once, who says ``answer``."""

    def __init__(self, answer: Status) -> None:
        self.answer, self.status = answer, Status.Undetermined
        self.asked: list[Callable[[object], None]] = []

    def checkPermission(self, _permission: object) -> Status:  # noqa: N802 - Qt's name
        return self.status

    def requestPermission(self, permission: object, _context: object, then: Callable[[object], None]) -> None:  # noqa: N802 - likewise
        self.status = self.answer
        self.asked.append(then)
        then(permission)


def _play(monkeypatch: pytest.MonkeyPatch, system: System) -> None:
    monkeypatch.setattr(camera_permission, "system_asks", lambda: True)
    monkeypatch.setattr(camera_permission, "QCoreApplication", type("Fake", (), {"instance": lambda: system}))


def test_a_camera_opens_once_it_is_allowed(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(Status.Granted)
    _play(monkeypatch, system)
    table.window.open_source("/films/street.mp4")
    assert not system.asked, "a file needs no camera"
    for _ in range(2):
        table.window.open_source("camera:0")
    assert len(system.asked) == 1
    assert [call[1] for call in table.session.calls] == ["/films/street.mp4", "camera:0", "camera:0"]


def test_a_refusal_is_told_and_nothing_is_opened(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _play(monkeypatch, System(Status.Denied))
    table.window.open_source("camera:0")
    assert table.sessions == []
    assert "does not let" in table.services.banner.words[0]


def test_here_nobody_is_asked(table: Desk) -> None:
    assert QCoreApplication.instance() is not None
    table.window.open_source("camera:0")
    assert table.session.names() == ["start"]
