"""AVIF images, with an OpenCV that reads them and with one that does not; against OpenCV's own reader and writer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.sources import image_streams
from app.core.sources.avif_properties import AvifProperties, avif_properties, is_avif
from app.core.sources.image_decoder import decode_image
from app.core.sources.image_streams import read_avif
from app.core.sources.images import read_image


@pytest.fixture
def stored(repository: Path) -> bytes:
    """The image of the self-test as AVIF."""
    image = cv2.imread(str(repository / "assets" / "selftest.png"))
    done, data = cv2.imencode(".avif", image)
    assert done
    return data.tobytes()


def test_it_reads_what_opencv_reads(stored: bytes) -> None:
    assert is_avif(stored)
    read = read_avif(stored)
    known = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    assert known is not None
    image, alpha = read
    assert alpha is None
    assert image.shape == known.shape
    assert np.abs(image.astype(int) - known).mean() < 2


def test_an_opencv_without_avif_is_helped_out(stored: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.avif"
    file.write_bytes(stored)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    assert read_image(file).shape == (480, 640, 3)
    file.write_bytes(b"\xff\xd8\xff\xe0" + stored)
    with pytest.raises(AppError, match="not a readable image"):
        read_image(file)


def test_damage_is_no_image(stored: bytes) -> None:
    for cut in (12, 40, 200, len(stored) // 2):
        assert read_avif(stored[:cut]) is None
    assert read_avif(stored[:100] + bytes(len(stored) - 100)) is None


def test_too_many_pixels_are_no_image(stored: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_streams, "MAX_PIXELS", 640 * 480 - 1)
    assert read_avif(stored) is None


def test_a_tile_is_not_taken_for_the_image(stored: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    tiled = stored.replace(b"av01Color", b"gridColor")
    assert tiled != stored
    assert avif_properties(tiled).is_tiled
    assert decode_image(tiled) is None


def test_damaged_boxes_turn_nothing(stored: bytes) -> None:
    head = stored[:600]
    for at in range(len(head)):
        for value in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1"):
            assert isinstance(avif_properties(head[:at] + value + head[at + 4 :]), AvifProperties)
        assert isinstance(avif_properties(head[:at]), AvifProperties)
