"""The dialog for one video, as the window opens it."""

from __future__ import annotations

from pathlib import Path

from tests.support.qt_fakes import Desk
from tests.support.queue_jobs import request_for


def test_export_asked_for_once_more_begins_with_a_new_form(table: Desk, tmp_path: Path) -> None:
    table.window.exports.show_one(None)
    first = table.window.exports.dialog
    assert first is not None
    first.page.begin(request_for(tmp_path / "a.mp4"))
    first.pages.setCurrentWidget(first.page)
    table.window.exports.show_one(None)
    second = table.window.exports.dialog
    assert second is not None
    assert second is not first
    assert second.form.isVisible()
    table.window.exports.show_one(None)
    assert table.window.exports.dialog is second, "a form that is open keeps what was chosen"
