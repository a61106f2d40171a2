"""TensorFlow.js models as targets: ``model.json`` damaged as text and value by value, its shards beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from detector.importers.conversion import convert_weights
from detector.importers.tfjs_file import read_tfjs
from tools.fixtures.tensorflow_networks import PIPELINES, random_variables
from tools.fixtures.tfjs_writer import Array, Quantisation, as_converted, write_tfjs
from tools.fuzz.evaluation import damage_values
from tools.fuzz.mutations import damage
from tools.fuzz.run import Target

_WORDS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"4294967296", b"[" * 40,
    b"\\u0000", b"\\ud800", b'"uint8"', b'"float16"', b'"int32"', b'"string"', b'"quantization"', b'"scale"', b'"min"',
    b'"shape"', b'"paths"', b'"../x"', b'"byte-group1-shard1of2.bin"', b'"layers-model"', b"18446744073709551616",
)  # fmt: skip


_Models = dict[str, tuple[Mapping[str, Array], Quantisation | None]]
"""Constants, and how they are stored, by a word that the names of their shards begin with."""


def tfjs_target() -> Target:
    """The reader alone, on small tensors of every type."""
    constants = {
        "a/weights": np.linspace(-1, 1, 18, dtype=np.float32).reshape(1, 3, 3, 2),
        "b": np.array([3, -4], np.int32),
        "flags": np.array([True, False]),
        "c": np.array(0.25, np.float32),
        "empty": np.zeros((0, 4), np.float32),
    }
    return _target(
        {"plain": (constants, None), "byte": (constants, "uint8"), "half": (constants, "float16")}, read_tfjs
    )


def tfjs_import_target() -> Target:
    """The importer behind it, on networks whose layers have a number each: all are refused, each in its line."""
    models: _Models = {}
    for architecture in ("ssdlite-mobilenetv2-tf", "ssd-mobilenetv1-tf"):
        constants = as_converted(random_variables(PIPELINES[architecture], 2), "mixed")
        models[architecture] = ({name: _tiny(name, value) for name, value in constants.items()}, None)
    return _target(models, convert_weights)


def _target(models: _Models, reader: Callable[[Path], object]) -> Target:
    seeds: list[bytes] = []
    shards: dict[str, bytes] = {}
    for word, (constants, quantisation) in models.items():
        with TemporaryDirectory() as folder:
            description = write_tfjs(Path(folder), constants, quantisation, shards=2)
            seeds.append(description.read_bytes().replace(b"group", f"{word}-group".encode()))
            for shard in Path(folder).glob("group*"):
                shards[f"{word}-{shard.name}"] = shard.read_bytes()

    def read(path: Path) -> object:
        for name, content in shards.items():
            if not path.with_name(name).exists():
                path.with_name(name).write_bytes(content)
        return reader(path)

    return Target(".json", read, tuple(seeds), (partial(damage, words=_WORDS), damage_values))


def _tiny(name: str, value: Array) -> Array:
    """A corner of ``value``; what the network is told by stays as it is."""
    if name.startswith("Pre"):
        return value
    if name == "BoxPredictor_0/ClassPredictor/weights":
        return value[:, :, :1]
    return value[tuple(slice(0, 2 if name.startswith("Post") else 1) for _ in value.shape)]
