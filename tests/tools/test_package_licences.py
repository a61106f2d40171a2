"""The page of licences names everything the program needs, with the texts the packages carry."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.licences import PAGE, ROOTS, TORCH, licences_page, shown_licences


def test_what_the_program_needs_is_where_the_page_begins(repository: Path) -> None:
    needs = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert {re.split(r"[><=; ]", need)[0] for need in needs} == set(ROOTS)


def test_every_package_is_listed_with_version_licence_and_texts() -> None:
    page = licences_page(full=False)
    listed = dict(re.findall(r"^(\S+) (\d\S*): \S", page, re.MULTILINE))
    for name in (*(name for name in ROOTS if name not in TORCH), "shiboken6", "openvino-telemetry"):
        assert listed[distribution(name).metadata["Name"]] == version(name)
    assert not set(TORCH) & set(listed)
    for title in ("av, LICENSE.txt", "openvino, LICENSE", "openvino, onednn_third-party-programs.txt", "tqdm, LICENCE"):
        assert f"\n{title}\n====" in page


def test_the_terms_of_the_whole_are_those_of_what_is_in_it() -> None:
    import av

    assert "libx264" in av.codecs_available  # else the bundle would not be under the GPL
    lean, full = licences_page(full=False), licences_page(full=True)
    assert "GNU General Public License, version 3" in lean
    assert "CUDA" not in lean.partition("====")[0]
    assert "NVIDIA's own terms" in full
    assert f"torch {version('torch')}: " in full


def test_a_packaged_program_shows_the_page_it_was_made_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PAGE).write_text("the page", encoding="utf-8")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert shown_licences() == "the page"


def test_the_window_shows_the_page(qtbot: QtBot) -> None:
    import shiboken6

    from app.ui.licences import LicencesDialog

    dialog = LicencesDialog()
    try:
        assert dialog.page.toPlainText().startswith("ssd-viewer itself is under the MIT licence")
        assert dialog.page.isReadOnly()
    finally:
        shiboken6.delete(dialog)
