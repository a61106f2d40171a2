"""Which model an export uses, its threshold, and the classes that it then shows. Part of a form. GUI thread."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.settings import DetectionSettings, ModelSettings, Settings
from app.ui.export.export_models import ExportModels, classes_text, known_among
from app.ui.services.settings_model import setting_info
from app.ui.widgets.editors import ChoiceEditor
from app.ui.widgets.texts import WrappedLabel
from app.ui.widgets.threshold_editor import ThresholdEditor


class DetectorChoice(QWidget):
    """Collects ``ModelSettings`` and ``DetectionSettings``; another model brings its own threshold and classes."""

    changed = Signal()

    def __init__(self, settings: Settings, models: ExportModels) -> None:
        super().__init__()
        self._models = models
        self._model, self._detection = settings.model, settings.detection
        self._given: tuple[str, DetectionSettings] | None = None  # what was asked for of one model
        self.model = ChoiceEditor(setting_info(settings, "model", "name"))
        self.model.set_choices(models.choices)
        self.model.show_value(settings.model.name)
        self.threshold = ThresholdEditor(setting_info(settings, "detection", "threshold"))
        self.model.title.setMinimumHeight(self.threshold.spin.sizeHint().height())  # both titles on one line
        self.classes = WrappedLabel()
        self.classes.setObjectName("muted")
        self.classes.setAccessibleName("Classes")
        columns = QHBoxLayout()
        columns.setSpacing(24)
        for editor in (self.model, self.threshold):
            columns.addWidget(editor, 1, Qt.AlignmentFlag.AlignTop)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(columns)
        box.addWidget(self.classes)
        self.model.edited.connect(self._follow_model)
        self._follow_model()

    @property
    def name(self) -> str:
        """The name of the model chosen."""
        return str(self.model.combo.currentData() or "")

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that the model chosen knows; empty where that is not known."""
        return self._models.known_labels(self.name)

    @property
    def shown(self) -> tuple[str, ...]:
        """The classes that the export shows; empty for all."""
        given = self._asked_before
        return self._models.shown_classes(self.name) if given is None else known_among(given.classes, self.labels)

    @property
    def _asked_before(self) -> DetectionSettings | None:
        """Returns what was asked for before of the model chosen."""
        return self._given[1] if self._given is not None and self._given[0] == self.name else None

    @property
    def model_settings(self) -> ModelSettings:
        """The model chosen."""
        return replace(self._model, name=self.name)

    @property
    def detection_settings(self) -> DetectionSettings:
        """The threshold chosen; the limit of overlaps and the classes of the model chosen."""
        given = self._asked_before
        iou = self._models.iou_of(self.name).value if given is None else given.iou
        return replace(self._detection, threshold=self.threshold.spin.value(), iou=iou, classes=self.shown)

    def show_choice(self, model: ModelSettings, detection: DetectionSettings) -> None:
        """Show what was chosen before."""
        self._model, self._detection, self._given = model, detection, (model.name, detection)
        self.model.show_value(model.name)
        self._follow_model()
        self.threshold.show_value(detection.threshold)

    def _follow_model(self) -> None:
        self.threshold.show_threshold(self.name, self._models.threshold_of(self.name))
        self.classes.setText(f"Classes: {classes_text(self.shown, self.labels)}")
        self.changed.emit()
