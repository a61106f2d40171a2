"""Checks the engine on a computer with an NVIDIA GPU: `python -m tools.gpu.check [--out FOLDER] [--minutes 9]`.

Reports the engine's accuracy, what one call makes the GPU do, its speed next to torchvision in the same rounds, where
the time goes, and whether memory is returned. Uses random weights, so nothing is downloaded, and needs torch,
torchvision, numpy and OpenCV only. Sections are independent: one that fails is noted and the others go on; the file of
results is rewritten after each. The exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from detector.registry import MODELS
from tools.gpu.accuracy import check_accuracy
from tools.gpu.memory import check_shortage, check_switches
from tools.gpu.pieces import measure_pieces
from tools.gpu.speed import (
    measure_chunks,
    measure_latency,
    measure_peaks,
    time_kernels,
)
from tools.gpu.support import Bench, random_models, sizes_of
from tools.gpu.traffic import check_traffic

MODEL_NAMES = ("ssd300-vgg16-coco", "ssd512-vgg16-coco", "ssdlite320-mobilenetv3-coco", "ultraface-rfb-320")
RESULT = "gpu_check.json"

Section = Callable[[Bench, str], dict[str, Any]]


@dataclass(slots=True)
class CheckReport:
    """All results, as data.

    Attributes:
        machine: The computer.
        sections: Results of each section and its seconds, by name and model.
        failures: Sections that raised an exception, and checks that did not pass.
    """

    machine: dict[str, Any]
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def sections(names: Sequence[str]) -> list[tuple[str, str, Section]]:
    """Lists (name, model, section), the most important first, as time may run out."""
    first, others = names[0], names[1:]
    order: list[tuple[str, str, Section]] = [("peaks", first, measure_peaks)]
    for name, section in (
        ("accuracy", check_accuracy),
        ("traffic", check_traffic),
        ("latency", measure_latency),
        ("kernels", time_kernels),
        ("pieces", measure_pieces),
        ("chunks", measure_chunks),
    ):
        order.append((name, first, section))
    small = names[-1]
    order += [("switches", small, check_switches), ("shortage", small, check_shortage)]
    for other in others:
        order += [("accuracy", other, check_accuracy), ("latency", other, measure_latency)]
    return order


def run_sections(
    bench: Bench, names: Sequence[str], minutes: float, save: Callable[[CheckReport], None]
) -> CheckReport:
    """Runs the sections as long as there is time, each by itself."""
    report = CheckReport(bench.machine())
    begun = time.monotonic()
    for name, model, section in sections(names):
        key, now = f"{name} {model}", time.monotonic()
        if now - begun > minutes * 60:
            print(f"\n{key}: left out, {minutes:g} minutes are over", flush=True)
            continue
        print(f"\n== {key} ({now - begun:.0f} s)", flush=True)
        try:
            found = section(bench, model)
            report.failures += [f"{key}: {each}" for each in found.get("failures", ())]
        except Exception as error:  # a failing section must not stop the others
            traceback.print_exc(limit=8, file=sys.stdout)
            found = {"error": traceback.format_exc(limit=8)}
            report.failures.append(f"{key}: {type(error).__name__}: {error}"[:300])
        found["seconds"] = round(time.monotonic() - now, 1)
        report.sections[key] = found
        bench.tidy()
        save(report)
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the check; returns 0 if all is well."""
    options = _options(arguments)
    if options.device.startswith("cuda"):
        from detector.runtime.cuda_support import why_not_cuda

        reason = why_not_cuda(int(options.device.partition(":")[2] or 0))
        if reason:
            print(f"gpu_check: {options.device} cannot be used: {reason}.", file=sys.stderr)
            return 1

    def save(report: CheckReport) -> None:
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            content = {"machine": report.machine, "failures": report.failures, "sections": report.sections}
            (options.out / RESULT).write_text(json.dumps(content, indent=1), encoding="utf-8")

    sizes = sizes_of(options.device, quick=options.quick)
    with random_models(options.models, sizes) as files:
        report = run_sections(Bench(options.device, sizes, files), options.models, options.minutes, save)
    print("\n" + "\n".join(report.failures or ["All is well."]))
    return 1 if report.failures else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.gpu.check", description=__doc__)
    parser.add_argument("--device", default="cuda:0", help="cpu tries the program itself")
    parser.add_argument("--models", nargs="+", default=MODEL_NAMES, choices=sorted(MODELS), metavar="NAME")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which nothing new is begun")
    parser.add_argument("--quick", action="store_true", help="few runs, small images")
    parser.add_argument("--out", type=Path, help=f"folder for {RESULT}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
