"""Makes the bundled detector: ``python -m tools.everyday.train``, again and again until it is finished.

Fine-tunes TensorFlow's ssdlite_mobilenet_v2_coco on images of VOC and COCO, averages the result with the start as the
validation images advise, and writes the model file with all that belongs in it. Everything is kept in a work folder.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

import cv2
import torch

from detector.errors import DetectorError
from detector.training.allocator import keep_freed_memory
from tools.everyday.material import Sources
from tools.everyday.run import Options, Run
from tools.everyday.run_log import RunLog
from tools.everyday.schedules import SCHEDULES
from tools.everyday.ship import ship
from tools.everyday.start import fetch_start, read_start

FINISHED, STOPPED, TOO_POOR = 0, 130, 4
"""Exit codes: shipped; to be continued; finished, but not good enough to ship."""
_START = Path("../shared/data/weights/ssdlite-mobilenetv2-coco-tfjs/model.json")


def main(arguments: list[str] | None = None) -> int:
    """Train, or go on training; returns the exit code, 1 where something cannot be used."""
    given = _parser().parse_args(arguments)
    keep_freed_memory()
    cv2.setNumThreads(1)
    torch.set_num_threads(given.threads)
    stop = threading.Event()
    timer = threading.Timer(given.minutes * 60, stop.set) if given.minutes is not None else None
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        return _train(given, stop)
    except DetectorError as error:
        print(error.message, error.hint, file=sys.stderr)
        return 1
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(given: argparse.Namespace, stop: threading.Event) -> int:
    asked = given.device if given.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise DetectorError("There is no GPU here.", "Train with --device cpu.")
    start = read_start(given.start or (_START if _START.is_file() else fetch_start(given.work / "start")))
    sources = Sources(given.tars, tuple(given.sharper), given.coco, given.holdout, given.brake)
    options = Options(sources, given.work, torch.device(asked), given.threads, given.save_minutes)
    log = RunLog(given.work / "log.jsonl")
    run = Run(options, SCHEDULES[given.schedule or asked], start, stop, log)
    tuned = run.train()
    if tuned is None:
        log.note("stopped; the same command goes on from here")
        return STOPPED
    log.begin("ship")
    reached, said = ship(run, tuned, given.out, log)
    log.note(said)
    return FINISHED if reached else TOO_POOR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.everyday.train", description=__doc__)
    add = parser.add_argument
    add("--start", type=Path, metavar="FILE", help="the start's model.json (default: shared material, else npm pack)")
    add(
        "--tars",
        type=Path,
        default=Path("../shared/data/voc0712-train"),
        metavar="DIR",
        help="folder of VOC's images and annotations as tars (default: %(default)s)",
    )
    add("--sharper", type=Path, action="append", default=[], metavar="DIR", help="a VOC tree of larger images")
    add("--coco", type=Path, metavar="FILE", help="annotations of COCO images to learn from")
    add("--holdout", type=Path, metavar="FILE", help="annotations of COCO images to choose by")
    add("--brake", type=Path, metavar="FILE", help="annotations of COCO images that only forbid what forgets")
    add(
        "--work", type=Path, default=Path("out/everyday"), metavar="DIR", help="keeps everything (default: %(default)s)"
    )
    add("--out", type=Path, default=Path("weights/everyday.safetensors"), metavar="FILE", help="(default: %(default)s)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    add("--schedule", choices=tuple(SCHEDULES), help="how to train (default: the device's)")
    add("--minutes", type=float, metavar="N", help="stop after so long, saved, to be continued")
    add("--threads", type=int, default=2, metavar="N", help="of the CPU (default: 2)")
    add("--save-minutes", type=float, default=4.0, metavar="M", help="between checkpoints (default: 4)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
