"""The file formats of still images: all that are decoded here, for data sets as well as for detection."""

from __future__ import annotations

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".jp2", ".avif")
)
"""File name endings, in lower case."""
