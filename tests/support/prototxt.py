"""Caffe's text format, read into plain dicts: every field a list of its values, in the order of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Node = dict[str, list[Any]]

_TOKEN = re.compile(r'#[^\n]*|"(?:[^"\\]|\\.)*"|\'[^\']*\'|[{}:]|[^\s{}:#"\']+')


def parse_prototxt(text: str) -> Node:
    """Strings and names of enums as str, numbers as float, true and false as bool, messages as ``Node``."""
    tokens = (token for token in _TOKEN.findall(text) if not token.startswith("#"))
    return _fields(tokens, nested=False)


def _fields(tokens: Iterator[str], *, nested: bool) -> Node:
    node: Node = {}
    for key in tokens:
        if key == "}":
            assert nested
            return node
        following = next(tokens)
        if following == ":":
            following = next(tokens)
        value = _fields(tokens, nested=True) if following == "{" else _scalar(following)
        node.setdefault(key, []).append(value)
    assert not nested
    return node


def _scalar(token: str) -> str | float | bool:
    if token[0] in "\"'":
        return token[1:-1]
    if token in ("true", "false"):
        return token == "true"
    try:
        return float(token)
    except ValueError:
        return token
