"""Downloading a model: progress, cancelling, failing and resuming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.core.errors import AppError
from app.core.files.disk import size_text
from app.core.paths import settings_file
from app.core.settings import NetworkSettings, Settings
from app.ui.models.download_bar import progress_text
from app.ui.models.models_dialog import ModelsDialog
from detector.errors import DetectorError
from detector.registry import MODELS
from detector.spec import WeightsFile
from tests.support.file_server import FileServer, cut_after
from tests.support.model_files import put_model
from tests.support.models_dialog import FETCHED, start_download
from tests.support.qt_fakes import Desk, FakeProgress


def test_a_download_shows_how_far_it_is_and_ends_on_the_library(
    dialog: ModelsDialog, table: Desk, tmp_path: Path
) -> None:
    fetch = start_download(table, dialog)
    details, card = dialog.details, dialog.list.views[FETCHED]
    assert not details.download.isVisible()
    assert details.progress.line.text() == "Starting…"
    fetch.report(FakeProgress(40_000_000, 142_593_753, 4_000_000.0))
    table.qtbot.waitUntil(lambda: "4.0 MB/s" in details.progress.line.text())
    assert details.progress.line.text() == "40.0 MB of 143 MB  ·  4.0 MB/s  ·  25 s left"
    assert card.download.isVisible()
    assert details.progress.bar.value() / details.progress.bar.maximum() == pytest.approx(0.28, abs=0.01)
    fetch.arrive = lambda: put_model(tmp_path / "models", FETCHED)
    fetch.go.set()
    table.qtbot.waitUntil(lambda: dialog.cards[FETCHED].status == "imported")
    assert dialog.banner.kind == "success"
    assert dialog.banner.words[1].endswith("which nobody published."), "an unverified file is not called checked"
    assert not details.progress.isVisible()
    assert details.use.isVisible()
    next(b for b in dialog.banner.findChildren(QPushButton) if b.isVisibleTo(dialog.banner)).click()
    assert table.settings.current.model.name == FETCHED


def _leave_a_part(folder: Path) -> None:
    part = folder / "models" / ".downloads" / "ssd300_vgg16_coco-b556d3b4.pth.part"
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"x" * 40_000)


def test_a_download_that_fails_half_way_says_why_and_goes_on(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    fetch = start_download(table, dialog)
    fetch.report(FakeProgress(40_000_000, 142_593_753, 4_000_000.0))
    fetch.error = DetectorError("The connection to example.org broke.", "Check the network.")
    _leave_a_part(tmp_path)
    fetch.go.set()
    table.qtbot.waitUntil(lambda: dialog.banner.isVisible() and dialog.banner.kind == "error")
    assert dialog.banner.words == ("The connection to example.org broke.", "Check the network.")
    resume = "Resume the download (40.0 KB of 143 MB are here)"
    table.qtbot.waitUntil(lambda: dialog.details.download.text() == resume)
    next(b for b in dialog.banner.findChildren(QPushButton) if b.isVisibleTo(dialog.banner)).click()
    table.qtbot.waitUntil(lambda: len(table.fetches) == 2)
    assert dialog.details.progress.isVisible()


def test_cancel(dialog: ModelsDialog, table: Desk, tmp_path: Path) -> None:
    fetch = start_download(table, dialog)
    fetch.report(FakeProgress(1_000_000, None, 0.0))
    fetch.kept = "1.0 MB are kept; the next download goes on from there."
    dialog.details.progress.button.click()
    _leave_a_part(tmp_path)
    assert fetch.stop.is_set()
    assert dialog.details.progress.line.text() == "Stopping…"
    assert not dialog.details.progress.button.isEnabled()
    table.qtbot.waitUntil(lambda: not table.downloads.running)
    assert dialog.banner.kind == "info"
    assert dialog.banner.words[1] == fetch.kept
    table.qtbot.waitUntil(lambda: dialog.details.download.text().startswith("Resume"))
    other = start_download(table, dialog)
    dialog.list.views[FETCHED].download.button.click()
    assert other.stop.is_set(), "the card's own button does the same"
    table.qtbot.waitUntil(lambda: not table.downloads.running)
    assert dialog.banner.words[1] == "", "nothing is said to be kept where nothing is"


def test_closing_the_dialog_stops_what_is_fetched(dialog: ModelsDialog, table: Desk) -> None:
    fetch = start_download(table, dialog)
    dialog.close()
    assert fetch.stop.is_set()
    table.qtbot.waitUntil(lambda: not table.downloads.running)
    table.window.dialogs.show_models()
    assert dialog.details.download.isVisible()


def test_closing_the_window_stops_what_is_fetched(dialog: ModelsDialog, table: Desk) -> None:
    fetch = start_download(table, dialog)
    table.window.close()
    assert fetch.stop.is_set()
    assert not dialog.isVisible()
    assert table.background.close(5.0), "nothing is left running"


def test_enter_on_an_absent_model_fetches_nothing(dialog: ModelsDialog, table: Desk) -> None:
    dialog.list.choose(FETCHED)
    QTest.keyClick(dialog.list.views[FETCHED], Qt.Key.Key_Return)
    assert table.fetches == []
    assert dialog.focusWidget() is dialog.details.download


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (None, "Starting…"),
        (FakeProgress(0, None, 0.0), "0 B"),
        (FakeProgress(5_000_000, None, 1000.0), "5.0 MB  ·  1.0 KB/s"),
        (FakeProgress(142, 142, 10.0), "Checking and adding it to the library…"),
    ],
)
def test_progress_in_text(progress: FakeProgress | None, words: str) -> None:
    assert progress_text(progress) == words


def test_a_real_download_is_cut_resumed_and_on_the_library(
    table: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.core.settings_store import save_settings
    from app.ui.services.download_runner import fetch_model
    from tests.support.tiny_models import save_checkpoint

    save_checkpoint(tmp_path / "faces-320.pth")
    content = (tmp_path / "faces-320.pth").read_bytes()
    name = "ultraface-slim-320"
    published = replace(MODELS[name], weights=WeightsFile("https://example.org/faces-320.pth", "", 0))
    monkeypatch.setitem(MODELS, name, published)
    table.fetch = fetch_model
    monkeypatch.setattr("app.core.paths.models_dir", lambda: tmp_path / "models")
    dialog = table.window.dialogs.show_models()
    with FileServer(content) as server:
        save_settings(settings_file(), Settings(network=NetworkSettings(mirror=server.address)))
        server.answers.append(cut_after(len(content) // 2, silent=True))
        table.qtbot.waitUntil(lambda: name in dialog.cards)
        dialog.list.choose(name)
        dialog.details.download.click()
        table.qtbot.waitUntil(lambda: f"of {size_text(len(content))}" in dialog.details.progress.line.text())
        assert server.stalled.wait(60)
        dialog.details.progress.button.click()
        table.qtbot.waitUntil(lambda: dialog.details.download.text().startswith("Resume"))
        dialog.details.download.click()
        table.qtbot.waitUntil(lambda: dialog.cards[name].status == "imported")
    assert "Range" in server.requests[-1][1]
    assert dialog.list.current == name
    assert dialog.banner.kind == "success"


def test_an_error_of_the_app_is_shown_as_one_line(dialog: ModelsDialog, table: Desk) -> None:
    fetch = start_download(table, dialog)
    fetch.error = AppError("No room.", "")
    fetch.go.set()
    table.qtbot.waitUntil(lambda: dialog.banner.isVisible() and dialog.banner.kind == "error")
    assert dialog.banner.words == ("No room.", "")
