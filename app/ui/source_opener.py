"""Opens what the user names: a camera once the system allows it, the first of several files. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.addresses import is_address
from app.core.frames import LIVE_KINDS
from app.core.sources.base import CAMERA, SCREEN
from app.core.sources.uri import kind_by_name, shown_name
from app.ui.camera_permission import when_allowed
from app.ui.services.services import Services
from app.ui.widgets.drops import classify
from app.ui.widgets.quantity_text import shorten

_AFTER_MS = 300  # most files are open before anybody could read it
_AWAITED = "awaited"


def opens_by_itself(uri: str, at_start: str) -> bool:
    """Returns whether what was open last may open unasked, by the setting ``source.at_start``."""
    if not uri or at_start == "nothing":
        return False
    return at_start == "any" or (kind_by_name(uri) not in LIVE_KINDS and not is_address(uri))


class SourceOpener(QObject):
    """Opens sources in the live session; passes on what is none."""

    model_found = Signal(object)
    """Path of a model file among the sources."""
    export_asked = Signal(object)
    """Paths of videos that the user wants to export together."""

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._controller, self._banner = services.controller, services.banner
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._offer_to_cancel)
        services.controller.awaiting.connect(self._await)
        for ended in (services.controller.opening, services.controller.closed, services.controller.trouble):
            ended.connect(self._stop_awaiting)

    def open(self, uri: str) -> None:
        """Look at ``uri``."""
        for topic in ("source", "refused"):
            self._banner.dismiss(topic)
        if uri.startswith(CAMERA):
            when_allowed(self, lambda: self._controller.open(uri), self._refused)
        else:
            self._controller.open(uri)

    def open_again(self) -> None:
        """Look once more at what could not be opened, or was lost."""
        self.open(self._controller.refused or self._controller.uri)

    def cancel(self) -> bool:
        """Give up what is being opened while the present source goes on; False where nothing is."""
        awaited = bool(self._controller.awaited)
        self._controller.keep_source()
        return awaited and not self._controller.awaited

    def open_all(self, sources: Sequence[str]) -> None:
        """Look at the first; of several videos, offer to export all."""
        if not sources:
            return
        first = sources[0]
        if "://" not in first and classify([Path(first)]).kind == "weights":
            self.model_found.emit(Path(first))
        else:
            self.open(first)
        files = [Path(source) for source in sources if "://" not in source and not source.startswith((CAMERA, SCREEN))]
        videos = classify(files).to_export if len(files) > 1 else ()
        if len(videos) > 1:
            self._banner.tell(
                "info",
                f"{Path(first).name} is shown, the first of {len(sources)}.",
                "They can all be exported, one after the other.",
                action=("Export all…", lambda: self.export_asked.emit(videos)),
            )

    def _await(self, uri: str) -> None:
        if uri:
            self._timer.start()
        else:
            self._stop_awaiting()

    def _stop_awaiting(self) -> None:
        if not self._controller.awaited:
            self._timer.stop()
            self._banner.dismiss(_AWAITED)

    def _offer_to_cancel(self) -> None:
        controller = self._controller
        if controller.awaited and controller.info is not None:
            words = f"Opening {shorten(shown_name(controller.awaited), 40)}…"
            hint = f"{controller.info.name} goes on until it is open."
            self._banner.tell("info", words, hint, topic=_AWAITED, action=("Cancel", controller.keep_source))

    def _refused(self) -> None:
        hint = "Allow it in System Settings, Privacy & Security, Camera; then choose the camera again."
        self._banner.tell("error", "The system does not let ssd-viewer use the camera.", hint, topic="source")
