"""The names in pickles of ``torch.save``, and what stands for them here: tensors by where their numbers are. No torch.

Nothing that a file names is run. Objects of other packages, such as a trainer's configuration, are passed over; a name
of Python's own library that data has no use for ends the reading. See ``pickle_reader``.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np

from detector.importers.pickle_machine import DamagedPickleError, Opaque, Stand, UnknownNameError, stand_of
from detector.importers.pickle_reader import read_pickle

LONGEST_PICKLE = 32 * 2**20
"""Bytes; names and shapes take kilobytes."""

_MAX_DIMENSIONS = 8
_MAX_NUMBERS = 2**48

_KINDS = {
    "Float": "<f4", "Half": "<f2", "Double": "<f8", "BFloat16": "bf16", "Long": "<i8", "Int": "<i4", "Short": "<i2",
    "Char": "i1", "Byte": "u1", "Bool": "?",
}  # fmt: skip

_BUILT_IN = (
    "bool", "bytearray", "complex", "dict", "float", "frozenset", "int", "list", "long", "object", "range", "set",
    "slice", "str", "tuple", "unicode", "xrange",
)  # fmt: skip

# What trainers leave beside the weights and nobody here needs: torchvision's options, paths, scores, mmdetection's log;
# and what torch writes of tensors that are no plain weights.
_PASSED_OVER = (
    "argparse.Namespace",
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    ),
    "re._compile",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "collections.Counter",
    "collections.deque",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "zoneinfo.ZoneInfo._unpickle",
    "decimal.Decimal",
    "fractions.Fraction",
    "functools.partial",
    "types.SimpleNamespace",
    "uuid.UUID",
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "_codecs.encode",
    "torch.device",
    "torch.serialization._get_layout",
    "torch._utils._rebuild_sparse_tensor",
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _BUILT_IN),
)
_PYTHON_2 = {"__builtin__", "cPickle", "commands", "copy_reg", "exceptions"}
_PYTHONS_OWN = sys.stdlib_module_names | _PYTHON_2
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
    """The place of a tensor's numbers.

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
        """Returns where it begins: the storage, and the first number there."""
        assert self.storage is not None
        return self.storage.key, self.storage.start + self.offset

    @property
    def claimed_bytes(self) -> int:
        """The bytes its shape claims, also where a view repeats its storage."""
        assert self.storage is not None
        return math.prod(self.shape) * item_bytes(self.storage.kind)


def item_bytes(kind: str) -> int:
    """Bytes of one number."""
    return 2 if kind == "bf16" else np.dtype(kind or "u1").itemsize


def read_torch_pickle(stream: BinaryIO, storages: dict[str, Storage] | None = None) -> Any:
    """Read one pickle; the storages it names are noted in ``storages``.

    Raises:
        UnknownNameError: It asks for code.
        DamagedPickleError: It is cut off or malformed.
    """

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

    return read_pickle(stream, _stand_in, persistent, LONGEST_PICKLE)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MAX_NUMBERS


def _tensor(arguments: tuple[Any, ...]) -> StoredTensor:
    """``_rebuild_tensor_v2(storage, offset, shape, strides, ...)``, and the first version of it."""
    storage, offset, shape, strides = arguments[:4]
    whole = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= _MAX_DIMENSIONS
    if not isinstance(storage, Storage) or not whole or not all(_is_count(n) for n in (offset, *shape, *strides)):
        raise DamagedPickleError("a tensor is described wrongly")
    if math.prod(n for n in shape if n) >= _MAX_NUMBERS:
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


def _stand_in(name: str) -> Stand:
    """Returns the stand-in for ``name``: from the table, or for another package's class an ``Opaque``.

    Raises:
        UnknownNameError: It is of Python's own library: code, not an object that lies beside weights.
    """
    if name in _NAMES:
        return _NAMES[name]
    if name.partition(".")[0] in _PYTHONS_OWN:
        raise UnknownNameError(name)
    return lambda _: Opaque(name)


def _dictionary(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list):
        raise DamagedPickleError("a dictionary of no pairs")
    return {key: value for key, value in pairs if isinstance(key, str)}


def _constant(value: Any) -> Stand:
    return lambda _: value


_NAMES: dict[str, Stand] = {
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": lambda _: {},
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
