"""What the video shows at the time under the pointer, as a small card above the timeline. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.ui.services.video_thumbnails import ThumbnailKey, VideoThumbnailMaker
from app.ui.view.timeline_rows import TimelineRows

_SIZE = (192, 128)
_GAP = 8
_STEPS = 400  # pictures over the width of the timeline


class TimelinePreview(QFrame):
    """The card.

    Args:
        host: Over which it lies; holds the timeline.
        rows: The timeline.
        thumbnails: Makes the pictures.
        video_file: Returns the video that is looked at; None for none.
    """

    def __init__(
        self,
        host: QWidget,
        rows: TimelineRows,
        thumbnails: VideoThumbnailMaker,
        video_file: Callable[[], Path | None],
    ) -> None:
        super().__init__(host)
        self.setObjectName("preview")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._host, self._rows, self._thumbnails, self._video_file = host, rows, thumbnails, video_file
        self._key: ThumbnailKey | None = None
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words = QLabel()
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.setSpacing(4)
        box.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(self.words)
        rows.hovered.connect(self._hovered)
        thumbnails.made.connect(self._show_picture)
        self.hide()

    def _hovered(self, seconds: float | None, at: QPoint) -> None:
        video = self._video_file()
        if seconds is None or video is None:
            self._key = None
            self.hide()
            return
        step = self._rows.window_s.span_s / _STEPS
        moment = Fraction(round(seconds / step) * step if step > 0 else seconds).limit_denominator(10_000)
        ratio = self.devicePixelRatioF()
        self._key = ThumbnailKey(video, moment, None, (round(_SIZE[0] * ratio), round(_SIZE[1] * ratio)))
        self.words.setText(self._rows.tip_at(at))
        self._show_picture()
        self.adjustSize()
        place = self._rows.mapTo(self._host, QPoint(at.x(), 0))
        left = min(max(place.x() - self.width() // 2, _GAP), self._host.width() - self.width() - _GAP)
        visible = self._rows.visibleRegion().boundingRect().top()
        top = self._rows.mapTo(self._host, QPoint(0, visible)).y() - self.height() - _GAP
        self.move(left, max(0, top))
        self.show()
        self.raise_()

    def _show_picture(self) -> None:
        if self._key is None:
            return
        image: QImage | None = self._thumbnails.get(self._key)
        if image is not None:
            shown = QPixmap.fromImage(image)
            shown.setDevicePixelRatio(self.devicePixelRatioF())
            self.picture.setPixmap(shown)
            self.picture.setFixedSize(*_SIZE)
        elif self.picture.pixmap().isNull():
            self.picture.setFixedSize(*_SIZE)
