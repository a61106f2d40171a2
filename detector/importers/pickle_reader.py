"""Reading a pickle as data: lists, dictionaries, numbers and texts, and of objects only that they are there.

A pickle is a program for a stack machine that may call anything; ours (``pickle_machine``) calls nothing. Nor may a
stream take for ever or swell: its length and steps are limited. Needs neither ``pickle`` nor torch. Runs on the thread
that calls it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from detector.importers.pickle_machine import DamagedPickleError, PickleMachine, StandIn, UnknownNameError


def read_pickle(stream: BinaryIO, stand_in: StandIn, persistent: Callable[[Any], Any], longest: int) -> Any:
    """Read one pickle; ``stream`` is then behind it.

    Args:
        stream: At its first byte.
        stand_in: Gives what stands for a function or class; may raise ``UnknownNameError``.
        persistent: Gives the value for an id of what lies outside the pickle.
        longest: Bytes a pickle may have.

    Raises:
        UnknownNameError: ``stand_in`` refused a name.
        DamagedPickleError: It is cut off, malformed, too long or takes too many steps.
    """
    machine = PickleMachine(stand_in, persistent)
    try:
        for operation, argument, _ in pickletools.genops(cast(BinaryIO, _Bounded(stream, longest))):
            if operation.name == "STOP":
                return machine.pop()
            machine.step(operation.name, argument)
    except UnknownNameError:
        raise
    except OSError:
        raise
    except Exception as error:  # a hostile stream finds whatever the machine and the stream below it can raise
        raise DamagedPickleError(str(error)) from error
    raise DamagedPickleError("it has no end")


class _Bounded:
    """A stream that ends after that many bytes."""

    def __init__(self, stream: BinaryIO, longest: int) -> None:
        self._stream, self._left = stream, longest
        self.tell = stream.tell

    def read(self, count: int) -> bytes:
        if count > self._left:
            raise DamagedPickleError("it is too long")
        self._left -= count
        return self._stream.read(count)

    def readline(self) -> bytes:
        line = self._stream.readline(self._left)
        self._left -= len(line)
        return line
