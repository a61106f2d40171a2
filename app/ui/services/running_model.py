"""Which model runs, which is being loaded, and what the settings say of it. GUI thread; part of ``LiveController``."""

from __future__ import annotations

from dataclasses import fields

from PySide6.QtCore import QObject, Signal

from app.core.live.events import LiveEvent, ModelFailed, ModelLoading, ModelMeasured, ModelReady
from app.core.settings import ModelSettings
from app.ui.services.settings_model import SettingsModel


class RunningModel(QObject):
    """Follows what the session says of models.

    Args:
        settings: Name a model; they name again the one that goes on where another cannot be opened.
    """

    began_loading = Signal(str)
    ready = Signal(object)
    """ModelReady."""
    measured = Signal(object)
    """ModelMeasured."""
    lost = Signal()
    """No model runs."""
    failed = Signal(str, str)
    """message, hint"""

    def __init__(self, settings: SettingsModel, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        self.loading = ""
        """Name of the model being loaded."""
        self.present: ModelReady | None = None
        """The one that runs."""
        self.reverting = False
        """Whether the settings change only to name it again."""
        self._asked: ModelSettings | None = None
        self._good: ModelSettings | None = None

    def forget(self) -> None:
        """There is no session any more."""
        self.loading, self.present = "", None

    def handle(self, event: LiveEvent) -> None:
        """Take in what was said; what is not about models is nothing."""
        match event:
            case ModelLoading(name):
                self.loading, self._asked = name, self._settings.current.model
                self.began_loading.emit(name)
            case ModelReady():
                self.loading, self.present, self._good = "", event, self._asked
                if self._asked is not None:  # by which name, that of a file perhaps
                    self._settings.know_thresholds({self._asked.name: event.spec.threshold})
                    self._settings.know_ious({self._asked.name: event.spec.postprocess.iou_threshold})
                self.ready.emit(event)
            case ModelMeasured():
                self.measured.emit(event)
            case ModelFailed(message, hint, kept):
                self._fail(message, hint, kept)

    def _fail(self, message: str, hint: str, kept: str) -> None:
        failed, self.loading = self.loading, ""
        goes_on = f"{kept} goes on running." if kept else ""
        if kept and self.present is not None:
            if self._good is not None and failed in ("", self._settings.current.model.name):
                self._name_again(self._good)  # unless another one was chosen meanwhile, which comes next
            self.ready.emit(self.present)
        else:
            self.present = None
            self.lost.emit()
        self.failed.emit(message, f"{hint} {goes_on}".strip())

    def _name_again(self, model: ModelSettings) -> None:
        """Have the settings name what really runs."""
        self.reverting = True
        for field in fields(model):
            self._settings.set("model", field.name, getattr(model, field.name))
        self.reverting = False
