"""What settings mean to a running live session. Pure but for the session. GUI thread."""

from __future__ import annotations

from app.core.settings import Settings
from app.ui.services.live_session import Session

_FOLLOWING = (("source", "smooth"), ("overlay", "show_trails"), ("overlay", "show_counts"))


def smoothing_of(settings: Settings) -> str:
    """Returns whether objects are followed: whoever wants trails or counts wants it, however fast the detector is."""
    wanted = settings.overlay.show_trails or settings.overlay.show_counts
    return "on" if wanted and settings.source.smooth == "auto" else settings.source.smooth


def apply_setting(session: Session, settings: Settings, section: str, name: str) -> None:
    """Pass a setting on that has changed, if the session has to know."""
    if (section, name) == ("detection", "iou"):
        session.set_iou(settings.detection.iou)
    elif (section, name) == ("detection", "threshold"):
        session.set_threshold(settings.detection.threshold)
    elif (section, name) in _FOLLOWING:
        session.set_smoothing(smoothing_of(settings))
