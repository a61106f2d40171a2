"""What is exported most, each by one button over the detailed form. GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.export.export_options import ExportOptions
from app.ui.widgets.texts import WrappedLabel

_OWN = "Your own choice, as in the details below."


@dataclass(frozen=True, slots=True)
class Preset:
    """Choices of the detailed form by one name.

    Attributes:
        name: On its button.
        words: What is made.
        data: Data formats.
        tracks: Objects are numbered.
        snapshots: An image of each object.
    """

    name: str
    words: str
    data: tuple[str, ...] = ()
    tracks: bool = False
    snapshots: bool = False


PRESETS = (
    Preset("Video", "The video with boxes; sound and timing stay."),
    Preset(
        "Video and table",
        "The video with boxes, and a table (CSV) of every detection. Objects are numbered and each is counted once.",
        data=("csv",),
        tracks=True,
    ),
    Preset(
        "Objects",
        "The video with boxes, a table (CSV) of every detection, and a folder with the best image of each object.",
        data=("csv",),
        tracks=True,
        snapshots=True,
    ),
)


class PresetChoice(QWidget):
    """A button for each preset; that which the details amount to is pressed."""

    def __init__(self, options: ExportOptions) -> None:
        super().__init__()
        self._options = options
        self.buttons = tuple(QPushButton(preset.name) for preset in PRESETS)
        self.words = WrappedLabel()
        self.words.setObjectName("muted")
        row = QHBoxLayout()
        row.setSpacing(8)
        for button, preset in zip(self.buttons, PRESETS, strict=True):
            button.setObjectName("preset")
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setToolTip(preset.words)
            button.setAccessibleDescription(preset.words)
            button.clicked.connect(self._pressed)
            row.addWidget(button)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(row)
        box.addWidget(self.words)
        options.changed.connect(self._show)
        self._show()

    def _pressed(self) -> None:
        preset = PRESETS[next(place for place, button in enumerate(self.buttons) if button is self.sender())]
        self._options.choose(preset.data, preset.tracks, preset.snapshots)
        self._show()  # also where nothing changed, as the button went out

    def _show(self) -> None:
        chosen = next((preset for preset in PRESETS if self._is_chosen(preset)), None)
        for button, preset in zip(self.buttons, PRESETS, strict=True):
            button.setChecked(preset is chosen)
        self.words.setText(_OWN if chosen is None else chosen.words)

    def _is_chosen(self, preset: Preset) -> bool:
        return self._options.chosen == (True, preset.data, preset.tracks, preset.snapshots, False, False)
