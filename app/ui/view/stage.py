"""The middle of the window: banner, start page or view, timeline or film strip, playback bar. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.ui.services.background import Background
from app.ui.view.analysis_strip import AnalysisStrip
from app.ui.view.film_strip import FilmStrip
from app.ui.view.live_sign import LiveSign
from app.ui.view.playback_bar import PlaybackBar
from app.ui.view.start_page import StartPage
from app.ui.view.timeline import Timeline
from app.ui.view.video_view import VideoView
from app.ui.widgets.banner import Banner
from app.ui.widgets.theme import Theme

_REST_MS = 2500


class Stage(QWidget):
    """Holds the parts; shows either the start page or the view."""

    def __init__(self, theme: Theme, banner: Banner, background: Background, has_sample: bool) -> None:
        super().__init__()
        self.start = StartPage(theme, has_sample)
        self.view = VideoView()
        self.sign = LiveSign(self.view)
        self.playback = PlaybackBar(theme)
        self.timeline = Timeline(theme)
        self.strip = FilmStrip(theme, background)
        self.analysis = AnalysisStrip()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.start)
        self._stack.addWidget(self.view)
        self._full = False
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(0)
        self._banner = banner
        self._middle = QWidget()  # messages lie over it, below what is placed above the view
        beside = QVBoxLayout(self._middle)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self._stack)
        self._box.addWidget(self._middle, 1)
        self._box.addWidget(self.strip)
        self._box.addWidget(self.analysis)
        self._box.addWidget(self.timeline)
        self._box.addWidget(self.playback)
        banner.lie_over(self._middle)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._mouse_rested)
        self.view.mouse_moved.connect(self._mouse_moved)
        self.playback.slider.laid_out.connect(self._share_axis)
        self.playback.length_changed.connect(self._share_axis)

    def place_above(self, bar: QWidget) -> None:
        """Give a bar its place above the view."""
        self._box.insertWidget(0, bar)

    def set_covered(self, width: int, over: QWidget | None) -> None:
        """Keep what can be pressed out of the way of a panel.

        Args:
            width: So many pixels at the right are covered.
            over: What messages lie over instead, since they need the room; None for the view.
        """
        self.view.notice.covered = width
        self.sign.set_covered(width)
        self._banner.lie_over(over or self._middle)
        self.view.rearranged.emit()

    def set_fullscreen(self, full: bool) -> None:
        """Lay the playback bar over the view on a full screen, and show it only while the mouse moves."""
        self._full = full
        self.sign.allow(full)  # there is no status bar to say it
        for below in (self.timeline, self.strip, self.analysis):
            below.allow(not full)
        self.view.notice.inset = self.playback.sizeHint().height() if full else 0
        if full:
            self._box.removeWidget(self.playback)
            self._mouse_rested()
        else:
            self._rest.stop()
            self.view.unsetCursor()
            self._box.addWidget(self.playback)
            self.playback.setVisible(self.playback.playable)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._full:
            self._place_over()

    def _share_axis(self) -> None:
        """Draw a moment in the timeline right above its place on the slider."""
        slider = self.playback.slider
        left, length = slider.axis
        place = slider.mapTo(self, QPointF(left, 0.0)) - self.timeline.body.mapTo(self, QPointF(0.0, 0.0))
        self.timeline.set_axis(place.x(), length, self.playback.duration_s)

    def _mouse_moved(self) -> None:
        if self._full:
            self.view.unsetCursor()
            self.playback.setVisible(self.playback.playable)
            self._place_over()
            self._rest.start()

    def _mouse_rested(self) -> None:
        if self.playback.underMouse():
            self._rest.start()
            return
        self.playback.hide()
        self.view.setCursor(Qt.CursorShape.BlankCursor)

    def _place_over(self) -> None:
        height = self.playback.sizeHint().height()
        self.playback.setGeometry(0, self.height() - height, self.width(), height)
        self.playback.raise_()

    @property
    def shows_source(self) -> bool:
        """Returns whether the view is shown, not the start page."""
        return self._stack.currentWidget() is self.view

    def show_source(self) -> None:
        """Show the view: a source is being opened or runs."""
        self._stack.setCurrentWidget(self.view)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_start(self) -> None:
        """Show the start page: there is no source."""
        self.view.clear()
        self.view.set_badge("")
        self.view.set_demo(False)
        self.playback.forget_source()
        self._stack.setCurrentWidget(self.start)
