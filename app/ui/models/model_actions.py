"""The actions on a model: use, download, check, optimise, rename, remove. GUI thread; the services do the work.

Each acts on one card and tells the banner what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from app.core.errors import ExplainedError
from app.core.files.disk import size_text
from app.core.live.events import ModelReady
from app.core.model_cards import ModelCard
from app.core.settings import ModelSettings
from app.ui.models.model_text import check_text, optimised_text
from app.ui.remedies import phrased
from app.ui.services.services import Services
from app.ui.widgets.ask import confirmed, typed
from app.ui.widgets.banner import Banner

if TYPE_CHECKING:
    from app.core.model_check import ModelCheck
    from detector.runtime.quantise import OptimisedModel

_CHECKING = "Asking every engine of this computer…"


class ModelActions(QObject):
    """The actions of the models dialog; ``trigger`` calls one by its name.

    Args:
        services: Do the work.
        banner: The dialog's, which is told what came of it.
        parent: Over which questions are asked; owns this object.
    """

    show_model = Signal(str)
    """Name of a model to choose, now or as soon as it is listed."""
    checked = Signal(str, str)
    """Name of a model, and what came of checking it."""

    def __init__(self, services: Services, banner: Banner, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings, self._library, self._controller = services.settings, services.library, services.controller
        self._downloads, self._optimising = services.downloads, services.optimising
        self._banner, self._parent = banner, parent
        self._checks: dict[str, str] = {}
        self._leaving = ""
        """The model to be removed once another one runs."""
        self._downloads.finished.connect(self._downloaded)
        self._downloads.failed.connect(self._download_failed)
        self._downloads.cancelled.connect(self._download_cancelled)
        self._optimising.finished.connect(self._optimised)
        self._optimising.failed.connect(self._optimising_failed)
        self._optimising.cancelled.connect(self._optimising_cancelled)
        self._controller.model_ready.connect(self._another_runs)
        self._controller.model_lost.connect(self._nothing_runs)

    def trigger(self, name: str, card: ModelCard) -> None:
        """Carry out one of the methods below."""
        actions: dict[str, Callable[[ModelCard], None]] = {
            "use": self.use,
            "download": self.download,
            "cancel": self.cancel,
            "check": self.check,
            "optimise": self.optimise,
            "stop_optimising": self.stop_optimising,
            "rename": self.rename,
            "remove": self.remove,
            "show_file": self.show_file,
        }
        actions[name](card)

    def use(self, card: ModelCard) -> None:
        """Run it now and at every start."""
        if card.name == self._leaving:  # not to be removed after all
            self._leaving = ""
            self._banner.dismiss(card.name)
        self._settings.set("model", "name", card.name)

    def download(self, card: ModelCard) -> None:
        """Fetch its weights."""
        self._banner.dismiss(card.name)
        self._downloads.start(card.name)

    def cancel(self, card: ModelCard) -> None:
        """Stop fetching them."""
        self._downloads.cancel(card.name)

    def check(self, card: ModelCard) -> None:
        """Compare what it answers with what it answered when it was added."""
        if self._checks.get(card.name) == _CHECKING:
            return

        def seen(checks: tuple[ModelCheck, ...]) -> None:
            self._show_answers(card.name, check_text(checks))

        def failed(error: ExplainedError) -> None:
            self._show_answers(card.name, phrased(error))

        self._show_check(card.name, _CHECKING)
        self._library.check(card.name, seen, failed)

    def check_result(self, name: str) -> str:
        """Returns the result of the last check of the model ``name``."""
        return self._checks.get(name, "")

    def optimise(self, card: ModelCard) -> None:
        """Make it faster on this computer; goes on while the dialog is closed."""
        self._banner.dismiss(card.name)
        self._optimising.start(card.name)

    def stop_optimising(self, _card: ModelCard) -> None:
        """Stop optimising it."""
        self._optimising.cancel()

    def rename(self, card: ModelCard) -> None:
        """Ask for another name, and give it."""
        new = typed(self._parent, "Rename the model", f"New name of {card.name}:", card.name)
        if new is None or new == card.name:
            return

        def renamed(name: str) -> None:
            checked = self._checks.pop(card.name, "")
            if checked not in ("", _CHECKING):  # what runs at this moment looks for the file under its old name
                self._checks[name] = checked
            self._banner.dismiss(card.name)
            self.show_model.emit(name)
            self._settings.rename_model(card.name, name)

        def refused(error: ExplainedError) -> None:
            self._banner.tell_error(error, topic=card.name)

        self._library.rename(card.name, new, renamed, refused)

    def remove(self, card: ModelCard) -> None:
        """Ask, and delete it; what is in use makes way for the default first."""
        default = ModelSettings().name
        used = card.name == self._settings.current.model.name
        goes_on = f" It is in use; {default} takes its place." if used else ""
        if not confirmed(
            self._parent,
            f"Remove {card.name}?",
            f"{size_text(card.size_bytes)} are deleted from this computer.{goes_on}",
            yes="Remove it",
            no="Keep it",
        ):
            return
        running = card.name in self._running()
        if running:
            self._leaving = card.name  # its file may be held open as long as it runs
            self._banner.tell("info", f"{card.name} is removed as soon as it runs no more.", topic=card.name)
        if used:
            self._settings.set("model", "name", default)
        if not running:
            self._remove_now(card.name)

    def show_file(self, card: ModelCard) -> None:
        """Open its folder in the system's file manager."""
        if card.path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(card.path.parent)))

    def imported(self, name: str) -> None:
        """A model was added to the library."""
        self._welcome(name, f"{name} is in the library.")

    def _show_check(self, name: str, words: str) -> None:
        self._checks[name] = words
        self.checked.emit(name, words)

    def _show_answers(self, name: str, words: str) -> None:
        if name in self._checks:  # else it was renamed or removed meanwhile
            self._show_check(name, words)

    def _welcome(self, name: str, words: str, more: str = "") -> None:
        def use() -> None:
            self._settings.set("model", "name", name)

        self.show_model.emit(name)
        self._banner.tell("success", words, more, topic=name, action=("Use it now", use))

    def _running(self) -> set[str]:
        """Returns the models whose files may be held open: the one that runs, and the one being loaded."""
        running = self._controller.model
        return {self._controller.loading, running.spec.name if running is not None else ""} - {""}

    def _remove_now(self, name: str) -> None:
        def removed(gone: str) -> None:
            self._checks.pop(gone, None)
            self._settings.forget_model(gone)
            self._banner.tell("success", f"{gone} is removed.")

        self._library.remove(name, removed, self._banner.tell_error)

    def _another_runs(self, ready: ModelReady) -> None:
        name = self._leaving
        if not name or (ready.spec.name == name and self._settings.current.model.name != name):
            return  # it had just been loaded; the other one is on its way
        self._leaving = ""
        if ready.spec.name == name:
            self._banner.tell("error", f"{name} is still in use.", "Choose another model, then remove it.")
        else:
            self._remove_now(name)

    def _nothing_runs(self) -> None:
        name, self._leaving = self._leaving, ""
        if name:
            self._remove_now(name)

    def _optimised(self, given: str, done: OptimisedModel) -> None:
        from detector.runtime.format_measurements import best_format, best_if_asked

        name, measured = done.entry.name, done.measured
        unasked, (best, why) = best_format(measured)[0], best_if_asked(measured)
        if best == "fp32":
            self._banner.tell("info", f"{name} stays with fp32.", optimised_text(measured), topic=name)
            return

        def use() -> None:
            # Open already, as it was, or not what "auto" takes from the next start on.
            if self._settings.current.model.name == name or best != unasked:
                self._settings.set("model", "precision", best)
            self._settings.set("model", "name", name)

        copied = f"{given} stays as it came; its optimised copy is {name}."
        words = f"{name} is optimised." if name == given else copied
        self._banner.tell("success", words, why, topic=name, action=("Use it now", use))

    def _optimising_failed(self, name: str, error: ExplainedError) -> None:
        self._banner.tell_error(error, topic=name)

    def _optimising_cancelled(self, name: str) -> None:
        self._banner.tell("info", f"{name} is not optimised: you cancelled it.", topic=name)

    def _downloaded(self, name: str, checked: str) -> None:
        self._library.refresh_models()
        self._welcome(name, f"{name} is here and ready.", checked)

    def _download_failed(self, name: str, error: ExplainedError) -> None:
        def again() -> None:
            self._downloads.start(name)

        self._library.refresh_models()
        self._banner.tell_error(error, topic=name, action=("Try again", again))

    def _download_cancelled(self, name: str, kept: str) -> None:
        self._library.refresh_models()
        self._banner.tell("info", f"The download of {name} was cancelled.", kept, topic=name)
