"""An X server of the test's own, where there is Xvfb and what Qt needs to use it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Display:
    """A screen.

    Attributes:
        name: For ``DISPLAY``.
        pid: The server's process.
    """

    name: str
    pid: int


@contextlib.contextmanager
def x_server(*screens: str) -> Iterator[Display]:
    """A server with the given screens ("1280x900x24"), killed at the end; skips the test where there is none."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("needs Xvfb")
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError:
        pytest.skip("needs libxcb-cursor0")
    read, write = os.pipe()
    sizes = [word for number, size in enumerate(screens or ("1280x900x24",)) for word in ("-screen", str(number), size)]
    server = subprocess.Popen(
        [program, "-displayfd", str(write), "-ac", "-nolisten", "tcp", *sizes],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with open(read) as said:  # noqa: PTH123 - a descriptor
            number = said.readline().strip()
        assert number, "Xvfb did not start"
        yield Display(f":{number}", server.pid)
    finally:
        server.kill()
        server.wait()
