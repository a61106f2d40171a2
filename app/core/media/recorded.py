"""When a video was recorded, as its file says. Reads the head of the file; for a worker."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.core.errors import AppError

_OLDEST = 1980  # years before mean that a clock was never set


def recorded_at(path: Path) -> datetime | None:
    """Returns when the file says that its recording began, in the time of this place; None where it does not say.

    A file that has no zone says the time of its own place, which is taken for this one.
    """
    import av

    from app.core.media.container import open_container

    try:
        with open_container(str(path)) as container:
            said = container.metadata.get("creation_time", "")
        moment = datetime.fromisoformat(said)
        return moment.astimezone() if moment.year >= _OLDEST else None
    except (AppError, av.FFmpegError, OSError, ValueError, OverflowError):
        return None


def seconds_of_day(moment: datetime) -> float:
    """Returns the time of day in seconds."""
    return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
