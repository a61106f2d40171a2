"""A file that stands in for one that a web server does not have. Used by the thread that opened it."""

from __future__ import annotations


class StandIn:
    """Content that FFmpeg reads in place of a file.

    Args:
        content: All of it.
    """

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def read(self, size: int) -> bytes:
        """Returns the next bytes, ``size`` at most; none at the end."""
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def close(self) -> None:
        """Nothing to close."""
