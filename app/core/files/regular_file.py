"""Files opened for reading that are files: not a pipe, which would be waited for, nor a device, which has no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def open_regular(path: Path) -> BinaryIO:
    """Opens ``path`` for reading; never waits.

    Raises:
        OSError: It cannot be opened, or is not a file.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_limited(path: Path, max_bytes: int) -> bytes | None:
    """The content of ``path``; None where it is larger than a file of ours can be.

    Raises:
        OSError: It cannot be read, or is not a file.
    """
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    return content if len(content) <= max_bytes else None
