"""The two ways values pass from one thread to another: the newest wins, or nothing is lost.

Used by any thread. Waiting is done on condition variables; ``close()`` wakes everybody who waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # noqa: N818 - a condition to end on, like StopIteration, more than an error
    """The channel was closed, and (for a reader) is drained."""


class LatestSlot(Generic[T]):
    """Room for the newest value, or the newest few. Putting never waits: it replaces the oldest and counts the drop.

    At every moment ``put_count == take_count + dropped + (values that wait)``.

    Args:
        room: For how many values.
    """

    def __init__(self, room: int = 1) -> None:
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
        self._room = room
        self._closed = False
        self._woken = False
        self._puts = 0
        self._takes = 0
        self._drops = 0

    def put(self, item: T) -> bool:
        """Leave ``item`` for the reader.

        Returns:
            True when the slot was empty, so that the reader needs waking. False when an unread value was there, or
            when the slot is closed; then the item is not kept.
        """
        with self._changed:
            if self._closed:
                return False
            was_empty = not self._items
            self._puts += 1
            if len(self._items) == self._room:
                self._items.popleft()
                self._drops += 1
            self._items.append(item)
            self._changed.notify()
            return was_empty

    def take(self, timeout: float | None = None) -> T | None:
        """The oldest value that there is; waits for one.

        Args:
            timeout: Seconds to wait, 0 for not at all, None for ever.

        Returns:
            None after the timeout, after ``wake()``, or once closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._closed or self._woken, timeout)
            self._woken = False
            return self._taken()

    def take_nowait(self) -> T | None:
        """The value that waits, taken out of the reader's hands by somebody else; never waits, uses up no wake-up."""
        with self._changed:
            return self._taken()

    def _taken(self) -> T | None:
        if not self._items:
            return None
        self._takes += 1
        return self._items.popleft()

    def wake(self) -> None:
        """Make the reader's present or next ``take`` return at once, with None if there is no value."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Refuse values from now on and wake the reader; unread values count as dropped."""
        with self._changed:
            self._drops += len(self._items)
            self._items.clear()
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def put_count(self) -> int:
        return self._puts

    @property
    def take_count(self) -> int:
        return self._takes

    @property
    def dropped(self) -> int:
        return self._drops


class Channel(Generic[T]):
    """A bounded queue that loses nothing and keeps the order.

    Args:
        capacity: Values that may wait; a writer waits while it is full.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a channel needs room for one value")
        self._capacity = capacity
        self._items: deque[T] = deque()
        lock = threading.Lock()
        self._can_put = threading.Condition(lock)
        self._can_get = threading.Condition(lock)
        self._closed = False
        self._failure: BaseException | None = None

    def put(self, item: T, timeout: float | None = None) -> bool:
        """Append ``item``, waiting for room.

        Returns:
            False when there was no room within ``timeout`` seconds; the item was not taken.

        Raises:
            Closed: The channel is closed.
            BaseException: What ``fail`` was given, at once.
        """
        with self._can_put:
            ready = self._can_put.wait_for(lambda: self._closed or len(self._items) < self._capacity, timeout)
            if self._closed:
                raise self._failure or Closed
            if ready:
                self._items.append(item)
                self._can_get.notify()
            return ready

    def get(self, timeout: float | None = None) -> T:
        """The oldest value, waiting for one. Values put before ``close`` or ``fail`` are still handed out.

        Raises:
            TimeoutError: Nothing came within ``timeout`` seconds.
            Closed: Closed and drained.
            BaseException: What ``fail`` was given, once drained.
        """
        with self._can_get:
            self._can_get.wait_for(lambda: self._closed or bool(self._items), timeout)
            if self._items:
                self._can_put.notify()
                return self._items.popleft()
            if self._closed:
                raise self._failure or Closed
            raise TimeoutError

    def __iter__(self) -> Iterator[T]:
        """Every value until closed and drained; raises what ``fail`` was given."""
        while True:
            try:
                yield self.get()
            except Closed:
                return

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        """Ends it: writers get ``Closed``, readers drain what is there."""
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """Close because of ``error``, which both sides then raise. The first reason stays."""
        self._end(error)

    @property
    def closed(self) -> bool:
        return self._closed

    def _end(self, failure: BaseException | None) -> None:
        with self._can_put:
            if not self._closed:
                self._closed, self._failure = True, failure
            self._can_put.notify_all()
            self._can_get.notify_all()
