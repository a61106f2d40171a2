"""One of several sources: its frames with boxes, and below them its name, what is seen and how fast. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout

from app.core.frames import FrameResult
from app.ui.services.settings_model import SettingsModel
from app.ui.services.several_sources import SourceFeed
from app.ui.view.video_view import VideoView
from app.ui.widgets.icons import icon
from app.ui.widgets.quantity_text import rate_text, shorten
from app.ui.widgets.theme import Theme

_NAME = 32


class Tile(QFrame):
    """Shows a feed.

    Args:
        feed: The source.
        settings: Threshold, classes and colours.
        theme: The colours in force.
    """

    enlarge_asked = Signal()
    """The user wants this one alone, or all again."""
    close_asked = Signal()

    def __init__(self, feed: SourceFeed, settings: SettingsModel, theme: Theme) -> None:
        super().__init__()
        self.feed = feed
        self._settings, self._theme = settings, theme
        self.view = VideoView()
        self._name, self._figures = QLabel(), QLabel()
        for label in (self._name, self._figures):
            label.setTextFormat(Qt.TextFormat.PlainText)  # names of sources are not to become markup
        self._figures.setObjectName("muted")
        self.closing = QToolButton()
        self.closing.setObjectName("flat")
        self.closing.setToolTip("Close this source")
        self._figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 4, 4)
        row.setSpacing(8)
        row.addWidget(self._name)
        row.addWidget(self._figures, 1)
        row.addWidget(self.closing)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.view, 1)
        box.addLayout(row)
        feed.frame.connect(self._show_frame)
        feed.changed.connect(self.show_figures)
        feed.masks_changed.connect(self.view.set_masks)
        self.view.set_masks(feed.masks)
        self.view.painted.connect(feed.painted)
        self.view.fullscreen_asked.connect(self.enlarge_asked)
        self.closing.clicked.connect(self.close_asked)
        self.apply_look()
        self.apply_theme()
        self.show_figures()

    def apply_look(self) -> None:
        """Take over threshold, classes and colours."""
        current = self._settings.current
        self.view.set_look(current.detection, current.overlay)

    def apply_theme(self) -> None:
        """Take over the theme's colours."""
        colours = self._theme.colours
        self.view.canvas = QColor(colours.canvas)
        self.closing.setIcon(icon("close", colours.text, colours.muted))
        self.view.update()

    def show_figures(self) -> None:
        """Say what is seen, and how many frames a second the detector gets round to of those that come."""
        feed, stats = self.feed, self.feed.stats()
        self._name.setText(shorten(feed.name, _NAME))
        self._name.setToolTip(feed.name)
        self.closing.setAccessibleName(f"Close {feed.name}")
        seen = self.view.shown.seen_text()
        rate = ""
        if stats is not None and stats.camera_fps:
            looked_at = f"{rate_text(stats.detector_fps)} of " if stats.detector_fps else ""
            rate = f"{looked_at}{rate_text(stats.camera_fps)} fps"
        has_frame = self.view.result is not None
        self.view.set_badge("", feed.words if has_frame else "")
        self._figures.setText("  ·  ".join(words for words in (seen, rate) if words) if has_frame else feed.words)
        self._figures.setToolTip(feed.words or "Frames a second that the detector saw, of those that came")
        self.view.setAccessibleName(feed.name)
        self.view.setAccessibleDescription(feed.words or seen)

    def _show_frame(self, result: FrameResult) -> None:
        self.view.show_result(result)
