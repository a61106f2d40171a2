"""The first run on an NVIDIA card, in under six minutes: `python -m tools.gpu.first_run --out FOLDER`.

Is it right, how fast is it, what does it copy and wait for, which kernels take the time, how fast does it train, what
happens when memory runs out? The most important comes first. Each part is a process of its own with a limit of its
own, so that one that crashes, hangs or spoils the card costs no other. Results are written as they come; the log has
the rest, such as why Triton was refused. Uses random weights, and needs torch, torchvision, triton, numpy and OpenCV
only. `--rehearse` does all of it on the CPU, small. The exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from detector.errors import DetectorError
from detector.model_file import open_file
from tools.gpu.first_parts import PARTS, REHEARSED, SIZES, Part
from tools.gpu.first_table import write_table
from tools.gpu.support import Bench, Sizes, random_models

RESULT, LOG = "first_run.json", "first_run.log"
_MINUTES = 5.8
_PATIENCE = 5  # times longer for a rehearsal, on a computer that may be busy
_LEAST_S = 5.0  # a part is not begun with less


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all parts, or as the child the one it is asked for; returns 0 if all is well."""
    options = _options(arguments)
    if options.part is not None:
        return _child(options)
    options.out.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"parts": {}, "failures": []}
    with (options.out / LOG).open("w", encoding="utf-8") as log:
        _run_parts(options, content, log)
    if options.page is not None:
        write_table(options.page, content["parts"])
    print("\n" + "\n".join(content["failures"] or ["All is well."]), flush=True)
    return 1 if content["failures"] else 0


def _run_parts(options: argparse.Namespace, content: dict[str, Any], log: IO[str]) -> None:
    """Runs the parts that are asked for, or the first alone where the card cannot be used; adds to ``content``."""
    sizes, name = _extent(options)
    end = time.monotonic() + _MINUTES * 60 * (_PATIENCE if options.rehearse else 1)
    card, *others = PARTS

    def run(part: Part, model: Path | None) -> bool:
        found = _run_part(part, options, model, end - time.monotonic(), log)
        content["parts"][part.name] = found
        content["failures"] += [f"{part.name}: {each}" for each in found["failures"]]
        _write(options.out / RESULT, content)
        return not found["failures"]

    if run(card, None):
        with random_models([name], sizes) as files:
            for part in others:
                if part.name in options.only:
                    run(part, files[name].path)


def _run_part(
    part: Part, options: argparse.Namespace, model: Path | None, left_s: float, log: IO[str]
) -> dict[str, Any]:
    """Runs a part in a process of its own; returns its results, with what failed."""
    if left_s < _LEAST_S:
        return {"failures": [f"left out, {_MINUTES:g} minutes are over"]}
    limit_s = min(part.limit_s * (_PATIENCE if options.rehearse else 1), left_s)
    print(f"\n== {part.name} (at most {limit_s:.0f} s)", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        answer, begun = Path(folder) / "answer.json", time.monotonic()
        command = [sys.executable, "-u", "-m", "tools.gpu.first_run", "--part", part.name, "--out", str(answer)]
        command += ["--device", options.device, *["--rehearse"] * options.rehearse]
        command += [] if model is None else ["--model", str(model)]
        code = _followed(command, limit_s, log)
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else {}
    found.setdefault("failures", [])
    if code is None:
        found["failures"].append(f"ended after {limit_s:.0f} s")
    elif code:
        found["failures"].append(f"failed with exit code {code}")
    found["seconds"] = round(time.monotonic() - begun, 1)
    return found


def _followed(command: Sequence[str], limit_s: float, log: IO[str]) -> int | None:
    """Runs ``command`` and passes on what it says, to the log too; returns its exit code, None if it took too long."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **streams, encoding="utf-8", errors="replace") as child:
        assert child.stdout is not None
        said = child.stdout

        def pass_on() -> None:
            for line in said:
                print(line, end="", flush=True)
                log.write(line)
                log.flush()

        follower = threading.Thread(target=pass_on, name="first-run-follow")
        follower.start()
        try:
            return child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            child.kill()
            follower.join()


def _child(options: argparse.Namespace) -> int:
    """Runs one part and writes its results to the file ``options.out``."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="  %(name)s: %(message)s")
    part = next(part for part in PARTS if part.name == options.part)
    sizes, name = _extent(options)
    files = {} if options.model is None else {name: open_file(options.model)}
    keep = partial(_write, options.out)
    bench = Bench("cpu" if options.rehearse else options.device, part.sizes(sizes), files, keep)
    try:
        found = part.run(bench, name)
    except DetectorError as error:
        found = {"failures": [error.message]}
        print(f"first_run: {error.message} {error.hint}", flush=True)
    except Exception as error:  # told to the parent as data
        traceback.print_exc(file=sys.stdout)
        found = {"failures": [f"{type(error).__name__}: {error}"[:300]]}
    keep(found)
    return 0


def _write(path: Path, found: dict[str, Any]) -> None:
    """Writes results whole: the process may be ended at any moment."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1), encoding="utf-8")
    part.replace(path)


def _extent(options: argparse.Namespace) -> tuple[Sizes, str]:
    """Returns how much is done, and with which network."""
    return (REHEARSED, "ultraface-slim-320") if options.rehearse else (SIZES, "ssd300-vgg16-coco")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.gpu.first_run", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {RESULT} and {LOG}")
    parser.add_argument("--device", default="cuda:0", help="(default: %(default)s)")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with small sizes")
    parser.add_argument("--only", nargs="+", choices=names[1:], default=names, help="besides the first (default: all)")
    parser.add_argument("--page", type=Path, help="also fill in the table of this page, docs/performance.md")
    parser.add_argument("--part", choices=names, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
