"""``python -m tools.fuzz READER --inputs N``: fuzzes one reader at length, within limits of time and memory."""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from tools.fuzz.run import run, save_findings
from tools.fuzz.targets import TARGETS

_HANG_S = 20
_SLOW_S = 2.0


def main() -> int:
    """Runs the fuzzer; returns 0 if there are no findings."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("reader", choices=sorted(TARGETS))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--memory", type=int, default=256, metavar="MIB", help="more than this for one input is a finding"
    )
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="folder for inputs at fault")
    options = parser.parse_args()
    target = TARGETS[options.reader]()
    target = replace(target, read=_guarded(target.read, round(max(_HANG_S, target.slow_s))))
    _limit(options.memory)
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        report = run(target, options.inputs, options.seed, Path(folder), slow_s=_SLOW_S)
    print(
        f"{options.reader}: {options.inputs} inputs in {time.monotonic() - began:.0f} s, {report.accepted} read, "
        f"{report.refused} refused, slowest {report.slowest_s * 1000:.0f} ms, {len(report.findings)} findings"
    )
    for line in save_findings(report, options.findings, target.suffix):
        print(line)
    return 1 if report.findings else 0


class HungError(Exception):
    """The reader hung on one input."""


def _guarded(read: Callable[[Path], object], limit_s: int) -> Callable[[Path], object]:
    """Wraps ``read`` so that it is interrupted after ``limit_s``."""

    def hung(_signal: int, _frame: FrameType | None) -> None:
        raise HungError(f"more than {limit_s} s")

    signal.signal(signal.SIGALRM, hung)

    def guarded(path: Path) -> object:
        signal.alarm(limit_s)
        try:
            return read(path)
        finally:
            signal.alarm(0)

    return guarded


def _limit(extra_mib: int) -> None:
    """Limits the process to ``extra_mib`` more memory; beyond it, allocation raises ``MemoryError``."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + (extra_mib << 20), resource.RLIM_INFINITY))


if __name__ == "__main__":
    sys.exit(main())
