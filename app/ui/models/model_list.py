"""The models as a list of cards under two headings, and the search over them. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.core.model_cards import ModelCard
from app.ui.models.model_card import ModelCardView
from app.ui.models.model_text import matching
from app.ui.services.download_runner import DownloadRunner


class ModelList(QWidget):
    """Cards in the library's order; one is chosen."""

    chosen = Signal(str)
    """Name of the model chosen: by the user, by the program, or because the one before is gone."""
    opened = Signal(str)
    """The user clicked a card."""
    activated = Signal(str)
    cancel = Signal(str)

    def __init__(self, downloads: DownloadRunner) -> None:
        super().__init__()
        self._downloads = downloads
        self._used = ""
        self.current = ""
        """Name of the chosen model."""
        self.views: dict[str, ModelCardView] = {}
        """The cards by name, in the order shown."""
        self.search = QLineEdit()
        """Placed by the dialog."""
        self.tab_from: QWidget = self.search
        """The widget from which Tab comes to the cards."""
        self.search.setPlaceholderText("Search models and classes, such as dog")
        self.search.setAccessibleName("Search models and classes")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._searched)
        self._here, self._absent = QLabel("On this computer"), QLabel("Can be downloaded")
        self.nothing = QLabel()
        self.nothing.setWordWrap(True)
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)
        for label in (self._here, self._absent, self.nothing):
            label.setObjectName("muted")
            label.hide()
        body = QWidget()
        body.setObjectName("listBody")
        self._box = QVBoxLayout(body)
        self._box.setContentsMargins(2, 2, 12, 12)
        self._box.setSpacing(8)
        self.area = QScrollArea()
        self.area.setWidget(body)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.area)
        downloads.changed.connect(self._download_changed)

    def set_cards(self, cards: tuple[ModelCard, ...], used: str) -> None:
        """Show these; the chosen one stays chosen."""
        self._used = used
        names = {card.name for card in cards}
        for name in [name for name in self.views if name not in names]:
            view = self.views.pop(name)
            view.hide()
            self._box.removeWidget(view)
            view.deleteLater()
        before = list(self.views)
        self.views = {card.name: self.views.get(card.name) or self._make(card) for card in cards}
        self._arrange(cards)
        for card in cards:
            self.views[card.name].card = card
        self._filter(self.search.text())
        if cards and self.current not in self.views:
            self.choose(used if used in self.views else cards[0].name)
        elif list(self.views) != before:  # the chosen one may have moved
            self._show_current()

    def set_used(self, used: str) -> None:
        """Mark the model in use."""
        self._used = used
        self._filter(self.search.text())

    def choose(self, name: str) -> None:
        """Choose the model ``name`` and bring it into sight."""
        if name not in self.views:
            return
        self.current = name
        for other, view in self.views.items():
            view.setChecked(other == name)
        self._one_tab_stop()
        # Its place is known when the layout has been made.
        QTimer.singleShot(0, self, self._show_current)
        self.chosen.emit(name)

    def focus_current(self) -> None:
        """Give the keyboard to the chosen card."""
        if self.current in self.views:
            self.views[self.current].setFocus(Qt.FocusReason.OtherFocusReason)

    def shown(self) -> list[str]:
        """Returns the names of the cards that the search leaves, in order."""
        return [name for name, view in self.views.items() if not view.isHidden()]

    def _make(self, card: ModelCard) -> ModelCardView:
        view = ModelCardView(card)
        view.clicked.connect(self._clicked)
        view.moved.connect(self._move)
        view.activated.connect(self.activated)
        view.cancel.connect(self.cancel)
        return view

    def _arrange(self, cards: tuple[ModelCard, ...]) -> None:
        while self._box.takeAt(0) is not None:
            pass
        self._box.addWidget(self.nothing)
        self._box.addWidget(self._here)
        for card in cards:
            if card.status == "absent" and self._box.indexOf(self._absent) < 0:
                self._box.addSpacing(8)
                self._box.addWidget(self._absent)
            self._box.addWidget(self.views[card.name])
        self._box.addStretch(1)

    def _searched(self, words: str) -> None:
        """Narrow the list down; choose the best match where the chosen model is none."""
        self._filter(words)
        shown = self.shown()
        if shown and self.current not in shown:
            self.choose(shown[0])
        else:
            self._show_current()

    def _filter(self, words: str) -> None:
        here = absent = False
        for name, view in self.views.items():
            found, classes = matching(view.card, words)
            view.show_card(view.card, name == self._used, classes, self._downloads)
            view.setVisible(found)
            here |= found and view.card.status != "absent"
            absent |= found and view.card.status == "absent"
        self._here.setVisible(here)
        self._absent.setVisible(absent)
        self.nothing.setText(f"No model is called “{words}” or detects it." if words else "There are no models.")
        self.nothing.setVisible(not here and not absent)
        self._one_tab_stop()
        _settle()

    def _one_tab_stop(self) -> None:
        """Have Tab go to the chosen card and on; the arrow keys go from card to card."""
        shown = self.shown()
        stop = self.current if self.current in shown else shown[0] if shown else ""
        for name, view in self.views.items():
            view.setFocusPolicy(Qt.FocusPolicy.StrongFocus if name == stop else Qt.FocusPolicy.ClickFocus)
            if name == stop:
                QWidget.setTabOrder(self.tab_from, view)
                QWidget.setTabOrder(view, view.download.button)

    def _clicked(self) -> None:
        sender = self.sender()
        assert isinstance(sender, ModelCardView)
        self.choose(sender.card.name)
        self.opened.emit(sender.card.name)

    def _move(self, name: str, step: int) -> None:
        shown = self.shown()
        index = shown.index(name) + step
        if index < 0:
            self.search.setFocus(Qt.FocusReason.BacktabFocusReason)
        elif index < len(shown):
            self.choose(shown[index])
            self.focus_current()

    def _show_current(self) -> None:
        if self.current in self.views:
            self.area.ensureWidgetVisible(self.views[self.current], 0, 24)

    def _download_changed(self, name: str) -> None:
        if name in self.views:
            self.views[name].show_download(self._downloads)
            _settle()


def _settle() -> None:
    """Give every card its new height now: by themselves layouts do after the next frame, and it shows them squeezed."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
