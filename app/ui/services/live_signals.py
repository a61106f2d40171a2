"""What the window hears of the live session. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class LiveSignals(QObject):
    """The signals of ``LiveController``, which alone emits them."""

    frame = Signal(object)
    """FrameResult to show."""
    awaiting = Signal(str)
    """Another source is being opened, while the present one goes on; "": no longer."""
    opening = Signal(str)
    """A source is the present one from now on."""
    opened = Signal(object)
    """SourceInfo."""
    closed = Signal()
    model_loading = Signal(str)
    model_ready = Signal(object)
    """ModelReady."""
    model_measured = Signal(object)
    """ModelMeasured."""
    model_lost = Signal()
    """No model runs."""
    trouble = Signal(str, str, str, str)
    """kind ("error", "warning" or "info"), topic, message, hint."""
    source_failed = Signal(object)
    """``ExplainedError``: the failure of which ``trouble`` has just told."""
    resolved = Signal(str)
    """Topic of a trouble that is over."""
