"""Runs the command line in this process, with a model that needs no weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from app.cli import main
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.runtime import open as runtime_open
from tests.support.steady_detector import FakeDetector
from tools.fixtures.coded_images import coded_image
from tools.fixtures.fixed_detector import SPEC

Capture = pytest.CaptureFixture[str]


def install_fake_model(
    monkeypatch: pytest.MonkeyPatch, path: Path = Path("fake.safetensors"), bundled: bool = False, **fields: Any
) -> None:
    """Put a model "fake", described by ``SPEC`` and ``fields``, in the library; whatever is opened is it."""
    entry = ModelEntry("fake", replace(SPEC, **fields), path, bundled)
    real = ModelLibrary.find
    monkeypatch.setattr(ModelLibrary, "list", lambda self: [entry])
    monkeypatch.setattr(ModelLibrary, "find", lambda self, name: entry if name == "fake" else real(self, name))
    monkeypatch.setattr(runtime_open, "open_detector", lambda *_args, **_kwargs: FakeDetector())


def write_photos(folder: Path) -> list[Path]:
    """Two readable images and, between them, a broken one."""
    folder.mkdir()
    paths = [folder / "a.png", folder / "broken.jpg", folder / "é b.jpg"]
    for index in (0, 2):
        paths[index].write_bytes(cv2.imencode(paths[index].suffix, coded_image(index, (200, 100)))[1].tobytes())
    paths[1].write_bytes(b"\xff\xd8\xff\xe0 no image")
    return paths


def run(capture: Capture, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = main([str(argument) for argument in arguments])
    out, err = capture.readouterr()
    return code, out, err


def check_one_line(err: str, *said: str) -> None:
    """``err`` is one line of ours that contains each of ``said``."""
    assert err.startswith("ssd-viewer: ")
    assert err.count("\n") == 1, err
    for words in said:
        assert words in err
