"""Says in the banner that settings or zones could not be kept, or read. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.core.errors import ExplainedError
from app.ui.remedies import hint_of
from app.ui.services.services import Services


class UnsavedNotices(QObject):
    """Listens to what keeps them.

    Args:
        services: Settings, scenes and the banner.
        parent: Owns this object.
    """

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._banner = services.banner
        services.settings.not_saved.connect(self._settings_not_saved)
        services.scenes.not_saved.connect(self._zones_not_saved)
        services.scenes.damaged.connect(self._zones_damaged)

    def _settings_not_saved(self, error: ExplainedError) -> None:
        hint = f"They hold until the window is closed. {hint_of(error)}".strip()
        self._banner.tell("warning", error.message, hint)

    def _zones_not_saved(self, error: ExplainedError) -> None:
        self._banner.tell("warning", f"The zones cannot be saved. {error.message}", hint_of(error))

    def _zones_damaged(self, problem: str) -> None:
        self._banner.tell("warning", problem)
