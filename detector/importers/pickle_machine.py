"""The stack machine of pickles, as far as data needs it: it calls nothing, and counts its steps.

Where the program names a function or class, the caller says what stands for it, or refuses the name, which ends the
reading. What is handed over counts as steps too, and keys are of kinds whose hashes nobody can choose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Stand = Callable[[tuple[Any, ...]], Any]
"""A stand-in for a function or class: arguments in, a value of ours out."""

StandIn = Callable[[str], Stand]
"""Gives the stand-in for a ``module.name``; raises ``UnknownNameError`` where there is to be none."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": list}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_VALUES = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8",
})  # fmt: skip
_NOTHING = frozenset({"PROTO", "FRAME"})
_KEYS = (str, bytes, type(None))
_LARGEST_KEY = 2**31
"""Whole numbers as keys, and places of the memo: small ones cannot all fall on one place of a table."""
MAX_STEPS = 2_000_000
"""A network of thousands of tensors takes a hundred thousand."""


class DamagedPickleError(ValueError):
    """The stream is no whole, well-formed pickle."""


class UnknownNameError(ValueError):
    """The stream asks for something that nothing may stand for.

    Attributes:
        name: ``module.name``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Opaque(dict[Any, Any]):
    """An object that was there, of which nothing is kept but what it holds as a dictionary.

    Attributes:
        name: ``module.name`` of what would have made it; "" for what is known to matter to nobody.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.name = name


class _Named:
    """A function or class the stream named."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand


_MARK = object()
"""Where the items of a tuple, list or dictionary begin on the stack."""


class PickleMachine:
    """Carries out one operation after the other.

    Args:
        stand_in: Gives what stands for a function or class; may raise ``UnknownNameError``.
        persistent: Gives the value for an id of what lies outside the pickle.
    """

    def __init__(self, stand_in: StandIn, persistent: Callable[[Any], Any]) -> None:
        self._stand_in, self._persistent = stand_in, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._left = MAX_STEPS

    def step(self, name: str, argument: Any) -> None:
        """Carry out one operation."""
        self._spend(1)
        if name in _VALUES:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self._push_tuple(_TUPLES[name])
        elif name not in _NOTHING:
            act = getattr(self, "_do_" + name.lower(), None)
            if act is None:
                raise DamagedPickleError(f"{name} is not used in data")
            act(argument)

    def pop(self) -> Any:
        """Takes the value off the top of the stack."""
        value = self._stack.pop()
        if value is _MARK:
            raise DamagedPickleError("a mark is no value")
        return value

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise DamagedPickleError("it takes too many steps")

    def _items(self) -> list[Any]:
        """Takes off the last mark and what lies above it, which is returned."""
        at = next(i for i in range(len(self._stack) - 1, -1, -1) if self._stack[i] is _MARK)
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _push_tuple(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self._stack.append(tuple(reversed(values)))

    # -- marks and containers -----------------------------------------------------------------------------------------

    def _do_mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _do_tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._items()))

    def _do_list(self, _: Any) -> None:
        self._stack.append(self._items())

    def _do_dict(self, _: Any) -> None:
        found: dict[Any, Any] = {}
        _put(found, self._items())
        self._stack.append(found)

    def _do_frozenset(self, _: Any) -> None:
        self._stack.append(self._items())

    def _do_append(self, _: Any) -> None:
        self._extend([self.pop()])

    def _do_appends(self, _: Any) -> None:
        self._extend(self._items())

    def _do_additems(self, _: Any) -> None:
        self._extend(self._items())

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)
        elif not isinstance(self._stack[-1], Opaque):
            raise DamagedPickleError("items for what is no list")

    def _do_setitem(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._update([key, value])

    def _do_setitems(self, _: Any) -> None:
        self._update(self._items())

    def _update(self, items: list[Any]) -> None:
        if isinstance(self._stack[-1], dict):
            _put(self._stack[-1], items)
        elif not isinstance(self._stack[-1], Opaque):
            raise DamagedPickleError("items for what is no dictionary")

    # -- memory and stack ---------------------------------------------------------------------------------------------

    def _do_pop(self, _: Any) -> None:
        self._stack.pop()

    def _do_pop_mark(self, _: Any) -> None:
        self._items()

    def _do_dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def _do_memoize(self, _: Any) -> None:
        self._do_put(len(self._memo))

    def _do_put(self, place: int) -> None:
        if not 0 <= place < _LARGEST_KEY:
            raise DamagedPickleError("a place of the memo is no place")
        self._memo[place] = self._stack[-1]

    _do_binput = _do_long_binput = _do_put

    def _do_get(self, place: int) -> None:
        self._stack.append(self._memo[place])

    _do_binget = _do_long_binget = _do_get

    # -- objects ------------------------------------------------------------------------------------------------------

    def _do_global(self, both: str) -> None:
        self._name(".".join(both.split(" ", 1)))

    def _do_stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise DamagedPickleError("a name is no text")
        self._name(f"{module}.{name}")

    def _name(self, name: str) -> None:
        self._stack.append(_Named(self._stand_in(name)))

    def _do_reduce(self, _: Any) -> None:
        arguments, named = self.pop(), self.pop()
        if not isinstance(arguments, tuple):
            raise DamagedPickleError("a call without arguments")
        for each in arguments:  # what stands for the function may look at all of it, as often as it is called
            self._spend(1 + (len(each) if isinstance(each, (list, tuple)) else 0))
        self._stack.append(stand_of(named)(arguments))

    _do_newobj = _do_reduce

    def _do_newobj_ex(self, _: Any) -> None:
        self.pop()  # keyword arguments
        self._do_reduce(_)

    def _do_build(self, _: Any) -> None:
        self.pop()  # an object's state; only containers and tensors are kept, and theirs is elsewhere
        if not self._stack:
            raise DamagedPickleError("a state for nothing")

    def _do_binpersid(self, _: Any) -> None:
        self._stack.append(self._persistent(self.pop()))


def stand_of(named: Any) -> Stand:
    """Returns the stand-in for a function, also for one that was handed on as an argument.

    Raises:
        DamagedPickleError: It is none.
    """
    if not isinstance(named, _Named):
        raise DamagedPickleError("a call of what is no function")
    return named.stand


def _put(found: dict[Any, Any], items: list[Any]) -> None:
    """Add keys and values by turns; keys of other kinds than plain ones are of no use to anybody here."""
    if len(items) % 2:
        raise DamagedPickleError("a key without a value")
    found.update((key, value) for key, value in zip(items[::2], items[1::2], strict=True) if _is_key(key))


def _is_key(value: Any) -> bool:
    return isinstance(value, _KEYS) or (type(value) is int and abs(value) < _LARGEST_KEY)
