"""Protocol Buffers' text format, as far as a ``.prototxt`` of Caffe needs it, read by the schema of the binary format.

https://protobuf.dev/reference/protobuf/textformat-spec
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.importers.protobuf_wire import MAX_TEXT_BYTES, Message, Schema, WireError

MAX_BYTES = 4 * 2**20
_MOST_TOKENS = 400_000
_DEEPEST = 8
_TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|[{}<>\[\]:,;]|[^\s{}<>\[\]:,;#"\']+|\S')
_ENDS = {"{": "}", "<": ">"}
_TRUTHS = {"true": 1, "t": 1, "false": 0, "f": 0}
_WHOLE = re.compile(r"-?\d{1,18}")


def read_prototxt(path: Path, schema: Schema, words: Mapping[str, Mapping[str, int]]) -> Message:
    """Reads a text file into what ``read_message`` gives for the same content in the binary format.

    Args:
        path: The file.
        schema: What to keep; it has no arrays.
        words: Numbers of the words that a field's value may be, by the field's name.

    Raises:
        DetectorError: It cannot be read, is too large, or is no such text.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
    if size > MAX_BYTES:
        raise DetectorError(f"{path.name} is larger than {MAX_BYTES >> 20} MiB.")
    try:
        return parse_prototxt(content.decode("utf-8", errors="replace"), schema, words)
    except WireError as error:
        raise DetectorError(f"{path.name} is cut off, damaged or no description of a network: {error}.") from error


def parse_prototxt(text: str, schema: Schema, words: Mapping[str, Mapping[str, int]]) -> Message:
    """Reads the text of a file, like ``read_prototxt``.

    Raises:
        WireError: It is no such text, or not within our limits.
    """
    tokens = [token for token in _TOKEN.findall(text) if not token.startswith("#")]
    if len(tokens) > _MOST_TOKENS:
        raise WireError(f"it has more than {_MOST_TOKENS} words")
    return _Parser(tokens, words).message(schema, None, 0)


class _Parser:
    def __init__(self, tokens: list[str], words: Mapping[str, Mapping[str, int]]) -> None:
        self._tokens, self._words = tokens, words
        self._place = 0

    def message(self, schema: Schema | None, end: str | None, depth: int) -> Message:
        """The fields until ``end``, or until the text ends; without a schema they are passed over."""
        if depth > _DEEPEST:
            raise WireError("it is nested too deeply")
        known: dict[str, Any] = {} if schema is None else dict(schema.values())
        message: Message = {}
        while self._peek() != end:
            name = self._next()
            if not (name[0].isalpha() or name[0] == "_"):
                raise WireError(f"a field of it is called {name[:20]!r}")
            for value in self._values(name, known.get(name), depth):
                message.setdefault(name, []).append(value)
            if self._peek() in (",", ";"):
                self._place += 1
        if end is not None:
            self._place += 1
        return message

    def _values(self, name: str, kind: Any, depth: int) -> list[Any]:
        """Returns what a field adds to its list; [] for one of no interest."""
        if self._peek() == ":":
            self._place += 1
        if self._peek() != "[":
            value = self._value(name, kind, depth)
            return [] if value is None else [value]
        self._place += 1
        values = []
        while self._peek() != "]":
            value = self._value(name, kind, depth)
            values += [] if value is None else [value]
            if self._peek() == ",":
                self._place += 1
        self._place += 1
        return values

    def _value(self, name: str, kind: Any, depth: int) -> Any:
        token = self._next()
        is_message = isinstance(kind, Mapping)
        if token in _ENDS:
            if kind is not None and not is_message:
                raise WireError(f"{name[:40]!r} is no group of fields")
            message = self.message(kind, _ENDS[token], depth + 1)
            return message if is_message else None
        if is_message or token in "}>[]:,;":
            raise WireError(f"{name[:40]!r} has no value")
        text = token[1:-1] if token[0] in "\"'" and len(token) > 1 else None
        if kind is None:
            return None
        if kind == "text":
            return self._text(name, token if text is None else text)
        if text is not None:
            raise WireError(f"{name[:40]!r} is a text where a number belongs")
        return self._whole(name, token) if kind == "whole" else self._real(name, token)

    @staticmethod
    def _text(name: str, text: str) -> str:
        if len(text) > MAX_TEXT_BYTES:
            raise WireError(f"{name[:40]!r} has {len(text)} characters")
        return text

    def _whole(self, name: str, token: str) -> int:
        known = self._words.get(name, _TRUTHS)
        if token in known:
            return known[token]
        if not _WHOLE.fullmatch(token):
            raise WireError(f"{name[:40]!r} is {token[:20]!r}")
        return int(token)

    @staticmethod
    def _real(name: str, token: str) -> float:
        try:
            value = float(token.rstrip("fF"))
        except ValueError as error:
            raise WireError(f"{name[:40]!r} is {token[:20]!r}") from error
        if not math.isfinite(value):
            raise WireError("it has a setting that is NaN or infinite")
        return value

    def _peek(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self) -> str:
        token = self._peek()
        if token is None:
            raise WireError("it ends in the middle")
        self._place += 1
        return token
