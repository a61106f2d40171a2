"""The editor of the threshold, which marks what the model recommends. GUI thread."""

from __future__ import annotations

from pathlib import Path

from app.core.settings import SettingInfo
from app.core.thresholds import ModelThreshold
from app.ui.widgets.editors import NumberEditor
from detector.model_file import MODEL_SUFFIX


class ThresholdEditor(NumberEditor):
    """A number whose slider marks the recommended one."""

    def __init__(self, info: SettingInfo) -> None:
        super().__init__(info, whole=False)

    def show_threshold(self, model: str, threshold: ModelThreshold) -> None:
        """Show the threshold of the model of that name, or in that file, without telling anyone."""
        self.show_value(threshold.value)
        name = Path(model).name.removesuffix(MODEL_SUFFIX)
        words = f"Recommended for {name}: {threshold.own:.2f}" if threshold.own is not None else ""
        self.set_mark(threshold.own, words)
