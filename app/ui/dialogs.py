"""The Models dialog and the Preferences window, made when they are first asked for. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.core.frames import ImageBGR
from app.core.settings import Choices
from app.ui.services.services import Services
from app.ui.settings.settings_panel import SettingsPanel

if TYPE_CHECKING:
    from app.core.model_cards import ModelCard
    from app.ui.models.models_dialog import ModelsDialog
    from app.ui.settings.preferences import Preferences


class Dialogs(QObject):
    """Opens them, or brings them back.

    Args:
        services: The library speaks.
        panel: Offers the models that there are.
        frame: Returns the frame on screen, to try a model on; None for none.
        window: Their parent.
    """

    def __init__(
        self, services: Services, panel: SettingsPanel, frame: Callable[[], ImageBGR | None], window: QWidget
    ) -> None:
        super().__init__(window)
        self._services, self._panel, self._frame, self._window = services, panel, frame, window
        self.models: ModelsDialog | None = None
        """None before it is first shown."""
        self.preferences: Preferences | None = None
        """Likewise."""
        self._devices: Choices = (("auto", "auto"), ("cpu", "CPU"))
        services.library.models.connect(self._models_listed)
        services.library.cards.connect(self._cards_listed)
        services.library.devices.connect(self._devices_listed)

    def show_models(self) -> ModelsDialog:
        """Open the Models dialog, or bring it back."""
        from app.ui.models.models_dialog import ModelsDialog  # not before the window is up

        if self.models is None:
            self.models = ModelsDialog(self._services, self._window, self._frame)
        _bring(self.models)
        return self.models

    def import_model(self, path: Path) -> None:
        """Show what a model file is, and add it to the library if the user says so."""
        self.show_models().show_import(path)

    def show_preferences(self) -> None:
        """Open the Preferences window, or bring it back."""
        from app.ui.settings.preferences import Preferences  # not before the window is up

        if self.preferences is None:
            self.preferences = Preferences(self._services.settings, self._window)
            self.preferences.set_choices("devices", self._devices)
        _bring(self.preferences)

    def hide(self) -> None:
        """Hide both: the window closes."""
        for dialog in (self.models, self.preferences):
            if dialog is not None:
                dialog.hide()

    def _models_listed(self, choices: Choices) -> None:
        self._panel.set_choices("models", choices)

    def _cards_listed(self, cards: tuple[ModelCard, ...]) -> None:
        known = {card.name: card.spec for card in cards if card.spec is not None}
        self._services.settings.know_thresholds({name: spec.threshold for name, spec in known.items()})
        self._services.settings.know_ious({name: spec.postprocess.iou_threshold for name, spec in known.items()})

    def _devices_listed(self, choices: Choices) -> None:
        self._devices = choices
        if self.preferences is not None:
            self.preferences.set_choices("devices", choices)


def _bring(dialog: QWidget) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
