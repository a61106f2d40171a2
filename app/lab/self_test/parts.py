"""The parts of the self-test, in the order of the report."""

from __future__ import annotations

from app.lab.self_test.checks import Part
from app.lab.self_test.computer import cameras, codecs, devices, versions
from app.lab.self_test.export_check import export
from app.lab.self_test.golden_check import golden, models
from app.lab.self_test.window_check import window

PARTS: dict[str, Part] = {
    "versions": versions,
    "devices": devices,
    "codecs": codecs,
    "cameras": cameras,
    "golden": golden,
    "models": models,
    "export": export,
    "window": window,
}
