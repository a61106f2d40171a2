"""Holds the threads of one export while the user pauses it, and while the disk is full.

``pause``, ``go_on`` and ``stop`` may be called from any thread, a signal handler too; those that work call ``check``
between frames, and ``wait_for_room`` where something could not be written.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path

from app.core.files.disk import DiskSpace, disk_space, size_text

_LOOK_S = 2.0
_WATCH_S = 1.0


class Gate:
    """Lets threads through, or holds them.

    Args:
        tell: Called with why everything stands still, or None when it goes on; on the thread that waits.
        space: As ``disk_space``.
        look_s: Seconds between two looks at a full disk.

    Attributes:
        reserve: Bytes to leave to other programs at most; None leaves that to each disk. Set before work begins.
    """

    def __init__(
        self,
        tell: Callable[[str | None], None],
        space: Callable[[Path], DiskSpace | None] = disk_space,
        look_s: float = _LOOK_S,
    ) -> None:
        self._tell = tell
        self._space = space
        self.reserve: int | None = None
        self._look_s = look_s
        self._changed = threading.Condition(threading.RLock())  # a signal handler may stop what its thread holds
        self._paused = False
        self._again = 0
        self._watched_s = 0.0
        self._failure: BaseException | None = None

    def pause(self) -> None:
        """Let nobody through from now on."""
        with self._changed:
            self._paused = True

    def go_on(self) -> None:
        """Let everybody through; who waits for room looks at once."""
        with self._changed:
            self._paused = False
            self._again += 1
            self._changed.notify_all()

    def stop(self, error: BaseException) -> None:
        """Give ``error`` to whoever waits, or comes; the first one stays."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    @property
    def failure(self) -> BaseException | None:
        """The error that ``stop`` was given; None before."""
        return self._failure

    def check(self) -> None:
        """Wait while it is paused.

        Raises:
            BaseException: What ``stop`` was given.
        """
        with self._changed:
            if self._failure is not None:
                raise self._failure
            if not self._paused:
                return
        self._tell("")
        with self._changed:
            self._changed.wait_for(lambda: not self._paused or self._failure is not None)
            if self._failure is not None:
                raise self._failure
        self._tell(None)

    def watch(self, path: Path) -> None:
        """Wait while the disk that ``path`` is written to is nearly full; looks once a second at most.

        Raises:
            BaseException: What ``stop`` was given.
        """
        now = time.monotonic()
        if now - self._watched_s < _WATCH_S:
            return
        self._watched_s = now
        disk = self._space(path.parent)
        if disk is not None and disk.free < self._reserve_on(disk):
            self.wait_for_room(OSError(errno.ENOSPC, "nearly full"), path)

    def wait_for_room(self, error: OSError, path: Path) -> None:
        """``path`` could not be written because of ``error``: wait until there is room.

        Raises:
            BaseException: What ``stop`` was given.
        """
        folder, before = path.parent, self._again
        disk = self._space(folder)
        reserved = f" ({size_text(self._reserve_on(disk))} are left to other programs)" if disk is not None else ""
        self._tell(f"The disk is full: {path.name} waits for room on {folder}{reserved}.")
        with self._changed:
            while self._failure is None and self._again == before:
                self._changed.wait(self._look_s)
                disk = None if error.errno == errno.EDQUOT else self._space(folder)
                if disk is None or disk.free >= self._reserve_on(disk):  # of a quota nothing can be seen: try
                    break
            if self._failure is not None:
                raise self._failure
        self._tell(None)

    def _reserve_on(self, disk: DiskSpace) -> int:
        return disk.reserve if self.reserve is None else min(self.reserve, disk.reserve)
