"""A file that is one message of Protocol Buffers, and what to say where it is not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from detector.errors import DetectorError
from detector.importers.hints import FETCH_AGAIN
from detector.importers.protobuf_wire import MAX_VALUES, Message, Schema, WireError, read_message


def read_file(path: Path, schema: Schema, kind: str, most_values: int = MAX_VALUES) -> Message:
    """Read the message that a file is.

    Args:
        path: The file.
        schema: What to keep.
        kind: What it was meant to be, for messages: "ONNX file".
        most_values: As for ``read_message``.

    Raises:
        DetectorError: It cannot be read, is cut off, damaged or of another kind.
    """
    with damage_explained(path, kind), path.open("rb") as file:
        return read_message(file, os.fstat(file.fileno()).st_size, schema, most_values)


@contextlib.contextmanager
def damage_explained(path: Path, kind: str) -> Iterator[None]:
    """Turns the failures of reading ``path``, which was meant to be ``kind``, into what a user can act on.

    Raises:
        DetectorError: Inside, there was a ``WireError`` or an ``OSError``.
    """
    try:
        yield
    except WireError as error:
        raise DetectorError(f"{path.name} is cut off, damaged or no {kind}: {error}.", FETCH_AGAIN) from error
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
