"""What is asked for while it is made is made once more, however often it was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pytestqt.qtbot import QtBot

from app.core.errors import AppError, ExplainedError
from app.ui.services.background import Background
from app.ui.services.renewal import Renewal


def test_asked_while_at_work_it_is_made_once_more(qtbot: QtBot) -> None:
    background, go, begun = Background(), threading.Event(), [0]
    told: list[tuple[int, bool]] = []
    failures: list[ExplainedError] = []

    def begin() -> Callable[[], int] | None:
        begun[0] += 1
        number = begun[0]

        def work() -> int:
            assert go.wait(60)
            if number == 3:
                raise AppError("no")
            return number

        return None if number == 4 else work

    def done(made: int, again: bool) -> None:
        told.append((made, again))

    renewal = Renewal(background, "numbers", begin, done, failures.append)
    for _ in range(5):
        renewal.ask()
    assert begun == [1]
    go.set()
    qtbot.waitUntil(lambda: told == [(1, True), (2, False)])
    renewal.ask()
    qtbot.waitUntil(lambda: len(failures) == 1)
    renewal.ask()
    assert begun == [4], "there was nothing to do"
    renewal.ask()
    qtbot.waitUntil(lambda: told[2:] == [(5, False)])
    assert background.close()
