"""After an import that failed, or was killed, the library is what it was before, and the name is free."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import DetectorError
from detector.importers import ir_folder
from detector.library import ModelLibrary
from tests.support.tiny_models import save_random
from tools.fixtures.tiny_ir import save_tiny_ir

Snapshot = dict[str, bytes | None]


def _contents(folder: Path) -> Snapshot:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    """A library with one network in it."""
    library = ModelLibrary(tmp_path / "user", tmp_path / "none")
    library.import_file(save_tiny_ir(tmp_path, "first"), "first")
    return library


def _changed(folder: Path, name: str, old: str, new: str) -> Path:
    path = save_tiny_ir(folder, name)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def _scores_above_one(folder: Path) -> Path:
    return _changed(folder, "loud", 'type="SoftMax" version="opset8"', 'type="ReLU" version="opset1"')


def _shapes_that_do_not_fit(folder: Path) -> Path:
    return _changed(folder, "torn", 'shape="3, 9"', 'shape="3, 8"')


def _variables(folder: Path) -> Path:
    return _changed(folder, "odd", 'type="SoftMax"', 'type="ReadValue"')


def _without_weights(folder: Path) -> Path:
    path = save_tiny_ir(folder, "alone")
    path.with_suffix(".bin").unlink()
    return path


def _cut_tensors(folder: Path) -> Path:
    path = folder / "cut.safetensors"
    save_random(path)
    path.write_bytes(path.read_bytes()[:-100])
    return path


@pytest.mark.parametrize(
    "make", [_scores_above_one, _shapes_that_do_not_fit, _variables, _without_weights, _cut_tensors]
)
def test_a_file_that_cannot_be_used_leaves_nothing(
    library: ModelLibrary, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    before = _contents(library.user_dir)
    with pytest.raises(DetectorError):
        library.import_file(make(tmp_path), "new")
    assert _contents(library.user_dir) == before
    assert library.broken() == ()
    assert not library.holds("new")
    library.import_file(save_tiny_ir(tmp_path, "good"), "new")  # the name is free
    assert library.find("new").path is not None


def test_scores_that_are_no_probabilities_are_said_to_be(library: ModelLibrary, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"loud\.xml gives scores of up to [\d.e+]+; they must be between 0 and 1"):
        library.import_file(_scores_above_one(tmp_path), "new")


def test_a_description_that_would_not_be_read_back_is_not_written(
    library: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _contents(library.user_dir)
    monkeypatch.setattr(ir_folder, "spec_to_json", lambda _spec: "{}")
    with pytest.raises(DetectorError):
        library.import_file(save_tiny_ir(tmp_path, "good"), "new")
    assert _contents(library.user_dir) == before


_KILLED = """
import os, signal, sys
from pathlib import Path
import shutil
from detector.library import ModelLibrary

def die(*_arguments, **_options):
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

if __name__ == "__main__":
    user, source, owner, name = sys.argv[1:]
    setattr({"os": os, "shutil": shutil, "Path": Path}[owner], name, die)
    ModelLibrary(Path(user), Path(user) / "none").import_file(Path(source), "new")
"""


@pytest.mark.parametrize(
    ("suffix", "moment"),
    [
        (".xml", "shutil.copyfile"),
        (".xml", "Path.write_text"),
        (".xml", "os.fsync"),
        (".xml", "Path.replace"),
        (".safetensors", "os.fsync"),
        (".safetensors", "Path.replace"),
    ],
)
def test_an_import_killed_midway_blocks_nothing(
    library: ModelLibrary, tmp_path: Path, suffix: str, moment: str
) -> None:
    source = save_tiny_ir(tmp_path, "good")
    if suffix == ".safetensors":
        source = tmp_path / "good.safetensors"
        save_random(source)
    before = _contents(library.user_dir)
    script = tmp_path / "killed.py"
    script.write_text(_KILLED, encoding="utf-8")
    arguments = [str(library.user_dir), str(source), *moment.split(".")]
    ended = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode not in (0, 1), ended.stderr  # killed, not failed
    assert [entry.name for entry in library.list() if entry.path is not None] == ["first"]
    assert library.broken() == ()
    assert not library.holds("new")
    assert _contents(library.user_dir) != before  # something lies there, out of sight
    library.import_file(source, "new")
    library.remove("new")
    assert _contents(library.user_dir) == before


def test_an_import_that_is_still_at_work_keeps_its_files(library: ModelLibrary, tmp_path: Path) -> None:
    work = library.user_dir / ".import-abc"
    work.mkdir()
    with ir_folder.only_here(library.user_dir / ".import-abc.lock"):
        library.import_file(save_tiny_ir(tmp_path, "good"), "new")
        assert work.is_dir()
    library.import_file(save_tiny_ir(tmp_path, "good"), "newer")
    assert not work.exists()
