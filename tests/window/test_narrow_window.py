"""In a narrow window the panel lies over the view; what can be pressed there keeps out of its way."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QPushButton, QWidget

from tests.support.qt_checks import settle
from tests.support.qt_fakes import VIDEO, Desk, make_candidates, make_result


def place_of(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, widget.rect().topLeft()), widget.size())


def test_nothing_that_can_be_pressed_is_covered_by_the_panel(table: Desk) -> None:
    window = table.window
    banner, notice = table.services.banner, window.stage.view.notice
    table.open(replace(VIDEO, kind="image"), "/pictures/street.png")
    table.qtbot.waitUntil(lambda: table.controller.model is not None)
    table.give(make_result(make_candidates((10, 10, 60, 60, 0.4, 0))))
    table.qtbot.waitUntil(notice.isVisible)
    for width, covered in ((560, True), (1200, False)):
        window.resize(width, 480)
        settle()
        window.show_events()
        banner.tell("warning", "Something is the matter.", action=("Mend it", settle))
        settle()
        assert window.body.split.is_narrow == covered
        button = next(each for each in banner.findChildren(QPushButton) if each.text() == "Mend it")
        for pressed in (button, notice.button):
            middle = place_of(pressed, window).center()
            assert window.childAt(middle) is pressed, (width, pressed.text())
    window.resize(560, 480)
    settle()
    assert not window.body.split.panel_open
    assert banner.isVisible()
    assert banner.parentWidget() is not window.body.split
