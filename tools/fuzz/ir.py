"""Networks in OpenVINO's format as targets: the checker alone, and what it lets through in a process that may die."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from detector.ir_description import describe_ir
from detector.ir_layers import LAYERS
from detector.runtime.ir import require_ir_survival
from tools.fixtures.tiny_ir import save_tiny_ir
from tools.fuzz.evaluation import XML_WORDS
from tools.fuzz.mutations import damage
from tools.fuzz.run import Target

_FOREIGN = (
    "ReadValue", "Assign", "If", "Loop", "TensorIterator", "NonMaxSuppression", "Proposal", "StringTensorPack",
    "Eye", "SearchSorted", "Col2Im", "RandomUniform", "LSTMCell", "NonZero", "Nonsense", "",
)  # fmt: skip
_TYPES = (*LAYERS, *_FOREIGN)
_VALUES = (
    b"", b"-1", b"0", b"1", b"2", b"1e999", b"nan", b"1" * 30, b"1,3,8,8", b"-1,-1", b"1,0,0,1", b"Parameter", b"f32",
    b"i64", b"u4", b"string", b"true", b"valid", b"same_upper", b"floor", b"\xc3\xa9", b"&#1;", b"2147483648",
)  # fmt: skip
_VALUE = re.compile(rb'"([^"<>]*)"')
_LAYER = re.compile(rb'type="\w*" version="\w*"')
_ATTRIBUTE = re.compile(rb' [\w-]+="[^"<>]*"')
_ELEMENT = re.compile(rb"\s*<edge [^>]*/>|\s*<data [^>]*/>|\s*<port .*?</port>|\s*<layer .*?</layer>", re.DOTALL)
_DIM = re.compile(rb"<dim>(-?\d+)</dim>")


def damage_values(content: bytes, random: Random) -> bytes:
    """Replaces one to three attribute values; the XML stays well-formed."""
    for _ in range(random.randint(1, 3)):
        content = _replaced(content, _VALUE, 1, random.choice(_VALUES), random)
    return content


def damage_layers(content: bytes, random: Random) -> bytes:
    """Changes types, opsets, attributes, ports and connections, one to three; the XML stays well-formed."""
    for _ in range(random.randint(1, 3)):
        match random.randrange(6):
            case 0 | 1:
                kind = f'type="{random.choice(_TYPES)}" version="opset{random.randint(1, 16)}"'
                content = _replaced(content, _LAYER, 0, kind.encode(), random)
            case 2:
                content = _replaced(content, _ATTRIBUTE, 0, b"", random)
            case 3:
                elements = [match[0] for match in _ELEMENT.finditer(content)] or [b""]
                content = _replaced(content, _ELEMENT, 0, random.choice(elements) * random.randrange(2), random)
            case 4:
                content = _replaced(content, _DIM, 1, str(random.choice((-1, 0, 1, 3, 7, 2**31))).encode(), random)
            case _:
                content = damage_values(content, random)
    return content


def _replaced(content: bytes, what: re.Pattern[bytes], group: int, by: bytes, random: Random) -> bytes:
    places = list(what.finditer(content))
    if not places:
        return content
    begin, end = random.choice(places).span(group)
    return content[:begin] + by + content[end:]


def checker_target() -> Target:
    """The checker, which reads an ``.xml`` before OpenVINO sees it."""
    return _target(describe_ir, (partial(damage, words=XML_WORDS), damage_values, damage_layers))


def survival_target() -> Target:
    """Graphs that the checker lets through, opened in a process that may die; each takes half a second and more."""

    def read(path: Path) -> object:
        described = describe_ir(path)
        require_ir_survival(path)
        return described

    return _target(read, (damage_layers, damage_values), slow_s=60.0)


def _target(
    read: Callable[[Path], object], damages: tuple[Callable[[bytes, Random], bytes], ...], slow_s: float = 0.0
) -> Target:
    with TemporaryDirectory() as folder:
        graph = save_tiny_ir(Path(folder))
        text, weights = graph.read_bytes(), graph.with_suffix(".bin").read_bytes()

    def with_weights(path: Path) -> object:
        path.with_suffix(".bin").write_bytes(weights)
        return read(path)

    return Target(".xml", with_weights, (text,), damages, slow_s)
