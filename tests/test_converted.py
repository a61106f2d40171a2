"""Converted networks are made once, elsewhere, and opened without torch."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from detector.errors import DetectorError
from detector.runtime import converted, network_cache, nvidia_driver, other_process
from detector.runtime.openvino import OpenVinoDetector
from detector.shelf import ShelfEntry, open_file
from detector.weights import save_model
from tests.support.tiny_models import picture, random_spec, random_state

_OPEN = """
import sys
from pathlib import Path
from detector.runtime.open import needs_torch, open_detector
from detector.shelf import open_file

entry = open_file(Path(sys.argv[1]))
assert not needs_torch(entry, "cpu")
with open_detector(entry, "cpu", cache_dir=Path(sys.argv[2])) as detector:
    assert detector.engine == "openvino", detector.notes
if __name__ == "__main__":
    print("torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> ShelfEntry:
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    spec = random_spec("ultraface-slim")
    save_model(path, spec, random_state(spec))
    return open_file(path)


@pytest.fixture(scope="module")
def cache(entry: ShelfEntry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the network already is."""
    folder = tmp_path_factory.mktemp("cache")
    OpenVinoDetector(entry, "fp32", cache_dir=folder).close()
    return folder


def test_the_copy_on_disk_computes_the_same(entry: ShelfEntry, cache: Path) -> None:
    (kept,) = cache.iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["network.bin", "network.xml"]
    with OpenVinoDetector(entry, "fp32", cache_dir=cache) as again, OpenVinoDetector(entry, "fp32") as direct:
        for mine, other in zip(again.candidates_batch([picture()]), direct.candidates_batch([picture()]), strict=True):
            assert len(mine) == len(other) > 0
            np.testing.assert_allclose(mine.boxes_xyxy, other.boxes_xyxy, atol=1e-3)
            np.testing.assert_allclose(mine.scores, other.scores, atol=1e-5)


def test_opening_again_converts_nothing(entry: ShelfEntry, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converted, "_convert_elsewhere", lambda *_: pytest.fail("converted again"))
    OpenVinoDetector(entry, "fp32", cache_dir=cache).close()


def test_opening_from_the_cache_loads_no_torch(entry: ShelfEntry, cache: Path, repository: Path) -> None:
    command = [sys.executable, "-c", _OPEN, str(entry.path), str(cache)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def _slow(_entry: ShelfEntry, folder: Path, _messages: other_process.Messages) -> None:
    threading.Event().wait(20)
    (folder / "late").touch()


def test_an_interrupt_ends_the_other_process(
    entry: ShelfEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converted, "_convert", _slow)
    monkeypatch.setattr(Connection, "recv", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        converted._convert_elsewhere(entry, tmp_path)
    assert multiprocessing.active_children() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal masks")
def test_ctrl_c_is_left_to_the_parent() -> None:
    show = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"

    def blocked() -> str:
        return subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.strip()

    with other_process.interrupts_kept_off():
        assert blocked() == "True"
    assert blocked() == "False"


def test_a_model_that_cannot_be_read_any_more_says_so(entry: ShelfEntry, tmp_path: Path) -> None:
    gone = replace(entry, path=tmp_path / "gone.safetensors")
    with pytest.raises(DetectorError, match=r"Cannot read .*gone\.safetensors: No such file"):
        OpenVinoDetector(gone, "fp32", cache_dir=tmp_path)


def test_a_damaged_copy_is_made_again(entry: ShelfEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def convert(_entry: ShelfEntry, folder: Path) -> None:
        made.append(folder)
        for name in ("network.xml", "network.bin"):
            (folder / name).write_bytes(b"not a network")

    monkeypatch.setattr(converted, "_convert_elsewhere", convert)
    for _ in range(2):
        with pytest.raises(DetectorError, match="cannot read what it converted"):
            OpenVinoDetector(entry, "fp32", cache_dir=tmp_path)
    assert len(made) == 2


def test_what_fails_elsewhere_is_told_here(tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    save_model(path, random_spec("ultraface-slim"), random_state(random_spec("ultraface-rfb")))
    with pytest.raises(DetectorError, match=r"wrong\.safetensors does not fit its network"):
        OpenVinoDetector(open_file(path), "fp32", cache_dir=tmp_path / "cache")
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == []


def test_a_cache_that_cannot_be_written_costs_time_only(entry: ShelfEntry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with OpenVinoDetector(entry, "fp32", cache_dir=tmp_path / "file") as detector:
        assert len(detector.detect(picture())) > 0


def test_the_cache_forgets_what_was_not_used_for_longest(
    entry: ShelfEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, name in enumerate(("new", "old", "older", "interrupted")):
        (tmp_path / name).mkdir()
        if name != "interrupted":
            (tmp_path / name / "network.xml").write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    monkeypatch.setattr(network_cache, "MOST_BYTES", 1500)
    OpenVinoDetector(entry, "fp32", cache_dir=tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} & {"new", "old", "older", "interrupted"} == {"new"}


def test_a_computer_without_the_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "_LIBRARY", "libno-such-driver.so.9")
    assert nvidia_driver.has_nvidia_gpu() is False
