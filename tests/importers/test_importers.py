"""Foreign checkpoints: recognised, converted, and never able to run anything."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detector.importers.first_bytes as first_bytes
import detector.importers.read as read_module
from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides
from detector.importers.layout_match import detect_layout
from detector.importers.layouts import LAYOUTS as LAYOUT_TABLE
from detector.importers.layouts import Layout
from detector.importers.model_writer import import_model
from detector.importers.read import read_checkpoint
from detector.registry import MODELS
from detector.weights import as_arrays, as_tensors, load_spec, load_state
from tests.support.tiny_models import random_spec, random_state, save_checkpoint

RAN: list[str] = []


class Trap:
    """A pickle that runs code when it is opened."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return RAN.append, ("opened",)


def t(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


LAYOUTS: list[tuple[dict[str, torch.Tensor], str]] = [
    ({"backbone.scale_weight": t(512)}, "torchvision-ssd300"),
    ({"backbone.features.0.13.0.weight": t(1)}, "torchvision-ssdlite320"),
    ({"feature_extractor.feature_extractor.0.weight": t(1)}, "nvidia-ssd300"),
    ({"neck.extra_layers.0.0.conv.weight": t(1)}, "mmdetection"),
    ({"bbox_head.cls_convs.0.weight": t(1), "backbone.extra.0.weight": t(1)}, "mmdetection-old"),
    ({"box_head.predictor.cls_headers.0.weight": t(1), "backbone.vgg.0.weight": t(1)}, "lufficc-vgg16"),
    ({"box_head.predictor.cls_headers.0.conv.0.weight": t(1), "backbone.features.0.0.weight": t(1)},
     "lufficc-mobilenetv2"),
    ({"vgg.0.weight": t(1), "l2_norm.weight": t(1), "classification_headers.0.weight": t(1)}, "lufficc-vgg16-1"),
    ({"vgg.0.weight": t(1), "loc.0.weight": t(1)}, "amdegroot"),
    ({"0.weight": t(1), "33.weight": t(1)}, "vgg16-reducedfc"),
    ({"classification_headers.0.weight": t(1), "base_net.7.branch0.0.conv.weight": t(1)}, "ultraface-rfb"),
    ({"classification_headers.0.weight": t(1), "base_net.7.3.weight": t(1),
      "regression_headers.3.weight": t(12, 256, 3, 3)}, "ultraface-slim"),
    ({"classification_headers.0.weight": t(1), "source_layer_add_ons.0.running_mean": t(1)}, "qfgaohao-vgg16"),
    ({"classification_headers.0.weight": t(1), "base_net.13.3.weight": t(1)}, "qfgaohao-mb1"),
    ({"classification_headers.0.weight": t(1), "base_net.14.conv.3.weight": t(1)}, "qfgaohao-mb2-lite"),
    ({"features.0.weight": t(1), "features.28.weight": t(1)}, "vgg16-features"),
    ({"FeatureExtractor/MobilenetV2/Conv/weights": t(1), "BoxPredictor_0/ClassPredictor/weights": t(1)},
     "tensorflow-ssd"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "name"), LAYOUTS)
def test_each_layout_is_recognised_by_its_keys(state: dict[str, torch.Tensor], name: str) -> None:
    assert detect_layout(as_arrays(state)).name == name


@pytest.mark.parametrize("rfb", [True, False])
def test_our_networks_are_recognised(rfb: bool) -> None:
    architecture = "ultraface-rfb" if rfb else "ultraface-slim"
    assert detect_layout(as_arrays(random_state(random_spec(architecture)))).name == architecture


def test_an_unknown_layout_is_named_by_its_keys() -> None:
    with pytest.raises(DetectorError, match="tensors like a, b, c"):
        detect_layout(dict.fromkeys("abcd", np.zeros(1)))


@pytest.mark.parametrize("layout", LAYOUT_TABLE, ids=lambda layout: layout.name)
def test_every_layout_has_its_importer(layout: Layout) -> None:
    assert callable(layout.load())


def test_tensors_of_two_layouts_are_called_a_mixture() -> None:
    with pytest.raises(DetectorError) as caught:
        detect_layout(as_arrays({"backbone.scale_weight": t(512), "vgg.0.weight": t(1), "loc.0.weight": t(1)}))
    assert caught.value.message == (
        "The file mixes tensors of torchvision ssd300_vgg16 (backbone.scale_weight)"
        " and of amdegroot/ssd.pytorch SSD300 (vgg.0.weight, loc.0.weight)."
    )


@pytest.mark.parametrize("names", [("0.weight", "33.weight"), ("features.0.weight", "features.28.weight")])
def test_a_base_network_is_called_that(tmp_path: Path, names: tuple[str, ...]) -> None:
    torch.save(dict.fromkeys(names, t(1)), tmp_path / "base.pth")
    with pytest.raises(DetectorError) as caught:
        import_model(tmp_path / "base.pth", "x", tmp_path / "out")
    assert caught.value.message == (
        "base.pth is a base network only, VGG-16 without box predictors: it detects nothing."
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("wrap", "prefix"), [("", ""), ("model", "module."), ("state_dict", "_orig_mod."),
                                              ("ema_state_dict", "module.1.")])  # fmt: skip
def test_wrappers_and_prefixes_are_taken_off(tmp_path: Path, wrap: str, prefix: str) -> None:
    state = save_checkpoint(tmp_path / "x.pth", wrap=wrap, prefix=prefix)
    read = as_tensors(read_checkpoint(tmp_path / "x.pth"))
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_the_old_torch_format_is_read(tmp_path: Path) -> None:
    state = random_state(random_spec("ultraface-rfb"))
    torch.save(OrderedDict(state), tmp_path / "x-320.pth", _use_new_zipfile_serialization=False)
    target = import_model(tmp_path / "x-320.pth", "faces", tmp_path / "out").path
    spec = load_spec(target)
    assert spec.architecture == "ultraface-rfb"
    assert spec.accuracy == {}  # measured on the published weights, which these are not
    assert hashlib.sha256((tmp_path / "x-320.pth").read_bytes()).hexdigest() in spec.provenance
    assert load_state(target, spec).keys() == state.keys()


def _written_in_2017(tensors: dict[str, torch.Tensor]) -> bytes:
    """As torch 0.2 on Python 2 saved a state dict: byte strings, pairs in lists, the first way of rebuilding a tensor.

    Pickles of a magic number, a version, the machine, the object and the storages' keys; then each storage's numbers.
    """

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    def whole(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little")

    def several(values: Iterable[bytes]) -> bytes:
        return b"(" + b"".join(values) + b"t"

    pairs = []
    for key, (name, tensor) in enumerate(tensors.items()):
        kind = b"ctorch\nFloatStorage\n"
        storage = several([text("storage"), kind, text(str(key)), text("cpu"), whole(tensor.numel()), b"N"]) + b"Q"
        rebuilt = [storage, whole(0), several(map(whole, tensor.shape)), several(map(whole, tensor.stride()))]
        pairs.append(b"](" + text(name) + b"ctorch._utils\n_rebuild_tensor\n" + several(rebuilt) + b"Re")
    state = b"\x80\x02ccollections\nOrderedDict\n](" + b"".join(pairs) + b"e\x85R."
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    start = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, machine)]
    keys = pickle.dumps([str(key) for key in range(len(tensors))], 2)
    numbers = [t.numel().to_bytes(8, "little") + t.contiguous().numpy().tobytes() for t in tensors.values()]
    return b"".join([*start, state, keys, *numbers])


def test_files_of_the_first_years_are_read(tmp_path: Path) -> None:
    state = {"vgg.0.weight": torch.rand(4, 3, 3, 3), "vgg.0.bias": torch.rand(4), "L2Norm.weight": torch.rand(7)}
    (tmp_path / "x.pth").write_bytes(_written_in_2017(state))
    read = as_tensors(read_checkpoint(tmp_path / "x.pth"))
    assert list(read) == list(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_the_published_large_files_are_told_by_their_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "x.pth")
    digest = hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest()
    known = MODELS["ultraface-slim-640"]
    assert known.weights is not None
    published = replace(known, weights=replace(known.weights, sha256=digest[:8]))
    monkeypatch.setitem(MODELS, known.name, published)
    spec = load_spec(import_model(tmp_path / "x.pth", "faces", tmp_path / "out").path)
    assert (spec.input.height, spec.input.width) == (480, 640)
    assert spec.config is not None
    assert spec.config.num_boxes == 17640
    assert "640 x 480" in spec.title
    assert (spec.accuracy, spec.licence, spec.weights) == (known.accuracy, known.licence, published.weights)


def _code_zip(path: Path) -> None:
    torch.save({"w": t(1), "trap": Trap()}, path)


def _code_old(path: Path) -> None:
    torch.save({"w": t(1), "trap": Trap()}, path, _use_new_zipfile_serialization=False)


def _code_plain(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap()))


@pytest.mark.parametrize("write", [_code_zip, _code_old, _code_plain])
def test_program_code_is_never_run(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "evil.pth")
    RAN.clear()
    with pytest.raises(DetectorError, match=r"evil\.pth"):
        read_checkpoint(tmp_path / "evil.pth")
    assert RAN == []


def test_program_code_is_called_that(tmp_path: Path) -> None:
    for write in (_code_zip, _code_old):
        write(tmp_path / "evil.pth")
        with pytest.raises(DetectorError, match="contains program code, not only weights"):
            read_checkpoint(tmp_path / "evil.pth")


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("old", [True, False])
def test_a_cut_file_is_called_that(tmp_path: Path, fraction: float, old: bool) -> None:
    path = tmp_path / "x.pth"
    torch.save(random_state(random_spec()), path, _use_new_zipfile_serialization=not old)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(DetectorError, match="cut off or damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE html><html>404", "is a web page"),
        (b"<HTML>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"hello", "not a PyTorch weights file"),
        (b"\x80\x04hello", "cut off or damaged"),
        (b"PK\x03\x04hello", "cut off or damaged"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(DetectorError, match=message):
        import_model(tmp_path / "x.pth", "x", tmp_path / "out")


def test_a_zip_whose_names_are_in_no_encoding_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("é/data.pkl", "hello")
    content = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "x.pth").write_bytes(content.replace("é".encode(), b"\xff\xff"))
    with pytest.raises(DetectorError, match="cut off or damaged"):
        read_checkpoint(tmp_path / "x.pth")


def test_another_zip_is_no_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DetectorError, match="is a zip archive"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "x.pth")
    monkeypatch.setattr(first_bytes, "MAX_FILE_BYTES", 2**20)
    with pytest.raises(DetectorError, match="weights may have 1 MiB"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_zip_bomb_is_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_module, "TorchFile", lambda *_: pytest.fail("it was opened"))
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}.")
        archive.writestr("x/data/0", bytes(2**22))
    with pytest.raises(DetectorError, match=r"no plain PyTorch file: its \d KiB unpack to 4096 KiB"):
        read_checkpoint(tmp_path / "bomb.pth")
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w") as archive:
        archive.writestr("x/data.pkl", bytes(33 * 2**20))
    with pytest.raises(DetectorError, match="no plain PyTorch file"):
        read_checkpoint(tmp_path / "bomb.pth")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    "content",
    [t(3), [t(3)], {}, {"a": 1}, {"a": {"b": t(1)}}, {1: t(1)}, {"epoch": 3, "model": {}}, {"a": t(2).to_sparse()}],
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="not a network's weights"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_tensor_that_claims_more_than_it_stores_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(2**40)}, tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="not a plain weight"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_tensor_without_data_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1, device="meta")}, tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="not a plain weight"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_any_float_type_are_imported(tmp_path: Path, dtype: torch.dtype) -> None:
    state = random_state(random_spec())
    torch.save({name: t.to(dtype) if t.is_floating_point() else t for name, t in state.items()}, tmp_path / "x-320.pth")
    target = import_model(tmp_path / "x-320.pth", "x", tmp_path / "out").path
    imported = load_state(target, load_spec(target))
    for name, tensor in state.items():
        torch.testing.assert_close(imported[name], tensor.to(dtype).to(tensor.dtype), rtol=0, atol=0)


def test_missing_and_misshapen_tensors_are_listed(tmp_path: Path) -> None:
    state = random_state(random_spec())
    del state["extras.0.0.bias"]
    state["base_net.0.0.weight"] = t(8, 3, 3, 3)
    torch.save(state, tmp_path / "x-320.pth")
    with pytest.raises(DetectorError) as caught:
        import_model(tmp_path / "x-320.pth", "x", tmp_path / "out")
    assert "extras.0.0.bias [64] is missing" in caught.value.message
    assert "base_net.0.0.weight is [8, 3, 3, 3] instead of [16, 3, 3, 3]" in caught.value.message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("shape", "rows"), [((8, 256, 3, 3), 8), ((), 0)])
def test_another_number_of_classes_is_refused(tmp_path: Path, shape: tuple[int, ...], rows: int) -> None:
    state = random_state(random_spec())
    state["classification_headers.3.weight"] = t(*shape)
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(DetectorError, match=f"{rows} class outputs"):
        import_model(tmp_path / "x.pth", "x", tmp_path / "out")


@pytest.mark.parametrize("name", ["x.h5", "x"])
def test_other_kinds_of_file_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DetectorError, match="no kind of model file known here"):
        import_model(tmp_path / name, "x", tmp_path / "out")


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="There is no file"):
        import_model(tmp_path / "absent.pth", "x", tmp_path / "out")


def test_the_size_of_an_unknown_ultraface_file_is_asked_for_or_in_its_name(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "mine.pth")
    with pytest.raises(DetectorError) as caught:
        import_model(tmp_path / "mine.pth", "x", tmp_path / "out")
    assert caught.value.remedies == (Remedy("size", "320x240"),)
    given = load_spec(import_model(tmp_path / "mine.pth", "x", tmp_path / "out", Overrides(size=(640, 480))).path)
    assert (given.input.width, given.input.height) == (640, 480)
    save_checkpoint(tmp_path / "mine-640.pth")
    written = import_model(tmp_path / "mine-640.pth", "y", tmp_path / "out")
    named = load_spec(written.path)
    assert (named.input.width, named.input.height) == (640, 480)
    assert Remedy("size", "320x240") in [remedy for note in written.notes for remedy in note.remedies]
