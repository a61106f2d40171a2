"""The first page of "Export several": the videos found, and the options for each. GUI thread."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from app.core.export.disk_space import kept_bytes
from app.core.export_queue.batch import BatchOptions
from app.core.export_queue.video_search import SearchResult, is_video_name
from app.core.file_types import VIDEO_ENDINGS
from app.core.settings import Settings
from app.ui.export.detector_choice import DetectorChoice
from app.ui.export.export_models import ExportModels
from app.ui.export.export_options import ExportOptions
from app.ui.export.form_page import lay_out, new_form
from app.ui.export.presets import PresetChoice
from app.ui.export.queue_text import search_text
from app.ui.services.queue_runner import VideoSearch
from app.ui.widgets.path_field import PathField
from app.ui.widgets.texts import WrappedLabel
from app.ui.widgets.theme import Theme

_FRAMES_A_MINUTE = 30 * 60


class QueueForm(QWidget):
    """Collects videos and ``BatchOptions``; the search runs on a worker."""

    accepted = Signal()
    rejected = Signal()

    def __init__(
        self,
        settings: Settings,
        models: ExportModels,
        theme: Theme,
        search: VideoSearch,
        folder: str,
    ) -> None:
        super().__init__()
        self._settings, self._theme, self._search = settings, theme, search
        self._start_folder = folder
        self._paths: tuple[Path, ...] = ()
        self.found: SearchResult | None = None
        """The videos to add; None while they are looked for, or none was named."""
        self.facts = WrappedLabel()
        self.add_files = QPushButton("Add videos…")
        self.add_folder = QPushButton("Add a folder…")
        self.options = ExportOptions()
        self.presets = PresetChoice(self.options)
        self.options.expect(kept_bytes(_FRAMES_A_MINUTE), " a minute")
        self.output = PathField("Folder")
        self.output.line.setPlaceholderText("Beside each video")
        self.detector = DetectorChoice(settings, models)
        self.masked = QCheckBox("Ignore what lies in the masks drawn on each video")
        self.masked.setToolTip("As in the live view: nothing is found there, and no object is followed")
        self.trouble = QLabel()
        self.trouble.setWordWrap(True)
        self.trouble.setStyleSheet(f"color: {theme.colours.danger};")
        self.trouble.hide()
        self.start = QPushButton("Export")
        self.start.setObjectName("primary")
        self.start.setDefault(True)
        self.cancel = QPushButton("Cancel")
        for button in (self.add_files, self.add_folder, self.cancel):
            button.setAutoDefault(False)
        self._lay_out()
        self._connect()
        self._detector_changed()
        self._show_found()

    def add(self, paths: Iterable[Path]) -> None:
        """Look for videos in these paths, too."""
        self._paths = (*self._paths, *paths)
        self.found = None
        self.facts.setText("Looking for videos…")
        self._check()
        self._search.start(self._paths)

    def clear(self) -> None:
        """Forget the paths and the videos found in them."""
        self._search.stop()
        self._paths, self.found = (), None
        self._show_found()

    def batch_options(self) -> BatchOptions:
        """Returns the options that hold for each video."""
        return BatchOptions(
            folder=self.output.path,
            video=self.options.want_video.isChecked(),
            data=self.options.formats,
            model=self.detector.model_settings,
            detection=self.detector.detection_settings,
            overlay=self._settings.overlay,
            options=self.options.video.options,
            cache=self.options.cache,
            highlights=self.options.highlights(Path("video")),
            detect_every=self.options.key_frames.value,
            masked=self.masked.isChecked(),
        )

    def _lay_out(self) -> None:
        add = QHBoxLayout()
        add.setSpacing(8)
        for button in (self.add_files, self.add_folder):
            add.addWidget(button)
        add.addStretch(1)
        form = new_form()
        form.addRow("Videos", self.facts)
        form.addRow("", add)
        form.addRow("Make", self.presets)
        form.addRow("Save in", self.output)
        form.addRow(self.detector)
        self.options.add_rows(form)
        form.addRow("Masks", self.masked)
        lay_out(self, form, self.trouble, (self.cancel, self.start))

    def _connect(self) -> None:
        self._search.counted.connect(self._counted)
        self._search.found.connect(self._came)
        self.add_files.clicked.connect(self._choose_files)
        self.add_folder.clicked.connect(self._choose_folder)
        self.output.button.clicked.connect(self._choose_output)
        self.start.clicked.connect(self.accepted)
        self.cancel.clicked.connect(self.rejected)
        self.options.changed.connect(self._check)
        self.detector.changed.connect(self._detector_changed)

    def _detector_changed(self) -> None:
        self.options.show_classes(self.detector.shown, self.detector.labels)

    def _counted(self, count: int) -> None:
        if self.found is None:
            self.facts.setText(f"Looking for videos… {count} so far")

    def _came(self, found: SearchResult) -> None:
        self.found = found
        self.options.video.show_pace(any(not is_video_name(video.path.name) for video in found.videos))
        self._show_found()

    def _show_found(self) -> None:
        bad = False
        if self.found is not None:
            self.facts.setText(search_text(self.found))
            bad = not self.found.videos or bool(self.found.troubles)
        else:
            self.facts.setText("Choose videos or a folder, or drop them on this window.")
        self.facts.setStyleSheet(f"color: {self._theme.colours.danger};" if bad else "")
        count = len(self.found.videos) if self.found is not None else 0
        self.start.setText(f"Export {count} videos" if count > 1 else "Export")
        self._check()

    def _check(self) -> None:
        trouble = self.options.trouble
        self.trouble.setText(trouble)
        self.trouble.setVisible(bool(trouble))
        self.start.setEnabled(not trouble and self.found is not None and bool(self.found.videos))

    def _choose_files(self) -> None:
        patterns = " ".join(f"*{ending}" for ending in VIDEO_ENDINGS)
        kinds = f"Videos ({patterns});;All files (*)"
        chosen, _ = QFileDialog.getOpenFileNames(self, "Videos", self._start_folder, kinds)
        if chosen:
            self._start_folder = str(Path(chosen[0]).parent)
            self.add(Path(name) for name in chosen)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder with videos", self._start_folder)
        if chosen:
            self._start_folder = chosen
            self.add([Path(chosen)])

    def _choose_output(self) -> None:
        start = str(self.output.path or self._start_folder)
        chosen = QFileDialog.getExistingDirectory(self, "Folder to write to", start)
        if chosen:
            self.output.line.setText(chosen)
