"""A window over a session that only remembers what it was told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from tests.support.qt_fakes import Desk, application, desk


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _gone_at_the_end() -> Iterator[None]:
    """What a test leaves to be deleted does not wait for the next one, which would lay its style sheet on all that."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(autouse=True)
def _needs_a_screen(request: pytest.FixtureRequest) -> None:
    """Skips tests that want an X screen (``xvfb``) where there is none."""
    if request.node.get_closest_marker("xvfb") is not None:
        request.getfixturevalue("qapp")
        if application().platformName() != "xcb":
            pytest.skip(f"needs an X screen (xvfb-run), not the {application().platformName()} platform")
