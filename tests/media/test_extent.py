"""Whether a file's end is there, by what its first bytes say; any bytes are read without harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.media.extent import is_cut_short

EBML = b"\x1aE\xdf\xa3\x84\x42\x86\x81\x01"
SEGMENT = b"\x18\x53\x80\x67"


def box(kind: bytes, length: int, content: int) -> bytes:
    return length.to_bytes(4, "big") + kind + bytes(content)


@pytest.mark.parametrize(
    ("content", "is_cut"),
    [
        (b"RIFF" + (20).to_bytes(4, "little") + bytes(20), False),
        (b"RIFF" + (21).to_bytes(4, "little") + bytes(20), True),
        (EBML + SEGMENT + b"\x8a" + bytes(10), False),
        (EBML + SEGMENT + b"\x8b" + bytes(10), True),
        (EBML + SEGMENT + b"\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(10), False),  # live: unknown
        (box(b"ftyp", 16, 8) + box(b"mdat", 28, 20), False),
        (box(b"ftyp", 16, 8) + box(b"mdat", 29, 20), True),
        (box(b"ftyp", 16, 8) + box(b"mdat", 0, 20), False),  # to the end
        (box(b"ftyp", 16, 8) + box(b"mdat", 1, 0) + (36).to_bytes(8, "big") + bytes(20), False),
        (box(b"ftyp", 16, 8) + box(b"mdat", 1, 0) + (37).to_bytes(8, "big") + bytes(20), True),
        (b"\x47" * 188, False),
    ],
)
def test_a_file_that_ends_before_it_says(tmp_path: Path, content: bytes, is_cut: bool) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert is_cut_short(str(path)) == is_cut


@given(
    st.sampled_from([b"", b"RIFF", EBML, EBML + SEGMENT, b"\0\0\0\x10ftyp", b"\0\0\0\x08free"]), st.binary(max_size=80)
)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, head: bytes, tail: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(head + tail)
    assert is_cut_short(str(path)) in (False, True)


def test_what_is_not_there_is_not_cut_short() -> None:
    assert not is_cut_short("/nowhere/a.mp4")
    assert not is_cut_short("http://127.0.0.1/a.mp4")
