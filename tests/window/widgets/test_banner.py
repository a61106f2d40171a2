"""The banner: one message at a time, and which of two stays."""

from __future__ import annotations

from tests.support.qt_fakes import Desk


def test_good_news_never_hides_a_failure(table: Desk) -> None:
    banner = table.services.banner
    banner.tell("error", "It failed.", topic="source")
    banner.tell("success", "Saved.")
    assert banner.words[0] == "It failed."
