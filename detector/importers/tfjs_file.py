"""Reads a TensorFlow.js graph model: ``model.json`` and the shards of weights beside it. No torch, no TensorFlow.

The graph itself is not run: which network it is shows in the names of its weights. They may be quantised. Nothing in
the file is trusted: shards are files of the model's own folder, and no memory is taken before they are known to be as
long as the manifest says.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from detector.errors import DetectorError
from detector.importers.first_bytes import start_of
from detector.importers.hints import FETCH_AGAIN
from detector.safetensors_file import MAX_FILE_BYTES, MAX_TENSORS, Array, Arrays

_MAX_JSON_BYTES = 8 * 2**20  # ssdlite_mobilenet_v2_coco's is 0.5 MiB
_MAX_SHARDS = 1000
_MAX_NAME_CHARS = 500
_DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "u1"}
_HALF = "<f2"
_QUANTISED = {"uint8": "u1", "uint16": "<u2", "float16": _HALF}


@dataclass(frozen=True, slots=True)
class TfjsModel:
    """The weights of a TensorFlow.js model.

    Attributes:
        tensors: By name, as TensorFlow orders their dimensions; quantised ones as float32 or int64 again.
        sha256: Of all shards, joined in the order of the manifest.
    """

    tensors: Arrays
    sha256: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One tensor as the manifest describes it.

    Attributes:
        name: Printable.
        shape: As stored.
        stored: numpy's name of the type in the shards.
        whole: The tensor holds whole numbers.
        affine: (scale, minimum) that its stored numbers are turned back with; None for those that are as they are.
    """

    name: str
    shape: tuple[int, ...]
    stored: str
    whole: bool
    affine: tuple[float, float] | None

    @property
    def size(self) -> int:
        """Bytes in the shards."""
        return math.prod(self.shape) * np.dtype(self.stored).itemsize


def read_tfjs(path: Path) -> TfjsModel:
    """Read the weights of the model whose ``model.json`` is ``path``.

    Raises:
        DetectorError: It is no graph model of TensorFlow.js, a shard is missing or of another size, or it is damaged.
    """
    start_of(path)
    groups = [_group(group, path) for group in _manifest(path)]
    _check_counts(groups, path)
    tensors: Arrays = {}
    digest = hashlib.sha256()
    for shards, rows in groups:
        data = _joined(shards, sum(row.size for row in rows), path)
        digest.update(data)
        tensors.update(_tensors(rows, memoryview(data), path))
    return TfjsModel(tensors, digest.hexdigest())


def _manifest(path: Path) -> list[Any]:
    """The groups of weights that ``path`` lists."""
    content = _parsed(path)
    topology, groups = content.get("modelTopology"), content.get("weightsManifest")
    layers = isinstance(topology, dict) and ("model_config" in topology or "keras_version" in topology)
    if layers or content.get("format") == "layers-model":
        raise DetectorError(
            f"{path.name} is a layers model of TensorFlow.js, made from Keras; only graph models are known here.",
            "Convert it with 'tensorflowjs_converter --output_format tfjs_graph_model'.",
        )
    if not isinstance(topology, dict) or not isinstance(groups, list):
        raise DetectorError(
            f"{path.name} is JSON, but no graph model of TensorFlow.js: it lacks a graph or a weights manifest.",
            "Choose the model.json that lies beside the weight shards.",
        )
    return groups


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_JSON_BYTES + 1)
        if len(text) > _MAX_JSON_BYTES:
            raise DetectorError(f"{path.name} is larger than {_MAX_JSON_BYTES >> 20} MiB; no model's description is.")
        content = json.loads(text)
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise DetectorError(f"{path.name} is not valid JSON.", FETCH_AGAIN) from error
    return content if isinstance(content, dict) else {}


def _group(group: Any, path: Path) -> tuple[list[str], list[_Row]]:
    """Shards of one group, and the tensors that lie in them one after the other."""
    group = group if isinstance(group, dict) else {}
    shards, rows = group.get("paths"), group.get("weights")
    if not isinstance(shards, list) or not isinstance(rows, list) or len(shards) > _MAX_SHARDS:
        _damaged(path, "its manifest has a group that is no list of shards and weights")
    if not all(map(_is_file_name, shards)):
        _damaged(path, "its manifest names a shard outside its folder")
    return shards, [_row(row, path) for row in rows]


def _is_file_name(shard: Any) -> bool:
    """Returns whether ``shard`` is a plain name, on every system."""
    return (
        isinstance(shard, str)
        and 0 < len(shard) <= 255
        and shard.isprintable()
        and not set(shard) & set('/\\:*?"<>|')
        and shard not in (".", "..")
    )


def _row(row: Any, path: Path) -> _Row:
    """One tensor's description, checked."""
    row = row if isinstance(row, dict) else {}
    name, shape, dtype, quantised = (row.get(key) for key in ("name", "shape", "dtype", "quantization"))
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARS or not name.isprintable():
        _damaged(path, "its manifest has a tensor without a name")
    if not _is_shape(shape):
        _damaged(path, f"tensor {name[:80]} has no proper shape")
    stored = _type(dtype, _DTYPES, path, name)
    if quantised is None:
        return _Row(name, tuple(shape), stored, dtype != "float32", None)
    if not isinstance(quantised, dict):
        _damaged(path, f"tensor {name[:80]} is quantised in a way not known here")
    stored = _type(quantised.get("dtype"), _QUANTISED, path, name)
    affine = None if stored == _HALF else _affine(quantised, path, name)
    return _Row(name, tuple(shape), stored, dtype != "float32", affine)


def _type(dtype: Any, known: Mapping[str, str], path: Path, name: str) -> str:
    """numpy's name of ``dtype``."""
    if not isinstance(dtype, str) or dtype not in known:
        odd = dtype[:20] if isinstance(dtype, str) else type(dtype).__name__
        _damaged(path, f"tensor {name[:80]} holds values of type {odd!r}, which is not known here")
    return known[dtype]


def _is_shape(shape: Any) -> bool:
    sides = shape if isinstance(shape, list) and len(shape) <= 8 else [None]
    # Zeros do not count: numpy makes no array of none by a billion by a billion.
    return all(type(side) is int and side >= 0 for side in sides) and math.prod(map(max, sides, [1] * 8)) < 2**31


def _affine(quantised: Mapping[str, Any], path: Path, name: str) -> tuple[float, float]:
    scale, low = (_number(quantised.get(key)) for key in ("scale", "min"))
    if scale is None or low is None:
        _damaged(path, f"tensor {name[:80]} is quantised without a scale and a minimum")
    return scale, low


def _number(value: Any) -> float | None:
    """One that 65,535 of still are a float32."""
    return float(value) if type(value) in (int, float) and abs(value) < 1e30 else None


def _check_counts(groups: Sequence[tuple[list[str], list[_Row]]], path: Path) -> None:
    """Refuses what is listed twice, which would let a small file fill the memory."""
    shards = [shard for each, _ in groups for shard in each]
    rows = [row for _, each in groups for row in each]
    if len(set(shards)) != len(shards) or len({row.name for row in rows}) != len(rows):
        _damaged(path, "its manifest lists a shard or a tensor twice")
    if not 0 < len(rows) <= MAX_TENSORS:
        _damaged(path, f"its manifest lists {len(rows)} tensors")
    if sum(row.size for row in rows) > MAX_FILE_BYTES:
        raise DetectorError(f"The weights of {path.name} are larger than {MAX_FILE_BYTES >> 20} MiB.")


def _joined(shards: Sequence[str], size: int, path: Path) -> bytearray:
    """The content of one group's shards, which are as long as its tensors."""
    places = [path.with_name(shard) for shard in shards]
    try:
        for place in places:
            if not place.is_file():  # a pipe may never end
                raise DetectorError(
                    f"{place.name[:80]}, a shard of {path.name}, is missing.", "Put all shards beside model.json."
                )
        held = sum(place.stat().st_size for place in places)
        if held != size:
            _damaged(path, f"its shards hold {held} bytes, its manifest describes {size}")
        data = bytearray(size)
        read = 0
        for place in places:
            with place.open("rb") as file:
                read += file.readinto(memoryview(data)[read:])
    except OSError as error:
        raise DetectorError(f"Cannot read a shard of {path.name}: {error.strerror or error}.") from error
    if read != size:
        _damaged(path, "a shard was changed while it was read")
    return data


def _tensors(rows: Sequence[_Row], data: memoryview, path: Path) -> Iterator[tuple[str, Array]]:
    position = 0
    for row in rows:
        part = data[position : position + row.size]
        position += row.size
        yield row.name, _values(row, np.frombuffer(part, row.stored).reshape(row.shape), path)


def _values(row: _Row, stored: Array, path: Path) -> Array:
    """Float32 or int64 of what was quantised; other values as they are."""
    if row.stored == _HALF:
        return stored.astype(np.float32)
    if row.affine is None:
        return stored
    scale, low = row.affine
    values: Array = stored.astype(np.float32) * np.float32(scale) + np.float32(low)
    if not row.whole:
        return values
    if not (np.abs(values) < 2**31).all():
        _damaged(path, f"tensor {row.name[:80]} holds no whole numbers")
    return np.rint(values).astype(np.int64)


def _damaged(path: Path, what: str) -> NoReturn:
    raise DetectorError(f"{path.name} is damaged: {what}.", "Fetch the model again, model.json with all its shards.")
