"""Takes OpenCV's Unicode font out of the wheel: ``python -m tools.package.opencv_font FOLDER``.

With FOLDER as OPENCV_DOWNLOAD_PATH, building OpenCV need not fetch the font from the network.
OpenCV keeps its fonts gzipped inside its library. CMake looks for this one under its MD5 and checks that, so the other
fonts, written under the same name, do no harm.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"\x1f\x8b\x08"
_MAX_BYTES = 8_000_000
_NAME = "WenQuanYiMicroHei.ttf.gz"


def gzip_members(data: bytes) -> Iterator[bytes]:
    """Everything inside ``data`` that is a whole gzip file of less than 8 MB."""
    begin = data.find(_MAGIC)
    while begin >= 0:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        piece = data[begin : begin + _MAX_BYTES]
        try:
            unpacker.decompress(piece)
        except zlib.error:
            pass
        else:
            if unpacker.eof:
                yield piece[: len(piece) - len(unpacker.unused_data)]
        begin = data.find(_MAGIC, begin + 1)


def main(arguments: list[str]) -> int:
    """Write what was found; 1 when there is nothing."""
    found = importlib.util.find_spec("cv2")
    libraries = sorted(Path(found.origin).parent.glob("cv2*.so")) if found and found.origin else []
    folder = Path(arguments[0]) / "unifont"
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for library in libraries:
        for member in gzip_members(library.read_bytes()):
            md5 = hashlib.md5(member, usedforsecurity=False).hexdigest()
            (folder / f"{md5}-{_NAME}").write_bytes(member)
            count += 1
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
