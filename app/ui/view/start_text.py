"""Says on the start page what the chosen model detects. GUI thread."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject

from app.core.model_cards import ModelCard
from app.ui.services.library_client import LibraryClient
from app.ui.services.settings_model import SettingsModel
from app.ui.view.start_page import StartPage
from detector.spec import ModelSpec

_NAMED = 6


def model_text(name: str, spec: ModelSpec) -> str:
    """Returns text such as "The model everyday finds 80 kinds of things: person, bicycle, car…"."""
    if spec.demo:
        return f"The model {name} knows drawn shapes only. Choose another one for the real world: M."
    labels = ", ".join(spec.labels[:_NAMED])
    if len(spec.labels) <= _NAMED:
        return f"The model {name} finds: {labels}."
    return f"The model {name} finds {len(spec.labels)} kinds of things: {labels}…"


class StartText(QObject):
    """Keeps that line up to date.

    Args:
        page: Shows it.
        library: Lists the models, now and then anew.
        settings: Name the chosen one.
    """

    def __init__(self, page: StartPage, library: LibraryClient, settings: SettingsModel) -> None:
        super().__init__()
        self._page, self._settings = page, settings
        self._specs: dict[str, ModelSpec] = {}
        library.cards.connect(self._listed)
        settings.changed.connect(self._changed)
        page.shown.connect(self._show)  # a model may be made one's choice that runs for the sample already

    def _listed(self, cards: Iterable[ModelCard]) -> None:
        self._specs = {card.name: card.spec for card in cards if card.usable and card.spec is not None}
        self._show()

    def _changed(self, section: str, _name: str) -> None:
        if section == "model":
            self._show()

    def _show(self) -> None:
        name = self._settings.lasting("model", "name")
        spec = self._specs.get(name)
        self._page.set_model(model_text(name, spec) if spec is not None else "")
