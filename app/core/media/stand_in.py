"""What FFmpeg is given where a web server has nothing. Used by the thread that opened it."""

from __future__ import annotations


class StandIn:
    """A file that FFmpeg is given instead.

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
