"""Choices about the annotated video: quality, encoder, deinterlacing, images per second. Rows of a form. GUI thread."""

from __future__ import annotations

from fractions import Fraction

from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QGridLayout, QWidget

from app.core.muxing.presets import ENCODERS
from app.core.muxing.video_options import AUTO, CONTAINERS, QUALITIES, VideoOptions

_ENCODERS = {
    "h264_nvenc": "NVIDIA",
    "h264_videotoolbox": "Apple",
    "h264_qsv": "Intel Quick Sync",
    "h264_amf": "AMD",
    "h264_mf": "Windows",
    "libx264": "x264",
    "libopenh264": "OpenH264",
    "mpeg4": "MPEG-4",
    "libvpx-vp9": "VP9, for WebM",
    "libsvtav1": "AV1, for WebM",
}


class VideoChoices(QWidget):
    """Collects ``VideoOptions``."""

    def __init__(self) -> None:
        super().__init__()
        self.quality = QComboBox()
        self.quality.setAccessibleName("Quality of the video")
        for name, words in QUALITIES.items():
            self.quality.addItem(words, name)
        self.quality.setCurrentIndex(self.quality.findData(VideoOptions().quality))
        self.deinterlace = QCheckBox("Deinterlace")
        self.deinterlace.setToolTip("For recordings of television: makes whole frames of those that show combs")
        self.encoder = QComboBox()
        self.encoder.setAccessibleName("Encoder")
        self.encoder.setToolTip("What compresses the video; the best that works on this computer is taken by itself")
        self.encoder.addItem("Best encoder here", AUTO)
        for name in dict.fromkeys(name for names in ENCODERS.values() for name in names):
            self.encoder.addItem(_ENCODERS.get(name, name), name)
        self.pace = QDoubleSpinBox()
        self.pace.setAccessibleName("Images per second")
        self.pace.setToolTip("At which pace images become a video")
        self.pace.setRange(0.01, 1000.0)
        self.pace.setDecimals(2)
        self.pace.setSuffix(" images per second")
        self.pace.setValue(float(VideoOptions().images_per_s))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        for place, widget in enumerate((self.quality, self.deinterlace, self.encoder, self.pace)):
            grid.addWidget(widget, *divmod(place, 2))
        grid.setColumnStretch(2, 1)
        self.show_pace(False)

    def show_pace(self, shown: bool) -> None:
        """Show the field for images per second, or hide it where the source is no set of images."""
        self.pace.setVisible(shown)

    def show_options(self, chosen: VideoOptions) -> None:
        """Show what was chosen before."""
        self.quality.setCurrentIndex(self.quality.findData(chosen.quality))
        self.encoder.setCurrentIndex(max(0, self.encoder.findData(chosen.encoder)))
        self.deinterlace.setChecked(chosen.deinterlace)
        self.pace.setValue(float(chosen.images_per_s))

    @property
    def options(self) -> VideoOptions:
        """The options chosen."""
        return VideoOptions(
            quality=str(self.quality.currentData()),
            encoder=str(self.encoder.currentData()),
            deinterlace=self.deinterlace.isChecked(),
            images_per_s=Fraction(round(self.pace.value() * 100), 100),
        )


def video_filter() -> str:
    """Returns the kinds of files to save, for a file dialog."""
    kinds = (f"{kind.name} ({' '.join(f'*{suffix}' for suffix in kind.suffixes)})" for kind in CONTAINERS)
    return ";;".join(kinds)
