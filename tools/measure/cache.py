"""``python -m tools.measure.cache [VIDEO] --model NAME``: compares a fresh export with one from its cache.

Both run from the command line, in turns, in a folder of their own; their files are compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from detector.bundled_files import bundled_path
from tools.kill_export import same as files_agree

_FILES = ("out.mp4", "out.jsonl")


def export(video: Path, folder: Path, *more: str) -> float:
    """Runs one export; returns its seconds."""
    files = ["-o", str(folder / _FILES[0]), "--data", str(folder / _FILES[1])]
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "app", "annotate", str(video), *files, "--quiet", *more], check=True)
    return time.monotonic() - started


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Detecting beside rendering from a cache.")
    parser.add_argument("video", nargs="?", type=Path, default=bundled_path("assets") / "demo.mp4")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threshold", default="0.4")
    options = parser.parse_args()
    fresh_s, kept_s = [], []
    with tempfile.TemporaryDirectory() as name:
        fresh, kept = Path(name) / "fresh", Path(name) / "kept"
        fresh.mkdir()
        kept.mkdir()
        export(options.video, kept, "--model", options.model)
        for _ in range(options.rounds):
            wish = ("--threshold", options.threshold)
            fresh_s.append(export(options.video, fresh, "--model", options.model, "--no-cache", *wish))
            kept_s.append(export(options.video, kept, "--from-cache", *wish))
            print(f"fresh {fresh_s[-1]:6.1f} s   from the cache {kept_s[-1]:6.1f} s", flush=True)
        same = all(files_agree(fresh / file, kept / file) for file in _FILES)
        store = next(kept.glob("*.ssdv")).stat().st_size
    ratio = statistics.median(a / b for a, b in zip(fresh_s, kept_s, strict=True))
    print(f"{ratio:.1f} times as fast; {store} bytes kept; the files are {'the same' if same else 'NOT the same'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
