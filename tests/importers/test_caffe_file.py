"""Reading ``.caffemodel`` files: against Google's own implementation, and whatever can be wrong with a file."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import detector.importers.first_bytes as first_bytes
import detector.importers.protobuf_wire as wire
from detector.errors import DetectorError
from detector.importers.caffe_file import CaffeNet, read_caffemodel
from detector.importers.protobuf_wire import Schema, WireError, read_message
from tools.fixtures.caffe_writer import encode, varint

SCHEMA: Schema = {
    1: ("text", "text"),
    2: ("whole", "whole"),
    3: ("real", "real"),
    4: ("floats", "reals32"),
    5: ("doubles", "reals64"),
    6: ("inner", {1: ("text", "text"), 2: ("whole", "whole")}),
}


def google_message(packed: bool) -> Any:
    """``SCHEMA`` as a class of the protobuf package, with a field more than we know."""
    pool_module = pytest.importorskip("google.protobuf.descriptor_pool")
    from google.protobuf import descriptor_pb2, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="test.proto", syntax="proto2")
    fields = [
        ("text", 1, kinds.TYPE_STRING),
        ("whole", 2, kinds.TYPE_INT64),
        ("real", 3, kinds.TYPE_FLOAT),
        ("floats", 4, kinds.TYPE_FLOAT),
        ("doubles", 5, kinds.TYPE_DOUBLE),
        ("inner", 6, kinds.TYPE_MESSAGE),
        ("unknown", 300, kinds.TYPE_FIXED64),
    ]
    outer, inner = file.message_type.add(name="Outer"), file.message_type.add(name="Inner")
    for message, some in ((outer, fields), (inner, fields[:2])):
        for name, number, kind in some:
            field = message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_REPEATED)
            if kind == kinds.TYPE_MESSAGE:
                field.type_name = ".Inner"
            elif name in ("floats", "doubles", "whole"):
                field.options.packed = packed
    pool = pool_module.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Outer"))


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
INNER = st.fixed_dictionaries(
    {"text": st.lists(st.text(max_size=5), max_size=2), "whole": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)}
)
VALUES = st.fixed_dictionaries(
    {
        "text": st.lists(st.text(max_size=20), max_size=3),
        "whole": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
        "real": st.lists(FLOATS, max_size=5),
        "floats": st.lists(st.floats(width=32), max_size=300),
        "doubles": st.lists(st.floats(), max_size=300),
        "unknown": st.lists(st.integers(0, 2**64 - 1), max_size=2),
        "inner": st.lists(INNER, max_size=3),
    }
)


@pytest.mark.parametrize("packed", [True, False])
def test_it_reads_what_google_writes(packed: bool) -> None:
    outer = google_message(packed)

    @given(VALUES)
    def check(values: dict[str, Any]) -> None:
        message = outer(**values)
        content = message.SerializeToString()
        found = read_message(io.BytesIO(content), len(content), SCHEMA)
        for name in ("text", "whole", "real"):
            assert found.get(name, []) == list(getattr(message, name))
        for name, dtype in (("floats", np.float32), ("doubles", np.float64)):
            got = np.concatenate([np.empty(0, dtype), *found.get(name, [])])
            np.testing.assert_array_equal(got, np.array(getattr(message, name), dtype))
        inner = [{key: part.get(key, []) for key in ("text", "whole")} for part in found.get("inner", [])]
        assert inner == values["inner"]

    check()


def fails(content: bytes) -> str:
    with pytest.raises(WireError) as caught:
        read_message(io.BytesIO(content), len(content), SCHEMA)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x08", "longer than what is there"),
        (b"\x0a\x05abcd", "longer than what is there"),
        (b"\x32\x04\x0a\x05abc", "longer than what is there"),  # inner text beyond the inner message
        (b"\x22\xff\xff\xff\xff\x0f" + bytes(8), "longer than what is there"),  # 4 GiB of floats claimed
        (b"\x22" + varint(2**63) + bytes(8), "longer than what is there"),
        (b"\x22\x06" + bytes(6), "ends inside a number"),
        (b"\x10" + b"\xff" * 11, "does not end"),
        (b"\x00\x00", "without a number"),
        (b"\x0b", "unknown kind"),  # groups, gone since 2008
        (b"\x1d\x00\x00\xc0\x7f", "NaN or infinite"),
        (b"\x0a" + varint(5000) + bytes(5000), "a name of 5000 bytes"),
        (b"\x25\x00\x00", "longer than what is there"),
        (b"\xa1\x06\x00", "longer than what is there"),  # an unknown fixed64
    ],
)
def test_damage_is_told(content: bytes, message: str) -> None:
    assert message in fails(content)


def test_fields_of_another_kind_are_passed_over() -> None:
    content = b"\x08\x05" + b"\x15abcd" + b"\x30\x01" + b"\x19" + bytes(8) + b"\x20\x07" + b"\x10\x2a"
    assert read_message(io.BytesIO(content), len(content), SCHEMA) == {"whole": [42]}


def test_a_file_that_shrinks_while_it_is_read_is_told() -> None:
    content = b"\x22\x80\x80\x01" + bytes(2**14)
    for kept in (4, 100, 2**13):
        with pytest.raises(WireError, match="longer than"):
            read_message(io.BytesIO(content[:kept]), len(content), SCHEMA)


@pytest.mark.parametrize("field", [b"\x10\x01", b"\x0a\x00", b"\x28\x00", b"\x12\x03\x01\x02\x03", b"\x32\x00"])
def test_more_fields_than_any_model_has_are_refused(field: bytes) -> None:
    content = field * 1001
    with pytest.raises(WireError, match="more than 1000 fields"):
        read_message(io.BytesIO(content), len(content), SCHEMA, most_values=1000)


def test_numbers_with_a_tag_each_take_no_more_memory_than_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_RUN", 4096)
    numbers = np.arange(100_000, dtype=np.float32)
    pairs = np.empty(len(numbers), [("tag", "u1"), ("value", "<f4")])
    pairs["tag"], pairs["value"] = 0x25, numbers
    content = pairs.tobytes() + b"\x10\x05" + b"\x25" + struct.pack("<f", 7.0)
    tracemalloc.start()
    found = read_message(io.BytesIO(content), len(content), SCHEMA)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(np.concatenate(found["floats"]), [*numbers, 7.0])
    assert found["whole"] == [5]
    assert peak < 4 * len(content)


def test_a_packed_array_is_held_once() -> None:
    content = b"\x22" + varint(2**22) + bytes(2**22)
    file = io.BytesIO(content)
    tracemalloc.start()
    found = read_message(file, len(content), SCHEMA)["floats"][0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.flags.writeable
    assert found.flags.aligned
    assert peak < 1.1 * 2**22


def model(**blob: Any) -> bytes:
    return encode({"name": ["net"], "layer": [{"name": ["a"], "blobs": [blob]}]}, "NetParameter")


def read(path: Path, content: bytes) -> CaffeNet:
    (path / "x.caffemodel").write_bytes(content)
    return read_caffemodel(path / "x.caffemodel")


@pytest.mark.parametrize(
    ("blob", "shape"),
    [
        ({"data": [[1, 2, 3, 4, 5, 6]], "shape": [{"dim": [[3, 2]]}]}, (3, 2)),
        ({"data": [[1, 2], [3, 4, 5, 6]], "shape": [{"dim": [[3, 2]]}]}, (3, 2)),
        ({"data": [[1]], "shape": [{}]}, ()),
        ({"data": [[1, 2, 3]]}, (3,)),
        ({"data": [[1, 2, 3]], "num": [1], "channels": [1], "height": [1], "width": [3]}, (3,)),
        ({"data": [[1, 2, 3]], "num": [3], "channels": [1], "height": [1], "width": [1]}, (3, 1, 1, 1)),
    ],
)
def test_blobs_have_their_shape(tmp_path: Path, blob: dict[str, Any], shape: tuple[int, ...]) -> None:
    (array,) = read(tmp_path, model(**blob)).layers["a"].blobs
    assert array.shape == shape
    assert array.dtype == np.float32
    assert array.ravel().tolist() == list(range(1, array.size + 1))


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        ({"data": [[1, 2, 3]], "shape": [{"dim": [[2, 2]]}]}, r"3 weights for the shape \[2, 2\]"),
        ({"shape": [{"dim": [[64, 3, 3, 3]]}]}, "0 weights"),
        ({"shape": [{"dim": [[2**40, 2**40, 0]]}]}, "0 weights"),
        ({"data": [[1]], "shape": [{"dim": [[-1, -1]]}]}, r"1 weights for the shape \[-1, -1\]"),
        ({"data": [[1]], "shape": [{"dim": [[1] * 9]}]}, "1 weights"),
        ({"data": [[1]], "num": [1]}, r"\[1, 0, 0, 0\]"),
        ({"data": [[float("inf")]]}, "layer 'a' contains NaN or infinity"),
        ({"double_data": [[1e300]]}, "layer 'a' contains NaN or infinity"),
        ({}, "0 weights"),
    ],
)
def test_blobs_at_odds_with_their_shape_are_told(tmp_path: Path, blob: dict[str, Any], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        read(tmp_path, model(**blob))


def test_a_cut_file_is_told_wherever_it_is_cut(tmp_path: Path) -> None:
    layers = [{"name": [name], "blobs": [{"data": [[1, 2, 3]]}]} for name in "abc"]
    content = encode({"name": ["net"], "layer": layers}, "NetParameter")
    whole = read(tmp_path, content)
    assert list(whole.layers) == ["a", "b", "c"]
    for end in range(1, len(content)):
        try:
            part = read(tmp_path, content[:end])
        except DetectorError as error:
            assert "cut off, damaged or no Caffe model" in error.message  # noqa: PT017  # some cuts pass
        else:  # cut between two layers: what is left is a whole file of fewer
            assert list(part.layers) in (["a"], ["a", "b"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.caffemodel is empty"),
        (b"<!DOCTYPE html><html>404", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"PK\x03\x04" + bytes(40), "no Caffe model"),
        (b"name: 'net'\nlayer { name: 'a' }", "no Caffe model"),
        (bytes(range(256)) * 20, "no Caffe model"),
        (b"\x0a\x03net", "it has no layers with weights"),
    ],
)
def test_what_is_no_caffe_model_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        read(tmp_path, content)


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    layer = {"name": ["a"], "blobs": [{"data": [[1]]}]}
    with pytest.raises(DetectorError, match="two layers 'a'"):
        read(tmp_path, encode({"layer": [layer, layer]}, "NetParameter"))


def test_a_file_too_large_or_absent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_bytes, "MAX_FILE_BYTES", 2**20)
    with pytest.raises(DetectorError, match="2 MiB; weights may have 1 MiB"):
        read(tmp_path, bytes(2**21))
    with pytest.raises(DetectorError, match="Cannot read"):
        read_caffemodel(tmp_path / "absent.caffemodel")
