"""Help that works offline: guides come with the program, their links lead somewhere, and no camera is no dead end."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.ui.guides import GUIDES, NO_CAMERA, VIRTUAL_CAMERA, Guides, guide_path, slug
from app.ui.help_sheet import HelpSheet
from tests.support.qt_checks import settle
from tests.support.qt_fakes import Desk

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture
def guides(qtbot: QtBot) -> Guides:
    made = Guides()
    qtbot.addWidget(made)
    return made


def test_packages_carry_the_guides(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["setuptools"]["data-files"]["share/ssd-viewer/docs"] == ["docs/*.md"]
    bundle = (repository / "build.spec").read_text("utf-8")
    assert '*((str(guide), "docs") for guide in (ROOT / "docs").glob("*.md"))' in bundle
    assert all(guide_path(name).is_file() for name in GUIDES)


@pytest.mark.parametrize("name", GUIDES)
def test_links_in_guides_lead_somewhere(name: str) -> None:
    asked = (where.replace("#", ".md#") for where in (NO_CAMERA, VIRTUAL_CAMERA))
    for link in (*_LINK.findall(guide_path(name).read_text("utf-8")), *asked):
        if link.startswith("http"):
            continue
        file, _, fragment = link.partition("#")
        other = Path(file).stem if file else name
        assert other in GUIDES, link
        headings = {slug(words) for words in _HEADING.findall(guide_path(other).read_text("utf-8"))}
        assert not fragment or fragment in headings, link


@pytest.mark.parametrize("name", GUIDES)
def test_every_guide_is_shown(guides: Guides, name: str) -> None:
    guides.open_guide(name)
    assert guides.shown == name
    assert guides.list.currentItem().text() == GUIDES[name]
    title = guide_path(name).read_text("utf-8").splitlines()[0].removeprefix("# ")
    assert guides.page.toPlainText().startswith(title)


def test_no_title_is_cut(guides: Guides) -> None:
    guides.show()
    settle()
    assert guides.list.horizontalScrollBar().maximum() == 0
    assert guides.list.viewport().width() >= guides.list.sizeHintForColumn(0)


def test_links_are_followed_inside_and_out(guides: Guides, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    guides.open_guide("troubleshooting")
    guides.page.anchorClicked.emit(QUrl("streams.md"))
    assert guides.shown == "streams"
    guides.page.anchorClicked.emit(QUrl("https://www.ray.io"))
    assert opened == ["https://www.ray.io"]
    assert guides.shown == "streams"


def test_a_guide_begins_at_the_heading_that_is_asked_for(guides: Guides) -> None:
    guides.open_guide(NO_CAMERA)
    top = guides.page.cursorForPosition(QPoint(20, 20)).block()
    assert top.text() == "No camera is found"


def test_help_leads_to_the_guides(table: Desk) -> None:
    table.window.actions_by_name["help"].trigger()
    sheet = table.window.findChild(HelpSheet)
    assert sheet is not None
    links = {button.text(): button for button in sheet.findChildren(QPushButton)}
    assert list(links) == list(GUIDES.values())
    links["Export"].click()
    assert table.window.commands.guides is not None
    assert table.window.commands.guides.shown == "export"


@pytest.mark.parametrize("fails", [False, True])
def test_where_there_is_no_camera_the_menu_says_what_to_do(table: Desk, fails: bool) -> None:
    def none() -> list[object]:
        if fails:
            raise AppError("Cameras cannot be listed.")
        return []

    table.list_cameras = none  # type: ignore[assignment] # no camera in it either way
    menu = table.window.camera_menu
    menu.refresh()
    table.qtbot.waitUntil(lambda: any(action.text() == "What to do…" for action in menu.actions()))
    next(action for action in menu.actions() if action.text() == "What to do…").trigger()
    assert table.window.commands.guides is not None
    assert table.window.commands.guides.shown == "troubleshooting"
