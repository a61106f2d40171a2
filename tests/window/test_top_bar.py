"""The bar at the top says in words what its commonest buttons do, where there is room."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from tests.support.qt_checks import cut_texts, settle
from tests.support.qt_fakes import Desk


@pytest.mark.parametrize(("width", "labelled"), [(1240, True), (900, True), (480, False)])
def test_export_and_snapshot_are_labelled_where_there_is_room(table: Desk, width: int, labelled: bool) -> None:
    table.window.resize(width, 600)
    settle()
    bar = table.window.top_bar
    styles = {button.text(): button.toolButtonStyle() for button in bar.labelled}
    shown = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if labelled else Qt.ToolButtonStyle.ToolButtonIconOnly
    assert styles == dict.fromkeys(("Snapshot", "Record", "Analyse", "Export"), shown)
    assert cut_texts(bar) == []
    assert table.window.actions_by_name["export"].text() == "Export annotated video…", "in the menu, all of it"
