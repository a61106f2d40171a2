"""The user is told when exports end, if nobody is looking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.ui.widgets.notify import Notifier, Portal, Tray, portal_call
from tests.support.qt_fakes import Desk
from tests.support.queue_jobs import touch


class Told:
    """A way to tell that remembers, and works or does not."""

    def __init__(self, works: bool = True, later: bool = True) -> None:
        self.works, self.later = works, later
        self.said: list[tuple[str, str]] = []

    def __call__(self, title: str, words: str, failed: Callable[[], None]) -> bool:
        self.said.append((title, words))
        if self.works and not self.later:
            failed()
        return self.works


def test_end_of_the_queue_is_told_when_nobody_looks(
    table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    table.window.exports.notifier.ways = (told,)
    monkeypatch.setattr(QApplication, "activeWindow", staticmethod(lambda: None))
    for name, wanted in (("a.mp4", True), ("b.mp4", False)):
        table.settings.set("window", "notify", wanted)
        touch(tmp_path / name)
        table.window.exports.show_many([tmp_path / name])
        dialog = table.window.exports.queue
        assert dialog is not None
        table.qtbot.waitUntil(dialog.form.start.isEnabled)
        dialog.form.start.click()
        dialog.hide()
        with table.qtbot.waitSignal(table.queue.ended):
            table.queued.get(name).finish()
    assert told.said == [("Exports ended", "Done. 7 detections in 100 frames.")]
    assert table.services.banner.isVisible()


@pytest.mark.parametrize(("looking", "wanted", "times"), [(False, True, 1), (True, True, 0), (False, False, 0)])
def test_who_looks_or_wants_nothing_is_not_told(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, looking: bool, wanted: bool, times: int
) -> None:
    window, told = QWidget(), Told()
    monkeypatch.setattr(QApplication, "activeWindow", staticmethod(lambda: window if looking else None))
    Notifier(window, lambda: wanted, [told]).tell("Export done", "a.mp4")
    assert len(told.said) == times
    window.deleteLater()


def test_next_way_is_taken_when_one_does_not_work(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    window, alerts = QWidget(), []
    monkeypatch.setattr(QApplication, "activeWindow", staticmethod(lambda: None))
    monkeypatch.setattr(QApplication, "alert", staticmethod(alerts.append))
    ways = [Told(works=False), Told(later=False), Told(works=False)]
    Notifier(window, lambda: True, ways).tell("Export done", "a.mp4")
    assert [len(way.said) for way in ways] == [1, 1, 1]
    assert alerts == [window]
    window.deleteLater()


def test_tray_shows_a_balloon_where_there_is_one(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, str]] = []

    class FakeIcon:
        there = True

        def __init__(self, *_: object) -> None: ...

        @classmethod
        def isSystemTrayAvailable(cls) -> bool:  # noqa: N802 - Qt's name
            return cls.there

        @staticmethod
        def supportsMessages() -> bool:  # noqa: N802 - Qt's name
            return True

        def setToolTip(self, _: str) -> None: ...  # noqa: N802 - Qt's name

        def show(self) -> None: ...

        def hide(self) -> None: ...

        def showMessage(self, title: str, words: str, *_: object) -> None:  # noqa: N802 - Qt's name
            shown.append((title, words))

    monkeypatch.setattr("app.ui.widgets.notify.QSystemTrayIcon", FakeIcon)
    owner = QWidget()
    tray = Tray(owner)
    assert tray.tell("Export done", "a.mp4", lambda: None)
    assert shown == [("Export done", "a.mp4")]
    FakeIcon.there = False
    assert not tray.tell("Export done", "a.mp4", lambda: None)
    owner.deleteLater()


def test_portal_is_asked_as_its_interface_says_and_missing_where_there_is_no_bus(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = portal_call("Export done", "a.mp4")
    assert (call.service(), call.member()) == ("org.freedesktop.portal.Desktop", "AddNotification")
    assert call.arguments() == ["work-ended", {"title": "Export done", "body": "a.mp4"}]
    monkeypatch.setattr("sys.platform", "win32")
    owner = QWidget()
    assert not Portal(owner).tell("Export done", "a.mp4", lambda: None)
    owner.deleteLater()
