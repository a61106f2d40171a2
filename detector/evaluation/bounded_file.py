"""Reading a file that may be larger than it has any reason to be, or no file at all."""

from __future__ import annotations

from pathlib import Path

from detector.errors import DetectorError
from detector.evaluation.issues import printable, shortened

_CHUNK = 1 << 20


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of ``path``.

    Raises:
        DetectorError: It cannot be read, or has more than ``limit`` bytes.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise DetectorError(f"{shortened(path.name)} is larger than {limit >> 20} MiB.")
    except OSError as error:
        raise DetectorError(f"{printable(str(path))} cannot be read: {error.strerror or error}.") from error
    return b"".join(chunks)
