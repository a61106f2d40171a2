"""Qt's ICU without the data of languages: 32 MB become 4. Called by build.spec; needs a C compiler.

Qt formats dates and numbers from tables of its own; of ICU it takes the properties of characters and, where text is
sorted by a language, that language's rules. Those of the root, which all languages start from, stay. What goes is what
nothing in the program asks for: old encodings, names of countries, currencies and units, dictionaries for line breaks.

The library holds one block in ICU's "common data" format: a header, then a table of (name, place), sorted by name.
"""

from __future__ import annotations

import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

_UNUSED_FOLDERS = ("brkitr", "curr", "lang", "rbnf", "region", "translit", "unit", "zone")
_KEPT_INSIDE = ("root.res", "pool.res", "res_index.res", "ucadata.icu")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z0-9]+)*\.res")
_ALIGNED = 16
_SOURCE = """\
    .section .rodata
    .balign 16
    .globl {symbol}
    .type {symbol}, %object
{symbol}:
    .incbin "{data}"
    .size {symbol}, . - {symbol}
    .section .note.GNU-stack, "", %progbits
"""


@dataclass(frozen=True, slots=True)
class IcuBlock:
    """ICU's common data.

    Attributes:
        header: Everything before the table.
        items: Content by name, e.g. "icudt73l/root.res"; sorted as in the file.
    """

    header: bytes
    items: dict[str, bytes]

    @property
    def symbol(self) -> str:
        """The name libraries know it by."""
        name = next(iter(self.items))
        return name.partition("/")[0].rstrip("lb") + "_dat"


def is_needed(name: str) -> bool:
    """Returns whether an item stays, by its name."""
    _, *folder, file = name.split("/")
    if folder and folder[0] in _UNUSED_FOLDERS:
        return file in _KEPT_INSIDE and folder[0] != "translit"
    if folder and folder[0] == "coll":
        return file in _KEPT_INSIDE
    if file.endswith(".cnv"):
        return False
    return not _LANGUAGE.fullmatch(file) or file in ("en.res", *_KEPT_INSIDE)


def read_block(library: bytes) -> IcuBlock:
    """The block inside a library.

    Raises:
        ValueError: There is none, or it is not in the format this reads.
    """
    begin = library.find(b"CmnD") - 12
    if begin < 0:
        raise ValueError("no ICU data inside")
    size, magic = struct.unpack_from("<HH", library, begin)
    if magic != 0x27DA or library[begin + 8]:
        raise ValueError("ICU data of another kind")
    table = begin + size
    (count,) = struct.unpack_from("<I", library, table)
    places = [struct.unpack_from("<II", library, table + 4 + 8 * number) for number in range(count)]
    names = [library[table + at : library.index(b"\0", table + at)].decode("ascii") for at, _ in places]
    ends = [at for _, at in places[1:]]
    # The end of the last one is not told; whatever is behind it is taken along.
    ends.append(len(library) - table)
    contents = [library[table + at : table + end] for (_, at), end in zip(places, ends, strict=True)]
    return IcuBlock(library[begin:table], dict(zip(names, contents, strict=True)))


def pack(block: IcuBlock) -> bytes:
    """The block as bytes, in ICU's format."""
    names, content = bytearray(), bytearray()
    table: list[tuple[int, int]] = []
    first_name = 4 + 8 * len(block.items)
    name_bytes = sum(len(name) + 1 for name in block.items)
    first_content = _up(len(block.header) + first_name + name_bytes) - len(block.header)
    for name, item in block.items.items():
        table.append((first_name + len(names), first_content + len(content)))
        names += name.encode("ascii") + b"\0"
        content += item.ljust(_up(len(item)), b"\0")
    head = struct.pack("<I", len(table)) + b"".join(struct.pack("<II", *row) for row in table) + names
    return block.header + head.ljust(first_content, b"\0") + content


def smaller_library(library: Path, folder: Path) -> Path | None:
    """A copy of Qt's libicudata with what is needed, in ``folder``; None where there is no compiler.

    Raises:
        ValueError: The library is not understood.
        subprocess.CalledProcessError: The compiler failed.
    """
    block = read_block(library.read_bytes())
    last = next(reversed(block.items))
    if is_needed(last):
        raise ValueError(f"{last} is needed and its length is not known")
    kept = IcuBlock(block.header, {name: item for name, item in block.items.items() if is_needed(name)})
    folder.mkdir(parents=True, exist_ok=True)
    data, source, target = folder / "icu.dat", folder / "icu.s", folder / library.name
    data.write_bytes(pack(kept))
    source.write_text(_SOURCE.format(symbol=block.symbol, data=data), encoding="utf-8")
    linking = ["-shared", "-nostdlib", f"-Wl,-soname,{library.name}", "-Wl,--build-id=none", "-Wl,-s"]
    try:
        subprocess.run(["cc", *linking, "-o", str(target), str(source)], check=True)
    except FileNotFoundError:
        return None
    return target


def _up(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
