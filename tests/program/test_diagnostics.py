"""The zip for whoever is asked for help: enough to help by, and nothing of what somebody looked at."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.core import diagnostics
from app.core.diagnostics import private_log, private_report, run_self_test, versions, write_diagnostics
from app.core.errors import AppError
from app.core.logs import start_log, stop_log
from app.core.settings import Settings, SourceSettings
from tests.support.qt_fakes import Desk, desk

SECRETS = ("holiday", "Jane Doe", "hunter2", "example.org", "clip.mp4")
SOURCES = SourceSettings(
    last="rtsp://jane:hunter2@example.org/cam", recent=("/home/Jane Doe/holiday 1.mp4", "clip.mp4")
)

CRASH = """ssd-viewer 0.1.0, Python 3.11.7, Linux

Fatal Python error: Aborted

Thread 0x1 (most recent call first):
  File "/home/Jane Doe/app/core/x.py", line 7 in take
a library said: cannot read holiday 1.mp4
"""


def _report() -> dict[str, Any]:
    return {"ok": True, "checks": [{"name": "av", "ok": True, "detail": "18.1.0"}]}


def test_an_end_that_was_forced_says_where_each_thread_was(tmp_path: Path) -> None:
    log = tmp_path / "ssd-viewer.log"
    code = (
        "import threading; from pathlib import Path; from app.core.exit_watchdog import end_within;"
        f"end_within(0.1, Path({str(log)!r})); threading.Event().wait(60)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 1
    kept = private_log(log.read_text("utf-8")).splitlines()
    assert kept[0].startswith("Timeout (0:00:00.1")
    assert kept[1].startswith("Thread 0x")
    assert any(line.endswith(" in wait") and line.count("/") == 2 for line in kept)
    assert kept[-1].endswith(" in <module>")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_under_the_logs_name_does_not_hold_up_the_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    code = (
        "import threading; from pathlib import Path; from app.core.exit_watchdog import end_within;"
        f"end_within(0.1, Path({str(tmp_path / 'log')!r})); threading.Event().wait(60)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 1


@pytest.mark.expects_log
def test_it_helps_and_tells_nothing(tmp_path: Path) -> None:
    log, target = tmp_path / "ssd-viewer.log", tmp_path / "diagnostics.zip"
    handler = start_log(log)
    logger = logging.getLogger("app.core.live")
    logger.info("kept detections of holiday 1.mp4 are not used")
    message = f"{SOURCES.recent[0]} is\nno video at {SOURCES.last}"
    try:
        raise ValueError(message)
    except ValueError:
        logger.exception("reading clip.mp4 failed")
    stop_log(handler)
    (tmp_path / "crashes").mkdir()
    (tmp_path / "crashes" / "crash-1.txt").write_text(CRASH, encoding="utf-8")
    write_diagnostics(target, replace(Settings(), source=SOURCES), log, _report)
    with zipfile.ZipFile(target) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(files) == {"versions.json", "settings.json", "self-test.json", "ssd-viewer.log", "crashes/crash-1.txt"}
    assert not [(name, secret) for name, text in files.items() for secret in SECRETS if secret in text]
    lines = files["ssd-viewer.log"].splitlines()
    assert lines[0].endswith(" INFO MainThread app.core.live")
    assert lines[1].endswith(" ERROR MainThread app.core.live")
    assert lines[2] == "Traceback (most recent call last):"
    assert 'tests/program/test_diagnostics.py", line ' in lines[3]
    assert lines[4:] == ["    raise ValueError(message)", "ValueError"]
    crash = files["crashes/crash-1.txt"].splitlines()
    assert crash[1:] == [
        "Fatal Python error: Aborted",
        "Thread 0x1 (most recent call first):",
        '  File "app/core/x.py", line 7 in take',
    ]
    kept = json.loads(files["settings.json"])
    assert kept["source"]["recent"] == ["***", "***"]
    assert kept["detection"]["threshold"] == Settings().detection.threshold
    assert json.loads(files["self-test.json"]) == _report()


@pytest.mark.parametrize(
    "secret",
    [
        "user:pw@proxy:8080",
        "pw",
        "http://user:pw@proxy:8080",
        "//user:pw@proxy",
        "proxy.example.org",
        "192.168.7.9:3128",
        "[fe80::1]:8080",
        "user@proxy",
        "rtsp://cam/token=abc",
        "holiday clip",
        "C:\\\\Users\\\\Jane",
        "cuda:user@proxy",
        "p\u00e4ssw\u00f6rt",
    ],
)
def test_no_setting_tells_a_secret(secret: str) -> None:
    """Whatever its shape, and in whichever of them it is."""
    settings = Settings()
    filled = 0
    for group in dataclasses.fields(settings):
        values = getattr(settings, group.name)
        for field in dataclasses.fields(values):
            value = getattr(values, field.name)
            secrets: dict[type, object] = {str: secret, tuple: (secret, "x" + secret), dict: {secret: 0.5}}
            if type(value) in secrets:
                values = replace(values, **{field.name: secrets[type(value)]})
                filled += 1
        settings = replace(settings, **{group.name: values})
    assert filled >= 10
    told = json.dumps(diagnostics.private_settings(settings), ensure_ascii=False)
    assert secret not in told
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in told


def test_what_is_offered_to_everybody_is_told() -> None:
    settings = Settings()
    told = diagnostics.private_settings(replace(settings, model=replace(settings.model, device="cuda:1")))
    assert told["model"] == {"name": settings.model.name, "device": "cuda:1", "precision": "auto"}
    assert told["window"]["theme"] == "system"
    assert told["network"] == {"proxy": "", "mirror": ""}


def test_versions_name_what_the_program_needs() -> None:
    found = versions()
    assert found["Python"] == sys.version.split()[0]
    assert found["av"].count(".") == 2


def test_a_failed_check_names_no_file() -> None:
    failed = {"name": "model faces", "ok": False, "detail": "Cannot read /home/j/faces.safetensors: damaged."}
    kept = private_report({"ok": False, "checks": [failed]})["checks"][0]
    assert kept["detail"] == "Cannot read *** damaged."


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (subprocess.TimeoutExpired("x", 1), "no answer within 180 s"),
        (PermissionError(13, "Permission denied"), "did not start: Permission denied"),
        (subprocess.CompletedProcess("x", -11, "", ""), "ended with code -11 and no report"),
        (subprocess.CompletedProcess("x", 0, "[]", ""), "not a report"),
    ],
)
def test_a_self_test_that_breaks_is_told(monkeypatch: pytest.MonkeyPatch, outcome: object, said: str) -> None:
    def run(*_arguments: object, **_options: object) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(diagnostics.subprocess, "run", run)
    assert run_self_test() == {"ok": False, "failure": said}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(AppError):
        write_diagnostics(tmp_path / "none" / "x.zip", Settings(), tmp_path / "log", _report)


@pytest.fixture
def table(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    with desk(qtbot, tmp_path) as made:
        yield made


@pytest.mark.parametrize(("folder", "kind", "said"), [("", "success", "Saved d.zip"), ("none", "error", "none")])
def test_the_window_saves_it(
    table: Desk, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, kind: str, said: str
) -> None:
    target = tmp_path / folder / "d.zip"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_arguments: (str(target), ""))
    monkeypatch.setattr(diagnostics, "run_self_test", _report)
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(table.services.banner, "tell", lambda kind, message, *_, **__: told.append((kind, message)))
    table.window.actions_by_name["diagnostics"].trigger()
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told[0][0] == "info"
    assert told[1][0] == kind
    assert said in told[1][1]
    assert target.is_file() is (kind == "success")


def test_giving_up_on_a_name_does_nothing(table: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_arguments: ("", ""))
    monkeypatch.setattr(table.services.background, "run", lambda *_: pytest.fail("nothing was chosen"))
    table.window.actions_by_name["diagnostics"].trigger()
