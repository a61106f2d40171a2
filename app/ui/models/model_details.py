"""The chosen model: the actions on it, and everything known about it. GUI thread."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.core.files.disk import size_text
from app.core.model_cards import ModelCard
from app.ui.models.download_bar import DownloadBar
from app.ui.models.model_card import Chips
from app.ui.models.model_facts import ModelFacts
from app.ui.models.model_text import detects
from app.ui.models.optimise_bar import OptimiseBar
from app.ui.remedies import phrased
from app.ui.services.download_runner import DownloadRunner
from app.ui.services.optimise_runner import OptimiseRunner
from app.ui.widgets.icons import icon
from app.ui.widgets.texts import ElidedLabel
from app.ui.widgets.theme import Theme


class ModelDetails(QScrollArea):
    """Shows one model at a time; each button emits ``asked`` with the name of an action of ``ModelActions``."""

    asked = Signal(str)
    """"use", "download", "cancel", "check", "optimise", "stop_optimising", "rename", "remove" or "show_file"."""
    back = Signal()

    def __init__(self, theme: Theme, downloads: DownloadRunner, optimising: OptimiseRunner) -> None:
        super().__init__()
        self._theme = theme
        self._downloads = downloads
        self._optimising = optimising
        self.card: ModelCard | None = None
        self._used = False
        self.back_button = QPushButton("All models")
        self.back_button.setObjectName("link")
        self.back_button.clicked.connect(self.back)
        self.name = ElidedLabel()
        self.name.setObjectName("title")
        self.chips = Chips()
        self.about = _plain_text()
        self.check = self._button("Check this model", "check")
        self.check.setToolTip("Run it on a fixed image; it must answer as it did when it was added")
        self.optimise = self._button("Optimise for this computer", "optimise")
        self.optimise.setToolTip(
            "Make it faster on the processor (int8), and measure how fast, and how far it still finds the same; "
            "takes minutes"
        )
        self.not_optimisable = _plain_text()
        self.not_optimisable.setObjectName("muted")
        self.not_optimisable.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.use = self._button("Use this model", "use")
        self.use.setToolTip("It runs from now on, and at the next start")
        self.download = self._button("Download", "download")
        for button in (self.use, self.download):
            button.setObjectName("primary")
        self.rename = self._button("Rename…", "rename")
        self.remove = self._button("Remove…", "remove")
        self.show_file = self._button("Show the file", "show_file")
        for button in (self.rename, self.remove, self.show_file):
            button.setObjectName("link")
        self.progress = DownloadBar()
        self.progress.cancel.connect(self._cancel)
        self.optimise_bar = OptimiseBar()
        self.optimise_bar.cancel.connect(self._stop_optimising)
        self.facts = ModelFacts()
        self._lay_out()
        theme.changed.connect(self._apply_theme)
        self._apply_theme()

    def show_card(self, card: ModelCard, used: bool) -> None:
        """Show ``card``; ``used`` is whether it is the model in use."""
        if self.card is None or self.card.name != card.name:
            self.verticalScrollBar().setValue(0)
        self.card, self._used = card, used
        self.name.set_text(card.name)
        self.chips.show_card(card, used)
        broken = f"{card.reason} Remove it, then import or download it again."
        self.about.setText(broken if card.spec is None else card.spec.title or detects(card.spec))
        self.facts.show_card(card, date.today())
        self.show_download()
        self.show_optimising()

    def show_optimising(self) -> None:
        """Show whether the model is being optimised, and how far that is."""
        if self.card is None:
            return
        running = self._optimising.running
        why_not = self.card.not_optimisable
        self.not_optimisable.setText(phrased(why_not) if why_not is not None else "")
        self.not_optimisable.setVisible(why_not is not None)
        self.optimise.setVisible(self.card.usable and why_not is None and running != self.card.name)
        self.optimise.setEnabled(not running)  # one takes the whole processor
        self.optimise_bar.show_state(self.card.name, self._optimising)

    def show_download(self) -> None:
        """Update the buttons and the progress of a download."""
        card = self.card
        if card is None:
            return
        fetching = self._downloads.is_running(card.name)
        self.progress.show_state(card.name, self._downloads)
        self.use.setVisible(card.usable and not self._used)
        self.download.setText(_download_text(card))
        self.check.setVisible(card.usable)
        self.download.setVisible(card.downloadable and not fetching)
        self.rename.setVisible(card.status == "imported")
        self.remove.setVisible(card.path is not None and not card.bundled)
        self.show_file.setVisible(card.path is not None)

    def show_hash(self, name: str, words: str) -> None:
        """Show the hash of the file of the model ``name``, if that is still shown."""
        if self.card is not None and self.card.name == name:
            self.facts.set_row("SHA-256", words)

    def show_check(self, name: str, words: str) -> None:
        """Show the result of checking the model ``name``, if that is still shown."""
        if self.card is not None and self.card.name == name:
            self.facts.set_row("Self-check", words)

    def set_narrow(self, narrow: bool) -> None:
        """Sets whether the list is hidden behind the details."""
        self.back_button.setVisible(narrow)
        self.facts.set_narrow(narrow)

    def _button(self, words: str, action: str) -> QPushButton:
        button = QPushButton(words)
        button.setAutoDefault(False)
        button.setProperty("action", action)
        button.clicked.connect(self._ask)
        return button

    def _lay_out(self) -> None:
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(self.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        body = QWidget()
        body.setObjectName("panelBody")
        self.setObjectName("details")
        box = QVBoxLayout(body)
        box.setContentsMargins(24, 16, 24, 20)
        box.setSpacing(8)
        head = QHBoxLayout()
        head.addWidget(self.back_button)
        head.addStretch(1)
        box.addLayout(head)
        box.addWidget(self.name)
        box.addWidget(self.chips)
        box.addWidget(self.about)
        box.addSpacing(2)
        rows = ((self.use, self.download, self.check), (self.optimise,), (self.rename, self.remove, self.show_file))
        for buttons in rows:
            row = QHBoxLayout()
            row.setSpacing(8)
            for button in buttons:
                row.addWidget(button)
            row.addStretch(1)
            box.addLayout(row)
        box.addWidget(self.not_optimisable)
        box.addWidget(self.progress)
        box.addWidget(self.optimise_bar)
        box.addSpacing(4)
        box.addWidget(self.facts)
        box.addStretch(1)
        self.setWidget(body)

    def _ask(self) -> None:
        sender = self.sender()
        assert sender is not None
        self.asked.emit(str(sender.property("action")))

    def _cancel(self) -> None:
        self.asked.emit("cancel")

    def _stop_optimising(self) -> None:
        self.asked.emit("stop_optimising")

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        self.back_button.setIcon(icon("back", colours.link, size=16))
        self.download.setIcon(icon("download", colours.on_accent, size=16))


def _download_text(card: ModelCard) -> str:
    if card.part_bytes:
        of = f" of {size_text(card.size_bytes)}" if card.size_bytes else ""
        return f"Resume the download ({size_text(card.part_bytes)}{of} are here)"
    return f"Download ({size_text(card.size_bytes)})" if card.size_bytes else "Download"


def _plain_text() -> QLabel:
    """A label of several lines that takes no markup: a model file brings its own words."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
