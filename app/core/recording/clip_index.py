"""Which clips there are of each live source, so that whatever they show can be played again. Any thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.events.listing import ListedEvent
from app.core.events.scene_store import live_source
from app.core.files.json_store import JsonStore
from app.core.paths import clips_file

MAX_CLIPS = 2000
_MAX_PATH = 4096


@dataclass(frozen=True, slots=True)
class KeptClip:
    """A clip.

    Attributes:
        begin_s: When it begins, seconds since 1970.
        end_s: When it ends.
        path: Where it is.
    """

    begin_s: float
    end_s: float
    path: Path

    def shows(self, row: ListedEvent) -> bool:
        """Returns whether it shows a part of an event of its source."""
        span = row.wall_span
        return span is not None and span[0] <= self.end_s and self.begin_s <= span[1]


class ClipIndex:
    """All clips; the oldest are forgotten, not removed, where there are very many.

    Args:
        path: The file; made when something is written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._store = JsonStore(path or clips_file())

    def of(self, source: str) -> tuple[KeptClip, ...]:
        """Returns the clips of a source that are still there, the oldest first."""
        known = live_source(source)
        entries = self._store.read().get("clips")
        clips = (_clip(entry, known) for entry in (entries if isinstance(entries, list) else ())[-MAX_CLIPS:])
        return tuple(clip for clip in clips if clip is not None and clip.path.is_file())

    def add(self, source: str, clip: KeptClip) -> None:
        """Remembers a clip.

        Raises:
            AppError: It cannot be written.
        """
        entry = [live_source(source), clip.begin_s, clip.end_s, str(clip.path)]

        def change(value: dict[str, Any]) -> dict[str, Any]:
            before = value.get("clips")
            return {"clips": [*(before if isinstance(before, list) else ()), entry][-MAX_CLIPS:]}

        self._store.update(change)


def _clip(entry: Any, known: str) -> KeptClip | None:
    """Reads what anybody may have changed; None where it is no clip of that source."""
    if not isinstance(entry, list) or len(entry) != 4 or entry[0] != known:
        return None
    _, begin_s, end_s, path = entry
    if not all(isinstance(time_s, float) and math.isfinite(time_s) for time_s in (begin_s, end_s)):
        return None
    is_path = isinstance(path, str) and 0 < len(path) <= _MAX_PATH and "\0" not in path
    return KeptClip(begin_s, end_s, Path(path)) if is_path else None
