"""Keeps glibc from giving memory back to the system between two layers, to be asked for and cleared again at the next.

A training on a CPU frees and allocates its large activations at every layer; with glibc's defaults each of them is
mapped anew, and clearing the pages costs more than computing on them. Linux with glibc only; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let freed memory stay with this process from now on; to be called before torch allocates much.

    Returns:
        Whether that could be arranged.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, 64 * 2**20))
    taken = [mallopt(name, value) == 1 for name, value in settings]
    return all(taken)
