"""The options of an export: the rows that the forms of one and of several exports share. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel

from app.core.export.request import CachePolicy, ExportRequest
from app.core.files.disk import size_text
from app.core.highlights.options import HighlightOptions
from app.core.records.formats import FORMATS
from app.ui.export.data_boxes import data_boxes, in_a_grid
from app.ui.export.object_choices import ObjectChoices, seconds_box, tenths
from app.ui.export.video_choices import VideoChoices
from app.ui.widgets.key_frame_choice import KeyFrameChoice


class ExportOptions(QObject):
    """Rows for quality, data files, objects, how often to detect, and whether to keep the detections."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.want_video = QCheckBox("Annotated video (sound copied, same timing)")
        self.want_video.setChecked(True)
        self.video = VideoChoices()
        self.data = data_boxes()
        self.images = QCheckBox("Annotated sets with images, one every")
        self.images.setToolTip("COCO, VOC and YOLO then hold the images, too")
        self.every = seconds_box(" s", Fraction(1))
        self.every.setAccessibleName("Seconds from one image to the next")
        self.every.setSpecialValueText("frame")
        self.objects = ObjectChoices()
        self.key_frames = KeyFrameChoice()
        self.keep = QCheckBox()
        self.keep.setToolTip("Another threshold, class or look later then needs no model: it is made from what is kept")
        self.keep.setChecked(True)
        self.expect(None)
        for box in (self.want_video, self.images, *self.data.values()):
            box.toggled.connect(self._toggled)
        self.objects.changed.connect(self._toggled)
        self.key_frames.changed.connect(self.changed)
        self._toggled()

    def add_rows(self, form: QFormLayout) -> None:
        """Append the rows; where all of it goes is for the form to ask."""
        heading = QLabel("Details")
        heading.setObjectName("section")
        heading.setContentsMargins(0, 8, 0, 0)
        form.addRow(heading)
        form.addRow("Video", self.want_video)
        form.addRow("Quality", self.video)
        form.addRow("Data files", in_a_grid(self.data))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.images)
        row.addWidget(self.every)
        row.addStretch(1)
        form.addRow("", row)
        form.addRow("Objects", self.objects)
        form.addRow("Detect", self.key_frames)
        form.addRow("Detections", self.keep)

    def show_classes(self, shown: Sequence[str], labels: Sequence[str]) -> None:
        """Take over which classes the export shows, see ``ObjectChoices``."""
        self.objects.show_classes(shown, labels)
        self.changed.emit()

    def choose(self, data: Sequence[str], tracks: bool, snapshots: bool) -> None:
        """Choose the video with these data files and objects, and nothing else."""
        self.want_video.setChecked(True)
        for name, box in self.data.items():
            box.setChecked(name in data)
        self.images.setChecked(False)
        self.objects.tracks.setChecked(tracks)
        self.objects.snapshots.setChecked(snapshots)
        self.objects.snapshot_classes.clear()
        self.objects.clips.setChecked(False)

    @property
    def chosen(self) -> tuple[bool, tuple[str, ...], bool, bool, bool, bool]:
        """Returns what is written: the video, data files, numbers, images and clips of objects, images in sets."""
        objects = self.objects
        boxes = (objects.tracks, objects.snapshots, objects.clips)
        tracks, snapshots, clips = (box.isChecked() for box in boxes)
        return self.want_video.isChecked(), self.formats, tracks, snapshots, clips, self._images_chosen

    def show_request(self, request: ExportRequest) -> None:
        """Show what was chosen before."""
        self.want_video.setChecked(request.output is not None)
        self.video.show_options(request.video)
        chosen = {data.format for data in request.data}
        for name, box in self.data.items():
            box.setChecked(name in chosen)
        every_s = request.highlights.frames_every_s
        self.images.setChecked(every_s is not None)
        if every_s is not None:
            self.every.setValue(float(every_s))
        self.objects.show_options(request.highlights)
        self.key_frames.show_value(request.detect_every)
        self.keep.setChecked(request.cache == "keep")

    def expect(self, kept_bytes: int | None, each: str = "") -> None:
        """Say about how much the detections would take; ``each`` says of what, such as " a minute"."""
        about = "" if kept_bytes is None else f" (about {size_text(kept_bytes)}{each})"
        self.keep.setText(f"Keep what was found, to change threshold or look later{about}")

    @property
    def trouble(self) -> str:
        """Why it cannot be done; "" when it can."""
        if not (self.want_video.isChecked() or self.formats or self.objects.writes):
            return "Choose the video, a data file, or both."
        return self.objects.trouble

    @property
    def formats(self) -> tuple[str, ...]:
        """The data formats chosen."""
        return tuple(name for name, box in self.data.items() if box.isChecked())

    @property
    def cache(self) -> CachePolicy:
        """Returns whether the detections are kept."""
        return "keep" if self.keep.isChecked() else "drop"

    def highlights(self, output: Path) -> HighlightOptions:
        """Returns what else is made; folders are named like the annotated video ``output``."""
        chosen = self.objects.highlights(output)
        return replace(chosen, frames_every_s=tenths(self.every)) if self._images_chosen else chosen

    @property
    def _images_chosen(self) -> bool:
        return self.images.isEnabled() and self.images.isChecked()

    def _toggled(self) -> None:
        self.images.setEnabled(any(FORMATS[name].is_set for name in self.formats))
        self.every.setEnabled(self._images_chosen)
        self.video.setEnabled(self.want_video.isChecked() or self.objects.clips.isChecked())
        self.changed.emit()
