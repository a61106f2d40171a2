"""A benchmark report that no benchmark made: two contestants, one that could not run, a note."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.lab.bench.bench_report import BenchReport, CaseResult, Skipped
from app.lab.bench.machine import Machine

MACHINE = Machine("A processor", 2, "Linux, Python 3.11", {"torch": "2.15"}, 0.1)


def result(name: str, ms: float, **fields: Any) -> CaseResult:
    base = CaseResult(
        name, "cpu", "cpu", "fp32", "openvino", "typical", 1, ((ms, ms), (ms, 2 * ms)), 1.0, {}, None, None, None, None
    )
    return replace(base, **fields)


THEIRS = result("torchvision cpu fp32", 300.0, engine="", stages_ms={"preprocess": 7.0, "network": 280.0})
OURS = result(
    "ssd-viewer cpu int8",
    40.0,
    precision="int8",
    ratio_to_baseline=7.5,
    stages_ms={"preprocess": 0.7, "network": 39.0, "postprocess": 0.5},
    candidates=201.0,
    memory_mib=180.4,
    peak_share=0.93,
    agreement=0.97,
)
REPORT = BenchReport(
    "ssd300-vgg16-coco",
    "random",
    "16 frames drawn, 1280 x 720",
    0.05,
    MACHINE,
    "torchvision cpu fp32",
    "torchvision cpu fp32",
    {"cpu": {"fp32": 459.0, "int8": 1740.0}},
    68.7,
    (THEIRS, OURS),
    (Skipped("ssd-viewer cpu fp16", "fp16 is for GPUs."),),
    ("Other programs keep this computer busy.",),
)
