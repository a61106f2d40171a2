"""``python -m tools.kill_export [VIDEO] --points 20``: kills exports at random moments and goes on with them.

Runs `annotate` once to its end, then again and again in a fresh folder, each time ended by SIGKILL at a random moment
between its start and the length of the whole run, and then resumed. Each resumed result is held to the first one: data
files byte for byte, times of the frames, every decoded picture; and nothing may have borne a final name when the kill
came, unless the run was over. Without VIDEO the sample clip is used.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av

from app.core.export.store import CandidateStore
from app.core.export.store_facts import StoreError
from detector.bundled import bundled_path

FILES = ("out.mp4", "out.jsonl", "out.csv")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One killed and resumed run.

    Attributes:
        killed_s: When the kill came, after the start.
        frames_kept: Frames that were safe on the disk then.
        frames_known: Frames on which the resumed run did not run the network.
        over: The run had ended before the kill.
        wrong: What differs from an uninterrupted run, one line each.
    """

    killed_s: float
    frames_kept: int
    frames_known: int
    over: bool
    wrong: tuple[str, ...]


def command(video: Path, folder: Path, *more: str) -> list[str]:
    """An export of ``video`` into ``folder``."""
    data = [argument for name in FILES[1:] for argument in ("--data", str(folder / name))]
    output = ["-o", str(folder / FILES[0]), "--quiet", "--json", str(folder / "report.json")]
    return [sys.executable, "-m", "app", "annotate", str(video), *output, *data, *more]


def fingerprints(folder: Path) -> dict[str, str]:
    """Hashes of what must not differ: data files as they are, of the video each frame's time and picture."""
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES[1:]}
    digest = hashlib.sha256()
    with av.open(str(folder / FILES[0])) as container:
        for frame in container.decode(video=0):
            digest.update(f"{frame.pts}:{frame.time_base};".encode())
            digest.update(frame.to_ndarray().tobytes())
    return {**found, FILES[0]: digest.hexdigest()}


def kill_and_resume(video: Path, folder: Path, after_s: float, whole: dict[str, str], *model: str) -> Outcome:
    """One run, killed ``after_s`` seconds after its start, then gone on with."""
    process = subprocess.Popen(command(video, folder, *model))
    wrong: list[str] = []
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        # The names are given one right after the other; a kill between two of them leaves the rest to the next run.
        wrong += [
            f"{name} was there, and not as it should be"
            for name in FILES
            if (folder / name).exists() and fingerprint_of(folder, name) != whole[name]
        ]
    over = process.returncode == 0
    kept = _kept(folder, video)
    subprocess.run(command(video, folder, "--resume", *model), check=True)
    report = json.loads((folder / "report.json").read_text())["videos"]
    known = report[0]["frames_known"] if report else kept
    if known != kept:
        wrong.append(f"{kept} frames were kept, {known} were used")
    wrong += [f"{name} differs" for name, value in fingerprints(folder).items() if value != whole[name]]
    wrong += [f"{path.name} was left behind" for path in folder.glob("*.part")]
    return Outcome(after_s, kept, known, over, tuple(wrong))


def fingerprint_of(folder: Path, name: str) -> str:
    """As ``fingerprints``, of one file."""
    if name != FILES[0]:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    try:
        return fingerprints(folder)[name]
    except (OSError, av.FFmpegError):
        return "incomplete"


def _kept(folder: Path, video: Path) -> int:
    for name in (f"{video.name}.ssdv", f"{video.name}.ssdv.part"):
        try:
            with CandidateStore.open(folder / name) as store:
                return store.frames
        except StoreError:
            continue
    return 0


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Kill exports at random moments, and go on with them.")
    parser.add_argument("video", nargs="?", type=Path, default=bundled_path("assets") / "demo.mp4")
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="demo")
    options = parser.parse_args()
    rng, bad, model = random.Random(options.seed), 0, ("--model", options.model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "whole"
        folder.mkdir()
        started = time.monotonic()
        subprocess.run(command(options.video, folder, *model), check=True)
        length_s = time.monotonic() - started
        whole = fingerprints(folder)
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
