"""Where the appearances of a class lie on the pixels of a timeline. Pure."""

from __future__ import annotations

import numpy as np

from app.core.live.appearances import ClassRow
from app.ui.view.time_window import TimeWindow

_LEAST = 2  # pixels


def bars_of(row: ClassRow, window: TimeWindow, width: int) -> list[tuple[int, int]]:
    """Returns (left, right) of each bar, pixels; appearances that fall on the same pixels are one.

    Args:
        row: The class; its starts ascend, appearances may overlap.
        window: The part of the time that is shown.
        width: Over which it is shown, pixels.
    """
    seen = (row.ends_s >= window.start_s) & (row.starts_s <= window.end_s)
    if window.span_s <= 0 or not seen.any():
        return []
    scale = width / window.span_s
    starts, ends = (times[seen] - window.start_s for times in (row.starts_s, row.ends_s))
    lefts = np.clip(np.floor(starts * scale), 0, max(0, width - _LEAST)).astype(int)
    rights = np.maximum.accumulate(np.clip(np.ceil(ends * scale), lefts + _LEAST, max(width, _LEAST)).astype(int))
    apart = lefts[1:] > rights[:-1]
    return list(zip(lefts[np.append(True, apart)].tolist(), rights[np.append(apart, True)].tolist(), strict=True))
