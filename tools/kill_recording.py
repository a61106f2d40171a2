"""``python -m tools.kill_recording --points 20``: kills recordings at random moments, and plays what is left.

A process of its own records drawn frames, 25 a second, each showing its number, and is ended by SIGKILL. The next start
finishes what it left; that must play from its first frame on, lack nothing between but the frames that were said to be
dropped, and at the end no more than two seconds.
"""

from __future__ import annotations

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from app.core.recording.folder import finish_interrupted
from app.core.recording.recorder import Recorder
from app.core.recording.reports import FileBegun, RecorderPlan, RecorderReport
from app.core.recording.source_recording import SourceRecording
from tools.fixtures.coded_images import coded_image, read_frame_index

FPS = 25
MAX_LOSS_S = 2.0


@dataclass(frozen=True, slots=True)
class KilledRecording:
    """One killed run.

    Attributes:
        handed_over: Frames that were to be recorded by then.
        dropped: Those of them that a busy computer could not encode in time, as the recording says itself.
        kept: Frames that play.
        files: Segments there are.
        wrong: What is not as it should be, one line each.
    """

    handed_over: int
    dropped: int
    kept: int
    files: int
    wrong: tuple[str, ...]

    @property
    def lost_s(self) -> float:
        """Returns how much of what was recorded is missing."""
        return max(0, self.handed_over - self.dropped - self.kept) / FPS


def record(folder: Path, segment_s: float) -> None:
    """Records until the process is killed; a line for each frame that was handed over, see ``_Line``."""
    files = 0

    def tell(report: RecorderReport) -> None:
        nonlocal files
        files += isinstance(report, FileBegun)
        print(report, file=sys.stderr)

    recording = SourceRecording(
        Recorder(RecorderPlan("drawn", folder, segment_s=segment_s, min_free=0), tell), print, Fraction(FPS)
    )
    due = threading.Event()
    begun = time.monotonic()
    for index in itertools.count():
        due.wait(max(0.0, begun + index / FPS - time.monotonic()))
        recording.image(time.monotonic_ns(), lambda index=index: coded_image(index, (320, 240)))  # type: ignore[misc] # bound now
        print(index, recording.dropped, files, flush=True)


class _Line(NamedTuple):
    """What the recording process says: the number of a frame, how many were dropped, how many files were begun."""

    frame: int
    dropped: int
    files: int


def _line(text: str) -> _Line:
    return _Line(*map(int, text.split()))


def kill_recording(folder: Path, after_frames: int, segment_s: float = 600.0, files: int = 1) -> KilledRecording:
    """Kills a recording, and looks at what the next start makes of it.

    Args:
        folder: Where it records.
        after_frames: So many frames are handed over before.
        segment_s: Length of a file.
        files: So many are begun before.
    """
    command = [sys.executable, "-m", "tools.kill_recording", "--record", str(folder), "--segment", str(segment_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        last = _Line(0, 0, 0)
        for text in process.stdout:
            last = _line(text)
            if last.frame >= after_frames and last.files >= files:
                break
        process.kill()
        last = max([last, *(_line(text) for text in process.stdout if text.endswith("\n"))])
    wrong = [] if len(finish_interrupted(folder)) <= 1 else ["more than one segment was unfinished"]
    wrong += [f"{path.name} was left behind" for path in folder.glob("*.part") if path.stat().st_size]
    kept = sorted(folder.glob("*.mp4"))
    shown = [index for path in kept for index in frames_of(path)]
    if shown != sorted(set(shown)):
        wrong.append("frames are out of order")
    if shown and shown[-1] + 1 - len(shown) > last.dropped:
        wrong.append("frames are missing")
    outcome = KilledRecording(last.frame + 1, last.dropped, len(shown), len(kept), ())
    if outcome.lost_s > MAX_LOSS_S:
        wrong.append(f"{outcome.lost_s:.1f} s are missing")
    return replace(outcome, wrong=tuple(wrong))


def frames_of(path: Path) -> list[int]:
    """Returns the numbers of the frames that a video shows."""
    with av.open(str(path)) as video:
        images = (np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in video.decode(video=0))
        return [read_frame_index(image) for image in images]


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Kill recordings at random moments, and play what is left.")
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--segment", type=float, default=600.0, help="seconds of a segment")
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.record is not None:
        record(options.record, options.segment)
    rng, bad, worst = random.Random(options.seed), 0, 0.0
    for point in range(1, options.points + 1):
        with tempfile.TemporaryDirectory() as name:
            outcome = kill_recording(Path(name), rng.randrange(1, 10 * FPS), options.segment)
        bad, worst = bad + bool(outcome.wrong), max(worst, outcome.lost_s)
        verdict = "; ".join(outcome.wrong) or "plays"
        print(
            f"{point:3} {outcome.kept:4} of {outcome.handed_over:4} frames, {outcome.files} files: {verdict}",
            flush=True,
        )
    print(f"{options.points - bad} of {options.points} as they should be, at most {worst:.1f} s missing")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
