"""Draws what the generated cameras show. Standard library alone: the system's Python draws for GStreamer's server.

In the corner is the frame's number (as ``tools.fixtures.coded_images`` draws it) with the camera's above it, so that a
frame of a clip is known by itself; on a scene that stays the same comes and goes something red.
"""

from __future__ import annotations

import random

CELLS = 5
CAMERA_BITS, INDEX_BITS = 3, 18
_WHITE, _BLACK = 235, 16
_RED = (32, 32, 220)
_CODED = [(row, col) for row in range(CELLS) for col in range(CELLS) if row not in (0, 4) or col not in (0, 4)]
APPEARANCES_S = ((2.0, 5.0), (6.2, 8.0), (14.0, 18.0))
"""When it is there, of every ``PERIOD_S``: the first two so close together that their clips touch."""
PERIOD_S = 22.0


def is_there(index: int, fps: int) -> bool:
    """Returns whether frame ``index`` shows the red thing."""
    time_s = index / fps % PERIOD_S
    return any(begin <= time_s < end for begin, end in APPEARANCES_S)


def code_of(camera: int, index: int) -> int:
    """Returns the number that a frame shows."""
    return camera << INDEX_BITS | index % (1 << INDEX_BITS)


def camera_and_index(code: int) -> tuple[int, int]:
    """Returns what ``code_of`` was given."""
    return code >> INDEX_BITS, code & ((1 << INDEX_BITS) - 1)


class Picture:
    """The frames of one camera, in one size.

    Args:
        camera: Its number, from 0.
        size: (width, height), each divisible by 20.
        fps: Frames a second.
    """

    def __init__(self, camera: int, size: tuple[int, int], fps: int) -> None:
        self._camera, self._size, self._fps = camera, size, fps
        width, height = size
        rng = random.Random(camera)
        grey = [[bytes((rng.randrange(70, 170),)) * 3 for _ in range(20)] for _ in range(20)]
        self._ground = [b"".join(cell * (width // 20) for cell in grey[y * 20 // height]) for y in range(height)]

    def frame(self, index: int) -> bytes:
        """Returns frame ``index``, UInt8[H, W, 3] BGR."""
        width, height = self._size
        rows = list(self._ground)
        code = code_of(self._camera, index)
        white = {cell for bit, cell in enumerate(_CODED) if code >> bit & 1} | {(0, 0)}
        for y in range(height // 2):
            row = y * CELLS // (height // 2)
            greys = (_WHITE if (row, col) in white else _BLACK for col in range(CELLS))
            line = b"".join(bytes((grey,)) * (3 * (width // 2 // CELLS)) for grey in greys)
            rows[y] = line + rows[y][len(line) :]
        if is_there(index, self._fps):
            left = width // 10 + index % self._fps * width // 4 // self._fps
            right, red = left + width // 5, bytes(_RED) * (width // 5)
            for y in range(height * 6 // 10, height * 9 // 10):
                rows[y] = rows[y][: 3 * left] + red + rows[y][3 * right :]
        return b"".join(rows)
