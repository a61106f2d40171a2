"""Finds out what a container can hold by trying: a header with just that stream is written to memory."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
from av.container import OutputContainer


def container_accepts(format_name: str, add: Callable[[OutputContainer], object]) -> bool:
    """Returns whether a file of that format takes what ``add`` adds to it, up to its header."""
    try:
        with av.open(io.BytesIO(), "w", format=format_name) as trial:
            add(trial)
            trial.start_encoding()
    except (av.FFmpegError, ValueError, OSError, OverflowError):
        return False
    return True
