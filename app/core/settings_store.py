"""Settings on disk, as JSON. Loading never fails; saving is atomic. Used by the GUI thread, or the command line.

What is read is checked field by field against the dataclasses of ``app.core.settings``: a wrong value is replaced by
its default (a number out of range by the nearest limit) and reported, an unknown key is left aside, and a file that
is no JSON object is kept as ``settings.json.broken``.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from app.core.errors import AppError
from app.core.files.atomic_file import FileBusyError, write_atomically
from app.core.files.regular_file import read_limited
from app.core.settings import ChosenSettings, SettingInfo, Settings
from app.core.thresholds import COMMON, COMMON_IOU

log = logging.getLogger(__name__)

D = TypeVar("D")

_MAX_BYTES = 1_000_000  # bytes; real files have a few thousand
_MAX_NUMBER = 10**15
_MAX_ITEMS = 100  # values in a list, e.g. of recent sources or classes


class _WrongValueError(Exception):
    """A value cannot be used; the text says why."""


def to_dict(settings: Settings) -> dict[str, Any]:
    """Plain JSON values, one object per group."""
    return dataclasses.asdict(settings)


def from_dict(data: object) -> tuple[Settings, list[str]]:
    """Settings from any JSON value, and one line for each thing that was replaced."""
    problems: list[str] = []
    if not isinstance(data, dict):
        return Settings(), [f"The settings are {_kind(data)}, not an object; defaults are used."]
    settings = _group(Settings, data, "", problems)
    chosen = data.get("chosen", {})
    return _as_of_old(settings, chosen if isinstance(chosen, dict) else {}, "chosen" in data), problems


def _as_of_old(settings: Settings, chosen: dict[Any, Any], has_thresholds: bool) -> Settings:
    """Settings written when there was one threshold, limit of overlaps, or class filter for all models.

    Whoever set it did so looking at the model in use, so it becomes the choice for that one; the others get their
    own. The common values were nobody's choice.
    """
    model, detection = settings.model.name, settings.detection
    thresholds, ious, classes = settings.chosen.thresholds, settings.chosen.ious, settings.chosen.classes
    if not has_thresholds and detection.threshold != COMMON:
        thresholds = {model: detection.threshold}
    if "ious" not in chosen and detection.iou != COMMON_IOU:
        ious = {model: detection.iou}
    if "classes" not in chosen and detection.classes:
        classes = {model: detection.classes}
    return replace(settings, chosen=ChosenSettings(thresholds, classes, ious))


def load_settings(path: Path) -> tuple[Settings, list[str]]:
    """The settings in ``path`` (defaults where there is no such file), and lines for the user."""
    try:
        content = read_limited(path, _MAX_BYTES)
    except FileNotFoundError:
        return Settings(), []
    except OSError as error:
        return Settings(), [f"The settings cannot be read ({error.strerror}); defaults are used."]
    try:
        if content is None:
            raise ValueError("too large")
        data = json.loads(content)
        if not isinstance(data, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        log.info("settings %s: %s", path, error)
        return Settings(), [_set_aside(path)]
    return from_dict(data)


def save_settings(path: Path, settings: Settings) -> None:
    """Write ``path`` so that it is always whole; only the user may read it, as addresses may hold passwords.

    Raises:
        AppError: The folder cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(to_dict(settings), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_atomically(path, text.encode(), private=True)
    except FileBusyError as error:  # as if these had been saved just before the other window's, which replaces them
        log.info("%s", error)
    except AppError as error:
        raise AppError(f"The settings cannot be saved. {error.message}", error.hint, *error.remedies) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise AppError(f"The settings cannot be saved: {reason}.", f"Check the folder {path.parent}.") from error


def _set_aside(path: Path) -> str:
    kept = path.with_name(path.name + ".broken")
    try:
        path.replace(kept)
    except OSError:
        return "The settings file is damaged; defaults are used."
    return f"The settings file was damaged; defaults are used. The old one is kept as {kept.name}."


def _group(cls: type[D], data: dict[Any, Any], where: str, problems: list[str]) -> D:
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type] # D is always one of our dataclasses
        if field.name not in data:
            continue
        value, name = data[field.name], f"{where}{field.name}"
        if dataclasses.is_dataclass(hints[field.name]):
            if isinstance(value, dict):
                values[field.name] = _group(hints[field.name], value, f"{name}.", problems)
            else:
                problems.append(f"Setting {name}: {_kind(value)} is not a group; defaults are used.")
            continue
        try:
            values[field.name] = _value(hints[field.name], field.metadata["setting"], value, name, problems)
        except _WrongValueError as reason:
            problems.append(f"Setting {name}: {reason}; the default is used.")
    return cls(**values)


def _value(kind: Any, info: SettingInfo, value: object, name: str, problems: list[str]) -> object:
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple) or len(value) > _MAX_ITEMS:
            raise _WrongValueError(f"{_kind(value)} is not a short list")
        item = get_args(kind)[0]
        return tuple(_scalar(item, element) for element in value)
    if get_origin(kind) is Mapping:
        if not isinstance(value, dict) or len(value) > _MAX_ITEMS:
            raise _WrongValueError(f"{_kind(value)} is not a short table")
        inner = get_args(kind)[1]
        return {_scalar(str, key): _value(inner, info, part, name, problems) for key, part in value.items()}
    checked = _scalar(kind, value)
    if isinstance(checked, str) and info.choices and checked not in [stored for stored, _ in info.choices]:
        raise _WrongValueError(f"{checked[:40]!r} is not one of the choices")
    if isinstance(checked, int | float) and not isinstance(checked, bool):
        return _limited(kind, info, checked, name, problems)
    return checked


def _scalar(kind: type, value: object) -> object:
    """``value`` as bool, int, float or str, where it is one (30.0 is an int, 1 is no bool)."""
    if isinstance(value, bool):
        if kind is bool:
            return value
    elif isinstance(value, int | float) and kind in (int, float):
        # An integer of a thousand digits fits no float: cap it before anything asks.
        number = value if isinstance(value, float) else max(-_MAX_NUMBER, min(_MAX_NUMBER, value))
        if math.isfinite(number) and (kind is float or number == int(number)):
            return kind(number)
    elif isinstance(value, str) and kind is str and _is_text(value):
        return value
    raise _WrongValueError(f"{_kind(value)} where {kind.__name__} is wanted")


def _is_text(value: str) -> bool:
    """Returns whether it can be written as UTF-8 (JSON can smuggle in half a surrogate pair)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _limited(kind: Any, info: SettingInfo, value: float, name: str, problems: list[str]) -> float:
    low = -math.inf if info.minimum is None else info.minimum
    high = math.inf if info.maximum is None else info.maximum
    if low <= value <= high:
        return value
    limit: float = kind(min(max(value, low), high))
    problems.append(f"Setting {name}: {value:.6g} is outside {low:g} to {high:g}; {limit:g} is used.")
    return limit


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
