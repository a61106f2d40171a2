"""Asks the kernel (Video4Linux2) which formats a camera on Linux offers, without starting the camera.

The device is opened read-only for the questions alone, which a running stream of another program does not notice.
Answers come in C structures of the kernel's fixed layout, taken apart here; ``linux/videodev2.h`` is the reference.
Safe on any thread; a sleeping USB camera may take some hundred milliseconds to answer.
"""

from __future__ import annotations

import logging
import os
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

log = logging.getLogger(__name__)

# struct v4l2_fmtdesc: index, type, flags, description[32], pixelformat, mbus_code, reserved[3]
FORMAT = struct.Struct("=3I32sI4I")
# struct v4l2_frmsizeenum: index, pixel_format, type, union of {width, height} and {min, max, step of both}, reserved[2]
SIZE = struct.Struct("=3I6I2I")
# struct v4l2_frmivalenum: index, pixel_format, width, height, type, union of one and three fractions, reserved[2]
INTERVAL = struct.Struct("=5I6I2I")

_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_NAMED = 8  # pixel formats in one line; webcams have two or three, test drivers sixty
_DISCRETE = 1  # the other kinds, continuous and stepwise, both give a smallest and a largest value
_MAX_ANSWERS = 256  # answers of one kind; a broken driver may never say "no more"

Ask = Callable[[int, bytes], bytes]
"""(ioctl request, structure) -> the structure as the driver filled it in; OSError when there are no more answers."""


def _read_write(number: int, layout: struct.Struct) -> int:
    """``_IOWR('V', number, layout)`` as on x86 and ARM."""
    return 3 << 30 | layout.size << 16 | ord("V") << 8 | number


ENUM_FORMATS = _read_write(2, FORMAT)
ENUM_SIZES = _read_write(74, SIZE)
ENUM_INTERVALS = _read_write(75, INTERVAL)


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which a camera can send video.

    Attributes:
        pixels: Four-character code of the pixel format, e.g. "MJPG".
        width: Pixels; the smallest where a range is given.
        height: Pixels; the smallest where a range is given.
        largest: (width, height) at the other end of a range.
        rates: Frames per second, highest first; for a range of rates its two ends; empty when not told.
    """

    pixels: str
    width: int
    height: int
    largest: tuple[int, int] | None = None
    rates: tuple[Fraction, ...] = ()


def formats_of(device: str) -> tuple[str, ...]:
    """The formats of ``device`` ("/dev/video0"), a line for each size, largest first; empty when it does not tell."""
    if sys.platform != "linux":
        return ()
    import fcntl

    try:
        handle = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        log.info("%s does not tell its formats: %s", device, error.strerror)
        return ()
    try:
        return format_lines(modes(lambda request, question: fcntl.ioctl(handle, request, question)))
    finally:
        os.close(handle)


def modes(ask: Ask) -> list[Mode]:
    """Every mode, in the driver's order."""
    found: list[Mode] = []
    for answer in _answers(ask, ENUM_FORMATS, FORMAT, _CAPTURE):
        code = answer[4]
        for _, _, kind, *size in _answers(ask, ENUM_SIZES, SIZE, code):
            if kind == _DISCRETE:
                found.append(Mode(_fourcc(code), size[0], size[1], None, _rates(ask, code, size[0], size[1])))
            else:  # min_width, max_width, step_width, min_height, max_height, step_height
                rates = _rates(ask, code, size[1], size[4])
                found.append(Mode(_fourcc(code), size[0], size[3], (size[1], size[4]), rates))
    return found


def format_lines(offered: list[Mode]) -> tuple[str, ...]:
    """One line for each size, largest first, e.g. "1280x720: MJPG 30/15 fps; YUYV 10 fps"."""
    sizes: dict[tuple[tuple[int, int], tuple[int, int]], dict[str, list[str]]] = {}
    for mode in offered:
        size = (mode.largest or (mode.width, mode.height), (mode.width, mode.height))
        rates = "/".join(f"{float(rate):.4g}" for rate in mode.rates)
        names = sizes.setdefault(size, {}).setdefault(f" {rates} fps" if rates else "", [])
        if mode.pixels not in names:
            names.append(mode.pixels)
    lines = []
    for (largest, smallest), kinds in sorted(sizes.items(), key=lambda item: item[0][0], reverse=True):
        size_text = "x".join(map(str, largest))
        if smallest != largest:
            size_text = f"{'x'.join(map(str, smallest))} to {size_text}"
        lines.append(f"{size_text}: " + "; ".join(_few(names) + rates for rates, names in kinds.items()))
    return tuple(lines)


def _few(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _rates(ask: Ask, code: int, width: int, height: int) -> tuple[Fraction, ...]:
    rates: set[Fraction] = set()
    for *_, kind, n0, d0, n1, d1, _, _, _, _ in _answers(ask, ENUM_INTERVALS, INTERVAL, code, width, height):
        ends = [(n0, d0)] if kind == _DISCRETE else [(n0, d0), (n1, d1)]
        rates.update(Fraction(seconds_d, seconds_n) for seconds_n, seconds_d in ends if seconds_n and seconds_d)
    return tuple(sorted(rates, reverse=True))


def _answers(ask: Ask, request: int, layout: struct.Struct, *given: int) -> Iterator[tuple[Any, ...]]:
    """All answers to one question: its index counts up until the driver says there are no more."""
    empty = layout.unpack(bytes(layout.size))
    for index in range(_MAX_ANSWERS):
        question = layout.pack(index, *given, *empty[1 + len(given) :])
        try:
            answer = ask(request, question)
        except OSError:
            return
        yield layout.unpack(answer)


def _fourcc(code: int) -> str:
    """Four characters; bit 31 marks big-endian pixel formats, what cannot be shown becomes "?"."""
    text = (code & 0x7FFFFFFF).to_bytes(4, "little").decode("latin-1")
    shown = "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in text).rstrip()
    return f"{shown}-BE" if code >> 31 else shown
