"""The models dialog: all models, the chosen one, search, download, import. GUI thread.

Cards on the left, the chosen model on the right; in a narrow window one behind the other. Files are read, fetched and
written on workers; closing the dialog stops what is being fetched, and it can be resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.core.model_cards import ModelCard
from app.ui.models.import_pictures import ImportPictures, PresentFrame
from app.ui.models.import_sheet import ImportSheet
from app.ui.models.model_actions import ModelActions
from app.ui.models.model_details import ModelDetails
from app.ui.models.model_list import ModelList
from app.ui.services.services import Services
from app.ui.widgets.banner import Banner
from app.ui.widgets.drop_target import DropTarget
from app.ui.widgets.drops import WEIGHTS, Drop
from app.ui.widgets.icons import icon
from app.ui.widgets.screen_room import resize_on_screen

_NARROW = 780  # pixels; below, list and details take turns
_LIST_SHARE = 0.42
_HINT_FROM = 440  # pixels of height; below, the cards need the room
_MIN_SIZE = (340, 280)


def _as_model(paths: Sequence[Path]) -> Drop:
    """Takes the first of ``paths`` for a model file, whatever it is called: the import finds out what it holds."""
    return Drop("weights", tuple(paths[:1])) if paths else Drop("nothing", ())


class ModelsDialog(QDialog):
    """Opened once, then shown and hidden; the live view goes on behind it.

    Args:
        services: Library, settings, downloads.
        parent: The window.
        frame: Gives the frame on screen, to try a model file on.
    """

    def __init__(self, services: Services, parent: QWidget | None = None, frame: PresentFrame = lambda: None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.setMinimumSize(*_MIN_SIZE)
        self._theme, self._settings, self._library = services.theme, services.settings, services.library
        self._downloads, self._background, self._frame = services.downloads, services.background, frame
        self.cards: dict[str, ModelCard] = {}
        self._waited_for = ""
        """A model to choose as soon as it is listed."""
        self._narrow = False
        self._reading = False
        """In a narrow window: whether the details are shown instead of the list."""
        self._hashed: tuple[str, str] = ("", "")
        self.sheet: ImportSheet | None = None
        self.banner = Banner(services.theme)
        self.list = ModelList(services.downloads)
        self.details = ModelDetails(services.theme, services.downloads, services.optimising)
        self.add = QPushButton("Import a file…")
        self.add.setAutoDefault(False)
        self.add.setToolTip("Add a model file to the library (Ctrl+I), or drop it here")
        self.hint = QLabel("Drop a model file here to import it. Nothing is fetched unless you ask.")
        self.hint.setObjectName("muted")
        self.hint.setWordWrap(True)
        self.model_actions = ModelActions(services, self.banner, self)
        self.list.tab_from = self.add
        self._lay_out()
        self.drops = DropTarget(self, services.theme, _as_model)
        self._connect(services)
        self._apply_theme()
        resize_on_screen(self, 1060, 720)

    @property
    def used(self) -> str:
        """Name of the model in use."""
        return self._settings.current.model.name

    def show_model(self, name: str) -> None:
        """Choose the model ``name``, now or as soon as it is listed."""
        if name in self.cards:
            self.list.search.clear()
            self.list.choose(name)
            self._waited_for = ""
        else:
            self._waited_for = name

    def show_import(self, path: Path) -> None:
        """Open the sheet that imports ``path``."""
        if self.sheet is not None:
            self.sheet.reject()
            if self.sheet is not None:
                return  # it is writing a model at this moment
        pictures = ImportPictures(self._background, self._frame, self._settings.last_folder())
        self.sheet = ImportSheet(path, set(self.cards), self._library, pictures, self)
        self.sheet.imported.connect(self.model_actions.imported)
        self.sheet.finished.connect(self._sheet_closed)
        self.sheet.open()

    # Events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._library.refresh_models()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if event.spontaneous():  # minimised
            return
        self._downloads.cancel_all()
        if self.sheet is not None:
            self.sheet.reject()
        if self.sheet is not None:
            self.sheet.hide()  # it is writing a model, and goes when that is done

    def reject(self) -> None:
        """Esc: end the search, go back to the list, then close."""
        if self.list.search.hasFocus() and self.list.search.text():
            self.list.search.clear()
        elif self._narrow and self._reading:
            self._show_list()
        else:
            super().reject()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._narrow = self.width() < _NARROW
        self._arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self.list.search.hasFocus():
            self.list.focus_current()
        else:
            super().keyPressEvent(event)

    # Inside

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.list.search, 1)
        head.addWidget(self.add)
        self._left = QWidget()
        left = QVBoxLayout(self._left)
        left.setContentsMargins(16, 16, 8, 12)
        left.setSpacing(12)
        left.addLayout(head)
        left.addWidget(self.list, 1)
        left.addWidget(self.hint)
        panes = QHBoxLayout()
        panes.setContentsMargins(0, 0, 0, 0)
        panes.setSpacing(0)
        panes.addWidget(self._left)
        panes.addWidget(self.details, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(panes, 1)
        self.banner.lie_over(self, Qt.Edge.BottomEdge)

    def _connect(self, services: Services) -> None:
        self._library.cards.connect(self._listed)
        self._settings.changed.connect(self._setting_changed)
        self._downloads.changed.connect(self._download_changed)
        services.optimising.changed.connect(self.details.show_optimising)
        self.list.chosen.connect(self._show_details)
        self.list.opened.connect(self._opened)
        self.list.activated.connect(self._activated)
        self.list.cancel.connect(self._downloads.cancel)
        self.details.asked.connect(self._asked)
        self.details.back.connect(self._show_list)
        self.list.search.returnPressed.connect(self.list.focus_current)
        self.add.clicked.connect(self._choose_file)
        self.drops.imported.connect(self.show_import)
        self.model_actions.show_model.connect(self.show_model)
        self.model_actions.checked.connect(self.details.show_check)
        self._theme.changed.connect(self._apply_theme)
        for keys, does in (
            (QKeySequence.StandardKey.Find, self._find),
            ("Ctrl+I", self._choose_file),
            ("F2", self._rename),
            (QKeySequence.StandardKey.Delete, self._remove),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(does)

    def _listed(self, cards: tuple[ModelCard, ...]) -> None:
        self.cards = {card.name: card for card in cards}
        self.list.set_cards(cards, self.used)
        if self.sheet is not None:
            self.sheet.set_taken(set(self.cards))
        if self._waited_for in self.cards:
            self.show_model(self._waited_for)
        self._show_details()

    def _opened(self, _name: str) -> None:
        """Bring the details of the clicked card forward where they hide behind the list."""
        if self._narrow:
            self._reading = True
            self._arrange()
            self.details.back_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _activated(self, name: str) -> None:
        """Do what suits the card best, on Enter or a double click."""
        self._opened(name)
        details = self.details
        if self.cards[name].usable and not self._narrow:
            self.model_actions.use(self.cards[name])
        elif details.download.isVisible():  # nothing is fetched but by its own button
            details.download.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_list(self) -> None:
        self._reading = False
        self._arrange()
        self.list.focus_current()

    def _arrange(self) -> None:
        """Show list and details side by side, or in turns."""
        self._left.setVisible(not (self._narrow and self._reading))
        self.details.setVisible(not self._narrow or self._reading)
        share = self.width() if self._narrow else max(340, min(470, round(self.width() * _LIST_SHARE)))
        self._left.setFixedWidth(share)
        self.details.set_narrow(self._narrow)
        self.hint.setVisible(self.height() >= _HINT_FROM)

    def _show_details(self) -> None:
        card = self.cards.get(self.list.current)
        if card is None:
            return
        self.details.show_card(card, card.name == self.used)
        self.details.show_check(card.name, self.model_actions.check_result(card.name))
        if card.path is None:
            return
        stamp = f"{card.path}|{card.size_bytes}"
        if self._hashed[0] == stamp:
            self.details.show_hash(card.name, self._hashed[1])
            return

        def show(sha256: str) -> None:
            self._hashed = (stamp, sha256)
            self.details.show_hash(card.name, sha256)

        self._library.hash_file(card.path, show)

    def _sheet_closed(self) -> None:
        sheet, self.sheet = self.sheet, None
        if sheet is not None:
            sheet.deleteLater()

    def _choose_file(self) -> None:
        patterns = " ".join(f"*{ending}" for ending in WEIGHTS)
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Model file", str(Path.home()), f"Models ({patterns});;All files (*)"
        )
        if chosen:
            self.show_import(Path(chosen))

    def _asked(self, name: str) -> None:
        if self.details.card is not None:
            self.model_actions.trigger(name, self.details.card)

    def _setting_changed(self, section: str, name: str) -> None:
        if (section, name) == ("model", "name"):
            self.list.set_used(self.used)
            self._show_details()

    def _download_changed(self, name: str) -> None:
        if self.details.card is not None and self.details.card.name == name:
            self.details.show_download()

    def _find(self) -> None:
        self._show_list()
        self.list.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.list.search.selectAll()

    def _rename(self) -> None:
        if self.details.rename.isVisibleTo(self.details):
            self._asked("rename")

    def _remove(self) -> None:
        if self.details.remove.isVisibleTo(self.details):
            self._asked("remove")

    def _apply_theme(self) -> None:
        self.add.setIcon(icon("model", self._theme.colours.text, self._theme.colours.muted))
