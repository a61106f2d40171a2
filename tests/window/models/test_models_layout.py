"""The models dialog on a real (virtual) screen: nothing cut, nothing covered, every card within the list's width."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.paths import speeds_file
from app.core.settings import Settings, WindowSettings
from app.core.speeds import MeasuredSpeed, record_speed
from app.ui.models.import_sheet import ImportSheet
from app.ui.models.models_dialog import ModelsDialog
from tests.support.model_files import put_model
from tests.support.qt_checks import cut_texts, outside, overlaps, place, settle
from tests.support.qt_fakes import Desk, FakeProgress, desk

LONG = "a-name-as-long-as-the-shelf-allows-it-to-be-64-characters-in-all"
FETCHED = "ssd300-vgg16-coco"
SIZES = ((1060, 720), (760, 540), (400, 300))

pytestmark = pytest.mark.xvfb


@pytest.fixture(params=["light", "dark"])
def table(qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    put_model(tmp_path / "bundled", "demo", demo=True, licence="MIT")
    accuracy = {f"A long metric on data set number {number}": 0.5 for number in range(3)}
    long = put_model(
        tmp_path / "models", LONG, title="A title " * 12, provenance="0123456789abcdef" * 12, accuracy=accuracy
    )
    record_speed(
        speeds_file(), long, MeasuredSpeed(34.2, "torch_cuda", "cuda:0 (NVIDIA H100 80GB HBM3)", "fp16", "2026-11-22")
    )
    (tmp_path / "models" / "torn.safetensors").write_bytes(b"torn")
    with desk(qtbot, tmp_path, Settings(window=WindowSettings(theme=request.param))) as made:
        yield made


@pytest.fixture
def dialog(table: Desk) -> ModelsDialog:
    shown = table.window.dialogs.show_models()
    table.qtbot.waitExposed(shown)
    table.qtbot.waitUntil(lambda: LONG in shown.cards)
    return shown


def _resize(table: Desk, widget: QWidget, size: tuple[int, int]) -> None:
    widget.resize(*size)
    table.qtbot.waitUntil(lambda: widget.size().toTuple() == size)
    table.qtbot.waitUntil(lambda: not table.background.busy)
    settle()


def _faults(root: QWidget) -> list[str]:
    settle()
    return overlaps(root) + cut_texts(root) + outside(root)


def _too_wide(dialog: ModelsDialog) -> list[str]:
    """Cards that reach beyond the list, or are less high than their words."""
    room = dialog.list.area.viewport().width()
    found = []
    for name, view in dialog.list.views.items():
        box = view.layout()
        assert box is not None
        if view.isVisible() and (view.width() > room or view.height() < box.totalHeightForWidth(view.width())):
            found.append(f"{name}: {view.size()} in {room}")
    return found


@pytest.mark.parametrize("size", SIZES)
def test_list_and_details(table: Desk, dialog: ModelsDialog, size: tuple[int, int]) -> None:
    _resize(table, dialog, size)
    for name in ("demo", LONG, "torn", FETCHED):
        dialog.list.choose(name)
        settle()
        assert _faults(dialog) == [], name
        assert _too_wide(dialog) == [], name
        if dialog.details.isVisible():
            facts = dialog.details.widget()
            assert facts is not None
            assert facts.width() <= dialog.details.viewport().width()
        else:
            dialog.list.views[name].click()
            assert _faults(dialog) == [], f"details of {name}"
            dialog.details.back_button.click()


@pytest.mark.parametrize("size", SIZES)
def test_during_a_download_that_fails(table: Desk, dialog: ModelsDialog, size: tuple[int, int]) -> None:
    _resize(table, dialog, size)
    dialog.list.choose(FETCHED)
    dialog.model_actions.download(dialog.cards[FETCHED])
    table.qtbot.waitUntil(lambda: bool(table.fetches))
    assert _faults(dialog) == []
    table.fetches[0].report(FakeProgress(140_000_000, 142_593_753, 40_000.0))
    bar = dialog.list.views[FETCHED].download
    table.qtbot.waitUntil(lambda: "left" in bar.line.text())
    assert _faults(dialog) == []
    assert _too_wide(dialog) == []
    dialog.banner.tell("error", "A long line about what happened to the download. " * 3, "And what to do. " * 4)
    assert _faults(dialog) == []


@pytest.mark.parametrize("size", [(600, 620), (360, 280)])
def test_the_import_sheet(table: Desk, dialog: ModelsDialog, tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / f"{LONG}-and-more-of-it.safetensors"
    put_model(tmp_path, LONG).rename(path)
    dialog.show_import(path)
    sheet = dialog.sheet
    assert isinstance(sheet, ImportSheet)
    table.qtbot.waitUntil(lambda: not sheet.work.isVisible())  # torch may be loaded meanwhile
    _resize(table, sheet, size)
    assert sheet.trouble.isVisible(), "it holds no weights of its network"
    assert _faults(sheet) == []


@pytest.mark.parametrize("factor", ["2"])
def test_the_same_on_a_dense_screen(repository: Path, factor: str) -> None:
    if "QT_SCALE_FACTOR" in os.environ:
        pytest.skip("this is the inner run")
    chosen = (
        f"{Path(__file__)}::test_list_and_details[dark-size2]",
        f"{Path(__file__)}::test_during_a_download_that_fails[light-size1]",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=repository,
        env={**os.environ, "QT_SCALE_FACTOR": factor},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_dialog_fits_the_screen_it_opens_on(table: Desk, dialog: ModelsDialog) -> None:
    room = dialog.screen().availableSize()
    assert dialog.width() <= room.width()
    assert dialog.height() <= room.height()
    assert place(dialog).width() >= dialog.minimumWidth()
