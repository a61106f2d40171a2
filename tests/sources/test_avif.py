"""AVIF pictures, with an OpenCV that reads them and with one that does not; against OpenCV's own reader and writer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.sources import avif
from app.core.sources.avif import is_avif, read_avif
from app.core.sources.images import read_image


@pytest.fixture
def stored(repository: Path) -> bytes:
    """The picture of the self-test as AVIF."""
    image = cv2.imread(str(repository / "assets" / "selftest.png"))
    done, data = cv2.imencode(".avif", image)
    assert done
    return data.tobytes()


def test_it_reads_what_opencv_reads(stored: bytes) -> None:
    assert is_avif(stored)
    image = read_avif(stored)
    known = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert known is not None
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


def test_damage_is_no_picture(stored: bytes) -> None:
    for cut in (12, 40, 200, len(stored) // 2):
        assert read_avif(stored[:cut]) is None
    assert read_avif(stored[:100] + bytes(len(stored) - 100)) is None


def test_too_many_pixels_are_no_picture(stored: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avif, "_MOST_PIXELS", 640 * 480 - 1)
    assert read_avif(stored) is None
