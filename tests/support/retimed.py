"""Media whose packets get other times or another order than the file they come from, and times read independently."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

Move = Callable[[str, Fraction], Fraction | None]
"""(kind of track, decoding time in s) -> seconds to add; None leaves the packet out."""


def retime(source: Path, target: Path, move: Move, options: dict[str, str] | None = None) -> Path:
    """Writes the packets of ``source`` to ``target``, moved."""
    own = {"avoid_negative_ts": "disabled", **(options or {})}
    with av.open(str(source)) as given, av.open(str(target), "w", options=own) as copy:
        tracks = {stream.index: copy.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None and packet.pts is None:
                continue
            base = packet.time_base
            stamp = packet.pts if packet.dts is None else packet.dts
            assert stamp is not None
            by_s = move(packet.stream.type, stamp * base)
            if by_s is None:
                continue
            ticks = round(by_s / base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
            packet.stream = tracks[packet.stream.index]
            copy.mux(packet)
    return target


def by(seconds: float) -> Move:
    """Everything is moved alike."""
    return lambda _kind, _time_s: Fraction(seconds)


def best_effort_s(path: Path) -> list[Fraction | None]:
    """FFmpeg's best-effort time of every frame, from the first one; None where it has none. Skips without ffprobe."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    command = ["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-of", "json"]
    command += ["-show_entries", "frame=best_effort_timestamp:stream=time_base", str(path)]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    base = Fraction(told["streams"][0]["time_base"])
    stamps = [frame.get("best_effort_timestamp") for frame in told["frames"]]
    return [None if stamp is None else (stamp - stamps[0]) * base for stamp in stamps]
