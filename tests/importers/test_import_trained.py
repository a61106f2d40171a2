"""Files as trainers leave them, with their bookkeeping beside the weights; and what is no file of weights at all."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections import Counter, OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides
from detector.importers.label_file import read_labels
from detector.importers.model_writer import import_model, preview_model
from detector.importers.notes import Note
from detector.importers.read import read_checkpoint
from detector.weights import as_tensors
from tests.support.tiny_models import random_spec, random_state
from tests.support.vgg_layouts import LAYOUTS
from tests.support.vgg_layouts import random_state as random_ssd


class HistoryBuffer:
    """A log that mmdetection 3 keeps in its checkpoints, by the name it has there."""

    def __init__(self) -> None:
        self._log_history = np.arange(3.0)


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> HistoryBuffer:
    """One, pickled under its own name; importable only while it is written."""
    module: Any = ModuleType("mmengine.logging.history_buffer")
    module.HistoryBuffer = HistoryBuffer
    for name in ("mmengine", "mmengine.logging"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(HistoryBuffer, "__module__", module.__name__)
    return HistoryBuffer()


@pytest.mark.parametrize("old", [False, True])
def test_bookkeeping_beside_the_weights_is_passed_over(tmp_path: Path, history: HistoryBuffer, old: bool) -> None:
    state = random_state(random_spec())
    beside = {
        "args": Namespace(lr=0.02, output_dir=tmp_path),
        "lr_scheduler": {"milestones": Counter([80, 110]), "last": np.float64(0.02)},
        "best": {"map": np.float32(0.25), "curve": np.arange(4)},
        "message_hub": {"log_scalars": OrderedDict(loss=history)},
    }
    torch.save({"model": state, **beside}, tmp_path / "x.pth", _use_new_zipfile_serialization=not old)
    read = as_tensors(read_checkpoint(tmp_path / "x.pth"))
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_bookkeeping_is_no_weight(tmp_path: Path) -> None:
    torch.save({"model": Namespace(weight=1)}, tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="not a network's weights"):
        read_checkpoint(tmp_path / "x.pth")


def test_the_counter_of_averaged_weights_is_no_tensor_of_the_network(tmp_path: Path) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(torch.nn.Conv2d(3, 4, 3))
    torch.save(averaged.state_dict(), tmp_path / "x.pth")
    assert list(read_checkpoint(tmp_path / "x.pth")) == ["weight", "bias"]
    torch.save({"n_averaged": torch.tensor(3)}, tmp_path / "y.pth")
    with pytest.raises(DetectorError) as caught:
        import_model(tmp_path / "y.pth", "y", tmp_path / "out")
    assert caught.value.remedies == (Remedy("layout", "NAME"),)


def test_the_code_a_file_asks_for_is_named(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pth")
    with pytest.raises(DetectorError, match=r"program code, not only weights \(torch\.nn\.modules\.linear\.Linear\)"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_torchscript_program_is_called_that(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "x.pt"))
    with pytest.raises(DetectorError, match="is a TorchScript program"):
        read_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("suffix", [".pth", ".caffemodel", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\n<!doctype html>", "is a web page"), (b"version https://git-lfs.git", "Git LFS pointer")],
)
def test_what_is_saved_by_mistake_is_named_for_every_kind(
    tmp_path: Path, suffix: str, content: bytes, message: str
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=message):
        import_model(path, "x", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_what_is_no_file_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "folder.pth").mkdir()
    os.mkfifo(tmp_path / "pipe.pth")
    for name in ("folder.pth", "pipe.pth"):
        with pytest.raises(DetectorError, match=rf"{name} is not a file"):
            import_model(tmp_path / name, "x", tmp_path / "out")
        with pytest.raises(DetectorError, match=rf"{name} is not a file"):
            read_labels(tmp_path / name)
    (tmp_path / "loop.pth").symlink_to("loop.pth")
    with pytest.raises(DetectorError, match="There is no file"):
        import_model(tmp_path / "loop.pth", "x", tmp_path / "out")
    with pytest.raises(DetectorError, match="Cannot read"):
        read_labels(tmp_path / "loop.pth")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "dog", "bat", "cow", "elk"], ("cat", "dog", "bat", "cow", "elk")),
        (["cat", "dog"], tuple(f"class {n}" for n in range(1, 6))),  # of another network
        (["cat", "cat", "bat", "cow", "elk"], tuple(f"class {n}" for n in range(1, 6))),
        (["cat", "dog", "bat", "cow", "\x1b[2J"], tuple(f"class {n}" for n in range(1, 6))),
        (["cat", "dog", "bat", "cow", 5], tuple(f"class {n}" for n in range(1, 6))),
    ],
)
def test_class_names_in_mmdetections_files_are_used(
    tmp_path: Path, version: int, names: list[object], expected: tuple[str, ...]
) -> None:
    meta = {"CLASSES": tuple(names), "config": "x"} if version == 2 else {"dataset_meta": {"classes": names}}
    state = random_ssd(LAYOUTS["mmdetection"], 300, 6)
    torch.save({"meta": meta, "state_dict": state}, tmp_path / "x.pth")
    recognised = preview_model(tmp_path / "x.pth")
    assert recognised.spec.labels == expected
    assert (Note("Class names: the file's own.") in recognised.notes) == (expected[0] == "cat")
    mine = ("a", "b", "c", "d", "e")
    assert preview_model(tmp_path / "x.pth", Overrides(labels=mine)).spec.labels == mine


@pytest.mark.parametrize("name", ["cat\x1b[31m", "c" * 201])
def test_a_name_that_cannot_be_one_is_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / "labels.txt").write_text(f"dog\n{name}\n")
    with pytest.raises(DetectorError, match=r"labels\.txt is no list of class names: one would be 'c"):
        read_labels(tmp_path / "labels.txt")
