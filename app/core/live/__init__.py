"""The live view: ``LiveSession`` and what it says. Light to import: OpenCV, PyAV and torch load on its threads."""

from app.core.live.events import (
    DetectorTrouble,
    Ended,
    LiveEvent,
    LiveState,
    ModelFailed,
    ModelLoading,
    ModelMeasured,
    ModelReady,
    ReplacementFailed,
    SourceNote,
    SourceOpened,
    SourceReplaced,
    SourceTrouble,
    StateChanged,
)
from app.core.live.session import LiveSession

__all__ = [
    "DetectorTrouble",
    "Ended",
    "LiveEvent",
    "LiveSession",
    "LiveState",
    "ModelFailed",
    "ModelLoading",
    "ModelMeasured",
    "ModelReady",
    "ReplacementFailed",
    "SourceNote",
    "SourceOpened",
    "SourceReplaced",
    "SourceTrouble",
    "StateChanged",
]
