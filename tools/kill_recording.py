"""``python -m tools.kill_recording --points 20``: kills recordings at random moments, and plays what is left.

A process of its own records drawn frames, 25 a second, each showing its number, and is ended by SIGKILL. The next start
finishes what it left; that must play from its first frame on, without a gap, and lack no more than two seconds.
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
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from app.core.recording.folder import finish_interrupted
from app.core.recording.recorder import Recorder
from app.core.recording.reports import RecorderPlan, RecorderReport
from app.core.recording.source_recording import SourceRecording
from tools.fixtures.coded_images import coded_image, read_frame_index

FPS = 25
MAX_LOSS_S = 2.0


@dataclass(frozen=True, slots=True)
class KilledRecording:
    """One killed run.

    Attributes:
        handed_over: Frames that were to be recorded by then.
        kept: Frames that play.
        files: Segments there are.
        wrong: What is not as it should be, one line each.
    """

    handed_over: int
    kept: int
    files: int
    wrong: tuple[str, ...]

    @property
    def lost_s(self) -> float:
        """Returns how much is missing at the end."""
        return (self.handed_over - self.kept) / FPS


def record(folder: Path, segment_s: float) -> None:
    """Records until the process is killed; a line for each frame that was handed over."""

    def tell(report: RecorderReport) -> None:
        print(report, file=sys.stderr)

    recording = SourceRecording(
        Recorder(RecorderPlan("drawn", folder, segment_s=segment_s, min_free=0), tell), print, Fraction(FPS)
    )
    due = threading.Event()
    begun = time.monotonic()
    for index in itertools.count():
        due.wait(max(0.0, begun + index / FPS - time.monotonic()))
        recording.image(time.monotonic_ns(), lambda index=index: coded_image(index, (320, 240)))  # type: ignore[misc] # bound now
        print(index, flush=True)


def kill_recording(folder: Path, after_frames: int, segment_s: float = 600.0) -> KilledRecording:
    """Kills a recording after so many frames, and looks at what the next start makes of it."""
    command = [sys.executable, "-m", "tools.kill_recording", "--record", str(folder), "--segment", str(segment_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= after_frames:
                break
        process.kill()
        handed_over = max([after_frames, *(int(line) for line in process.stdout if line.endswith("\n"))]) + 1
    wrong = [] if len(finish_interrupted(folder)) <= 1 else ["more than one segment was unfinished"]
    wrong += [f"{path.name} was left behind" for path in folder.glob("*.part") if path.stat().st_size]
    files = sorted(folder.glob("*.mp4"))
    shown = [index for path in files for index in frames_of(path)]
    if shown != list(range(len(shown))):
        wrong.append("frames are missing or out of order")
    outcome = KilledRecording(handed_over, len(shown), len(files), tuple(wrong))
    if outcome.lost_s > MAX_LOSS_S:
        wrong.append(f"{outcome.lost_s:.1f} s are missing")
    return KilledRecording(handed_over, len(shown), len(files), tuple(wrong))


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
