"""What ``torch.save`` writes: a pickle that says what there is, and the tensors' numbers beside it. Needs no torch.

Two containers: since PyTorch 1.6 a zip archive, stored and not compressed; before, one stream of pickles and numbers.
Tensors are read one at a time, when they are asked for: what an optimizer kept beside the weights stays on the disk.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from detector.importers.pickle_reader import (
    DamagedPickleError,
    Opaque,
    Stand,
    UnknownNameError,
    read_pickle,
    stand_of,
)
from detector.safetensors_file import Array

LONGEST_PICKLE = 32 * 2**20
"""Bytes; names and shapes take kilobytes."""

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MOST_DIMENSIONS = 8
_MOST_STORAGES = 200_000
_MOST_NUMBERS = 2**48

_KINDS = {
    "Float": "<f4", "Half": "<f2", "Double": "<f8", "BFloat16": "bf16", "Long": "<i8", "Int": "<i4", "Short": "<i2",
    "Char": "i1", "Byte": "u1", "Bool": "?",
}  # fmt: skip

# What trainers leave beside the weights and nobody here needs: torchvision's options, paths, scores, mmdetection's log;
# and what torch writes of tensors that are no plain weights.
_PASSED_OVER = (
    "argparse.Namespace",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "collections.Counter",
    "_codecs.encode",
    "builtins.complex",
    "builtins.set",
    "__builtin__.set",
    "torch.device",
    "torch.serialization._get_layout",
    "torch._utils._rebuild_sparse_tensor",
)
_NOT_PLAIN = (
    "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_nested_tensor",
    "torch._utils._rebuild_wrapper_subclass",
)
_NUMBER_KINDS = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
    "complex128", "strided", "per_tensor_affine", "per_channel_affine",
)  # fmt: skip
_ODD_STORAGES = ["ComplexFloat", "ComplexDouble", "QInt8", "QUInt8", "QInt32", "Untyped"]


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers in the file.

    Attributes:
        key: Its name there.
        kind: numpy's name of the type, or "bf16"; "" for a type that no plain weight has.
        count: Numbers of it.
        start: Where a view begins in the storage it is of.
    """

    key: str
    kind: str
    count: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor's numbers are.

    Attributes:
        storage: In which run; None where there is none.
        offset: First number.
        shape: Dimensions.
        strides: In numbers.
    """

    storage: Storage | None
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """A weight can be read from it."""
        return self.storage is not None and self.storage.kind != ""

    @property
    def place(self) -> tuple[str, int]:
        """Where it begins: the storage, and the first number there."""
        assert self.storage is not None
        return self.storage.key, self.storage.start + self.offset

    @property
    def claimed_bytes(self) -> int:
        """What its shape claims, also where a view repeats its storage."""
        assert self.storage is not None
        return math.prod(self.shape) * _item_bytes(self.storage.kind)


class TorchFile:
    """An open file; a context manager.

    Args:
        path: Known to begin as one of the two containers does.

    Attributes:
        content: What was saved: containers, plain values, ``StoredTensor`` and ``Opaque``.

    Raises:
        UnknownNameError: It asks for code.
        DamagedPickleError: It is cut off or damaged.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            is_zip = self._file.read(4) == b"PK\x03\x04"
            self._file.seek(0)
            self._zip = zipfile.ZipFile(self._file) if is_zip else None
            self._prefix = ""
            self._whole = "", b""  # the storage that was read last; many tensors may be views of it
            self._places: dict[str, tuple[int, int]] = {}
            self.content = self._read_zip(self._zip) if self._zip else self._read_stream()
        except BaseException as error:
            self._file.close()
            if isinstance(error, (OSError, DamagedPickleError, UnknownNameError)) or not isinstance(error, Exception):
                raise
            raise DamagedPickleError(str(error)) from error  # the zip reader has no error of its own

    def __enter__(self) -> TorchFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, tensor: StoredTensor) -> Array:
        """The numbers, in a contiguous array of their shape; bfloat16 as float32, which holds it exactly.

        Raises:
            DamagedPickleError: They are not all there.
        """
        storage = tensor.storage
        assert storage is not None
        size = _item_bytes(storage.kind)
        reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
        if 0 in tensor.shape:
            return np.empty(tensor.shape, np.float32 if storage.kind == "bf16" else storage.kind)
        if tensor.offset + reach >= storage.count:
            raise DamagedPickleError("a tensor reaches beyond its numbers")
        first = storage.start + tensor.offset
        raw = self._bytes(storage.key, first * size, (reach + 1) * size)
        numbers = np.frombuffer(raw, "<u2" if storage.kind == "bf16" else storage.kind)
        strides = tuple(step * size for step in tensor.strides)
        view: Array = np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides, writeable=False)
        if storage.kind == "bf16":
            return (np.array(view, np.uint32, order="C") << 16).view(np.float32)
        return np.array(view, order="C")

    def _bytes(self, key: str, start: int, count: int) -> memoryview:
        """``count`` bytes of a storage."""
        if self._zip is not None:
            if self._whole[0] != key:
                self._whole = key, self._member(self._zip, f"{self._prefix}data/{key}")
            return _all(memoryview(self._whole[1])[start : start + count], count)
        begin, length = self._places.get(key, (0, 0))
        if start + count > length:
            raise DamagedPickleError("numbers are missing")
        self._file.seek(begin + start)
        return _all(memoryview(self._file.read(count)), count)

    def _member(self, archive: zipfile.ZipFile, name: str) -> bytes:
        """All of a member: zip's checksum is of the whole."""
        try:
            return archive.read(name)
        except OSError:
            raise
        except Exception as error:  # the zip reader has no error of its own
            raise DamagedPickleError(str(error)) from error

    def _read_zip(self, archive: zipfile.ZipFile) -> Any:
        names = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if not names:
            raise DamagedPickleError("it has no data.pkl")
        self._prefix = min(names, key=len).removesuffix("data.pkl")
        order = f"{self._prefix}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise DamagedPickleError("its numbers are big-endian")
        with archive.open(f"{self._prefix}data.pkl") as pickle:
            return _pickle(pickle)  # type: ignore[arg-type]  # ZipExtFile reads as a BinaryIO does

    def _read_stream(self) -> Any:
        """PyTorch before 1.6: magic number, version, machine, object, keys; then each storage's count and numbers."""
        magic, protocol, machine = (_pickle(self._file) for _ in range(3))
        if magic != _MAGIC or protocol != _PROTOCOL or not isinstance(machine, Mapping):
            raise DamagedPickleError("it is no stream of PyTorch's")
        if not machine.get("little_endian", True):
            raise DamagedPickleError("its numbers are big-endian")
        storages: dict[str, Storage] = {}
        content = _pickle(self._file, storages)
        keys = _pickle(self._file)
        if not isinstance(keys, list) or len(keys) > _MOST_STORAGES:
            raise DamagedPickleError("its storages are not listed")
        self._find_storages(keys, storages)
        return content

    def _find_storages(self, keys: list[Any], storages: Mapping[str, Storage]) -> None:
        size = self._file.seek(0, 2) if (at := self._file.tell()) >= 0 else 0
        for key in keys:
            storage = storages.get(key) if isinstance(key, str) else None
            self._file.seek(at)
            count = int.from_bytes(self._file.read(8), "little")
            length = count * _item_bytes(storage.kind) if storage is not None else -1
            if storage is None or not storage.kind or at + 8 + length > size:
                raise DamagedPickleError("its numbers are cut off")
            self._places[key] = (at + 8, length)
            at += 8 + length


def _all(raw: memoryview, count: int) -> memoryview:
    if len(raw) != count:
        raise DamagedPickleError("numbers are missing")
    return raw


def _item_bytes(kind: str) -> int:
    return 2 if kind == "bf16" else np.dtype(kind or "u1").itemsize


def _pickle(stream: BinaryIO, storages: dict[str, Storage] | None = None) -> Any:
    """One pickle; the storages it names are noted in ``storages``."""

    def persistent(name: Any) -> Storage:
        if not isinstance(name, tuple) or len(name) < 5 or name[0] != "storage":
            raise DamagedPickleError("what lies outside is no storage")
        kind, key, count, view = name[1], name[2], name[4], name[5] if len(name) > 5 else None
        kind = stand_of(kind)(())
        if not isinstance(kind, str) or not isinstance(key, str) or not _is_count(count):
            raise DamagedPickleError("a storage is described wrongly")
        storage = Storage(key, kind, count)
        if storages is not None:
            storages[key] = storage
        if view is not None:  # (key, first number, numbers)
            _, start, count = view
            if not (_is_count(start) and _is_count(count)):
                raise DamagedPickleError("a view is described wrongly")
            storage = replace(storage, count=count, start=start)
        return storage

    return read_pickle(stream, _NAMES, persistent, LONGEST_PICKLE)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST_NUMBERS


def _tensor(arguments: tuple[Any, ...]) -> StoredTensor:
    """``_rebuild_tensor_v2(storage, offset, shape, strides, ...)``, and the first version of it."""
    storage, offset, shape, strides = arguments[:4]
    whole = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= _MOST_DIMENSIONS
    if not isinstance(storage, Storage) or not whole or not all(_is_count(n) for n in (offset, *shape, *strides)):
        raise DamagedPickleError("a tensor is described wrongly")
    if math.prod(n for n in shape if n) >= _MOST_NUMBERS:
        raise DamagedPickleError("a tensor is too large for any computer")
    return StoredTensor(storage, offset, shape, strides)


def _of_a_type(arguments: tuple[Any, ...]) -> StoredTensor:
    """``_rebuild_from_type_v2(function, type, arguments, state)``: a tensor of a type of its own."""
    if stand_of(arguments[0]) not in (_tensor, _not_plain):
        raise DamagedPickleError("a tensor is made by another function")
    made: StoredTensor = stand_of(arguments[0])(arguments[2])
    return made


def _not_plain(_: tuple[Any, ...]) -> StoredTensor:
    return StoredTensor(None, 0, (), ())


def _opaque(_: tuple[Any, ...]) -> Opaque:
    return Opaque()


def _dictionary(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list):
        raise DamagedPickleError("a dictionary of no pairs")
    return {key: value for key, value in pairs if isinstance(key, str)}


def _constant(value: Any) -> Stand:
    return lambda _: value


_NAMES: dict[str, Stand] = {
    "collections.OrderedDict": _dictionary,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda arguments: arguments[0],
    "torch._utils._rebuild_parameter_with_state": lambda arguments: arguments[0],
    "torch._tensor._rebuild_from_type_v2": _of_a_type,
    "torch.Size": lambda arguments: arguments[0],
    **{f"torch.{name}Storage": _constant(kind) for name, kind in _KINDS.items()},
    **{f"torch.{name}Storage": _constant("") for name in _ODD_STORAGES},
    "torch.storage.UntypedStorage": _constant(""),
    **dict.fromkeys((f"torch.{name}" for name in _NUMBER_KINDS), _opaque),
    **dict.fromkeys(_PASSED_OVER, _opaque),
    **dict.fromkeys(_NOT_PLAIN, _not_plain),
}
