"""``python -m tools.measure.hour_of_events CLIP… --minutes 60``: measures an analysis of an hour and its events.

The clips are played one after the other until the time is full, each round mirrored, brighter or darker and slower
than the last, so that cuts and objects come as in an edited film. ``ssd-viewer analyse`` then runs over it, and
``ssd-viewer events`` asks. Prints the time and memory of both. Linux only.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from app.core.events.find import find_events
from app.core.events.followed import follow_video
from tools.measure.export_memory import slope, watched

_READINGS = 10
_ROUNDS = 5
_GAINS = (1.0, 0.8, 1.15)
_SLOWER = (Fraction(1), Fraction(5, 4), Fraction(4, 5))
_THRESHOLDS = (0.27, 0.35, 0.45, 0.55, 0.65)

Image = npt.NDArray[np.uint8]


def played(clip: Path, size: tuple[int, int], every_s: Fraction) -> Iterator[Image]:
    """Yields the frames of a clip, UInt8[H, W, 3], one for each ``every_s`` of its time."""
    next_s: Fraction | None = None
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.pts is None or frame.time_base is None:
                continue
            at_s = frame.pts * frame.time_base
            next_s = at_s if next_s is None else next_s
            if at_s >= next_s:
                next_s += every_s
                yield np.asarray(frame.reformat(*size, "rgb24").to_ndarray(), np.uint8)


def write_film(clips: Sequence[Path], target: Path, frames: int, size: tuple[int, int], rate: Fraction) -> None:
    """Writes a film of so many frames out of ``clips``."""
    with av.open(str(target), "w") as film:
        stream = film.add_stream("libx264", rate=rate, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, image in zip(range(frames), _rounds(clips, size, rate), strict=False):
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def _rounds(clips: Sequence[Path], size: tuple[int, int], rate: Fraction) -> Iterator[Image]:
    number = 0
    while True:
        gain = np.clip(np.arange(256) * _GAINS[number % len(_GAINS)], 0, 255).astype(np.uint8)
        for clip in clips:
            for image in played(clip, size, 1 / (rate * _SLOWER[number % len(_SLOWER)])):
                yield np.ascontiguousarray(gain[image[:, ::-1] if number % 2 else image])
        number += 1


def ask(film: Path) -> tuple[int, float, float]:
    """Returns the number of events, the median seconds of the command, and of the same question at other thresholds."""
    command = [sys.executable, "-m", "app", "events", str(film), "--quiet", "--csv", str(film.with_suffix(".csv"))]
    seconds = []
    for _ in range(_ROUNDS):
        film.with_suffix(".csv").unlink(missing_ok=True)
        started = time.monotonic()
        subprocess.run(command, check=True)
        seconds.append(time.monotonic() - started)
    followed = follow_video(film, next(film.parent.glob("*.ssdv")), lambda _: _THRESHOLDS[0], 0.45, ())
    again, counts = [], []
    for threshold in _THRESHOLDS:
        started = time.process_time()
        found = find_events(followed.seen, threshold)
        again.append(time.process_time() - started)
        counts.append(len(found))
    return counts[0], statistics.median(seconds), statistics.median(again)


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="An hour of video: analysis and questions.")
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--size", default="384x216", help="of a frame (384x216)")
    parser.add_argument("--rate", type=Fraction, default=Fraction(10), help="frames a second (10)")
    parser.add_argument("--detect-every", default="5")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    frames = round(options.minutes * 60 * options.rate)
    with tempfile.TemporaryDirectory() as name:
        film = Path(name, "hour.mp4")
        write_film(options.clips, film, frames, (width, height), options.rate)
        print(f"{frames} frames, {film.stat().st_size / 2**20:.0f} MiB", flush=True)
        command = [sys.executable, "-m", "app", "analyse", str(film), "--quiet", "--detect-every", options.detect_every]
        readings, highest, code = watched(command)
        if code or not readings:
            print(f"analyse ended with {code}", file=sys.stderr)
            return 1
        for number in range(_READINGS + 1):
            second, held = readings[number * (len(readings) - 1) // _READINGS]
            print(f"{second:7.0f} s {held:7.0f} MiB")
        store = next(film.parent.glob("*.ssdv")).stat().st_size / 2**20
        grown = slope(readings[len(readings) // 5 :]) * readings[-1][0]
        passed = readings[-1][0]
        print(f"analysed in {passed:.0f} s ({frames / passed:.0f} frames a second), {store:.1f} MiB kept")
        print(f"highest {highest:.0f} MiB, {grown:+.1f} MiB over the whole after the first fifth")
        count, command_s, again_s = ask(film)
    print(f"{count} events: {command_s:.1f} s by the command, {again_s * 1000:.0f} ms of CPU at another threshold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
