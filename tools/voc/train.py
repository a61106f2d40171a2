"""Makes the detector of the twenty VOC classes: ``python -m tools.voc.train``, again and again until it is finished.

Unpacks the pictures, goes through the stages of a course (see ``courses``), each from where it was stopped, measures,
and ships the model if it is good enough. Everything is kept in a work folder.
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
from tools.voc.courses import COURSES
from tools.voc.diary import Diary
from tools.voc.run import Options, Run, device_name


def main(arguments: list[str] | None = None) -> int:
    """Train, or go on training; returns the exit code of ``run``, or 1 where something cannot be used."""
    given = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(given.threads)
    stop = threading.Event()
    timer = threading.Timer(given.minutes * 60, stop.set) if given.minutes is not None else None
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        device = device_name(given.device)
        options = Options(given.tars, given.work, given.out, device, given.threads, given.save_minutes)
        return Run(options, COURSES[given.course or device], stop, Diary(given.work / "diary.jsonl")).go()
    except DetectorError as error:
        print(error.message, error.hint, file=sys.stderr)
        return 1
    finally:
        if timer is not None:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.voc.train", description=__doc__)
    parser.add_argument(
        "--tars",
        type=Path,
        default=Path("../shared/data/voc0712-train"),
        metavar="DIR",
        help="folder of the pictures' and annotations' tars; they may come in several runs (default: %(default)s)",
    )
    parser.add_argument(
        "--work", type=Path, default=Path("out/voc"), metavar="DIR", help="keeps everything (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("weights/voc.safetensors"), metavar="FILE", help="(default: %(default)s)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: auto)")
    parser.add_argument("--course", choices=tuple(COURSES), help="how to train (default: the device's)")
    parser.add_argument("--minutes", type=float, metavar="N", help="stop after so long, saved, to be continued")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the CPU (default: 2)")
    parser.add_argument("--save-minutes", type=float, default=4.0, metavar="M", help="between checkpoints (default: 4)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
