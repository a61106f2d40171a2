"""The banner: one message at a time, and which of two stays."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication

from app.ui.widgets.banner import Banner
from tests.support.qt_checks import cut_texts, place, settle
from tests.support.qt_fakes import VIDEO, Desk


def test_good_news_never_hides_a_failure(table: Desk) -> None:
    banner = table.services.banner
    banner.tell("error", "It failed.", topic="source")
    banner.tell("success", "Saved.")
    assert banner.words[0] == "It failed."


def _is_legible(banner: Banner) -> bool:
    return banner.height() >= banner.heightForWidth(banner.width()) > 40 and cut_texts(banner) == []


def test_a_message_moves_nothing(table: Desk) -> None:
    table.open(VIDEO)
    settle()
    view, banner = table.window.stage.view, table.services.banner
    before = place(view)
    banner.tell("error", "It failed.", "Try another. " * 20)
    settle()
    assert place(view) == before
    assert place(table.window.stage).contains(place(banner))
    assert _is_legible(banner)
    table.window.resize(700, 500)
    settle()
    assert place(table.window.stage).contains(place(banner))
    assert _is_legible(banner)


def test_a_message_with_a_button_stays(table: Desk) -> None:
    banner = table.services.banner
    banner.tell("success", "Saved.")
    assert banner.leaves
    banner.tell("success", "Saved.", action=("Open folder", settle))
    assert not banner.leaves


def test_a_message_stays_while_the_mouse_is_on_it(table: Desk) -> None:
    banner = table.services.banner
    banner.tell("success", "Saved.")
    where = QPointF(5, 5)
    QApplication.sendEvent(banner, QEnterEvent(where, where, where))
    assert not banner.leaves
    QApplication.sendEvent(banner, QEvent(QEvent.Type.Leave))
    assert banner.leaves
