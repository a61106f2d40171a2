"""Writes TensorFlow.js graph models as converters leave them: batch normalisation folded one way or another, weights
quantised, and shards that are cut wherever they are full."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tests.support.tensorflow_networks import Variables, anchors

Array = npt.NDArray[Any]
Norm = Literal["whole", "merged", "half", "offset", "offset in place", "mixed"]
"""Batch normalisation as four variables; folded by TensorFlow's optimiser (``merged_input``, ``batchnorm/sub``), or
only as far as a factor and a summand; folded by newer converters under the convolution's name, or its variable's.
"mixed": the predictors whole, else depthwise convolutions half and others merged, as in coco-ssd's
``ssdlite_mobilenet_v2``."""
Quantisation = Literal["uint8", "uint16", "float16"]


def as_converted(variables: Variables, norm: Norm, side: int = 300) -> dict[str, Array]:
    """What a graph's constants are, given its ``variables``; around them what the importer has no use for."""
    constants: dict[str, Array] = {
        "Preprocessor/mul/x": np.array(2 / 255, np.float32),
        "Preprocessor/map/while/ResizeImage/stack": np.array([side, side], np.int32),
        "Postprocessor/ExpandDims": anchors(side).astype(np.float32)[None],
        "Postprocessor/Slice/begin": np.zeros(3, np.int32),
    }
    for name, value in variables.items():
        scope, variable = name.rsplit("/", 1)
        if variable == "biases" or f"{scope}/biases" in variables:
            constants[name] = value
        elif variable.endswith("weights"):
            constants |= _convolution(variables, scope, variable, norm)
    return constants


def _convolution(variables: Variables, scope: str, variable: str, norm: Norm) -> dict[str, Array]:
    """The constants of one convolution with batch normalisation."""
    depthwise = variable == "depthwise_weights"
    if norm == "mixed":
        norm = "whole" if scope.startswith("BoxPredictor") else "half" if depthwise else "merged"
    weights, batch_norm = variables[f"{scope}/{variable}"], f"{scope}/BatchNorm"
    whole = {
        f"{batch_norm}/{name}": variables[f"{batch_norm}/{name}"]
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    if norm == "whole":
        return {f"{scope}/{variable}": weights, **whole}
    gamma, beta, mean, variance = (value.astype(np.float64) for value in whole.values())
    factor = gamma / np.sqrt(variance + 0.001)
    summand = (beta - mean * factor).astype(np.float32)
    scaled = (weights * (factor[:, None] if depthwise else factor)).astype(np.float32)
    node = "depthwise" if depthwise else "Conv2D"
    place = scope.replace("/MobilenetV1/Conv2d_", "/MobilenetV1/MobilenetV1/Conv2d_")  # where its operations stand
    if "_pointwise_" in scope:
        place = scope
    if norm == "half":
        added = {f"{place}/BatchNorm/batchnorm/mul": factor.astype(np.float32)}
        return {f"{scope}/{variable}": weights, **added, f"{place}/BatchNorm/batchnorm/sub": summand}
    if norm == "merged":
        return {f"{place}/{node}/merged_input": scaled, f"{place}/BatchNorm/batchnorm/sub": summand}
    kept = f"{place}/{node}_weights" if norm == "offset" else f"{scope}/{variable}"
    return {kept: scaled, f"{place}/{node}_bn_offset": summand}


def write_tfjs(
    folder: Path, constants: Mapping[str, Array], quantisation: Quantisation | None = None, shards: int = 3
) -> Path:
    """Writes ``model.json`` and its shards, the constants in two groups; returns the path of the former."""
    names = list(constants)
    half = len(names) // 2
    manifest = []
    for number, group in enumerate((names[:half], names[half:]), start=1):
        entries, data = [], b""
        for name in group:
            entry, stored = _stored(name, constants[name], quantisation)
            entries.append(entry)
            data += stored
        manifest.append({"paths": _cut(folder, number, data, shards), "weights": entries})
    return write_json(folder, manifest)


def write_json(folder: Path, manifest: object, **others: object) -> Path:
    """A graph model's ``model.json`` with this ``weightsManifest``; ``others`` replace or add to its keys."""
    content: dict[str, object] = {
        "format": "graph-model",
        "modelTopology": {"node": [{"name": "image_tensor", "op": "Placeholder"}], "versions": {}},
        "weightsManifest": manifest,
        **others,
    }
    path = folder / "model.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def dequantised(value: Array, quantisation: Quantisation | None) -> Array:
    """What a reader makes of ``value`` after it was stored."""
    if quantisation is None or not _is_quantised(value):
        return value
    if quantisation == "float16":
        return value.astype(np.float16).astype(np.float32)
    low, scale = _range(value, quantisation)
    return (np.rint((value.astype(np.float64) - low) / scale) * scale + low).astype(np.float32)


def _is_quantised(value: Array) -> bool:
    return value.dtype == np.float32 and value.size > 0


def _range(value: Array, quantisation: Quantisation) -> tuple[float, float]:
    """The least value and the step."""
    low, high = float(value.min()), float(value.max())
    return low, (high - low) / np.iinfo(quantisation).max or 1.0


def _stored(name: str, value: Array, quantisation: Quantisation | None) -> tuple[dict[str, Any], bytes]:
    entry: dict[str, Any] = {"name": name, "shape": list(value.shape), "dtype": str(value.dtype)}
    if quantisation is None or not _is_quantised(value):
        return entry, value.tobytes()
    entry["quantization"] = {"dtype": quantisation, "original_dtype": "float32"}
    if quantisation == "float16":
        return entry, value.astype("<f2").tobytes()
    low, scale = _range(value, quantisation)
    entry["quantization"] |= {"min": low, "scale": scale}
    steps = np.rint((value.astype(np.float64) - low) / scale)
    return entry, steps.astype(np.dtype(quantisation).newbyteorder("<")).tobytes()


def _cut(folder: Path, group: int, data: bytes, count: int) -> Sequence[str]:
    """Writes ``data`` as ``count`` files of odd lengths."""
    length = len(data) // count | 1
    names = [f"group{group}-shard{number}of{count}.bin" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        end = None if number == count - 1 else (number + 1) * length
        (folder / name).write_bytes(data[number * length : end])
    return names
