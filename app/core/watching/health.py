"""Reports the health of everything that is watched, as plain values. Any thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.core.files.disk import disk_space
from app.core.watching.event_data import wall_time
from app.core.watching.watched_source import WatchedSource


def health(sources: Sequence[WatchedSource], folders: Sequence[Path], begun_s: float) -> dict[str, Any]:
    """Returns the figures of this moment; rates and ages cover the last 2.5 s.

    Args:
        sources: What is watched.
        folders: Where files go.
        begun_s: When watching began, monotonic clock.
    """
    now_s = time.monotonic()
    free = {str(folder): space.free for folder in folders if (space := disk_space(folder)) is not None}
    return {
        "type": "health",
        "time": wall_time(now_s),
        "ok": all(source.is_well for source in sources),
        "uptime": round(now_s - begun_s, 1),
        "sources": [_source(source) for source in sources],
        "free": free,
    }


def _source(source: WatchedSource) -> dict[str, Any]:
    stats = source.session.stats()
    return {
        "source": source.name,
        "state": source.session.state.value,
        "fps": round(stats.camera_fps, 2),
        "detector_fps": round(stats.detector_fps, 2),
        "age_ms": round(stats.frame_age_p95_ms, 1),
        "drops": stats.drops,
        "recording_drops": source.dropped,
        "reconnects": source.reconnects,
        "events": source.events,
    }
