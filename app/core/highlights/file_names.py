"""Names of the files in a folder of highlights. Pure."""

from __future__ import annotations

import re

_MAX_LENGTH = 60


def file_part(text: str) -> str:
    """``text`` as a part of a file's name, on any system."""
    return re.sub(r"[^\w()+-]+", "-", text).strip("-")[:_MAX_LENGTH] or "x"
