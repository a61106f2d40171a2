"""Damages files reproducibly: bytes of any format, and the nested fields of Protocol Buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

_NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_MAX_BYTES = 64  # cut, copied or made up at once
_MAX_DEPTH = 4  # messages inside messages


def damage(content: bytes, random: Random, words: Sequence[bytes] = ()) -> bytes:
    """Returns ``content`` with one to six small faults.

    Args:
        content: A whole file.
        random: Source of all choices.
        words: Keywords of the format, inserted here and there.
    """
    result = bytearray(content)
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(result))
        until = min(len(result), at + random.randint(1, _MAX_BYTES))
        match random.randrange(8):
            case 0 if at < len(result):
                result[at] ^= 1 << random.randrange(8)
            case 1 if at < len(result):
                result[at] = random.choice(_NUMBERS) & 255
            case 2:
                del result[at:until]
            case 3:
                result[at:at] = result[at:until] * random.randint(1, 4)
            case 4:
                result[at:at] = random.randbytes(random.randint(1, _MAX_BYTES))
            case 5:
                width = random.choice((2, 4, 8))
                number = random.choice(_NUMBERS) & (1 << 8 * width) - 1
                result[at : at + width] = number.to_bytes(width, random.choice(("little", "big")))
            case 6 if words:
                result[at : until if random.random() < 0.3 else at] = random.choice(words)
            case 7 if random.random() < 0.2:
                del result[at:]
            case _:
                other = random.randint(0, len(result))
                result[at:at] = result[other : other + random.randint(1, _MAX_BYTES)]
    return bytes(result)


def damage_fields(content: bytes, random: Random, depth: int = 0) -> bytes:
    """Changes one field somewhere inside a Protocol Buffers message, and corrects all lengths around it."""
    fields = _fields(content)
    if not fields:
        return damage(content, random)
    index = random.randrange(len(fields))
    tag, value = fields[index]
    match random.randrange(6):
        case 0:
            del fields[index]
        case 1:
            fields.insert(random.randint(0, len(fields)), fields[index])
        case 2:
            fields[index] = (random.choice((random.randint(8, 2000), tag ^ 1 << random.randrange(3))), value)
        case _ if isinstance(value, int):
            fields[index] = (tag, random.choice(_NUMBERS))
        case _ if depth < _MAX_DEPTH and tag & 7 == 2 and random.random() < 0.9:
            fields[index] = (tag, damage_fields(value, random, depth + 1))
        case _:
            fields[index] = (tag, damage(value, random))
    return b"".join(_field(tag, value) for tag, value in fields)


def varint(value: int) -> bytes:
    """Encodes a non-negative ``value``, seven bits per byte, lowest first."""
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def _field(tag: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(tag) + varint(value)
    return varint(tag) + (varint(len(value)) if tag & 7 == 2 else b"") + value


def _fields(content: bytes) -> list[tuple[int, int | bytes]]:
    """Returns (tag, value) of each field; empty if ``content`` is not a message."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(content):
        tag, at = _read_varint(content, at)
        wire = tag & 7
        if wire == 0:
            number, at = _read_varint(content, at)
            fields.append((tag, number))
            continue
        size = {1: 8, 5: 4}.get(wire, -1)
        if wire == 2:
            size, at = _read_varint(content, at)
        if tag < 8 or not 0 <= size <= len(content) - at:
            return []
        fields.append((tag, content[at : at + size]))
        at += size
    return fields


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(content[at : at + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    return 0, len(content) + 1


Damage = Callable[[bytes, Random], bytes]
