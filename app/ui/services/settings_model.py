"""The settings in force, and the only writer of their file. GUI thread.

Widgets ask for changes here and hear of every change here, so two that show the same setting never disagree. Written
to disk a moment after the last change, on a worker, and once more at close.

``detection.threshold``, ``.iou`` and ``.classes`` are those of the model in use: another model brings others with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.errors import ExplainedError
from app.core.settings import SettingInfo, Settings
from app.core.sources.uri import kind_by_name
from app.core.stream_logins import keep_login
from app.core.thresholds import ModelThreshold, iou_for, renamed, threshold_for, with_choice, without_choice
from app.ui.services.background import Background

_SAVE_AFTER_MS = 800
_RECENT = 10
_THRESHOLD, _IOU, _CLASSES = ("detection", "threshold"), ("detection", "iou"), ("detection", "classes")
_LIMITS = {_THRESHOLD: "thresholds", _IOU: "ious"}  # numbers that models have of their own, and where choices are kept


def setting_info(settings: Settings, section: str, name: str) -> SettingInfo:
    """Returns the label, help and limits of one setting."""
    for field in fields(getattr(settings, section)):
        if field.name == name:
            info = field.metadata["setting"]
            assert isinstance(info, SettingInfo)
            return info
    raise KeyError(f"{section}.{name}")


class SettingsModel(QObject):
    """Holds the settings; emits ``changed(section, name)`` after each change.

    Args:
        settings: To start from.
        save: Writes the file; called on a worker, and by ``flush`` here. None keeps nothing.
        background: Runs ``save``.
    """

    changed = Signal(str, str)
    recommended = Signal()
    """The model in use has another threshold or limit of its own than before, or another model is in use."""
    not_saved = Signal(object)
    """``ExplainedError``: the settings cannot be written; emitted once."""

    def __init__(self, settings: Settings, save: Callable[[Settings], None] | None, background: Background) -> None:
        super().__init__()
        self._settings = settings
        self._own: dict[str, float | None] = {}
        self._own_ious: dict[str, float] = {}
        self._asked: float | None = None
        self._follow_model()
        self._save = save
        self._saved = self._settings
        self._saving = self._told = False
        self._kept: dict[tuple[str, str], Any] = {}
        self._background = background
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_AFTER_MS)
        self._timer.timeout.connect(self._save_soon)

    @property
    def current(self) -> Settings:
        """A snapshot; immutable."""
        return self._settings

    def value(self, section: str, name: str) -> Any:
        """Returns one setting."""
        return getattr(getattr(self._settings, section), name)

    def set(self, section: str, name: str, value: Any) -> None:
        """Change one setting; numbers are brought within their limits."""
        self._kept.pop((section, name), None)
        self._change(section, name, value)

    def lasting(self, section: str, name: str) -> Any:
        """Returns a setting as it will be again after ``take_back``."""
        return self._kept.get((section, name), self.value(section, name))

    def set_for_now(self, section: str, name: str, value: Any) -> None:
        """Change one setting until ``take_back``; what is remembered on disk is what it was, unless it is set again."""
        kept = self.lasting(section, name)
        self._kept.pop((section, name), None)
        if value != kept:
            self._kept[section, name] = kept  # before anybody hears of the change
        self._change(section, name, value)

    def take_back(self, section: str, name: str) -> None:
        """Undo ``set_for_now``, if the setting was not set since."""
        if (section, name) in self._kept:
            self.set(section, name, self._kept[section, name])

    def reset(self, section: str, names: Iterable[str]) -> None:
        """Give settings of a section their defaults; threshold and limit of overlaps, those of the model."""
        default = type(getattr(self._settings, section))()
        for name in names:
            if (section, name) in _LIMITS:
                kept = _LIMITS[section, name]
                self._asked = None if (section, name) == _THRESHOLD else self._asked
                self._choose(kept, without_choice(self.value("chosen", kept), self._settings.model.name))
            else:
                self.set(section, name, getattr(default, name))

    # The threshold, the limit of overlaps and the classes to show, which each model has for itself

    def threshold_of(self, model: str) -> ModelThreshold:
        """Returns the threshold of the model of that name, and the one it recommends."""
        own = self._own.get(model)
        chosen = self._settings.chosen.thresholds.get(model)
        return ModelThreshold(threshold_for(own, chosen, self._asked), own)

    def iou_of(self, model: str) -> ModelThreshold:
        """Returns the limit of overlaps of the model of that name, and its own."""
        own = self._own_ious.get(model)
        return ModelThreshold(iou_for(own, self._settings.chosen.ious.get(model)), own)

    def classes_of(self, model: str) -> tuple[str, ...]:
        """Returns the classes that the user chose to see of the model of that name; empty for all."""
        return self._settings.chosen.classes.get(model, ())

    def know_thresholds(self, own: Mapping[str, float | None]) -> None:
        """Take over the thresholds that models recommend, by name."""
        before = self._own.get(self._settings.model.name)
        self._own.update(own)
        self._follow_model()
        if self._own.get(self._settings.model.name) != before:
            self.recommended.emit()

    def know_ious(self, own: Mapping[str, float]) -> None:
        """Take over the models' own limits of overlaps, by name."""
        before = self._own_ious.get(self._settings.model.name)
        self._own_ious.update(own)
        self._follow_model()
        if self._own_ious.get(self._settings.model.name) != before:
            self.recommended.emit()

    def ask_threshold(self, value: float) -> None:
        """Use this threshold in this run, with every model, until the user chooses another; it is not remembered."""
        self._asked = value
        self._follow_model()

    def rename_model(self, old: str, new: str) -> None:
        """Call the model ``old`` ``new`` from now on; it keeps what was chosen for it."""
        self._own[new] = self._own.get(old)
        if old in self._own_ious:
            self._own_ious[new] = self._own_ious[old]
        for kept in (*_LIMITS.values(), "classes"):
            self._choose(kept, renamed(self.value("chosen", kept), old, new))
        if self._settings.model.name == old:
            self.set("model", "name", new)

    def forget_model(self, name: str) -> None:
        """Forget a model that was removed: another that comes under its name has its own limits and classes."""
        self._own.pop(name, None)
        self._own_ious.pop(name, None)
        for kept in (*_LIMITS.values(), "classes"):
            self._choose(kept, without_choice(self.value("chosen", kept), name))

    def _choose(self, what: str, by_model: Mapping[str, Any]) -> None:
        self._put("chosen", what, by_model)
        self._timer.start()
        self._follow_model()

    def _follow_model(self) -> None:
        """Bring the limits and the classes in force up to date."""
        model = self._settings.model.name
        limits = ((_THRESHOLD, self.threshold_of(model).value), (_IOU, self.iou_of(model).value))
        for setting, value in (*limits, (_CLASSES, self.classes_of(model))):
            if value != self.value(*setting):
                self._put(*setting, value)
                self.changed.emit(*setting)

    def remember_source(self, uri: str) -> None:
        """Put ``uri`` first among the recent sources; a password in it is kept elsewhere."""
        uri = keep_login(uri)
        others = tuple(known for known in map(keep_login, self._settings.source.recent) if known != uri)
        self.set("source", "recent", (uri, *others)[:_RECENT])
        self.set("source", "last", uri)

    def last_folder(self) -> str:
        """The folder in which a file dialog starts: that of the newest file among the recent sources."""
        for uri in self._settings.source.recent:
            if kind_by_name(uri) in ("video", "image", "folder"):
                return str(Path(uri).parent)
        return str(Path.home())

    def flush(self) -> None:
        """Write now, if anything changed since the last time."""
        self._timer.stop()
        settings = self._remembered()
        if self._save is not None and settings != self._saved:
            self._save(settings)
            self._saved = settings

    def _change(self, section: str, name: str, value: Any) -> None:
        info = setting_info(self._settings, section, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if info.minimum is not None:
                value = max(value, type(value)(info.minimum))
            if info.maximum is not None:
                value = min(value, type(value)(info.maximum))
        if self.value(section, name) == value:
            return
        if (section, name) in _LIMITS:
            kept = _LIMITS[section, name]
            self._asked = None if (section, name) == _THRESHOLD else self._asked
            self._choose(kept, with_choice(self.value("chosen", kept), self._settings.model.name, value))
            return
        if (section, name) == _CLASSES:
            chosen, model = self._settings.chosen.classes, self._settings.model.name
            by_model = with_choice(chosen, model, tuple(value)) if value else without_choice(chosen, model)
            self._choose("classes", by_model)
            return
        self._put(section, name, value)
        self._timer.start()
        self.changed.emit(section, name)
        if (section, name) == ("model", "name"):
            self._follow_model()
            self.recommended.emit()

    def _remembered(self) -> Settings:
        """Returns the settings, without what is set for now only."""
        settings = self._settings
        for (section, name), value in self._kept.items():
            settings = replace(settings, **{section: replace(getattr(settings, section), **{name: value})})
        return settings

    def _put(self, section: str, name: str, value: Any) -> None:
        part = replace(getattr(self._settings, section), **{name: value})
        self._settings = replace(self._settings, **{section: part})

    def _save_soon(self) -> None:
        save, snapshot = self._save, self._remembered()
        if save is None or snapshot == self._saved:
            return
        if self._saving:  # one writer at a time; later changes follow
            self._timer.start()
            return
        self._saving = True

        def work() -> Settings:
            save(snapshot)
            return snapshot

        self._background.run("save-settings", work, self._was_saved, self._save_failed)

    def _was_saved(self, snapshot: Settings) -> None:
        self._saving = False
        self._saved = snapshot

    def _save_failed(self, error: ExplainedError) -> None:
        self._saving = False  # kept in memory; flush at close tries again
        if not self._told:
            self._told = True
            self.not_saved.emit(error)
