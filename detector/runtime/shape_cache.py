"""Keeps what is costly to make for a shape of work, the last few used, once a shape has proved to come again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_REMEMBERED = 64  # keys seen once


class ShapeCache(Generic[Key, Value]):
    """Values by key, made the second time a key is asked for: a folder of images of every size is not worth any.

    Args:
        make: Makes a value; None where it cannot be made, which is remembered.
        most: Values kept.
        drop: Told of values that give way.
    """

    def __init__(
        self, make: Callable[[Key], Value | None], most: int, drop: Callable[[Value], object] = lambda _value: None
    ) -> None:
        self._make, self._most, self._drop = make, most, drop
        self._made: OrderedDict[Key, Value | None] = OrderedDict()
        self._seen: OrderedDict[Key, None] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value of ``key``; None the first time, and where there is none."""
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        if key not in self._seen:
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return None
        while len(self._made) >= self._most:  # room first: what gives way may hold the memory that is needed
            self._forget(next(iter(self._made)))
        self._made[key] = self._make(key)
        return self._made[key]

    def items(self) -> Iterator[tuple[Key, Value]]:
        """Keys with their values, the longest unused first."""
        return ((key, value) for key, value in self._made.items() if value is not None)

    def clear(self) -> None:
        """Drop all values; the keys stay known."""
        for key in list(self._made):
            self._forget(key)

    def _forget(self, key: Key) -> None:
        value = self._made.pop(key)
        if value is not None:
            self._drop(value)
