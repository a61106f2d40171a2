"""The first page of an export: source, target, model, threshold, data files. GUI thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import AppError
from app.core.evidence.request import Evidence
from app.core.export.request import ExportRequest
from app.core.export.targets import check_targets, data_beside, default_output
from app.core.settings import Choices, Settings
from app.ui.data_boxes import data_boxes, in_a_grid
from app.ui.drops import VIDEOS
from app.ui.editors import ChoiceEditor, NumberEditor
from app.ui.settings_model import setting_info
from app.ui.theme import Theme
from app.ui.video_choices import VideoChoices, video_filter


class PathField(QWidget):
    """A path with a button that chooses it."""

    changed = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.button = QPushButton("Choose…")
        self.button.setAccessibleName(f"Choose {name}")
        self.button.setAutoDefault(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.line.textChanged.connect(self.changed)

    @property
    def path(self) -> Path | None:
        """What is typed; None for nothing."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None


class ExportForm(QWidget):
    """Collects an ``ExportRequest``; starts from the settings of the window."""

    source_changed = Signal(object)
    accepted = Signal()
    rejected = Signal()

    def __init__(self, settings: Settings, models: Choices, theme: Theme) -> None:
        super().__init__()
        self._settings = settings
        self._theme = theme
        self._ready = False
        self._proposed = ""
        self.source = PathField("Video")
        self.facts = QLabel("Choose a video, or drop one on the window.")
        self.facts.setObjectName("muted")
        self.facts.setWordWrap(True)
        self.want_video = QCheckBox("Annotated video (sound copied, same timing)")
        self.want_video.setChecked(True)
        self.output = PathField("Annotated video")
        self.video = VideoChoices()
        self.data = data_boxes()
        self.tracks = QCheckBox("Number each object")
        self.tracks.setToolTip("An object keeps its number while it is seen; labels and data show it")
        self.snapshots = QCheckBox("Save a picture of each object")
        self.snapshots.setToolTip("Its best frame, clean and with boxes, in a folder beside the video")
        self.model = ChoiceEditor(setting_info(settings, "model", "name"))
        self.model.set_choices(models)
        self.model.show_value(settings.model.name)
        self.threshold = NumberEditor(setting_info(settings, "detection", "threshold"), whole=False)
        self.threshold.show_value(settings.detection.threshold)
        self.trouble = QLabel()
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.start = QPushButton("Export")
        self.start.setObjectName("primary")
        self.start.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setAutoDefault(False)
        self._build()
        self._connect()
        self._check()

    def set_source(self, path: Path) -> None:
        """Take this video, and propose where to write."""
        self.source.line.setText(str(path))

    def show_facts(self, words: str, ok: bool, failed: bool = False) -> None:
        """What the video is, or why it cannot be used."""
        self._ready = ok
        self.facts.setText(words)
        self.facts.setStyleSheet(f"color: {self._theme.colours.danger};" if failed else "")
        self._check()

    def request(self) -> ExportRequest | None:
        """What is asked for; None, and a line that says why, when it cannot be done."""
        request = self._request()
        if request is None:
            return None
        try:
            check_targets(request)
        except AppError as error:
            self._show_trouble(str(error))
            return None
        return request

    def _build(self) -> None:
        objects = QHBoxLayout()
        objects.setSpacing(18)
        for box in (self.tracks, self.snapshots):
            objects.addWidget(box)
        objects.addStretch(1)
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Video", self.source)
        form.addRow("", self.facts)
        form.addRow("Write", self.want_video)
        form.addRow("", self.output)
        form.addRow("Quality", self.video)
        form.addRow("Data files", in_a_grid(self.data))
        form.addRow("Objects", objects)
        columns = QHBoxLayout()
        columns.setSpacing(24)
        columns.addWidget(self.model, 1, Qt.AlignmentFlag.AlignTop)
        columns.addWidget(self.threshold, 1, Qt.AlignmentFlag.AlignTop)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.start)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 20, 24, 20)
        outer.setSpacing(18)
        outer.addLayout(form)
        outer.addLayout(columns)
        outer.addStretch(1)
        outer.addWidget(self.trouble)
        outer.addLayout(buttons)

    def _connect(self) -> None:
        self.source.changed.connect(self._source_typed)
        self.source.button.clicked.connect(self._choose_source)
        self.output.changed.connect(self._check)
        self.output.button.clicked.connect(self._choose_output)
        self.want_video.toggled.connect(self._check)
        for box in (*self.data.values(), self.tracks, self.snapshots):
            box.toggled.connect(self._check)
        self.start.clicked.connect(self.accepted)
        self.cancel.clicked.connect(self.rejected)

    def _source_typed(self, _text: str) -> None:
        path = self.source.path
        self._ready = False
        if path is not None:
            if self.output.line.text() in ("", self._proposed):
                self._proposed = str(default_output(path))
                self.output.line.setText(self._proposed)
            self.source_changed.emit(path)
        self._check()

    def _request(self) -> ExportRequest | None:
        source, output = self.source.path, self.output.path
        if source is None or output is None:
            return None
        folder = output.with_name(f"{output.stem}.snapshots") if self.snapshots.isChecked() else None
        return ExportRequest(
            source=source,
            output=output if self.want_video.isChecked() else None,
            data=tuple(data_beside(output, name) for name, box in self.data.items() if box.isChecked()),
            model=replace(self._settings.model, name=str(self.model.combo.currentData() or "")),
            detection=replace(self._settings.detection, threshold=self.threshold.spin.value()),
            overlay=self._settings.overlay,
            video=self.video.options,
            evidence=Evidence(tracks=self.tracks.isChecked(), snapshots=folder),
        )

    def _check(self) -> None:
        files = (self.want_video, self.snapshots, *self.data.values())
        wanted = any(box.isChecked() for box in files)
        self.trouble.setVisible(False)
        if not wanted:
            self._show_trouble("Choose the video, a data file, or both.")
        self.start.setEnabled(self._ready and wanted and self.output.path is not None)

    def _show_trouble(self, words: str) -> None:
        self.trouble.setText(words)
        self.trouble.setStyleSheet(f"color: {self._theme.colours.danger};")
        self.trouble.show()

    def _choose_source(self) -> None:
        patterns = " ".join(f"*{ending}" for ending in VIDEOS)
        start = str(self.source.path.parent) if self.source.path else ""
        chosen, _ = QFileDialog.getOpenFileName(self, "Video", start, f"Videos ({patterns});;All files (*)")
        if chosen:
            self.set_source(Path(chosen))

    def _choose_output(self) -> None:
        start = str(self.output.path or "")
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Annotated video", start, video_filter(), options=QFileDialog.Option.DontConfirmOverwrite
        )
        if chosen:
            path = Path(chosen)
            self.output.line.setText(str(path if path.suffix else path.with_suffix(".mp4")))
