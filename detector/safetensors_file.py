"""Reading and writing one ``.safetensors`` file, in numpy. No torch.

Files come from anywhere, so the header is checked against the file's real size before any tensor is allocated, and the
data is read, not memory-mapped: a mapped file that is cut short meanwhile would kill the process instead of failing.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.file_lock import LockedError
from detector.part_file import PartFile

MAX_FILE_BYTES = 2**30  # SSD512 for COCO in float32 is 140 MB
MAX_HEADER_BYTES = 8 * 2**20
MAX_TENSORS = 20_000

_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "I8": 1}
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1", "I8": "i1"}

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """The place of one tensor in the file.

    Attributes:
        dtype: As safetensors names it, e.g. "F32".
        shape: Dimensions.
        begin: First byte, counted from the end of the header.
        end: One past the last byte.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """The contents that a file declares.

    Attributes:
        metadata: Free texts by name.
        tensors: Entries by tensor name.
        data_start: Offset of the first data byte in the file.
    """

    metadata: dict[str, str]
    tensors: dict[str, TensorEntry]
    data_start: int


def read_header(path: Path) -> Header:
    """Read and check the header of ``path``; the tensors stay unread.

    Raises:
        DetectorError: The file cannot be read, or is not a whole, well-formed safetensors file.
    """
    with _opened(path) as file:
        return _header(file, path)


def read_arrays(path: Path) -> Arrays:
    """Read every tensor of ``path``; bfloat16 arrives as float32, which holds it exactly.

    Raises:
        DetectorError: As ``read_header``.
    """
    with _opened(path) as file:
        header = _header(file, path)
        return {name: _read_tensor(file, header.data_start, entry, path) for name, entry in header.tensors.items()}


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write ``arrays`` so that ``path`` holds either the old file or the whole new one, never a part.

    Raises:
        DetectorError: The place cannot be written to.
    """
    entries: dict[str, TensorEntry] = {}
    position = 0
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])):  # so each is aligned
        entries[name] = TensorEntry(_dtype_name(name, array), array.shape, position, position + array.nbytes)
        position += array.nbytes
    with atomic_file(path) as file:
        file.write(_header_bytes(entries, metadata))
        for name in entries:  # one after the other: the file is never held as a whole
            file.write(np.require(arrays[name], requirements="C").reshape(-1).view(np.uint8).data)


def _dtype_name(name: str, array: npt.NDArray[Any]) -> str:
    known = {np.dtype(dtype): title for title, dtype in _NUMPY.items() if title != "BF16"}
    if array.dtype not in known:
        raise DetectorError(f"Tensor {name[:60]!r} of {array.dtype} numbers cannot be written.")
    return known[array.dtype]


def _header_bytes(entries: Mapping[str, TensorEntry], metadata: Mapping[str, str]) -> bytes:
    content: dict[str, Any] = {"__metadata__": dict(metadata)}
    for name, e in entries.items():
        content[name] = {"dtype": e.dtype, "shape": list(e.shape), "data_offsets": [e.begin, e.end]}
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text


def replace_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Give the file other free texts; its tensors stay as they are, and the file is always the old or the new one.

    Raises:
        DetectorError: The file is damaged, or the place cannot be written to.
    """
    with _opened(path) as old:
        header = _header(old, path)
        old.seek(header.data_start)
        with atomic_file(path) as new:
            new.write(_header_bytes(header.tensors, metadata))
            shutil.copyfileobj(old, new, 1 << 20)
            _close_on_windows(old)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its final name only once it is complete and on the disk; removed if anything fails.

    Raises:
        DetectorError: The place cannot be written to, or another program writes this very file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = PartFile(path, lambda descriptor: os.fdopen(descriptor, "r+b"))
        try:
            part.file.truncate()
            yield part.file
            part.sync()
            part.commit()
        except BaseException:
            part.discard()
            raise
    except LockedError as error:
        raise DetectorError(f"{path.name} is being written by another program.", "Wait until it is done.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DetectorError(
            f"Cannot write {path}: {reason}.", "Check the folder's permissions and free space."
        ) from error


def _close_on_windows(file: BinaryIO) -> None:
    """There an open file can be neither renamed nor removed."""
    if sys.platform == "win32":
        file.close()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error


def _header(file: BinaryIO, path: Path) -> Header:
    size = os.fstat(file.fileno()).st_size
    if size > MAX_FILE_BYTES:
        raise DetectorError(f"{path.name} is {size >> 20} MiB; a model may have {MAX_FILE_BYTES >> 20} MiB.")
    length = int.from_bytes(file.read(8), "little")
    if size < 10 or length > MAX_HEADER_BYTES or not 2 <= length <= size - 8:
        _broken(path, "it has no valid header")
    try:
        content = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        _broken(path, "its header is damaged")
    if not isinstance(content, dict) or len(content) > MAX_TENSORS:
        _broken(path, "its header is damaged")
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        _broken(path, "its metadata is damaged")
    tensors = {name: _entry(name, value, path) for name, value in content.items()}
    _check_layout(tensors, size - 8 - length, path)
    return Header(metadata, tensors, 8 + length)


def _entry(name: str, value: Any, path: Path) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
    except (TypeError, KeyError, ValueError):
        _broken(path, f"the entry of tensor {name[:60]!r} is damaged")
    if not isinstance(dtype, str) or dtype not in _ITEM_BYTES:
        _broken(path, f"tensor {name[:60]!r} has the unknown type {str(dtype)[:20]!r}")
    whole = isinstance(shape, list) and len(shape) <= 8 and all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    if not whole or end - begin != math.prod(shape) * _ITEM_BYTES[dtype]:
        _broken(path, f"the size of tensor {name[:60]!r} is wrong")
    return TensorEntry(dtype, tuple(shape), begin, end)


def _check_layout(tensors: dict[str, TensorEntry], data_bytes: int, path: Path) -> None:
    """Tensors must fill the data exactly, without holes or overlaps, as the format demands."""
    position = 0
    for entry in sorted(tensors.values(), key=lambda e: (e.begin, e.end)):
        if entry.begin != position:
            _broken(path, "its tensors overlap or leave gaps")
        position = entry.end
    if position > data_bytes:
        raise DetectorError(
            f"{path.name} is cut off: {data_bytes} of {position} bytes of weights are there.", "Fetch the file again."
        )
    if position < data_bytes:
        _broken(path, "it has more bytes than its header describes")


def _read_tensor(file: BinaryIO, data_start: int, entry: TensorEntry, path: Path) -> npt.NDArray[Any]:
    raw = bytearray(entry.end - entry.begin)  # within the file's size, so no more than MAX_FILE_BYTES in all
    file.seek(data_start + entry.begin)
    view, got = memoryview(raw), 0
    while got < len(raw):
        count = file.readinto(view[got:])  # type: ignore[attr-defined]  # BinaryIO lacks it, open(..., "rb") has it
        if not count:
            raise DetectorError(f"{path.name} was cut off while it was read.", "Fetch the file again.")
        got += count
    array: npt.NDArray[Any] = np.frombuffer(raw, dtype=_NUMPY[entry.dtype]).reshape(entry.shape)
    if entry.dtype == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name appears twice")
    return result


def _broken(path: Path, why: str) -> NoReturn:
    raise DetectorError(f"{path.name} is not a usable safetensors file: {why}.", "Fetch the file again.")
