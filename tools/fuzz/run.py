"""Runs one reader over many damaged files and counts the results."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from detector.errors import ExplainedError
from tools.fuzz.mutations import Damage


@dataclass(frozen=True, slots=True)
class Target:
    """A reader and its inputs.

    Attributes:
        suffix: Suffix of its files.
        read: Reads one file; must return, or raise an ``ExplainedError``.
        seeds: Whole, valid files.
        damages: Ways to damage them, used in turn.
        slow_s: What one input may take, where that is more than the run allows; seconds.
    """

    suffix: str
    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]
    damages: tuple[Damage, ...]
    slow_s: float = 0.0


@dataclass(slots=True)
class Report:
    """The result of a run.

    Attributes:
        accepted: Number of inputs that were read.
        refused: Number of inputs refused with a one-line error.
        slowest_s: Longest time for an input, seconds.
        findings: Everything else: fault -> an input that causes it.
    """

    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)


def run(target: Target, inputs: int, seed: int, folder: Path, *, slow_s: float) -> Report:
    """Reads ``inputs`` damaged files, always the same for the same ``seed``.

    Args:
        target: The reader.
        inputs: Number of files.
        seed: Seed of all choices.
        folder: Folder for the file being read.
        slow_s: An input that takes longer is a finding.
    """
    report = Report()
    path = folder / f"input{target.suffix}"
    for index in range(inputs):
        random = Random(f"{seed}/{index}")
        content = target.damages[index % len(target.damages)](random.choice(target.seeds), random)
        path.write_bytes(content)
        began = time.monotonic()
        try:
            target.read(path)
        except ExplainedError as error:
            report.refused += 1
            if fault := _fault(str(error)):
                report.findings.setdefault(fault, content)
        except Exception as error:  # what this is for
            report.findings.setdefault(_where(error), content)
        else:
            report.accepted += 1
        took = time.monotonic() - began
        report.slowest_s = max(report.slowest_s, took)
        if took > max(slow_s, target.slow_s):
            report.findings.setdefault("slow", content)
    return report


def save_findings(report: Report, folder: Path, suffix: str) -> list[str]:
    """Writes the inputs of all findings; returns a line for each."""
    lines = []
    for fault, content in report.findings.items():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
        path.write_bytes(content)
        lines.append(f"{path}: {fault}")
    return lines


def _fault(message: str) -> str:
    """Returns what is wrong with an error message (not one line, or far too long), else an empty string."""
    if not message.isprintable():
        return "a message with control characters"
    return "a message of more than 2000 characters" if len(message) > 2000 else ""


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"
