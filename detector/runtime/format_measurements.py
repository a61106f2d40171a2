"""The measurements of a model's number formats on this computer: kept in the cache, read again here. Any thread.

Each model has a folder named by its content, OpenVINO's version and this computer's processor with its cores. In it
lies ``report.json``; for a network in OpenVINO's own format, whose file cannot carry ranges, also its network in int8,
whose files the report names with their hashes: a new network comes with new names and counts from the moment its
report is in place, so that a reader never sees halves of two. ``quantise`` makes them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.runtime.network_cache import OPTIMISED, content_key, file_sha256, version_text
from detector.runtime.openvino_runtime import cpu_capabilities, load_openvino
from detector.spec import Int8

REPORT = "report.json"
_FORMAT = 1
_TOO_LARGE = 100_000  # bytes of a report
_log = logging.getLogger(__name__)

AGREES = 0.97
"""Least agreement of a format that is picked unasked, as ``detector.evaluation.agreement`` measures it."""
DRAWN = "drawn ones"
"""As ``Optimised.calibration``: not images of the user's. int8 calibrated on them is used only where it is asked for:
drawn images hold nothing a detector was made for, so agreeing on them proves little."""
ENOUGH = 20
"""Objects that fp32 must have found for an agreement to mean anything."""
FASTER = 1.1
"""Least gain in speed for which fp32 is given up: less is within what measuring is off by."""


@dataclass(frozen=True, slots=True)
class MeasuredFormat:
    """A number format of a model on this computer.

    Attributes:
        precision: "fp32", "bf16" or "int8".
        frames_per_s: Frames of 1280 x 720 through the detector, one at a time.
        agreement: 0..1, with fp32; None of fp32 itself, and where fp32 found nothing.
        score_difference: Mean, 0..1, of objects both found; None likewise.
    """

    precision: str
    frames_per_s: float
    agreement: float | None = None
    score_difference: float | None = None


@dataclass(frozen=True, slots=True)
class Optimised:
    """The measurements of an optimised model.

    Attributes:
        made: Day, ISO.
        made_with: How the ranges were found: a method's name, or such as "NNCF 3.4.0".
        calibration: What it was calibrated on, in words.
        calibrated: How many images.
        compared: How many others the formats were compared on.
        objects: What fp32 found in those.
        least_score: The weakest of these objects scored so much.
        formats: Measured on this computer, fp32 first.
    """

    made: str
    made_with: str
    calibration: str
    calibrated: int
    compared: int
    objects: int
    least_score: float
    formats: tuple[MeasuredFormat, ...]

    def of(self, precision: str) -> MeasuredFormat | None:
        """Returns the measurements of a format; None where there are none."""
        return next((each for each in self.formats if each.precision == precision), None)


def best_format(measured: Optimised, without: str = "") -> tuple[str, str]:
    """The fastest format whose detections agree with fp32's, and why it is used; fp32 needs no reason.

    Args:
        measured: What is known.
        without: A format that cannot be used.
    """
    fit = [each for each in measured.formats if each.precision != without and not _is_drawn(measured, each)]
    return _fastest(measured, fit)


def best_if_asked(measured: Optimised) -> tuple[str, str]:
    """Chooses as ``best_format`` does, but also considers formats that are used only on request."""
    return _fastest(measured, measured.formats)


def is_proven(int8: Int8) -> bool:
    """Returns whether a model's file says enough for int8 to be used unasked."""
    enough = int8.objects >= ENOUGH and int8.pictures != DRAWN
    return enough and int8.agreement is not None and int8.agreement >= AGREES


def _is_drawn(measured: Optimised, each: MeasuredFormat) -> bool:
    return each.precision == "int8" and measured.calibration == DRAWN


def _fastest(measured: Optimised, formats: Iterable[MeasuredFormat]) -> tuple[str, str]:
    exact = measured.of("fp32")
    enough = measured.objects >= ENOUGH
    fit = [each for each in formats if enough and each.agreement is not None and each.agreement >= AGREES]
    best = max(fit, key=lambda each: each.frames_per_s, default=None)
    if exact is None or best is None or best.frames_per_s < FASTER * exact.frames_per_s:
        return "fp32", ""
    gain = best.frames_per_s / exact.frames_per_s
    return best.precision, (
        f"{best.precision} is used: {gain:.1f} times as fast as fp32 here, and {best.agreement:.1%} in agreement with "
        f"it on {measured.compared} images ({measured.calibration})."
    )


def read_optimised(model: Path, cache_dir: Path) -> Optimised | None:
    """Returns what is kept of the model in ``model``; None where it was not optimised here. Never raises."""
    found = _find(model, cache_dir)
    return None if found is None else found[1]


def read_network(openvino: Any, model: Path, cache_dir: Path) -> Any:
    """The int8 network of the model in ``model`` as an ``openvino.Model``.

    Returns:
        None where there is none, or it is damaged.
    """
    found = _find(model, cache_dir)
    if found is None or not found[2]:
        return None
    folder, _, files = found
    try:
        graph, weights = (folder / name for name in files)
        if any(file_sha256(folder / name) != sha256 for name, sha256 in files.items()):
            raise DetectorError("its content is not what was written")
        folder.touch()  # in use: the last to be thrown away
        return openvino.Core().read_model(str(graph), str(weights))
    except (DetectorError, RuntimeError, OSError) as error:
        _log.info("%s is damaged and not used: %s", folder.name, error)
        return None


def folder_name(openvino: Any, model: Path) -> str:
    """The folder in the cache of what is known of this model here.

    Raises:
        DetectorError: The model cannot be read, or OpenVINO has no part for this CPU.
    """
    core = openvino.Core()
    cpu = [core.get_property("CPU", "FULL_DEVICE_NAME"), f"{usable_cores()} cores", *sorted(cpu_capabilities(core))]
    machine = hashlib.sha256(" ".join(cpu).encode()).hexdigest()
    return f"{content_key(model)}{OPTIMISED}{version_text(openvino)}-{machine[:8]}"


def usable_cores() -> int:
    """Logical cores this process may use: which format is fastest depends on them."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def report_json(measured: Optimised, files: dict[str, str]) -> str:
    """The content of ``REPORT``.

    Args:
        measured: What is known.
        files: Graph, then weights: names with their SHA-256; empty where the model's own file has all that is needed.
    """
    return json.dumps({"format": _FORMAT, "files": files, **dataclasses.asdict(measured)}, indent=1)


def _find(model: Path, cache_dir: Path) -> tuple[Path, Optimised, dict[str, str]] | None:
    try:
        if not any(cache_dir.glob(f"{content_key(model)}{OPTIMISED}*")):
            return None  # most models: OpenVINO need not be loaded to know
        folder = cache_dir / folder_name(load_openvino(), model)
        with (folder / REPORT).open("rb") as file:
            content = file.read(_TOO_LARGE + 1)
        data = json.loads(content) if len(content) <= _TOO_LARGE else {}
        return folder, *_parsed(data)
    except FileNotFoundError:
        return None
    except (DetectorError, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _log.info("what is kept of %s is not used: %s", model.name, error)
        return None


def _parsed(data: Any) -> tuple[Optimised, dict[str, str]]:
    """A report's content.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: It is none.
    """
    if data["format"] != _FORMAT:
        raise ValueError(f"format {data['format']}")
    files = {str(name): str(sha256) for name, sha256 in data["files"].items()}
    if len(files) not in (0, 2) or any(Path(name).name != name for name in files):
        raise ValueError("files")
    formats = tuple(
        MeasuredFormat(
            str(row["precision"]),
            _number(row["frames_per_s"]),
            None if row["agreement"] is None else _number(row["agreement"]),
            None if row["score_difference"] is None else _number(row["score_difference"]),
        )
        for row in data["formats"]
    )
    measured = Optimised(
        made=str(data["made"])[:40],
        made_with=str(data["made_with"])[:80],
        calibration=str(data["calibration"])[:300],
        calibrated=int(data["calibrated"]),
        compared=int(data["compared"]),
        objects=int(data["objects"]),
        least_score=_number(data["least_score"]),
        formats=formats,
    )
    return measured, files


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"not a number: {value!r}")
    return float(value)
