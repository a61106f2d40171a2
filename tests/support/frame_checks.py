"""Checks that what is read of a video, in any order, and what is exported of it tell the same times."""

from __future__ import annotations

import json
import random
import zlib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportReport, ExportRequest
from app.core.settings import DetectionSettings
from app.core.sources.video import VideoReader
from tests.support.probe import probe
from tests.support.steady_detector import open_fake

Seen = tuple[Fraction, int]
"""When a frame is shown, and a check sum of it."""


def read_through(path: Path) -> list[Seen]:
    """Every frame of a video, read from its start."""
    reader = VideoReader(path)
    seen = []
    while (frame := reader.read_frame()) is not None:
        seen.append((frame.pts_s, zlib.crc32(frame.image_bgr.tobytes())))
    reader.close()
    assert all(before[0] < after[0] for before, after in pairwise(seen))
    return seen


def check_seeks(path: Path, seen: list[Seen], most: int = 24) -> None:
    """Seeking leads to the very frames that reading leads to, in a reader that has sought before and in a fresh one."""
    numbers = list(range(len(seen)))
    random.Random(1).shuffle(numbers)
    used = VideoReader(path)
    for count, number in enumerate({0, *numbers[:most], len(seen) - 1}):
        fresh = VideoReader(path)
        for reader in (used, fresh):
            reader.seek(seen[number][0])
            for expected in seen[number : number + 2]:
                frame = reader.read_frame()
                assert frame is not None
                assert (frame.pts_s, zlib.crc32(frame.image_bgr.tobytes())) == expected, (path.name, number, count)
        fresh.close()
    used.close()


def check_export(path: Path, folder: Path, seen: list[Seen], suffix: str = ".mp4") -> ExportReport:
    """Data, subtitles and video tell the times that the reader tells; returns what was reported."""
    output, data, lines = folder / f"out{suffix}", folder / "out.jsonl", folder / "out.srt"
    files = (DataFile(data, "jsonl"), DataFile(lines, "srt"))
    request = ExportRequest(path, output, files, detection=DetectionSettings(threshold=0.5), cache="drop")
    report = ExportJob(request, open_detector=open_fake).run()
    told = [json.loads(line)["time"] for line in data.read_text().splitlines()]
    assert len(told) == report.frames == len(seen)
    assert all(abs(time - float(pts_s)) < 1e-6 for time, (pts_s, _) in zip(told, seen, strict=True))
    shown = probe(output).pts_s
    assert len(shown) == len(seen)
    assert all(abs(a - shown[0] - pts_s) <= Fraction(1, 900) for a, (pts_s, _) in zip(shown, seen, strict=True))
    begins = [_seconds(line.split(" --> ")[0]) for line in lines.read_text().splitlines() if " --> " in line]
    ends = [_seconds(line.split(" --> ")[1]) for line in lines.read_text().splitlines() if " --> " in line]
    assert abs(begins[0] - float(shown[0])) < 0.002
    assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))
    return report


def _seconds(text: str) -> float:
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
