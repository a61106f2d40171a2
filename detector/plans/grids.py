"""The source maps that networks have at an input size. No torch."""

from __future__ import annotations

from collections.abc import Callable

from detector.config import SSDConfig

Size = tuple[int, int]
"""(height, width) in pixels, or (rows, columns) in cells."""
Grids = tuple[Size, ...]
"""Rows and columns of each source map, finest first."""


def fixed_grids(*configs: SSDConfig) -> Callable[[Size], Grids | None]:
    """Returns the maps of a network that only exists at the input sizes of ``configs``; None for another size."""
    return {config.image_size: config.grids for config in configs}.get


def halving_grids(first_stride: int, levels: int) -> Callable[[Size], Grids | None]:
    """Returns the maps of a network for any input: each half the one before, rounded up ("SAME" padding does so too).

    Args:
        first_stride: Pixels of the input to a cell of the finest map.
        levels: How many maps.
    """
    strides = tuple(first_stride << level for level in range(levels))
    return lambda size: tuple((-(-size[0] // stride), -(-size[1] // stride)) for stride in strides)
