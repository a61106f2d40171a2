"""``python -m tools.measure_export_memory [VIDEO] --minutes 120``: an export of a long video, and the memory it takes.

VIDEO (without one, the sample clip) is put end to end, without decoding, until it lasts as long as asked. While the
export runs, the process's memory is read at every tenth of the way; printed are these readings and the growth from the
second tenth, when everything is open, to the last. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import av

from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportProgress, ExportRequest
from app.core.settings import ModelSettings
from detector.bundled import bundled_path

_TENTHS = 10


def looped(source: Path, target: Path, minutes: float) -> None:
    """``source``'s pictures again and again, packet by packet."""
    with av.open(str(target), "w") as copy:
        stream, offset = None, 0
        while True:
            with av.open(str(source)) as given:
                video = given.streams.video[0]
                if stream is None:
                    stream = copy.add_stream_from_template(video)
                assert video.time_base is not None
                if offset * video.time_base >= minutes * 60:
                    return
                end = 0
                for packet in given.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    copy.mux(packet)
                offset += end


def resident_mib() -> float:
    """What the process holds in memory now."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Memory of a long export.")
    parser.add_argument("video", nargs="?", type=Path, default=bundled_path("assets") / "demo.mp4")
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--model", default="demo")
    options = parser.parse_args()
    readings: list[tuple[int, float]] = []

    def watch(progress: ExportProgress) -> None:
        due = (progress.frames_total or 0) * (len(readings) + 1) // _TENTHS
        if due and progress.frames_done >= due:
            readings.append((progress.frames_done, resident_mib()))
            print(f"{readings[-1][0]:8} frames {readings[-1][1]:7.0f} MiB", flush=True)

    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "long.mp4"
        looped(options.video, source, options.minutes)
        data = (DataFile(Path(name) / "out.jsonl", "jsonl"),)
        request = ExportRequest(source, Path(name) / "out.mp4", data, ModelSettings(options.model))
        started = time.monotonic()
        report = ExportJob(request, watch).run()
        kept = report.cache_bytes / report.frames
    print(f"{report.frames} frames in {time.monotonic() - started:.0f} s; {kept:.0f} bytes of detections kept a frame")
    print(f"growth after the first fifth: {readings[-1][1] - readings[1][1]:+.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
