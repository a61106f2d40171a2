"""What a decoded frame brings along besides its pixels."""

from __future__ import annotations

from typing import Any

import av
from av.sidedata.sidedata import SideDataContainer, Type


def side_data_of(frame: av.VideoFrame, kind: Type) -> bytes:
    """Returns the side data of that kind; empty where there is none."""
    # ``frame.side_data`` and the frame would keep each other, and the pixels, until garbage is collected.
    make: Any = SideDataContainer  # the stubs leave out what it takes
    found = make(frame).get(kind)
    return b"" if found is None else bytes(found)
