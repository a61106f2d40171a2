"""``python -m tools.kill_export [VIDEO] --points 20``: kills exports at random moments and resumes them.

Runs `annotate` once to its end, then again and again in a fresh folder, each time ended by SIGKILL at a random moment
between its start and the length of the whole run, and then resumed. Each resumed result is compared to the first: data
files byte for byte, frame times, every decoded frame up to the encoder's rounding; and no incomplete file may have had
its final name at the time of the kill. Without VIDEO, the sample clip is used.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreError
from detector.bundled_files import bundled_path

_ROUNDING = 3  # grey levels
FILES = ("out.mp4", "out.jsonl", "out.csv")


@dataclass(frozen=True, slots=True)
class KilledRun:
    """One killed and resumed run.

    Attributes:
        killed_s: Time of the kill, seconds after the start.
        frames_kept: Frames safe on the disk by then.
        frames_known: Frames on which the resumed run did not run the network.
        over: Whether the run had ended before the kill.
        wrong: Differences from an uninterrupted run, one line each.
    """

    killed_s: float
    frames_kept: int
    frames_known: int
    over: bool
    wrong: tuple[str, ...]


def command(video: Path, folder: Path, *more: str) -> list[str]:
    """Returns the command that exports ``video`` into ``folder``."""
    data = [argument for name in FILES[1:] for argument in ("--data", str(folder / name))]
    output = ["-o", str(folder / FILES[0]), "--quiet", "--json", str(folder / "report.json")]
    return [sys.executable, "-m", "app", "annotate", str(video), *output, *data, *more]


def same(first: Path, second: Path) -> bool:
    """Returns whether two files agree: data files byte for byte, videos in the time and content of each frame."""
    if first.suffix != ".mp4":
        return first.read_bytes() == second.read_bytes()
    try:
        with av.open(str(first)) as one, av.open(str(second)) as other:
            pairs = zip(one.decode(video=0), other.decode(video=0), strict=True)
            return all(a.pts == b.pts and a.time_base == b.time_base and _alike(a, b) for a, b in pairs)
    except (OSError, ValueError, av.FFmpegError):  # incomplete, or one ends early
        return False


def _alike(first: av.VideoFrame, second: av.VideoFrame) -> bool:
    """Compares two frames with tolerance: x264 does not always encode its first frame the same way twice."""
    return bool(np.abs(first.to_ndarray().astype(int) - second.to_ndarray()).max() <= _ROUNDING)


def kill_and_resume(video: Path, folder: Path, after_s: float, whole: Path, *model: str) -> KilledRun:
    """Runs an export, kills it ``after_s`` seconds after its start, and resumes it."""
    process = subprocess.Popen(command(video, folder, *model))
    wrong: list[str] = []
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        # Files get their final names one after the other; a kill in between leaves the rest to the next run.
        wrong += [
            f"{name} was there, and not as it should be"
            for name in FILES
            if (folder / name).exists() and not same(folder / name, whole / name)
        ]
    over = process.returncode == 0
    kept = _kept(folder, video)
    subprocess.run(command(video, folder, "--resume", *model), check=True)
    report = json.loads((folder / "report.json").read_text())["videos"]
    known = report[0]["frames_known"] if report else kept
    if known != kept:
        wrong.append(f"{kept} frames were kept, {known} were used")
    wrong += [f"{name} differs" for name in FILES if not same(folder / name, whole / name)]
    wrong += [f"{path.name} was left behind" for path in folder.glob("*.part")]
    return KilledRun(after_s, kept, known, over, tuple(wrong))


def _kept(folder: Path, video: Path) -> int:
    for name in (f"{video.name}.ssdv", f"{video.name}.ssdv.part"):
        try:
            with CandidateStore.open(folder / name) as store:
                return store.frames
        except StoreError:
            continue
    return 0


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Kill exports at random moments, and go on with them.")
    parser.add_argument("video", nargs="?", type=Path, default=bundled_path("assets") / "demo.mp4")
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="demo")
    options = parser.parse_args()
    rng, bad, model = random.Random(options.seed), 0, ("--model", options.model)
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        whole.mkdir()
        started = time.monotonic()
        subprocess.run(command(options.video, whole, *model), check=True)
        length_s = time.monotonic() - started
        print(f"uninterrupted: {length_s:.1f} s")
        for point in range(1, options.points + 1):
            folder = Path(name) / str(point)
            folder.mkdir()
            outcome = kill_and_resume(options.video, folder, rng.uniform(0, length_s), whole, *model)
            bad += bool(outcome.wrong)
            end = "over already" if outcome.over else f"{outcome.frames_kept} frames kept"
            verdict = "; ".join(outcome.wrong) or "the same"
            print(f"{point:3} killed after {outcome.killed_s:5.1f} s, {end}: {verdict}", flush=True)
    print(f"{options.points - bad} of {options.points} as if never interrupted")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
