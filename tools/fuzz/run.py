"""Running one reader over many damaged files and counting what comes of it."""

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
    """A reader and what it is fed.

    Attributes:
        suffix: Of the files it reads.
        read: Opens one file; must return, or raise an error for people.
        seeds: Whole, valid files.
        damages: Ways to damage them, taken in turn.
    """

    suffix: str
    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]
    damages: tuple[Damage, ...]


@dataclass(slots=True)
class Report:
    """What came of a run.

    Attributes:
        accepted: Inputs that were read.
        refused: Inputs that gave one line.
        slowest_s: The longest any input took.
        findings: Everything else: what happened -> an input that makes it happen.
    """

    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)


def run(target: Target, inputs: int, seed: int, folder: Path, *, slow_s: float) -> Report:
    """Feed ``inputs`` damaged files, always the same for the same ``seed``.

    Args:
        target: The reader.
        inputs: How many.
        seed: Another number, other inputs.
        folder: For the one file at a time that is read.
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
        if took > slow_s:
            report.findings.setdefault("slow", content)
    return report


def save_findings(report: Report, folder: Path, suffix: str) -> list[str]:
    """Write the inputs of all findings; returns a line for each."""
    lines = []
    for fault, content in report.findings.items():
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
        path.write_bytes(content)
        lines.append(f"{path}: {fault}")
    return lines


def _fault(message: str) -> str:
    """What is wrong with a line for people: more than one line, or far too long for one."""
    if not message.isprintable():
        return "a message with control characters"
    return "a message of more than 2000 characters" if len(message) > 2000 else ""


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"
