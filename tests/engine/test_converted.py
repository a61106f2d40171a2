"""The CPU path without torch, the other process, and the folder of networks."""

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

import pytest

from detector.errors import DetectorError
from detector.file_lock import only_here
from detector.model_file import ModelEntry, open_file
from detector.runtime import network_cache, nvidia_driver, other_process
from detector.runtime.openvino import OpenVinoDetector
from detector.weights import save_model
from tests.support.tiny_models import random_spec, random_state

_OPEN = """
import sys
from pathlib import Path
from detector.runtime.open import needs_torch, open_detector
from detector.model_file import open_file

entry = open_file(Path(sys.argv[1]))
assert not needs_torch(entry, "cpu")
with open_detector(entry, "cpu") as detector:
    assert detector.engine == "openvino", detector.notes
if __name__ == "__main__":
    print("torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    spec = random_spec("ultraface-slim")
    save_model(path, spec, random_state(spec))
    return open_file(path)


def test_opening_loads_no_torch(entry: ModelEntry, repository: Path) -> None:
    command = [sys.executable, "-c", _OPEN, str(entry.path)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def _slow(folder: Path, _messages: other_process.Messages) -> None:
    threading.Event().wait(60)
    (folder / "late").touch()


def test_an_interrupt_ends_the_other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "recv", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        other_process.call_elsewhere(_slow, (tmp_path,), name="slow", died="It died.")
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


def test_a_model_that_cannot_be_read_any_more_says_so(entry: ModelEntry, tmp_path: Path) -> None:
    gone = replace(entry, path=tmp_path / "gone.safetensors")
    with pytest.raises(DetectorError, match=r"Cannot read .*gone\.safetensors: No such file"):
        OpenVinoDetector(gone, "fp32")


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    save_model(path, random_spec("ultraface-slim"), random_state(random_spec("ultraface-rfb")))
    with pytest.raises(DetectorError, match=r"wrong\.safetensors does not fit its network"):
        OpenVinoDetector(open_file(path), "fp32")


def test_the_cache_forgets_what_was_not_used_for_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, name in enumerate(("new", "old", "older", "interrupted")):
        (tmp_path / name).mkdir()
        if name != "interrupted":
            (tmp_path / name / "network.xml").write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    monkeypatch.setattr(network_cache, "MOST_BYTES", 1500)
    network_cache.make_room(tmp_path, tmp_path / "kept")
    assert {path.name for path in tmp_path.iterdir()} == {"new"}


def test_what_another_program_makes_or_removes_at_this_moment_is_its_own_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("made", "idle"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "network.xml").write_bytes(b"x" * 1000)
    there = list(network_cache.cached_folders(tmp_path))
    monkeypatch.setattr(network_cache, "cached_folders", lambda _: [*there, (False, 0.0, tmp_path / "gone")])
    monkeypatch.setattr(network_cache, "MOST_BYTES", 0)
    with only_here(network_cache.lock_of(tmp_path / "made")):
        network_cache.make_room(tmp_path, tmp_path / "kept")
        assert {path.name for path in tmp_path.iterdir()} == {"made", "made.lock"}
    network_cache.make_room(tmp_path, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="ends a process as Linux's kill does")
def test_the_other_process_ends_with_a_parent_that_was_killed() -> None:
    """It holds the pipe that its parent was given as output, so the pipe ends with the last of the two."""
    with subprocess.Popen([sys.executable, "-m", "tests.support.waiting_child"], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"at work\n"
        parent.kill()
        assert parent.communicate(timeout=60)[0] == b""


def test_a_computer_without_the_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "LIBRARY", "libno-such-driver.so.9")
    assert nvidia_driver.has_nvidia_gpu() is False
