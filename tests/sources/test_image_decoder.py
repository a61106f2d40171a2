"""Images of every format, lying in every way, with and without alpha: as Pillow shows them."""

from __future__ import annotations

import io
import struct
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from app.core.sources.image_decoder import decode_image
from app.core.sources.images import read_image
from tests.support.shared_data import shared
from tools.fixtures.image_files import ByteOrder, tiff_file, with_webp_chunk

Pixels = npt.NDArray[np.uint8]

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
_MODES = ("RGB", "RGBA", "L", "LA")
_LOSSY = ("JPEG", "AVIF")
_CASES = [(kind, mode) for kind, mode in product(_FORMATS, _MODES) if kind != "JPEG" or "A" not in mode]


def _colours() -> Pixels:
    """UInt8[60, 80, 3]: smooth, and different at every corner."""
    random = np.random.default_rng(0)
    return np.asarray(cv2.resize(random.integers(0, 255, (6, 8, 3), np.uint8), (80, 60)), np.uint8)


def _alpha() -> Pixels:
    """UInt8[60, 80]: a transparent quarter, a half-transparent one, the rest opaque."""
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:30, :40] = 0
    alpha[30:, 40:] = 128
    return alpha


def _image(mode: str) -> Image.Image:
    image = Image.fromarray(_colours()).convert("L" if mode.startswith("L") else "RGB")
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(_alpha()))
    return image


def _encoded(image: Image.Image, kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind in _LOSSY else {}
    where = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    file = io.BytesIO()
    image.save(file, kind, **options, **where)
    return file.getvalue()


def _by_pillow(content: bytes) -> Pixels:
    """UInt8[H, W, 3] BGR, upright and on black."""
    image = Image.open(io.BytesIO(content))
    image.load()
    whole = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"), np.float64)
    return np.round(whole[..., 2::-1] * whole[..., 3:] / 255).astype(np.uint8)


def _assert_same(content: bytes, expected: Pixels, lossy: bool = False) -> None:
    decoded = decode_image(content)
    assert decoded is not None
    assert decoded.image_bgr.shape == expected.shape
    assert decoded.image_bgr.flags.c_contiguous
    away = np.abs(decoded.image_bgr.astype(int) - expected)
    assert away.mean() < 2 if lossy else away.max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "mode"), _CASES)
def test_images_are_as_pillow_shows_them(kind: str, mode: str, orientation: int) -> None:
    content = _encoded(_image(mode), kind, orientation)
    _assert_same(content, _by_pillow(content), kind in _LOSSY)
    decoded, stored = decode_image(content), decode_image(content, upright=False)
    assert decoded is not None
    assert stored is not None
    assert decoded.is_transparent == mode.endswith("A")
    assert stored.image_bgr.shape == (60, 80, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", _MODES)
def test_an_opencv_without_avif_shows_the_same(mode: str, orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = _encoded(_image(mode), "AVIF", orientation)
    expected = _by_pillow(content)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    _assert_same(content, expected, lossy=True)


@pytest.mark.parametrize("kind", ["BMP", "JPEG2000"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_formats_without_exif(kind: str, mode: str) -> None:
    file = io.BytesIO()
    _image(mode).save(file, kind)
    _assert_same(file.getvalue(), _by_pillow(file.getvalue()))


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_webp_whose_exif_has_the_prefix_of_jpeg(orientation: int) -> None:
    upright = _encoded(_image("RGBA"), "WEBP", 1)
    exif = Image.Exif()
    exif[274] = orientation
    content = with_webp_chunk(upright, b"EXIF", b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"))
    _assert_same(content, _by_pillow(_encoded(_image("RGBA"), "PNG", orientation)))


@pytest.mark.parametrize(
    ("mode", "key"), [("L", 77), ("RGB", (10, 20, 30)), ("P", 3), ("1", 1), ("I;16", 300), ("I;16", 0x4D4D)]
)
def test_png_in_which_one_colour_is_transparent(mode: str, key: int | tuple[int, ...]) -> None:
    if mode == "I;16":
        image = Image.fromarray((np.arange(4800).reshape(60, 80) * 13).astype(np.uint16))
        stored = np.asarray(image)
        expected = np.repeat(np.where(stored == key, 0, stored >> 8)[..., None], 3, axis=2).astype(np.uint8)
    else:
        image = Image.fromarray(_colours()).convert(mode)
        if mode != "1":
            image.paste(key, (5, 5, 40, 20))
    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    image.save(file, "PNG", transparency=key, exif=exif)
    if mode != "I;16":
        expected = _by_pillow(file.getvalue())
        assert (expected == 0).all(axis=2).any()
    else:
        expected = np.rot90(expected, -1)
    _assert_same(file.getvalue(), expected)


@pytest.mark.parametrize("bits", [np.uint8, np.uint16])
@pytest.mark.parametrize(("samples", "extra", "shown"), [
    (2, 2, 50), (4, 2, 50),  # separate alpha: multiplied here
    (2, 1, 100), (4, 1, 100),  # multiplied already
    (4, 0, 100), (4, None, 100),  # a fourth sample that is no alpha
])  # fmt: skip
@pytest.mark.parametrize("orientation", [1, 5])
@pytest.mark.parametrize("order", "<>")
def test_tiff_alpha_of_each_kind(
    bits: type[np.unsignedinteger],
    samples: int,
    extra: int | None,
    shown: int,
    orientation: int,
    order: ByteOrder,
) -> None:
    scale = np.iinfo(bits).max // 255
    pixels = np.full((4, 6, samples), 100 * scale, bits)
    pixels[..., -1] = 128 * scale
    content = tiff_file(pixels, extra, orientation, order)
    _assert_same(content, np.full((6, 4, 3) if orientation == 5 else (4, 6, 3), shown, np.uint8))
    decoded = decode_image(content)
    assert decoded is not None
    assert decoded.is_transparent == (extra in (1, 2))


def test_a_bitmap_of_32_bits_without_alpha_is_opaque() -> None:
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + 48, 0, 0, 54, 40, 4, 3, 1, 32, 0, 48, 0, 0, 0, 0)
    content = head + bytes((10, 20, 30, 0)) * 12
    _assert_same(content, np.full((3, 4, 3), (10, 20, 30), np.uint8))


def test_damage_in_front_of_the_image_turns_nothing() -> None:
    content = _encoded(_image("RGB"), "JPEG", 6)
    at = content.index(b"Exif\0\0")
    for cut in range(at, at + 40):
        broken = content[:cut] + b"\xff" * 4 + content[cut + 4 :]
        decoded = decode_image(broken)
        assert decoded is None or decoded.image_bgr.shape in ((60, 80, 3), (80, 60, 3))


@pytest.mark.parametrize("name", ["alpha_o6.png", "rgb_o6.avif"])
def test_real_files_are_as_pillow_shows_them(name: str) -> None:
    path = shared(f"cases/{name}")
    expected = _by_pillow(path.read_bytes())
    assert expected.shape == (320, 240, 3)
    assert np.abs(read_image(path).astype(int) - expected).mean() < 2


def test_a_file_is_read_as_its_content(tmp_path: Path) -> None:
    content = _encoded(_image("RGBA"), "PNG", 8)
    path = tmp_path / "ä 8.png"
    path.write_bytes(content)
    assert np.abs(read_image(path).astype(int) - _by_pillow(content)).max() <= 1
