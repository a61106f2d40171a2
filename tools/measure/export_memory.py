"""``python -m tools.measure.export_memory [VIDEO] --minutes 120``: measures the memory of a long export.

VIDEO (default: the sample clip) is scaled down once (``--height``, ``--rate``), then repeated with its sound, without
decoding, up to the requested length. ``ssd-viewer annotate`` exports it with everything a user may ask for: video, data
files, cached detections, tracks. Prints the memory of its process at every twentieth of the way, the peak (as the
system counts it, so none is missed), and the slope of a line fitted to all readings after the first fifth. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from detector.bundled_files import bundled_path

_READINGS = 20
_SETTLED = 5
"""The slope skips the first of this many parts."""
_EVERY_S = 1.0


def smaller(source: Path, target: Path, height: int, rate: Fraction) -> None:
    """Writes ``source`` scaled to ``height`` lines at ``rate``; copies the first sound track."""
    with av.open(str(source)) as given, av.open(str(target), "w") as copy:
        video = given.streams.video[0]
        width = round(video.codec_context.width * height / video.codec_context.height / 2) * 2
        written = copy.add_stream("libx264", rate=rate, options={"preset": "veryfast", "bf": "0"})
        written.width, written.height, written.pix_fmt = width, height, "yuv420p"
        sound = [(stream, copy.add_stream_from_template(stream)) for stream in given.streams.audio[:1]]
        next_s = Fraction(0)
        for frame in given.decode(video):
            if frame.pts is not None and frame.time_base and frame.pts * frame.time_base >= next_s:
                scaled = frame.reformat(width, height, "yuv420p")
                scaled.pts, scaled.time_base = round(next_s * rate), 1 / rate
                copy.mux(written.encode(scaled))
                next_s += 1 / rate
        copy.mux(written.encode(None))
        given.seek(0)
        for stream, track in sound:
            for packet in given.demux(stream):
                if packet.dts is not None:
                    packet.stream = track
                    copy.mux(packet)


def looped(source: Path, target: Path, minutes: float) -> None:
    """Repeats the first video and sound tracks of ``source``, packet by packet."""
    tracks: dict[int, Any] = {}
    last: dict[int, int] = {}
    start_s = Fraction(0)
    with av.open(str(target), "w") as copy:
        while start_s < Fraction(minutes) * 60:
            with av.open(str(source)) as given:
                streams: Sequence[Any] = (*given.streams.video[:1], *given.streams.audio[:1])
                tracks = tracks or {stream.index: copy.add_stream_from_template(stream) for stream in streams}
                end_s = start_s
                for packet in given.demux(*streams):
                    if packet.dts is None or packet.pts is None:
                        continue
                    base = packet.time_base
                    end_s = max(end_s, start_s + (packet.pts + (packet.duration or 1)) * base)
                    shift = round(start_s / base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    if packet.dts <= last.get(packet.stream_index, packet.dts - 1):
                        continue  # sound that primes its decoder begins before 0: it has been heard
                    last[packet.stream_index] = packet.dts
                    packet.stream = tracks[packet.stream_index]
                    copy.mux(packet)
                start_s = end_s


def watched(command: Sequence[str]) -> tuple[list[tuple[float, float]], float, int]:
    """Runs ``command``; returns (seconds, MiB) readings, the peak in MiB and the exit code."""
    readings: list[tuple[float, float]] = []
    started = time.monotonic()
    process = subprocess.Popen(command)
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return readings, usage.ru_maxrss / 1024, process.returncode
        held = resident_mib(process.pid)
        if held is not None:
            readings.append((time.monotonic() - started, held))
        time.sleep(_EVERY_S)


def resident_mib(process: int) -> float | None:
    """Returns the memory of a process now; None while it ends."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)


def slope(readings: Sequence[tuple[float, float]]) -> float:
    """Returns the slope of the least-squares line, MiB per second."""
    mean_s = sum(second for second, _ in readings) / len(readings)
    mean = sum(held for _, held in readings) / len(readings)
    spread = sum((second - mean_s) ** 2 for second, _ in readings)
    return sum((second - mean_s) * (held - mean) for second, held in readings) / spread if spread else 0.0


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Memory of a long export.")
    parser.add_argument("video", nargs="?", type=Path, default=bundled_path("assets") / "demo.mp4")
    parser.add_argument("--minutes", type=float, default=120.0, help="of video")
    parser.add_argument("--height", type=int, default=240, help="lines of a frame (240)")
    parser.add_argument("--rate", type=Fraction, default=Fraction(10), help="frames a second (10)")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--folder", type=Path, help="where there is room (default: the folder for temporary files)")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        smaller(options.video, folder / "short.mp4", options.height, options.rate)
        looped(folder / "short.mp4", folder / "long.mp4", options.minutes)
        print(f"{options.minutes:g} minutes, {(folder / 'long.mp4').stat().st_size / 2**20:.0f} MiB", flush=True)
        command = [sys.executable, "-m", "app", "annotate", str(folder / "long.mp4"), "--model", options.model]
        command += ["--data", ".jsonl", "--data", ".csv", "--tracks", "-o", str(folder / "out.mp4")]
        readings, highest, code = watched(command)
        made = ", ".join(f"{path.name} {path.stat().st_size / 2**20:.1f} MiB" for path in sorted(folder.iterdir()))
    if code or not readings:
        print(f"annotate ended with {code}", file=sys.stderr)
        return 1
    for number in range(_READINGS + 1):
        second, held = readings[number * (len(readings) - 1) // _READINGS]
        print(f"{second:7.0f} s {held:7.0f} MiB")
    settled = readings[len(readings) // _SETTLED :]
    grown = slope(settled) * readings[-1][0]
    frames = float(options.minutes * 60 * options.rate)
    print(f"{made}; {readings[-1][0]:.0f} s in all")
    print(f"highest: {highest:.0f} MiB")
    print(
        f"slope after the first fifth: {grown * 60 / options.minutes:+.1f} MiB an hour of video, "
        f"{grown * 100_000 / frames:+.1f} MiB a hundred thousand frames"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
