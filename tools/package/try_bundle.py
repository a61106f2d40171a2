"""Uses a packaged program as people do: ``python -m tools.package.try_bundle dist/ssd-viewer``, or `make try-bundle`.

Runs the executable only, with a home folder of its own: its self-test in memory and on a virtual screen, the window on
a clip, an export, an evaluation, foreign weights. Says how large it is and how fast it starts. 1 when something failed.
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
import statistics
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.package.sizes import MEGABYTE, sizes
from tools.package.try_parts import PARTS, Program, Trouble

_START_TIMES = 5
_WINDOW_S, _DETECTION_S = 1.0, 2.5  # wanted, warm, on a computer that does nothing else


class _Count(io.RawIOBase):
    """A file that keeps only its length."""

    bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.bytes += size
        return size


def packed_megabytes(bundle: Path) -> float:
    """Size as .tar.xz; takes a minute or more."""
    count = _Count()
    with (
        io.BufferedWriter(count) as out,
        lzma.open(out, "wb", preset=9) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        archive.add(bundle, bundle.name)
    return count.bytes / MEGABYTE


def start_times(program: Program, times: int) -> str:
    """Median time to the window and to the first detection; the first start is left out, as it reads from the disk."""
    program.window_times()
    seen = [program.window_times() for _ in range(times)]
    window, detection = (statistics.median(pair[which] for pair in seen) for which in (0, 1))
    return (
        f"window up after {window:.2f} s (wanted: {_WINDOW_S:g}), "
        f"first detection after {detection:.2f} s (wanted: {_DETECTION_S:g}); medians of {times} warm starts"
    )


def main(arguments: list[str] | None = None) -> int:
    """Try every part; one that fails does not keep the others from being tried."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.try_bundle", description=__doc__)
    parser.add_argument("bundle", type=Path, help="a folder made by `make bundle`")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; repeatable (default: all)")
    parser.add_argument("--starts", type=int, default=_START_TIMES, help="warm starts to measure (default %(default)s)")
    parser.add_argument("--pack", action="store_true", help="measure the size as .tar.xz as well; takes minutes")
    options = parser.parse_args(arguments)
    executable = options.bundle.resolve() / ("ssd-viewer.exe" if os.name == "nt" else "ssd-viewer")
    if not executable.is_file():
        print(f"There is no {executable}. `make bundle` makes one.", file=sys.stderr)
        return 1
    print(f"{sizes(options.bundle)[0].total() / MEGABYTE:.1f} MB on disk")
    if options.pack:
        print(f"{packed_megabytes(options.bundle):.1f} MB as .tar.xz")
    failed = []
    with tempfile.TemporaryDirectory(prefix="ssd-viewer-try-", ignore_cleanup_errors=True) as folder:
        program = Program(executable, Path(folder))
        for name in options.only or PARTS:
            begun = time.monotonic()
            try:
                mark, said = " ok ", PARTS[name](program)
            except Trouble as trouble:
                mark, said = "FAIL", str(trouble)
                failed.append(name)
            print(f"[{mark}] {name}, {time.monotonic() - begun:.1f} s: {said}", flush=True)
        if options.starts > 0 and "self-test" not in failed:
            print(start_times(program, options.starts))
    if failed:
        print(f"Does not work: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
