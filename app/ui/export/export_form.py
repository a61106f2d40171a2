"""The first page of an export: source, target, model, threshold, data files. GUI thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QPushButton,
    QWidget,
)

from app.core.errors import AppError
from app.core.export.request import ExportRequest
from app.core.export.targets import check_targets, data_beside, default_output, video_beside
from app.core.export_queue.interrupted import InterruptedExport, goes_on_with
from app.core.file_types import is_sequence
from app.core.settings import Settings
from app.ui.export.detector_choice import DetectorChoice
from app.ui.export.export_models import ExportModels
from app.ui.export.export_options import ExportOptions
from app.ui.export.form_page import lay_out, new_form
from app.ui.export.mask_choice import MaskChoice
from app.ui.export.presets import PresetChoice
from app.ui.export.video_choices import video_filter
from app.ui.remedies import phrased
from app.ui.widgets.drops import VIDEOS
from app.ui.widgets.path_field import PathField
from app.ui.widgets.texts import WrappedLabel
from app.ui.widgets.theme import Theme


class ExportForm(QWidget):
    """Collects an ``ExportRequest``; starts from the settings of the window."""

    source_changed = Signal(object)
    accepted = Signal()
    rejected = Signal()

    def __init__(self, settings: Settings, models: ExportModels, theme: Theme) -> None:
        super().__init__()
        self._overlay = settings.overlay
        self._begun: InterruptedExport | None = None
        self._theme = theme
        self._ready = False
        self._proposed = ""
        self.source = PathField("Video")
        self.facts = WrappedLabel("Choose a video, or drop one on the window.")
        self.facts.setObjectName("muted")
        self.output = PathField("Annotated video")
        self.options = ExportOptions()
        self.presets = PresetChoice(self.options)
        self.detector = DetectorChoice(settings, models)
        self.masks = MaskChoice()
        self.trouble = QLabel()
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.start = QPushButton("Export")
        self.start.setObjectName("primary")
        self.start.setDefault(True)
        self.cancel = QPushButton("Cancel")
        self.cancel.setAutoDefault(False)
        self._lay_out()
        self._connect()
        self._detector_changed()

    def set_source(self, path: Path) -> None:
        """Choose this video, and propose where to write."""
        self.source.line.setText(str(path))

    def show_facts(self, words: str, ok: bool, failed: bool = False, kept_bytes: int | None = None) -> None:
        """Show what the video is, or why it cannot be used; and how much its detections would take."""
        self._ready = ok
        self.facts.setText(words)
        self.options.expect(kept_bytes)
        self.facts.setStyleSheet(f"color: {self._theme.colours.danger};" if failed else "")
        self._check()

    def show_interrupted(self, export: InterruptedExport | None) -> None:
        """Show the choices of an export that was stopped, to go on with it; None for none."""
        self._begun = export
        if export is not None:
            self._show_choices(export.again)
            at = "" if export.part_done is None else f" at {int(export.part_done * 100)} %"
            kept = f"Its export was stopped{at}. Its choices are shown, and what was found is kept."
            self.facts.setText(f"{self.facts.text()}\n{kept}")
        self._check()

    def _show_choices(self, request: ExportRequest) -> None:
        self._overlay = request.overlay
        self.output.line.setText(str(video_beside(request)))
        self.options.show_request(request)
        self.masks.show_request(request)
        self.detector.show_choice(request.model, request.detection)

    def request(self) -> ExportRequest | None:
        """Returns the request; None, after showing a line that says why, when it cannot be done."""
        request = self._request()
        if request is None:
            return None
        try:
            check_targets(request)
        except AppError as error:
            self._show_trouble(phrased(error))
            return None
        return request

    def _lay_out(self) -> None:
        form = new_form()
        form.addRow("Video", self.source)
        form.addRow("", self.facts)
        form.addRow("Make", self.presets)
        form.addRow("Save as", self.output)
        form.addRow(self.detector)
        self.options.add_rows(form)
        form.addRow("Masks", self.masks)
        lay_out(self, form, self.trouble, (self.cancel, self.start))

    def _connect(self) -> None:
        self.source.changed.connect(self._source_typed)
        self.source.button.clicked.connect(self._choose_source)
        self.output.changed.connect(self._check)
        self.output.button.clicked.connect(self._choose_output)
        self.options.changed.connect(self._check)
        self.masks.toggled.connect(self._check)
        self.detector.changed.connect(self._detector_changed)
        self.start.clicked.connect(self.accepted)
        self.cancel.clicked.connect(self.rejected)

    def _detector_changed(self) -> None:
        self.options.show_classes(self.detector.shown, self.detector.labels)

    def _source_typed(self, _text: str) -> None:
        path = self.source.path
        self._ready = False
        self._begun = None
        if path is not None:
            if self.output.line.text() in ("", self._proposed):
                self._proposed = str(default_output(path))
                self.output.line.setText(self._proposed)
            self.options.video.show_pace(is_sequence(path))
            self.source_changed.emit(path)
        self._check()

    def _request(self) -> ExportRequest | None:
        source, output = self.source.path, self.output.path
        if source is None or output is None:
            return None
        options = self.options
        return replace(
            ExportRequest(source, output) if self._begun is None else self._begun.again,
            source=source,
            output=output if options.want_video.isChecked() else None,
            data=tuple(data_beside(output, name) for name in options.formats),
            model=self.detector.model_settings,
            detection=self.detector.detection_settings,
            overlay=self._overlay,
            video=options.video.options,
            cache=options.cache,
            highlights=options.highlights(output),
            detect_every=options.key_frames.value,
            masks=self.masks.chosen,
        )

    def _check(self) -> None:
        trouble = self.options.trouble
        self.trouble.setVisible(False)
        if trouble:
            self._show_trouble(trouble)
        self.start.setText(self._start_text())
        self.start.setEnabled(self._ready and not trouble and self.output.path is not None)

    def _start_text(self) -> str:
        request = self._request()
        if self._begun is None or request is None or not goes_on_with(request, self._begun.again):
            return "Export"
        part = self._begun.part_done
        return "Resume" if part is None else f"Resume ({int(part * 100)} % analysed)"

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
