"""An ``ExportRequest`` as JSON and back, so that an interrupted export can be asked for again. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import re
import types
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from app.core.addresses import is_address, redact
from app.core.errors import AppError
from app.core.export.request import ExportRequest

MAX_BYTES = 2**20
MAX_REQUESTS, MAX_QUEUE_BYTES = 10_000, 2**26
_MAX_LENGTH = 10_000
_HIGHLIGHTS = "evidence"  # their name in the files
_FRACTION = re.compile(r"-?[0-9]{1,20}(/[0-9]{1,20})?")  # as it is written; an exponent would take for ever


def request_to_json(request: ExportRequest) -> bytes:
    """The whole request, with absolute paths."""
    return _encoded(_plain_values(request))


def requests_to_json(requests: Sequence[ExportRequest]) -> bytes:
    """The first ``MAX_REQUESTS`` of them, in order."""
    return _encoded({"exports": [_plain_values(request) for request in requests[:MAX_REQUESTS]]})


def request_from_json(content: bytes) -> ExportRequest:
    """Read what ``request_to_json`` wrote, which may have been changed since.

    Raises:
        AppError: It is none.
    """
    with _damage_explained():
        return _request(_decoded(content, MAX_BYTES))


def requests_from_json(content: bytes) -> tuple[ExportRequest, ...]:
    """Read what ``requests_to_json`` wrote, which may have been changed since.

    Raises:
        AppError: It is none.
    """
    with _damage_explained():
        listed = _decoded(content, MAX_QUEUE_BYTES)["exports"]
        if not isinstance(listed, list) or len(listed) > MAX_REQUESTS:
            raise ValueError("no list, or too long")
        return tuple(map(_request, listed))


def _plain_values(request: ExportRequest) -> dict[str, Any]:
    values = dataclasses.asdict(request)
    values[_HIGHLIGHTS] = values.pop("highlights")
    return values


def _encoded(value: Any) -> bytes:
    return json.dumps(value, default=_plain, indent=1).encode("utf-8", "surrogateescape")


def _decoded(content: bytes, max_bytes: int) -> Any:
    if len(content) > max_bytes:
        raise ValueError("too large")
    return json.loads(content.decode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def _damage_explained() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, ZeroDivisionError) as error:
        raise AppError("The description of an interrupted export is damaged.") from error


def _request(value: Any) -> ExportRequest:
    if isinstance(value, dict) and _HIGHLIGHTS in value:
        value = {**value, "highlights": value[_HIGHLIGHTS]}
    built = _build(ExportRequest, value)
    assert isinstance(built, ExportRequest)
    return built


def _plain(value: object) -> str:
    if isinstance(value, Path) and not is_address(str(value)):
        return str(value.absolute())
    return redact(str(value))  # no address can be exported, and none leaves a password behind


def _build(kind: Any, value: Any) -> Any:
    """``value`` as ``kind``; raises what it raises where it is none."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise TypeError(kind)
        hints = get_type_hints(kind)
        known = {field.name for field in dataclasses.fields(kind)}
        return kind(**{name: _build(hints[name], part) for name, part in value.items() if name in known})  # type: ignore[operator] # a class
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _build(next(one for one in inner if one is not type(None)), value)
    if origin is tuple:
        if not isinstance(value, list) or len(value) > _MAX_LENGTH:
            raise TypeError(value)
        if inner[-1] is not Ellipsis and len(value) != len(inner):
            raise ValueError(value)
        return tuple(_build(inner[0], part) for part in value)
    if origin is Literal:
        if value not in inner:
            raise ValueError(value)
        return value
    return _scalar(kind, value)


def _scalar(kind: Any, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and len(value) < _MAX_LENGTH:
        return _path(value)
    if kind is Fraction and isinstance(value, str) and _FRACTION.fullmatch(value):
        return Fraction(value)
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (bool, int, str) and type(value) is kind:
        return value
    raise TypeError(kind)


def _path(value: str) -> Path:
    """A place as ``_plain`` writes it, at which the system can be asked for a file."""
    path = Path(value)
    if "\0" in value or not path.is_absolute() or not path.name or not os.fsencode(path):
        raise ValueError(value)
    return path
