"""The files of ``torch.save``: a pickle that says what there is, and the tensors' numbers beside it. Needs no torch.

Two containers: since PyTorch 1.6 a zip archive, stored and not compressed; before, one stream of pickles and numbers.
Tensors are read one at a time, when they are asked for: what an optimizer kept beside the weights stays on the disk.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detector.importers.pickle_machine import DamagedPickleError, UnknownNameError
from detector.importers.torch_names import Storage, StoredTensor, item_bytes, read_torch_pickle
from detector.safetensors_file import Array

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MAX_STORAGES = 200_000


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
        size = item_bytes(storage.kind)
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
            return read_torch_pickle(pickle)  # type: ignore[arg-type]  # ZipExtFile reads as a BinaryIO does

    def _read_stream(self) -> Any:
        """PyTorch before 1.6: magic number, version, machine, object, keys; then each storage's count and numbers."""
        magic, protocol, machine = (read_torch_pickle(self._file) for _ in range(3))
        if magic != _MAGIC or protocol != _PROTOCOL or not isinstance(machine, Mapping):
            raise DamagedPickleError("it is no stream of PyTorch's")
        if not machine.get("little_endian", True):
            raise DamagedPickleError("its numbers are big-endian")
        storages: dict[str, Storage] = {}
        content = read_torch_pickle(self._file, storages)
        keys = read_torch_pickle(self._file)
        if not isinstance(keys, list) or len(keys) > _MAX_STORAGES:
            raise DamagedPickleError("its storages are not listed")
        self._find_storages(keys, storages)
        return content

    def _find_storages(self, keys: list[Any], storages: Mapping[str, Storage]) -> None:
        size = self._file.seek(0, 2) if (at := self._file.tell()) >= 0 else 0
        for key in keys:
            storage = storages.get(key) if isinstance(key, str) else None
            self._file.seek(at)
            count = int.from_bytes(self._file.read(8), "little")
            length = count * item_bytes(storage.kind) if storage is not None else -1
            if storage is None or not storage.kind or at + 8 + length > size:
                raise DamagedPickleError("its numbers are cut off")
            self._places[key] = (at + 8, length)
            at += 8 + length


def _all(raw: memoryview, count: int) -> memoryview:
    if len(raw) != count:
        raise DamagedPickleError("numbers are missing")
    return raw
