"""Reads a TensorFlow.js graph model: ``model.json`` and the shards of weights beside it. No torch, no TensorFlow.

The graph itself is not run: which network it is shows in the names of its weights. Shards may be quantised. Nothing in
the file is trusted: sizes are checked before anything is read, and shards are read from the file's own folder only.
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
from detector.safetensors_file import MAX_FILE_BYTES, MAX_TENSORS, Array, Arrays

_MAX_JSON_BYTES = 32 * 2**20
_MAX_SHARDS = 1000
_MAX_NAME_CHARS = 500
_DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "u1", "uint8": "u1", "uint16": "<u2", "float16": "<f2"}
_WHOLE = ("int32", "bool")  # rounded when they were quantised


@dataclass(frozen=True, slots=True)
class TfjsModel:
    """The weights of a TensorFlow.js model.

    Attributes:
        tensors: By name, as TensorFlow orders their dimensions; quantised ones as float32 again.
        sha256: Of all shards, joined in the order of the manifest.
    """

    tensors: Arrays
    sha256: str


def read_tfjs(path: Path) -> TfjsModel:
    """Read the weights of the model whose ``model.json`` is ``path``.

    Raises:
        DetectorError: It is no graph model of TensorFlow.js, a shard is missing or of another size, or it is damaged.
    """
    start_of(path)
    content = _parsed(path)
    groups = content.get("weightsManifest")
    if not isinstance(groups, list) or not isinstance(content.get("modelTopology"), dict):
        raise DetectorError(
            f"{path.name} is JSON, but no graph model of TensorFlow.js: it lacks a weights manifest.",
            "Choose the model.json that lies beside the weight shards.",
        )
    tensors: Arrays = {}
    digest = hashlib.sha256()
    room = MAX_FILE_BYTES
    for group in groups:
        paths, rows = _group(group, path)
        data = bytearray()
        for shard in paths:
            part = _shard(path, shard, room - len(data))
            digest.update(part)
            data += part
        room -= len(data)
        for name, tensor in _tensors(rows, memoryview(data), path):
            if name in tensors or len(tensors) >= MAX_TENSORS:
                _damaged(path, f"tensor {name[:80]} is there twice, or there are too many")
            tensors[name] = tensor
    return TfjsModel(tensors, digest.hexdigest())


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
        raise DetectorError(f"{path.name} is not valid JSON.", "Fetch the file again.") from error
    return content if isinstance(content, dict) else {}


def _group(group: Any, path: Path) -> tuple[list[str], list[Any]]:
    paths = group.get("paths") if isinstance(group, dict) else None
    rows = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(paths, list) or not isinstance(rows, list) or len(paths) > _MAX_SHARDS or len(rows) > MAX_TENSORS:
        _damaged(path, "its manifest has a group that is no list of shards and weights")
    return paths, rows


def _shard(path: Path, shard: Any, room: int) -> bytes:
    """The content of one shard, which lies beside ``path``."""
    if not isinstance(shard, str) or not shard or Path(shard).name != shard or "\\" in shard or len(shard) > 255:
        _damaged(path, "its manifest names a shard outside its folder")
    try:
        with path.with_name(shard).open("rb") as file:
            data = file.read(room + 1)
    except FileNotFoundError as error:
        raise DetectorError(
            f"{shard[:80]}, a shard of {path.name}, is missing.", "Put all shards beside model.json."
        ) from error
    except (OSError, ValueError) as error:
        raise DetectorError(f"Cannot read {shard[:80]}, a shard of {path.name}.") from error
    if len(data) > room:
        raise DetectorError(f"The shards of {path.name} are larger than {MAX_FILE_BYTES >> 20} MiB.")
    return data


def _tensors(rows: Sequence[Any], data: memoryview, path: Path) -> Iterator[tuple[str, Array]]:
    """Names and values of one group; its shards must hold exactly these."""
    position = 0
    for row in rows:
        name, shape, stored = _described(row, path)
        end = position + math.prod(shape) * np.dtype(_DTYPES[stored]).itemsize
        if end > len(data):
            _damaged(path, f"the shards end before tensor {name[:80]}")
        values = np.frombuffer(data[position:end], _DTYPES[stored]).reshape(shape)
        position = end
        yield name, _dequantised(values, row, path)
    if position != len(data):
        _damaged(path, f"the shards hold {len(data) - position} bytes more than the manifest describes")


def _described(row: Any, path: Path) -> tuple[str, tuple[int, ...], str]:
    """Name, shape and stored type of one tensor."""
    row = row if isinstance(row, dict) else {}
    name, shape, dtype = row.get("name"), row.get("shape"), row.get("dtype")
    quantised = row.get("quantization")
    stored = quantised.get("dtype") if isinstance(quantised, dict) else dtype
    whole = isinstance(shape, list) and all(type(side) is int and 0 <= side < 2**31 for side in shape)
    if not isinstance(name, str) or len(name) > _MAX_NAME_CHARS or not whole or len(shape) > 8:
        _damaged(path, "its manifest has a tensor without a name or shape")
    if not isinstance(stored, str) or stored not in _DTYPES or not isinstance(dtype, str):
        _damaged(path, f"tensor {name[:80]} holds {str(stored)[:20]} values, which are not known here")
    return name, tuple(shape), stored


def _dequantised(values: Array, row: Mapping[str, Any], path: Path) -> Array:
    """Float32 of what was quantised; other values as they are."""
    quantised = row.get("quantization")
    if not isinstance(quantised, dict):
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    scale, low = (_number(quantised.get(key)) for key in ("scale", "min"))
    if scale is None or low is None:
        _damaged(path, f"tensor {str(row.get('name'))[:80]} is quantised without a scale and a minimum")
    result: Array = values.astype(np.float64) * scale + low
    return np.rint(result).astype(np.int64) if row.get("dtype") in _WHOLE else result.astype(np.float32)


def _number(value: Any) -> float | None:
    sane = type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e30
    return float(value) if sane else None


def _damaged(path: Path, what: str) -> NoReturn:
    raise DetectorError(f"{path.name} is damaged: {what}.", "Fetch the model again, model.json with all its shards.")
