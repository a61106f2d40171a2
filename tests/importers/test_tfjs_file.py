"""TensorFlow.js files: read as they were written, and whatever is wrong with one is said in a line."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.errors import DetectorError
from detector.importers.model_writer import import_model
from detector.importers.tfjs_file import read_tfjs
from tools.fixtures.tfjs_writer import Array, Quantisation, write_json, write_tfjs

Entry = dict[str, Any]


def small() -> dict[str, Array]:
    """Tensors of every type and of odd sizes."""
    rng = np.random.default_rng(0)
    return {
        "scalar": np.array(2.5, np.float32),
        "a/weights": rng.standard_normal((3, 3, 2, 5)).astype(np.float32),
        "empty": np.zeros((0, 4), np.float32),
        "shape": np.array([-1, 300, 7], np.int32),
        "flags": np.array([True, False, True]),
        "b/weights": rng.uniform(-7, 3, (11, 13)).astype(np.float32),
        "constant": np.full(3, 0.1, np.float32),
    }


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_tensors_are_read_as_they_were_written(tmp_path: Path, shards: int) -> None:
    read = read_tfjs(write_tfjs(tmp_path, small(), shards=shards)).tensors
    assert list(read) == list(small())
    for name, value in small().items():
        np.testing.assert_array_equal(read[name], value)


def test_the_hash_is_of_the_weights_however_they_are_cut(tmp_path: Path) -> None:
    hashes = set()
    for shards in (1, 3):
        folder = tmp_path / str(shards)
        folder.mkdir()
        hashes.add(read_tfjs(write_tfjs(folder, small(), shards=shards)).sha256)
    assert len(hashes) == 1


@pytest.mark.parametrize(("quantisation", "steps"), [("uint8", 255), ("uint16", 65535)])
def test_quantised_weights_are_off_by_half_a_step(tmp_path: Path, quantisation: Quantisation, steps: int) -> None:
    read = read_tfjs(write_tfjs(tmp_path, small(), quantisation)).tensors
    for name, value in small().items():
        if value.size and value.dtype == np.float32:
            step = float(np.ptp(value)) / steps
            assert read[name].dtype == np.float32
            np.testing.assert_allclose(read[name], value, rtol=0, atol=step * 0.501 + 1e-6)
        else:
            np.testing.assert_array_equal(read[name], value)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    read = read_tfjs(write_tfjs(tmp_path, small(), "float16")).tensors
    for name, value in small().items():
        half = value.astype(np.float16).astype(np.float32) if value.dtype == np.float32 else value
        np.testing.assert_array_equal(read[name], half)
        assert read[name].dtype != np.float16


def test_whole_numbers_stay_whole_when_quantised(tmp_path: Path) -> None:
    row = {"name": "size", "shape": [2], "dtype": "int32", "quantization": quantised("uint8", 1.1764706, 0)}
    read = read_tfjs(one(tmp_path, row, bytes([255, 0]))).tensors["size"]
    assert read.dtype.kind == "i"
    assert read.tolist() == [300, 0]


def quantised(dtype: object, scale: object = 1.0, low: object = 0.0) -> Entry:
    return {"dtype": dtype, "scale": scale, "min": low}


def one(folder: Path, row: object, data: bytes = b"", **others: object) -> Path:
    """A model of a single tensor, described by ``row``."""
    (folder / "data.bin").write_bytes(data)
    return write_json(folder, [{"paths": ["data.bin"], "weights": [row]}], **others)


def entry(**fields: object) -> Entry:
    return {"name": "w", "shape": [2], "dtype": "float32", **fields}


DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]

ROWS: list[tuple[object, bytes, str]] = [
    (None, b"", "a tensor without a name"),
    ([], b"", "a tensor without a name"),
    (entry(name=None), b"", "a tensor without a name"),
    (entry(name=""), b"", "a tensor without a name"),
    (entry(name="a\nb"), b"", "a tensor without a name"),
    (entry(name="\ud800"), b"", "a tensor without a name"),
    (entry(name="x" * 501), b"", "a tensor without a name"),
    (entry(shape=None), b"", "no proper shape"),
    (entry(shape={}), b"", "no proper shape"),
    (entry(shape=[-1]), b"", "no proper shape"),
    (entry(shape=[2.0]), b"", "no proper shape"),
    (entry(shape=[True]), b"", "no proper shape"),
    (entry(shape=["2"]), b"", "no proper shape"),
    (entry(shape=[1] * 9), b"", "no proper shape"),
    (entry(shape=[10**400]), b"", "no proper shape"),
    (entry(shape=[2**20, 2**20]), b"", "no proper shape"),
    (entry(shape=[0, 2**30, 2**30, 2**30]), b"", "no proper shape"),
    (entry(shape=[2**28 + 1]), b"", "larger than 1024 MiB"),
    (entry(dtype=None), b"", "type 'NoneType'"),
    (entry(dtype="string"), b"", "type 'string'"),
    (entry(dtype="complex64"), b"", "type 'complex64'"),
    (entry(dtype="uint8"), b"", "type 'uint8'"),
    (entry(dtype=DEEP), b"", "type 'list'"),
    (entry(dtype="a\nb"), b"", r"type 'a\nb'"),
    (entry(quantization=[]), b"", "quantised in a way not known"),
    (entry(quantization={}), b"", "type 'NoneType'"),
    (entry(quantization=quantised("float32")), b"", "type 'float32'"),
    (entry(quantization=quantised("uint8"), dtype="string"), b"", "type 'string'"),
    (entry(quantization={"dtype": "uint8", "scale": 1}), b"", "without a scale and a minimum"),
    (entry(quantization=quantised("uint8", "1")), b"", "without a scale and a minimum"),
    (entry(quantization=quantised("uint8", float("nan"))), b"", "without a scale and a minimum"),
    (entry(quantization=quantised("uint8", 1, float("-inf"))), b"", "without a scale and a minimum"),
    (entry(quantization=quantised("uint8", 10**400)), b"", "without a scale and a minimum"),
    (entry(quantization=quantised("uint16", 1e29), dtype="int32"), b"\xff" * 4, "no whole numbers"),
    (entry(), b"", "hold 0 bytes, its manifest describes 8"),
    (entry(), bytes(7), "hold 7 bytes, its manifest describes 8"),
    (entry(), bytes(9), "hold 9 bytes, its manifest describes 8"),
]


@pytest.mark.parametrize(("row", "data", "message"), ROWS)
def test_a_wrong_description_of_a_tensor_is_refused(tmp_path: Path, row: object, data: bytes, message: str) -> None:
    refuses(one(tmp_path, row, data), message)


def refuses(path: Path, message: str) -> None:
    """Both lines of the error are lines, and the first says ``message``; nothing is written."""
    with pytest.raises(DetectorError) as caught:
        read_tfjs(path)
    assert message in caught.value.message
    assert "\n" not in str(caught.value)
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()
    with pytest.raises(DetectorError):
        import_model(path, "name", path.parent / "out")
    assert not (path.parent / "out").exists()


@pytest.mark.parametrize(
    "shard",
    ["", ".", "..", "../data.bin", "/etc/passwd", "a/data.bin", "a\\data.bin", "C:data.bin", "data.bin:x", "a\0b",
     "\ud800", "a\nb", "x" * 256, 7, None, [], ["data.bin"]],
)  # fmt: skip
def test_shards_lie_in_the_folder(tmp_path: Path, shard: object) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(8))
    refuses(write_json(tmp_path, [{"paths": [shard], "weights": [entry()]}]), "names a shard outside its folder")


@pytest.mark.parametrize("name", ["data.bin", "x" * 255])
def test_a_missing_shard_is_named(tmp_path: Path, name: str) -> None:
    refuses(write_json(tmp_path, [{"paths": [name], "weights": [entry()]}]), f"{name[:80]}, a shard of model.json")


def test_a_folder_or_a_pipe_is_no_shard(tmp_path: Path) -> None:
    (tmp_path / "data.bin").mkdir()
    manifest = [{"paths": ["data.bin"], "weights": [entry()]}]
    refuses(write_json(tmp_path, manifest), "is missing")
    (tmp_path / "data.bin").rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "data.bin")
        refuses(write_json(tmp_path, manifest), "is missing")


GROUPS: list[tuple[object, str]] = [
    ([None], "no list of shards and weights"),
    ([[]], "no list of shards and weights"),
    ([{"paths": "data.bin", "weights": []}], "no list of shards and weights"),
    ([{"paths": ["data.bin"], "weights": {}}], "no list of shards and weights"),
    ([{"paths": ["data.bin"] * 1001, "weights": []}], "no list of shards and weights"),
    ([], "lists 0 tensors"),
    ([{"paths": [], "weights": []}], "lists 0 tensors"),
    ([{"paths": [], "weights": [entry()]}], "hold 0 bytes"),
    ([{"paths": ["data.bin"], "weights": [entry(), entry()]}], "twice"),
    ([{"paths": ["data.bin"], "weights": [entry()]}] * 2, "twice"),
    ([{"paths": ["data.bin", "data.bin"], "weights": [entry(shape=[4])]}], "twice"),
    ([{"paths": [], "weights": [entry(name=f"{i}", shape=[0]) for i in range(20_001)]}], "lists 20001 tensors"),
    ({}, "lacks a graph or a weights manifest"),
    (None, "lacks a graph or a weights manifest"),
]


@pytest.mark.parametrize(("groups", "message"), GROUPS)
def test_a_wrong_manifest_is_refused(tmp_path: Path, groups: object, message: str) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(8))
    refuses(write_json(tmp_path, groups), message)


@pytest.mark.parametrize(
    "others",
    [
        {"format": "layers-model"},
        {"format": None, "modelTopology": {"keras_version": "2.1.6", "model_config": {"class_name": "Model"}}},
        {"modelTopology": {"model_config": {}}},
    ],
)
def test_a_layers_model_is_called_that(tmp_path: Path, others: Entry) -> None:
    refuses(one(tmp_path, entry(), bytes(8), **others), "is a layers model of TensorFlow.js")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe{}", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"a":' * 100_000, "is not valid JSON"),
        (b"9" * 100_000, "is not valid JSON"),
        (b"[]", "no graph model of TensorFlow.js"),
        (b"7", "no graph model of TensorFlow.js"),
        (b'{"modelTopology": [], "weightsManifest": []}', "no graph model of TensorFlow.js"),
        (b'{"images": [], "annotations": []}', "no graph model of TensorFlow.js"),
        (b"<!doctype html>", "is a web page"),
        (b" " * (8 * 2**20 + 1), "is larger than 8 MiB"),
    ],
    ids=range(12),
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)
    refuses(path, message)


def test_a_manifest_takes_no_memory_that_its_shards_do_not_fill(tmp_path: Path) -> None:
    billion = entry(shape=[2**28])  # exactly as much as is allowed
    many = [entry(name=f"{number}", shape=[2**20]) for number in range(200)]
    for rows in ([billion], many):
        (tmp_path / "data.bin").write_bytes(bytes(1000))
        path = write_json(tmp_path, [{"paths": ["data.bin"], "weights": rows}])
        tracemalloc.start()
        try:
            refuses(path, "hold 1000 bytes")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10 * 2**20


def test_no_step_is_too_wide_for_float32(tmp_path: Path) -> None:
    row = entry(quantization=quantised("uint16", -9e29, -9e29))
    read = read_tfjs(one(tmp_path, row, b"\xff\xff\0\0")).tensors["w"]
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, [-9e29 * 65536, -9e29], rtol=1e-6)


def test_a_wild_number_in_the_graph_is_nobodys_business(tmp_path: Path) -> None:
    path = one(tmp_path, entry(), bytes(8))
    content = json.loads(path.read_text())
    content["modelTopology"]["node"] = [{"name": "x", "attr": {"value": float("inf")}}]
    path.write_text(json.dumps(content))
    assert read_tfjs(path).tensors["w"].tolist() == [0, 0]


def test_an_unreadable_file_is_said_to_be_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = one(tmp_path, entry(), bytes(8))
    opened: Callable[..., Any] = Path.open

    def refused(self: Path, *args: Any, **options: Any) -> Any:
        if self.name == "data.bin":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", refused)
    refuses(path, "Cannot read a shard of model.json: Permission denied")
