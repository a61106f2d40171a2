"""Play, pause, step, seek and loop. GUI thread; tells the controller, is told the position."""

from __future__ import annotations

from fractions import Fraction

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from app.core.frames import LIVE_KINDS, SourceInfo
from app.ui.view.film_strip import place_text
from app.ui.view.seek_slider import TICKS, SeekSlider
from app.ui.widgets.icons import icon
from app.ui.widgets.quantity_text import clock
from app.ui.widgets.theme import Theme

_NAME_WIDTH = 280  # pixels, for the place and name of an image
_ANY_WIDTH = 16777215  # Qt's "no limit"


class PlaybackBar(QFrame):
    """Offers everything for seekable sources, and only pause for live ones."""

    play_toggled = Signal()
    step = Signal(int)
    seek = Signal(float)
    """Seconds from the start."""
    loop_toggled = Signal(bool)
    length_changed = Signal()
    """Another length lies along the slider."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("bottomBar")
        self._theme = theme
        self._duration = 0.0
        self._live = True
        self._images: tuple[int, float] | None = None  # how many there are, and seconds for each
        self._image = ""
        self.playable = False
        """Whether there is something to play."""
        self._paused = False
        self.play = self._button("Pause", "Space")
        self.back = self._button("Back one frame", "Left")
        self.forward = self._button("Forward one frame", "Right")
        self.loop = self._button("Loop", "L", checkable=True)
        self.slider = SeekSlider()
        self.slider.setAccessibleName("Position")
        self.time = QLabel("0:00.0")
        self.time.setTextFormat(Qt.TextFormat.PlainText)
        self.live = QLabel("LIVE")
        self.live.setObjectName("live")
        self._lay_out()
        self.play.clicked.connect(self.play_toggled)
        self.back.clicked.connect(self._step_back)
        self.forward.clicked.connect(self._step_forward)
        self.loop.toggled.connect(self._loop_toggled)
        self.slider.valueChanged.connect(self._moved)
        theme.changed.connect(self._apply_theme)
        self._apply_theme()
        self.hide()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 12, 0)  # the slider takes the whole height
        row.setSpacing(4)
        self.setMinimumHeight(self.slider.sizeHint().height() + 1)  # also without the slider
        for widget in (self.play, self.back, self.forward):
            row.addWidget(widget)
        row.addSpacing(4)
        row.addWidget(self.live, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.slider, 1)
        row.addSpacing(8)
        row.addWidget(self.time)
        row.addSpacing(4)
        row.addWidget(self.loop)
        self._stretch = QWidget()
        row.addWidget(self._stretch, 1)

    def set_source(self, info: SourceInfo) -> None:
        """Offer what this source can do."""
        self._live = not info.seekable
        self._duration = float(info.duration_s or 0)
        one = info.kind == "image"
        self._set_images(info)
        has_time = info.seekable and self._duration > 0
        self.live.setVisible(info.kind in LIVE_KINDS)
        self.slider.setVisible(has_time)
        self._stretch.setVisible(not has_time)
        self.time.setVisible(info.seekable and not one)
        for widget in (self.back, self.forward):
            widget.setVisible(info.seekable and not one)
        self.loop.setVisible(info.seekable and not one)
        self.set_position(Fraction(0))
        self.playable = not one
        self.setVisible(self.playable)
        self.length_changed.emit()

    def _set_images(self, info: SourceInfo) -> None:
        count = info.frame_count or 0
        self._images = (count, float(1 / info.fps)) if info.kind == "folder" and info.fps else None
        self.slider.set_steps(count - 1 if self._images else TICKS)
        self.slider.setAccessibleName("Image" if self._images else "Position")
        what = "image" if self._images else "frame"
        self._name(self.back, f"Back one {what}", "Left")
        self._name(self.forward, f"Forward one {what}", "Right")

    def show_image(self, number: int, name: str) -> None:
        """Say which image of the folder is on screen; emits nothing."""
        if self._images is None:
            return
        self._image = place_text(number, self._images[0], name)
        self._show_image_text()
        self._put(number)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_image_text()

    @property
    def duration_s(self) -> float:
        """Length of what is played, seconds; 0 where it has none, as images have."""
        return 0.0 if self._images else self._duration

    def forget_source(self) -> None:
        """Hide: there is nothing to play."""
        self.playable = False
        self.hide()

    def set_position(self, position_s: Fraction | float | None) -> None:
        """Show the time of the frame on screen; emits nothing, and leaves the slider alone while the user drags it."""
        seconds = float(position_s or 0)
        if self._images is not None:
            return  # ``show_image`` says more
        if self._duration > 0:
            self._show_time(seconds)
            self._put(round(seconds / self._duration * TICKS))
        elif not self._live:
            self._say(clock(seconds))

    def set_paused(self, paused: bool) -> None:
        """Show the button that leads to the other state."""
        if paused != self._paused:
            self._paused = paused
            self._apply_theme()

    def set_live(self, live: bool) -> None:
        """Light LIVE while frames come from a camera or stream, and only then."""
        self.live.setEnabled(live)
        self.live.setAccessibleName("Live" if live else "Not live")
        self.live.setToolTip("Frames are shown as they come" if live else "No frames come")

    def set_loop(self, loop: bool) -> None:
        """Show whether the video starts again at its end; silent."""
        with QSignalBlocker(self.loop):
            self.loop.setChecked(loop)

    def _button(self, words: str, key: str, checkable: bool = False) -> QToolButton:
        button = QToolButton()
        button.setObjectName("flat")
        button.setCheckable(checkable)
        button.setIconSize(QSize(20, 20))
        self._name(button, words, key)
        return button

    def _name(self, button: QToolButton, words: str, key: str) -> None:
        button.setToolTip(f"{words} ({key})")
        button.setAccessibleName(words)

    def _put(self, position: int) -> None:
        if not self.slider.isSliderDown():
            with QSignalBlocker(self.slider):
                self.slider.setValue(position)

    def _say(self, words: str, widest: str = "") -> None:
        """Show words beside the slider, with room for ``widest``."""
        self.time.setText(words)
        self.time.setToolTip("")
        self.time.setMaximumWidth(_ANY_WIDTH)
        self.time.setMinimumWidth(self.time.fontMetrics().horizontalAdvance(widest))

    def _show_image_text(self) -> None:
        """Fit the name into a width that stays, so that the slider does too."""
        if self._images is None:
            return
        width = min(_NAME_WIDTH, self.width() // 3)
        self.time.setFixedWidth(width)
        self.time.setText(self.time.fontMetrics().elidedText(self._image, Qt.TextElideMode.ElideMiddle, width))
        self.time.setToolTip(self._image)

    def _show_time(self, seconds: float) -> None:
        whole = clock(self._duration)
        self._say(f"{clock(seconds)} / {whole}", f"{whole} / {whole}".replace("1", "0"))

    def _moved(self, position: int) -> None:
        if self._images is not None:
            self.seek.emit((position + 0.5) * self._images[1])  # the middle of its time: never its neighbour
            return
        seconds = position / TICKS * self._duration
        self._show_time(seconds)
        self.seek.emit(seconds)

    def _step_back(self) -> None:
        self.step.emit(-1)

    def _step_forward(self) -> None:
        self.step.emit(1)

    def _loop_toggled(self, on: bool) -> None:
        self.loop_toggled.emit(on)

    def _apply_theme(self) -> None:
        colours = self._theme.colours
        pairs = (
            (self.play, "play" if self._paused else "pause"),
            (self.back, "step-back"),
            (self.forward, "step-forward"),
            (self.loop, "loop"),
        )
        for button, name in pairs:
            button.setIcon(icon(name, colours.text, colours.muted))
        words = "Play" if self._paused else "Pause"
        self._name(self.play, words, "Space")
