"""Damaged images as a target: their headers, which say how an image lies, and the images themselves."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from app.core.sources.images import read_decoded
from tools.fixtures.image_files import tiff_file, with_webp_chunk
from tools.fuzz.mutations import damage
from tools.fuzz.run import Target

_SIZE = (16, 12)
_WORDS = (
    b"Exif\0\0", b"II*\0", b"MM\0*", b"II+\0", b"\x12\x01\x03\0", b"\x01\x12\0\x03", b"\xff\xe1", b"\xff\xff",
    b"\xff\xda", b"eXIf", b"tRNS", b"IDAT", b"EXIF", b"VP8X", b"ALPH", b"meta", b"pitm", b"iinf", b"infe", b"grid",
    b"iprp", b"ipco", b"ipma", b"irot", b"imir", b"\x52\x01\x03\0", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1",
)  # fmt: skip


def images_target() -> Target:
    """Returns the target that decodes an image."""
    # OpenCV goes by content: one suffix does for all.
    return Target(".png", read, _seeds(), (partial(damage, words=_WORDS), _damage_head))


def read(path: Path) -> object:
    """Decodes an image, upright and as stored."""
    read_decoded(path, upright=False)
    return read_decoded(path)


def _damage_head(content: bytes, random: Random) -> bytes:
    """Damages the first bytes only, where sizes, tags and boxes are."""
    return damage(content[:400], random, _WORDS) + content[400:]


def _seeds() -> tuple[bytes, ...]:
    pixels = np.random.default_rng(0).integers(0, 255, (_SIZE[1], _SIZE[0], 4), np.uint8)
    whole = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[274] = 6
    seeds = []
    for kind, mode in (("JPEG", "RGB"), ("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"), ("AVIF", "RGBA")):
        file = io.BytesIO()
        whole.convert(mode).save(file, kind, exif=exif)
        seeds.append(file.getvalue())
    seeds.append(with_webp_chunk(seeds[3], b"EXIF", b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")))
    for mode, kind in (("L", "PNG"), ("RGBA", "BMP"), ("RGBA", "JPEG2000")):
        file = io.BytesIO()
        whole.convert(mode).save(file, kind, **({"transparency": 7} if kind == "PNG" else {}))
        seeds.append(file.getvalue())
    seeds += [tiff_file(pixels[..., :2], 2, 5), tiff_file(pixels, 1, 8, ">"), tiff_file(pixels, None, 3)]
    return tuple(seeds)
