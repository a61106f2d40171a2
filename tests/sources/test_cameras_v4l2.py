"""Reading the kernel's answers about a camera: structures built here byte by byte, laid out as in ``videodev2.h``."""

from __future__ import annotations

import errno
import struct
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.core.sources import v4l2
from app.core.sources.v4l2 import Mode, format_lines, formats_of, modes

YUYV = int.from_bytes(b"YUYV", "little")
MJPG = int.from_bytes(b"MJPG", "little")
Rates = list[tuple[int, ...]]


class Driver:
    """Answers as a driver does: fills in what was asked about, and refuses the first index that is too high.

    Args:
        formats: Pixel format -> size -> intervals. A size of six numbers and intervals of six are ranges.
    """

    def __init__(self, formats: dict[int, dict[tuple[int, ...], Rates]]) -> None:
        self.formats = formats
        self.asked = 0

    def __call__(self, request: int, question: bytes) -> bytes:
        self.asked += 1
        words = struct.unpack_from("<4I", question)
        try:
            if request == 0xC0405602:
                assert words[1] == 1
                return self._format(words[0], question)
            if request == 0xC02C564A:
                return self._size(words[0], words[1], question)
            assert request == 0xC034564B
            return self._interval(words[0], words[1], words[2:4], question)
        except IndexError:
            raise OSError(errno.EINVAL, "no more") from None

    def _format(self, index: int, question: bytes) -> bytes:
        assert len(question) == 64
        answer = bytearray(question)
        answer[12:44] = b"Some format, described".ljust(32, b"\0")
        struct.pack_into("<I", answer, 44, list(self.formats)[index])
        return bytes(answer)

    def _size(self, index: int, code: int, question: bytes) -> bytes:
        assert len(question) == 44
        size = list(self.formats[code])[index]
        answer = bytearray(question)
        struct.pack_into(f"<I{len(size)}I", answer, 8, 1 if len(size) == 2 else 3, *size)
        return bytes(answer)

    def _interval(self, index: int, code: int, asked: tuple[int, ...], question: bytes) -> bytes:
        assert len(question) == 52
        sizes = self.formats[code]
        size = next(size for size in sizes if asked in (size, (size[1], size[4]) if len(size) == 6 else None))
        interval = sizes[size][index]
        answer = bytearray(question)
        struct.pack_into(f"<I{len(interval)}I", answer, 16, 1 if len(interval) == 2 else 2, *interval)
        return bytes(answer)


def test_structures_have_the_kernels_sizes_and_requests_its_numbers() -> None:
    assert (v4l2.FORMAT.size, v4l2.SIZE.size, v4l2.INTERVAL.size) == (64, 44, 52)
    assert (v4l2.ENUM_FORMATS, v4l2.ENUM_SIZES, v4l2.ENUM_INTERVALS) == (0xC0405602, 0xC02C564A, 0xC034564B)


def test_a_webcam() -> None:
    driver = Driver(
        {
            MJPG: {(640, 480): [(1, 30), (1, 15)], (1280, 720): [(1, 30)]},
            YUYV: {(640, 480): [(1, 15), (1, 30)], (1280, 720): [(1, 10), (2, 15)]},
        }
    )
    assert modes(driver)[0] == Mode("MJPG", 640, 480, None, (Fraction(30), Fraction(15)))
    assert format_lines(modes(driver)) == (
        "1280x720: MJPG 30 fps; YUYV 10/7.5 fps",
        "640x480: MJPG, YUYV 30/15 fps",
    )


def test_ranges_of_sizes_and_rates() -> None:
    driver = Driver({YUYV: {(48, 1920, 16, 32, 1080, 8): [(1, 60, 1, 2, 0, 1)]}})
    assert modes(driver) == [Mode("YUYV", 48, 32, (1920, 1080), (Fraction(60), Fraction(2)))]
    assert format_lines(modes(driver)) == ("48x32 to 1920x1080: YUYV 60/2 fps",)


def test_ntsc_rates_and_rates_not_told() -> None:
    assert format_lines(modes(Driver({YUYV: {(720, 480): [(1001, 30000)]}}))) == ("720x480: YUYV 29.97 fps",)
    assert format_lines(modes(Driver({YUYV: {(720, 480): []}}))) == ("720x480: YUYV",)
    assert format_lines(modes(Driver({YUYV: {(720, 480): [(0, 30), (1, 0)]}}))) == ("720x480: YUYV",)


def test_names_of_pixel_formats() -> None:
    odd = int.from_bytes(b"Y16 ", "little") | 1 << 31
    offered = modes(Driver({odd: {(8, 8): []}, 0x01020304: {(8, 8): []}}))
    assert [mode.pixels for mode in offered] == ["Y16-BE", "????"]
    many = modes(Driver({YUYV + index: {(8, 8): []} for index in range(20)}))
    assert format_lines(many)[0].endswith(" and 12 more")


def test_a_driver_that_never_stops_answering() -> None:
    asked = 0

    def ask(request: int, question: bytes) -> bytes:
        nonlocal asked
        asked += 1
        if request == v4l2.ENUM_INTERVALS:
            raise OSError(errno.ENOTTY, "not supported")
        index = struct.unpack_from("<I", question)[0]
        if request == v4l2.ENUM_FORMATS and index:
            raise OSError(errno.EINVAL, "no more")
        return question[:8] + struct.pack("<3I", 1, 640, 480) + question[20:]

    assert format_lines(modes(ask)) == ("640x480: ????",)
    assert asked < 2000


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=44, max_size=44), st.binary(min_size=52, max_size=52))
def test_any_answer_can_be_shown(one: bytes, two: bytes, three: bytes) -> None:
    answers = {v4l2.ENUM_FORMATS: one, v4l2.ENUM_SIZES: two, v4l2.ENUM_INTERVALS: three}

    def ask(request: int, question: bytes) -> bytes:
        if struct.unpack_from("<I", question)[0]:
            raise OSError(errno.EINVAL, "no more")
        return answers[request]

    (line,) = format_lines(modes(ask))
    assert line.isascii()
    assert line.isprintable()


def test_devices_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"no device")
    assert formats_of(str(tmp_path / "video0")) == ()
    assert formats_of(str(tmp_path / "video1")) == ()
