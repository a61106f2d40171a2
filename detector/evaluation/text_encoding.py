"""Text files in the encodings people's tools write: UTF-8 and, from PowerShell's ``>`` and Notepad, UTF-16. Pure."""

from __future__ import annotations

import codecs

_MARKS = (  # UTF-32's first: the little-endian one begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_SAMPLE = 4096


def text_encoding(content: bytes) -> str:
    """Returns the encoding of ``content`` by its byte order mark, else by where its zero bytes are.

    ASCII characters have a zero byte each in UTF-16, and a list of file names has at least its line ends of them.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    sample = content[:_SAMPLE]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if 8 * max(first, second) >= len(sample) > 2 and max(first, second) > 2 * min(first, second):
        return "utf-16le" if second > first else "utf-16be"  # as both Python and expat call them
    return "utf-8"


def decode_text(content: bytes) -> str:
    """Returns ``content`` as text without its byte order mark; what is no character becomes U+FFFD."""
    return content.decode(text_encoding(content), "replace")
