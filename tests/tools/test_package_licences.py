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
from detector.weights import load_spec
from tests.support.box import use_box


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


def test_the_model_that_others_began_carries_their_terms_and_credit(repository: Path) -> None:
    page = licences_page(full=False)
    terms, _, rest = page.partition("=" * 80)
    assert "initialised from ssdlite_mobilenet_v2_coco" in " ".join(terms.split())
    section = rest.partition('The model "everyday"\n')[2]
    for words in ("© The TensorFlow Authors", "Changed by", "Apache License", "4. Redistribution", "END OF TERMS"):
        assert words in section
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    assert "weights/everyday.LICENSE.txt" in project["project"]["license-files"]
    assert "weights/*" in project["tool"]["setuptools"]["data-files"]["share/ssd-viewer/weights"]
    spec = load_spec(repository / "weights" / "everyday.safetensors")
    assert spec.licence.startswith("Apache-2.0; initialised from ssdlite_mobilenet_v2_coco, © The TensorFlow Authors")


def test_a_box_without_that_model_owes_it_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_box(monkeypatch, tmp_path / "box", everyday=False)
    assert "END OF TERMS" not in licences_page(full=False).partition('The model "everyday"\n')[2]


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

    from app.ui.licences_dialog import LicencesDialog

    dialog = LicencesDialog()
    try:
        assert dialog.page.toPlainText().startswith("ssd-viewer itself is under the MIT licence")
        assert dialog.page.isReadOnly()
    finally:
        shiboken6.delete(dialog)
