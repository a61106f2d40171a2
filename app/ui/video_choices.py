"""How the annotated video is written: quality and deinterlacing, on one line of a form. GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QWidget

from app.core.export.video_options import CONTAINERS, QUALITIES, VideoOptions


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
        self.deinterlace.setToolTip("For recordings of television: makes whole pictures of those that show combs")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(18)
        row.addWidget(self.quality)
        row.addWidget(self.deinterlace)
        row.addStretch(1)

    @property
    def options(self) -> VideoOptions:
        """What is chosen."""
        return VideoOptions(quality=str(self.quality.currentData()), deinterlace=self.deinterlace.isChecked())


def video_filter() -> str:
    """Kinds of files to save, for a file dialog."""
    kinds = (f"{kind.name} ({' '.join(f'*{suffix}' for suffix in kind.suffixes)})" for kind in CONTAINERS)
    return ";;".join(kinds)
