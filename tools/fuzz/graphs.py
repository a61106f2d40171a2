"""ONNX and TensorFlow Lite files as targets: what is read of them before an engine sees them."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import numpy as np

from detector.importers.onnx_file import OPERATORS, check_onnx
from detector.importers.tflite_file import read_tflite
from tools.fixtures.tflite_writer import tiny_tflite_ssd
from tools.fuzz.mutations import damage, damage_fields
from tools.fuzz.run import Target

_NUMBERS = (0, 1, 2, 4, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def onnx_target() -> Target:
    """The reader of ``.onnx``, on a network with every kind of weight: inside, in an operator, in a file beside it."""

    def read(path: Path) -> object:
        weights = path.with_name("beside.bin")
        if not weights.exists():
            weights.write_bytes(bytes(64))
        return check_onnx(path)

    return Target(".onnx", read, (_onnx(),), (damage, damage_fields))


def tflite_target() -> Target:
    """The reader of ``.tflite``, and its cut."""
    anchors = np.tile(np.array([0.5, 0.5, 0.2, 0.2], np.float32), (3, 1))
    seed = tiny_tflite_ssd(anchors, np.zeros((3, 4), np.float32), np.zeros((9, 3), np.float32))
    return Target(".tflite", read_tflite, (seed,), (_damage_numbers, damage))


def _damage_numbers(content: bytes, random: Random) -> bytes:
    """Changes one to four aligned numbers: offsets, lengths, counts and kinds, so that what is around them is sound."""
    result = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = 4 * random.randrange(len(result) // 4)
        number = random.choice(_NUMBERS) if random.random() < 0.5 else random.randrange(-64, 64) & 0xFFFFFFFF
        if random.random() < 0.3:
            struct.pack_into("<H", result, at + random.choice((0, 2)), number & 0xFFFF)
        else:
            struct.pack_into("<I", result, at, number)
    return bytes(result)


def _onnx() -> bytes:
    kinds = sorted(OPERATORS)[:6]
    nodes = b"".join(
        _field(1, _text(1, f"t{i}") + _text(1, "w") + _text(2, f"t{i + 1}") + _text(4, kind) + _field(5, _attribute()))
        for i, kind in enumerate(kinds)
    )
    beside = _text(8, "e") + _whole(1, 4) + _whole(2, 1) + _whole(14, 1)
    for key, value in (("location", "beside.bin"), ("offset", "16"), ("length", "16")):
        beside += _field(13, _text(1, key) + _text(2, value))
    inside = _text(8, "w") + _whole(1, 2) + _whole(2, 1) + _field(9, bytes(8))
    graph = nodes + _text(2, "g") + _field(5, inside) + _field(5, beside)
    graph += _field(11, _value("t0", (1, 3, 8, 8))) + _field(12, _value(f"t{len(kinds)}", (1, 9, 4)))
    opset = _field(8, _whole(2, 13))
    return (
        _whole(1, 8) + _text(2, "pytorch") + _field(7, graph) + opset + _field(14, _text(1, "names") + _text(2, "{}"))
    )


def _attribute() -> bytes:
    tensor = _whole(1, 1) + _whole(2, 1) + _text(8, "c") + _field(9, bytes(4))
    return _text(1, "value") + _field(5, tensor) + _whole(20, 4)


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _whole(1, side)) for side in shape)
    return _text(1, name) + _field(2, _field(1, _whole(1, 1) + _field(2, dims)))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])
