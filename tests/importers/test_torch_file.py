"""What ``torch.save`` writes is read as torch reads it, and what was made to do harm ends in one line."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.errors import DetectorError
from detector.importers import pickle_machine
from detector.importers.pickle_machine import DamagedPickleError, Stand, UnknownNameError
from detector.importers.pickle_reader import read_pickle
from detector.importers.read import read_checkpoint
from detector.importers.torch_file import TorchFile
from detector.importers.torch_names import StoredTensor

_KINDS = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
)  # fmt: skip
_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@st.composite
def _tensors(draw: st.DrawFn) -> torch.Tensor:
    """Tensors of any kind and shape, whole or a view of something larger: cut, stepped, turned, repeated."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    base = torch.randint(-5, 100, [n * 2 for n in shape]).to(draw(st.sampled_from(_KINDS)))
    view = base[tuple(slice(draw(st.integers(0, n)), None, draw(st.integers(1, 2))) for n in shape)]
    turned, repeated, learned = (draw(st.booleans()) for _ in range(3))
    if shape and turned:
        view = view.transpose(0, -1)
    if repeated:
        view = view.unsqueeze(0).expand(3, *view.shape)
    return torch.nn.Parameter(view) if view.is_floating_point() and learned else view


@st.composite
def _contents(draw: st.DrawFn) -> Any:
    """Containers of tensors; some of the tensors several times, or as views of each other's storage."""
    tensors = draw(st.lists(_tensors(), min_size=1, max_size=4))
    tensors += [t.detach()[1:] for t in tensors if t.dim() and draw(st.booleans())]
    plain = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | _NAMES
    leaves = st.sampled_from(tensors) | plain
    inner = st.recursive(
        leaves,
        lambda each: (
            st.lists(each, max_size=3)
            | st.tuples(each, each)
            | st.dictionaries(_NAMES | st.integers(0, 9), each, max_size=3)
            | st.dictionaries(_NAMES, each, max_size=3).map(OrderedDict)
        ),
        max_leaves=8,
    )
    return draw(st.dictionaries(_NAMES, inner, max_size=5))


def _assert_same(file: TorchFile, mine: Any, wanted: Any) -> None:
    if isinstance(wanted, torch.Tensor):
        assert isinstance(mine, StoredTensor)
        as_array = wanted.detach().float() if wanted.dtype == torch.bfloat16 else wanted.detach()
        found = file.read(mine)
        assert found.dtype == as_array.numpy().dtype
        np.testing.assert_array_equal(found, as_array.numpy())
        assert found.flags.c_contiguous
    elif isinstance(wanted, dict):
        assert list(mine) == list(wanted)
        for key, value in wanted.items():
            _assert_same(file, mine[key], value)
    elif isinstance(wanted, (list, tuple)):
        assert type(mine) is type(wanted)
        assert len(mine) == len(wanted)
        for one, other in zip(mine, wanted, strict=True):
            _assert_same(file, one, other)
    else:
        assert type(mine) is type(wanted)
        assert mine == wanted


@pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])
@given(content=_contents(), protocol=st.integers(2, 4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_are_read_as_torch_reads_them(tmp_path: Path, new: bool, content: Any, protocol: int) -> None:
    path = tmp_path / "x.pth"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    with TorchFile(path) as file:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch speaks of its own storages
            wanted = torch.load(path, weights_only=protocol == 2)  # torch's own safe reader knows no other
        _assert_same(file, file.content, wanted)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, new: bool, place: float, byte: int, cut: bool) -> None:
    saved = io.BytesIO()
    shared = torch.arange(24.0)
    torch.save({"a": shared[4:].view(4, 5).T, "b": shared, "c": torch.ones(3, dtype=torch.int16)}, saved,
               _use_new_zipfile_serialization=new)  # fmt: skip
    content = bytearray(saved.getvalue())
    at = int(place * len(content))
    if cut:
        del content[at:]
    else:
        content[at] = byte
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with contextlib.suppress(DetectorError):  # and nothing else
        assert len(read_checkpoint(path)) <= 3


class _Code:
    """Pickles as the operations it is made of."""

    def __init__(self, *parts: bytes) -> None:
        self.bytes = b"\x80\x02" + b"".join(parts) + b"."


_PAIR = b"\x86"  # of the two values on top
_TWICE = b"2" + _PAIR  # a value, and a pair of it and itself
_MANY = 100_000

_HOSTILE = {
    "a name of endless text": b"N" + _TWICE * 60 + b"N\x93",
    "a function that is itself": b"ctorch._tensor\n_rebuild_from_type_v2\nq\x00"
    + b"(h\x00N" * _MANY + b"t" * _MANY + b"R",
    "arguments that are no tuple": b"ctorch\nSize\n](" + b"K\x01" * 9 + b"e" + b"R",
    "one list, taken a thousand times": b"](" + b"N" * _MANY + b"eq\x000"
    + b"ccollections\nOrderedDict\nh\x00\x85R0" * 1000 + b"N",
    "keys whose hashes are one": b"}(" + b"".join(b"\x8a\x09" + (k * (2**61 - 1)).to_bytes(9, "little") + b"N"
                                                 for k in range(1, 2**10)) + b"u",
    "places of the memo whose hashes are one": b"".join(b"Np%d\n" % (k * (2**61 - 1)) for k in range(3)) + b"N",
    "marks without end": b"(" * 3_000_000,
    "containers without end": b"}" * 3_000_000,
    "no mark to go back to": b"NNt",
    "deep nesting": b"N" + b"\x85" * _MANY + b"0N",
    "a list in itself": b"]q\x00h\x00a",
    "an unknown operation": b"\xff",
    "a text that is longer than all": b"X\xff\xff\xff\x7fabc",
    "a number longer than all": b"\x8b\xff\xff\xff\x7f",
    "a state for nothing": b"N0Nb",
    "an extension": b"\x82\x01",
    "an old instance": b"(ios\nsystem\n",
}  # fmt: skip


@pytest.mark.parametrize("code", _HOSTILE.values(), ids=_HOSTILE)
@pytest.mark.parametrize("old", [False, True], ids=["zip", "stream"])
def test_a_hostile_pickle_ends_in_a_line(tmp_path: Path, code: bytes, old: bool) -> None:
    content = _Code(code).bytes
    path = tmp_path / "x.pth"
    if old:
        head = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        path.write_bytes(head + content + pickle.dumps([], 2))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", content)
    with pytest.raises(DetectorError) as caught:
        read_checkpoint(path)
    assert caught.value.message.isprintable()


def refused(name: str) -> Stand:
    raise UnknownNameError(name)


def test_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_STEPS", 100)
    assert read_pickle(io.BytesIO(_Code(b"]" + b"Na" * 40).bytes), refused, str, 1000) == [None] * 40
    with pytest.raises(DamagedPickleError, match="too many steps"):
        read_pickle(io.BytesIO(_Code(b"]" + b"Na" * 60).bytes), refused, str, 1000)


def _rebuilt(kind: str, *numbers: Any, count: int = 4) -> bytes:
    """A state dict ``{"a": tensor}`` as torch pickles it, of this offset, shape and strides."""

    def pushed(*values: Any) -> bytes:
        return b"".join(pickle.dumps(each, 2)[2:-1] for each in values)  # without the frame around

    storage = b"(" + pushed("storage") + f"ctorch\n{kind}\n".encode() + pushed("0", "cpu", count) + b"tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pushed(*numbers, False, None) + b"tR"
    return _Code(b"}" + pushed("a") + tensor + b"s").bytes


def _zip(path: Path, pickled: bytes, numbers: bytes = bytes(16), **more: bytes) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/data/0", numbers)
        for name, content in more.items():
            archive.writestr(f"x/{name}", content)
    return path


def test_a_tensor_written_by_hand_is_read(tmp_path: Path) -> None:
    path = _zip(tmp_path / "x.pth", _rebuilt("FloatStorage", 1, (3,), (1,)), struct.pack("<4f", 1, 2, 3, 4))
    np.testing.assert_array_equal(read_checkpoint(path)["a"], [2, 3, 4])


@pytest.mark.parametrize(
    "numbers",
    [
        (0, (5,), (1,)),
        (1, (4,), (1,)),
        (0, (2, 2), (3, 1)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (-2,), (1,)),
        (0, (2**62,), (0,)),
        (0, (2**47, 0, 2**47), (1, 1, 1)),
        (0, (2**24,), (0,)),
        (0, (1,) * 9, (1,) * 9),
        (0, (2,), (1, 1)),
        (0, (2.0,), (1,)),
        (0, (True,), (1,)),
        (0, [2], [1]),
        ("0", (2,), (1,)),
        (2**47, (), ()),
        (0, (2, 2), (2**47, 2**47)),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(tmp_path: Path, numbers: tuple[Any, ...]) -> None:
    path = _zip(tmp_path / "x.pth", _rebuilt("FloatStorage", *numbers))
    with pytest.raises(DetectorError, match=r"damaged|not a plain weight"):
        read_checkpoint(path)


@pytest.mark.parametrize("kind", ["DoubleStorage", "LongStorage"])
def test_a_storage_shorter_than_its_kind_says_is_refused(tmp_path: Path, kind: str) -> None:
    path = _zip(tmp_path / "x.pth", _rebuilt(kind, 0, (4,), (1,)))
    with pytest.raises(DetectorError, match="cut off or damaged"):
        read_checkpoint(path)


def test_a_big_endian_file_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "x.pth", _rebuilt("FloatStorage", 0, (4,), (1,)), byteorder=b"big")
    with pytest.raises(DetectorError, match="cut off or damaged"):
        read_checkpoint(path)


def _flip(at: int, bit: int) -> Callable[[bytearray], None]:
    """Set a bit in the header of each member in the list of members."""

    def change(content: bytearray) -> None:
        place = content.find(b"PK\x01\x02")
        while place >= 0:
            content[place + at] |= bit
            place = content.find(b"PK\x01\x02", place + 4)

    return change


@pytest.mark.parametrize(
    "change", [_flip(8, 1), _flip(8, 0x20), _flip(10, 8), _flip(10, 99), _flip(42, 0x40), _flip(45, 0x7F)],
    ids=["encrypted", "patched", "compressed", "of a method nobody knows", "elsewhere", "far away"],
)  # fmt: skip
def test_a_zip_that_is_none_of_pytorchs_is_refused(tmp_path: Path, change: Callable[[bytearray], None]) -> None:
    path = _zip(tmp_path / "x.pth", _rebuilt("FloatStorage", 0, (4,), (1,)))
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=r"damaged|no plain PyTorch file"):
        read_checkpoint(path)


def test_a_member_that_ends_behind_the_file_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "x.pth", _rebuilt("FloatStorage", 0, (4,), (1,)))
    content = path.read_bytes()
    place, size = content.rfind(b"PK\x01\x02"), len(content) - 150  # the numbers' entry
    path.write_bytes(content[: place + 20] + struct.pack("<2I", size, size) + content[place + 28 :])
    with pytest.raises(DetectorError, match="damaged"):
        read_checkpoint(path)


def test_names_asked_for_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = _zip(tmp_path / "x.pth", _Code(b"cos\x1b[2J\nsystem\n)R").bytes)
    with pytest.raises(DetectorError, match=r"program code, not only weights \(os\?\[2J\.system\)"):
        read_checkpoint(path)


def test_many_views_of_one_storage_read_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, other = torch.arange(1000.0), torch.arange(10)
    state = {f"{'ab'[k % 2]}{k}": (other if k % 2 else shared)[k % 10 :] for k in range(50)}
    torch.save(state, tmp_path / "x.pth")
    read: list[str] = []
    member = TorchFile._member  # counts what is really read of the archive

    def counted(self: TorchFile, archive: zipfile.ZipFile, name: str) -> bytes:
        read.append(name)
        return member(self, archive, name)

    monkeypatch.setattr(TorchFile, "_member", counted)
    found = read_checkpoint(tmp_path / "x.pth")
    assert list(found) == list(state)
    assert all(np.array_equal(found[name], tensor.numpy()) for name, tensor in state.items())
    assert len(read) == 2
