"""How fast models ran on this computer: one small JSON file beside the models. Any thread; reading never fails.

A model is known by its content, so a measurement survives a new name or place of the file. Of the same engine, device
and precision the last measurement counts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.files.json_store import JsonStore
from detector.model_file import IR_BIN, IR_XML

_FORMAT = 1
_HEAD = 65_536  # bytes: the description and the first weights
_MAX_MODELS, _MAX_EACH = 300, 20

Speeds = Mapping[str, tuple["MeasuredSpeed", ...]]
"""By ``fingerprint``, newest first."""


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """A model's speed in one setting.

    Attributes:
        frames_per_s: Frames a second through the detector, one at a time.
        engine: As ``Detector.engine``.
        device: As ``Detector.device``.
        precision: As ``Detector.precision``.
        measured: Day, ISO, e.g. "2026-11-22".
    """

    frames_per_s: float
    engine: str
    device: str
    precision: str
    measured: str


def fingerprint(model: Path) -> str:
    """Tells model files apart by content, without reading all of it: a hash of its size and its first 64 KiB.

    Raises:
        OSError: It cannot be read.
    """
    if model.suffix == ".xml":
        model = model.parent
    folder = model.is_dir()
    head = model / IR_XML if folder else model
    size = (model / IR_BIN if folder else model).stat().st_size
    with head.open("rb") as file:
        return hashlib.sha256(f"{size}:".encode() + file.read(_HEAD)).hexdigest()[:32]


def load_speeds(store: Path) -> Speeds:
    """Everything measured; what cannot be read counts as not measured."""
    return _known(JsonStore(store).read())


def _known(data: dict[str, Any]) -> dict[str, tuple[MeasuredSpeed, ...]]:
    if data.get("format") != _FORMAT or not isinstance(data.get("models"), dict):
        return {}
    found = {key: _speeds(rows) for key, rows in data["models"].items()}
    return {key: speeds for key, speeds in found.items() if speeds}


def record_speed(store: Path, model: Path, speed: MeasuredSpeed) -> None:
    """Remember ``speed`` of the model in ``model``.

    Raises:
        AppError: The file cannot be written.
        OSError: The model cannot be read any more.
    """
    key = fingerprint(model)

    def add(data: dict[str, Any]) -> dict[str, Any]:
        known = _known(data)
        others = tuple(s for s in known.pop(key, ()) if _setting(s) != _setting(speed))
        kept = dict(list(known.items())[-(_MAX_MODELS - 1) :])
        kept[key] = (speed, *others)[:_MAX_EACH]
        rows = {name: [dataclasses.asdict(s) for s in speeds] for name, speeds in kept.items()}
        return {"format": _FORMAT, "models": rows}

    JsonStore(store).update(add)


def _setting(speed: MeasuredSpeed) -> tuple[str, str, str]:
    return speed.engine, speed.device, speed.precision


def _speeds(rows: Any) -> tuple[MeasuredSpeed, ...]:
    found = (_speed(row) for row in rows[:_MAX_EACH]) if isinstance(rows, list) else ()
    return tuple(speed for speed in found if speed is not None)


def _speed(row: Any) -> MeasuredSpeed | None:
    names = ("frames_per_s", "engine", "device", "precision", "measured")
    if not isinstance(row, dict) or not all(name in row for name in names):
        return None
    rate, *words = (row[name] for name in names)
    if type(rate) not in (int, float) or not math.isfinite(rate) or not 0 < rate < 1e6:
        return None
    if not all(isinstance(word, str) and len(word) <= 200 for word in words):
        return None
    return MeasuredSpeed(float(rate), *words)
