"""How PyTorch programs name the parts of MobileNetV2, the layout two importers share."""

from __future__ import annotations

from detector.importers.folding import FoldingReader

_BLOCKS, _EXTRAS = 17, 4


def inverted_residuals(reader: FoldingReader, *, base: str, extras: str, nested: bool) -> None:
    """Take stem, blocks, tail and feature layers of a MobileNetV2.

    Args:
        reader: Takes them.
        base: The file's name of the list: stem, 17 blocks, tail.
        extras: The file's name of the list of four feature layers, which are blocks too.
        nested: A convolution, its normalisation and its activation make a part of their own, as in torchvision;
            otherwise they follow each other in one flat list, as in the first PyTorch port.
    """
    reader.conv("stem", f"{base}.0.0", f"{base}.0.1", bias=False)
    for i in range(_BLOCKS):
        _block(reader, f"blocks.{i}", f"{base}.{i + 1}.conv", expands=i > 0, nested=nested)
    reader.conv("tail", f"{base}.{_BLOCKS + 1}.0", f"{base}.{_BLOCKS + 1}.1", bias=False)
    for i in range(_EXTRAS):
        _block(reader, f"extras.{i}", f"{extras}.{i}.conv", expands=True, nested=nested)


def _block(reader: FoldingReader, ours: str, theirs: str, *, expands: bool, nested: bool) -> None:
    parts = ["expand", "depthwise"] if expands else ["depthwise"]
    for place, part in enumerate(parts):
        conv, norm = (f"{place}.0", f"{place}.1") if nested else (f"{3 * place}", f"{3 * place + 1}")
        reader.conv(f"{ours}.{part}", f"{theirs}.{conv}", f"{theirs}.{norm}", bias=False)
    last = len(parts) if nested else 3 * len(parts)  # the projection, which has no activation, is flat in both
    reader.conv(f"{ours}.project", f"{theirs}.{last}", f"{theirs}.{last + 1}", bias=False)
