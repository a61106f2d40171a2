"""Checkpoints with a trainer's configuration, dates and loggers beside the weights: imported, and nothing is run."""

from __future__ import annotations

import collections
import datetime
import pickle
import re
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from detector.boxes import cxcywh_to_xyxy
from detector.config import SSD300_COCO_CLAMPED, SSD300_VOC_CLAMPED, SSDConfig
from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.conversion import convert_weights
from detector.importers.notes import Note
from detector.importers.read import read_checkpoint
from tests.support.notes import remedies_of
from tests.support.vgg_layouts import LAYOUTS, random_state

OWN_BOXES = Note("Default boxes: the file's own.")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return random_state(LAYOUTS["amdegroot"], 300, 21)


@pytest.fixture
def elsewhere() -> Iterator[types.ModuleType]:
    """A package that is there while a file is written, and gone when it is read."""
    package = types.ModuleType("somewhere.config")
    sys.modules["somewhere"], sys.modules[package.__name__] = types.ModuleType("somewhere"), package
    yield package
    del sys.modules["somewhere"], sys.modules[package.__name__]


def made_in(package: types.ModuleType, name: str, base: type) -> Any:
    """A class of that package, as pickles find it again."""
    made = type(name, (base,), {"__module__": package.__name__})
    setattr(package, name, made)
    return made


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def same(path: Path, state: Mapping[str, Tensor]) -> None:
    read = read_checkpoint(path)
    assert read.keys() == state.keys()
    assert all(np.array_equal(read[name], tensor.numpy()) for name, tensor in state.items())


def test_plain_objects_beside_the_weights(tmp_path: Path, state: dict[str, Tensor]) -> None:
    beside = {
        "by_class": collections.defaultdict(list, cat=[1, 2]),
        "counts": collections.defaultdict(int, cat=3),
        "when": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC),
        "day": datetime.date(2026, 1, 2),
        "took": datetime.timedelta(hours=3),
        "last": collections.deque([1.0, 2.0], maxlen=5),
        "options": types.SimpleNamespace(rate=0.1),
        "random": np.random.default_rng(1).bit_generator.state,
        "set": {1, 2},
        "paths": [Path("a"), PurePosixPath("a/b"), PureWindowsPath("C:/a")],
        "frozen": re.compile(r"backbone\."),
    }
    for protocol in (2, 4):
        torch.save({"state_dict": state, **beside}, tmp_path / "x.pth", pickle_protocol=protocol)
        same(tmp_path / "x.pth", state)


def test_weights_in_a_defaultdict_are_weights(tmp_path: Path, state: dict[str, Tensor]) -> None:
    same(saved(tmp_path / "x.pth", collections.defaultdict(dict, state)), state)


def test_configurations_of_other_packages_are_passed_over(
    tmp_path: Path, state: dict[str, Tensor], elsewhere: types.ModuleType
) -> None:
    settings = made_in(elsewhere, "EasyDict", dict)(rate=0.1)
    settings.rate = 0.1  # both a key and an attribute, as EasyDict and yacs have them
    node = made_in(elsewhere, "CfgNode", dict)(model=settings)
    callback = made_in(elsewhere, "ModelCheckpoint", object)()
    callback.best = torch.tensor(0.5)
    content = {
        "pytorch-lightning_version": "2.4.0",
        "epoch": 3,
        "state_dict": {f"model.{name}": tensor for name, tensor in state.items()},
        "hyper_parameters": node,
        "callbacks": {callback: {"best": callback}, "other": callback},
        "loops": collections.defaultdict(dict),
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}}],
    }
    same(saved(tmp_path / "x.ckpt", content), state)


def test_weights_in_a_dictionary_of_another_package_are_weights(
    tmp_path: Path, state: dict[str, Tensor], elsewhere: types.ModuleType
) -> None:
    holder = made_in(elsewhere, "EasyDict", dict)
    same(saved(tmp_path / "x.pth", holder(model=holder(state), epoch=1)), state)


def test_tensors_of_the_loss_are_none_of_the_network(tmp_path: Path, state: dict[str, Tensor]) -> None:
    content = {f"model.{name}": tensor for name, tensor in state.items()}
    content |= {"criterion.weight": torch.ones(21), "val_metric.total": torch.zeros(1), "loss_fn.alpha": torch.ones(2)}
    same(saved(tmp_path / "x.ckpt", {"state_dict": content}), state)


def test_a_whole_network_is_named_and_refused(tmp_path: Path, elsewhere: types.ModuleType) -> None:
    network = made_in(elsewhere, "Detector", object)()
    for content in (network, {"model": network}):
        with pytest.raises(DetectorError, match=r"program code, not only weights \(somewhere\.config\.Detector\)"):
            read_checkpoint(saved(tmp_path / "x.pth", content))


@pytest.mark.parametrize(
    "name", ["os system", "posix system", "subprocess Popen", "builtins eval", "__builtin__ eval", "shutil rmtree"]
)
def test_code_of_pythons_own_library_is_refused_beside_weights_too(tmp_path: Path, name: str) -> None:
    module, _, function = name.partition(" ")
    stream = b"\x80\x02c" + f"{module}\n{function}\n".encode() + b"X\x01\x00\x00\x00x\x85R."
    with pytest.raises(DetectorError, match=rf"program code, not only weights \({module}\.{function}\)"):
        read_checkpoint(write_zip(tmp_path / "x.pth", stream))


def write_zip(path: Path, stream: bytes) -> Path:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", stream)
    return path


def test_nothing_of_another_package_is_run(
    tmp_path: Path, state: dict[str, Tensor], elsewhere: types.ModuleType
) -> None:
    ran: list[str] = []

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return _named_run, ("opened",)

    def _named_run(word: str) -> None:
        ran.append(word)

    _named_run.__module__, _named_run.__qualname__ = elsewhere.__name__, "run_it"
    elsewhere.run_it = _named_run  # type: ignore[attr-defined]  # it stays there while the file is read
    path = saved(tmp_path / "x.pth", {"state_dict": state, "trap": Trap()})
    assert pickle.loads(pickle.dumps(Trap())) is None
    assert ran == ["opened"], "it is a trap for those who unpickle"
    same(path, state)
    assert ran == ["opened"]


BOXES = {
    "fractions": lambda config: default_boxes(config),
    "corners": lambda config: cxcywh_to_xyxy(default_boxes(config)),
    "pixels": lambda config: default_boxes(config) * 300,
    "a batch of one": lambda config: default_boxes(config)[None],
}


@pytest.mark.parametrize("form", BOXES)
@pytest.mark.parametrize("config", [SSD300_VOC_CLAMPED, SSD300_COCO_CLAMPED], ids=["voc", "coco"])
def test_boxes_in_the_file_tell_its_set(tmp_path: Path, state: dict[str, Tensor], config: SSDConfig, form: str) -> None:
    content = {**state, "priors": torch.from_numpy(BOXES[form](config))}
    imported = convert_weights(saved(tmp_path / "x.pth", content))
    assert imported.spec.config == config
    assert OWN_BOXES in imported.notes
    assert not any(remedy.option == "priors" for remedy in remedies_of(imported.notes))


@pytest.mark.parametrize("name", ["module.priors", "anchors", "module.head.default_boxes"])
def test_such_a_buffer_may_have_any_prefix(tmp_path: Path, state: dict[str, Tensor], name: str) -> None:
    content = {f"module.{key}": tensor for key, tensor in state.items()}
    content[name] = torch.from_numpy(default_boxes(SSD300_COCO_CLAMPED))
    assert convert_weights(saved(tmp_path / "x.pth", content)).spec.config == SSD300_COCO_CLAMPED


def test_other_boxes_than_the_layouts_are_told(tmp_path: Path, state: dict[str, Tensor]) -> None:
    odd = torch.from_numpy(default_boxes(SSD300_VOC_CLAMPED)) * 0.8
    imported = convert_weights(saved(tmp_path / "x.pth", {**state, "priors": odd}))
    assert imported.spec.config == SSD300_VOC_CLAMPED
    assert "other default boxes" in imported.notes[-1].text


def test_the_users_choice_counts_more_than_the_buffer(tmp_path: Path, state: dict[str, Tensor]) -> None:
    content = {**state, "priors": torch.from_numpy(default_boxes(SSD300_COCO_CLAMPED))}
    imported = convert_weights(saved(tmp_path / "x.pth", content), Overrides(priors="voc"))
    assert imported.spec.config == SSD300_VOC_CLAMPED
    assert "other default boxes" in imported.notes[-1].text
