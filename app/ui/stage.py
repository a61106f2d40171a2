"""The middle of the window: banner, start page or picture, playback bar. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.ui.banner import Banner
from app.ui.playback_bar import PlaybackBar
from app.ui.start_page import StartPage
from app.ui.theme import Theme
from app.ui.video_view import VideoView


class Stage(QWidget):
    """Holds the parts; shows either the start page or the picture."""

    def __init__(self, theme: Theme, has_sample: bool) -> None:
        super().__init__()
        self.banner = Banner(theme)
        self.start = StartPage(theme, has_sample)
        self.view = VideoView()
        self.playback = PlaybackBar(theme)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.start)
        self._stack.addWidget(self.view)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.banner)
        box.addWidget(self._stack, 1)
        box.addWidget(self.playback)

    @property
    def shows_picture(self) -> bool:
        """Whether a source is on the stage."""
        return self._stack.currentWidget() is self.view

    def show_picture(self) -> None:
        """A source is being opened or runs."""
        self._stack.setCurrentWidget(self.view)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_start(self) -> None:
        """No source."""
        self.view.clear()
        self.view.set_badge("")
        self.view.set_demo(False)
        self.playback.hide()
        self._stack.setCurrentWidget(self.start)
