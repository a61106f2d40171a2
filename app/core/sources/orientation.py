"""Turning and mirroring stored images and frames upright. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to make a stored image upright: exchange x and y first, then mirror.

    Attributes:
        transposed: Rows become columns.
        mirror_x: Left and right change places (after the exchange).
        mirror_y: Top and bottom change places (after the exchange).
    """

    transposed: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @classmethod
    def from_display_matrix(cls, matrix: Sequence[int] | npt.NDArray[np.int32]) -> Orientation:
        """Reads the nine 16.16 numbers (a b u, c d v, x y w) of ISO 14496-12: x' = a x + c y, y' = b x + d y.

        A matrix that is no multiple of 90 degrees is taken for the nearest one.
        """
        a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transposed=True, mirror_x=c < 0, mirror_y=b < 0)
        return cls(mirror_x=a < 0, mirror_y=d < 0)

    @classmethod
    def from_exif(cls, value: int) -> Orientation:
        """Reads EXIF's Orientation, 1 to 8; as stored for other values."""
        return _BY_EXIF.get(value, cls())

    @classmethod
    def from_heif(cls, quarter_turns: int, mirror_axis: int | None) -> Orientation:
        """Reads the properties of an image in HEIF or AVIF (ISO/IEC 23008-12, 6.5.10 and 6.5.12).

        Args:
            quarter_turns: ``irot``: anticlockwise, and done first.
            mirror_axis: ``imir``: 0 exchanges top and bottom, 1 left and right; None for neither.
        """
        turned = _BY_EXIF[(1, 8, 3, 6)[quarter_turns % 4]]
        return cls(turned.transposed, turned.mirror_x != (mirror_axis == 1), turned.mirror_y != (mirror_axis == 0))

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the upright image."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, image: Image) -> Image:
        """The upright image; ``image`` itself where nothing is to be done."""
        import cv2

        if self.transposed:
            image = cv2.transpose(image)  # type: ignore[assignment] # cv2's stubs forget the dtype
        if self.mirror_x or self.mirror_y:
            code = -1 if self.mirror_x and self.mirror_y else 1 if self.mirror_x else 0
            image = cv2.flip(image, code)  # type: ignore[assignment] # cv2's stubs forget the dtype
        return image


_BY_EXIF = {
    1: Orientation(),
    2: Orientation(mirror_x=True),
    3: Orientation(mirror_x=True, mirror_y=True),
    4: Orientation(mirror_y=True),
    5: Orientation(transposed=True),
    6: Orientation(transposed=True, mirror_x=True),
    7: Orientation(transposed=True, mirror_x=True, mirror_y=True),
    8: Orientation(transposed=True, mirror_y=True),
}
