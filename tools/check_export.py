"""``python -m tools.check_export FILE|FOLDER...``: exports videos without boxes and compares each copy to its original.

Both are read with ffprobe if it is installed, otherwise with PyAV. Prints for each file: frames, how many of their
times agree to the tick, identical sound packets, displayed size, colour tags, length. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.sidedata.sidedata import Type as SideDataType

from app.core.errors import ExplainedError
from app.core.export.job import ExportJob
from app.core.export.request import ExportRequest
from app.core.media.container import main_video
from app.core.settings import DetectionSettings
from app.core.sources.conversion import FrameConverter
from app.core.sources.crop import container_crop
from tools.fixtures.fixed_detector import open_fixed

_UNTOLD = "unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties of a file.

    Attributes:
        times_s: Time of every decoded frame, in order.
        size: (width, height) as displayed, before the pixel aspect ratio.
        aspect: Aspect ratio of a displayed pixel.
        colour: Range, matrix, transfer, primaries.
        length_s: Length of the video stream, or of the file if the stream does not state it.
        sound: Hash of each packet of each sound track.
        subtitles: Number of subtitle tracks.
        chapters: Number of chapters.
    """

    times_s: tuple[Fraction, ...]
    size: tuple[int, int]
    aspect: Fraction
    colour: tuple[str, ...]
    length_s: float
    sound: tuple[tuple[str, ...], ...]
    subtitles: int
    chapters: int


def main() -> int:
    """Checks all files; returns 0 if every copy agrees."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_export", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--to", choices=("mp4", "mkv", "webm"), default="mp4", help="container of the copies")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the copies there")
    options = parser.parse_args()
    look = _by_ffprobe if shutil.which("ffprobe") else _by_pyav
    print(f"probe: {'ffprobe' if look is _by_ffprobe else 'PyAV'}")
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for path in _files(options.paths):
            copy = folder / f"{path.name}.{options.to}"
            try:
                request = ExportRequest(path, copy, detection=DetectionSettings(threshold=1.0), cache="drop")
                report = ExportJob(request, open_detector=open_fixed).run()
            except ExplainedError as error:
                print(f"{path.name}: refused: {error}")
                continue
            lines, good = compare(look(path), look(copy), Fraction(options.to != "mp4", 1000))
            failed += not good
            print(f"{path.name}: {'same' if good else 'DIFFERS'}: {'; '.join(lines)}; {report.encoder}")
            for note in report.notes:
                print(f"    {note}")
    return 1 if failed else 0


def compare(source: Facts, copy: Facts, tick_s: Fraction) -> tuple[list[str], bool]:
    """Describes each property, and returns whether all agree, times to within ``tick_s``."""
    shifts = {after - before for before, after in zip(source.times_s, copy.times_s, strict=False)}
    shift_s = min(shifts, default=Fraction(0))
    pairs = list(zip(source.times_s, copy.times_s, strict=False))
    same = sum(abs(after - before - shift_s) <= tick_s for before, after in pairs)
    sounds = [
        f"{sum(a == b for a, b in zip(before, after, strict=False))}/{len(before)}"
        for before, after in zip(source.sound, copy.sound, strict=False)
    ]
    hdr = source.colour[2] in ("smpte2084", "arib-std-b67")
    wanted = ("tv", "bt709", "bt709", "bt709") if hdr else source.colour
    # Limited range is what no tag means, and is not written where nothing else is.
    colour = copy.colour[1:] == wanted[1:] and {copy.colour[0], wanted[0]} in ({"tv", _UNTOLD}, {wanted[0]})
    even = (source.size[0] + source.size[0] % 2, source.size[1] + source.size[1] % 2)
    lines = [
        f"frames {len(source.times_s)}->{len(copy.times_s)}",
        f"times {same}/{len(source.times_s)}" + ("" if not shift_s else f" (all {float(shift_s):+.6f} s)"),
        f"sound {', '.join(sounds) or 'none'}",
        f"size {source.size[0]}x{source.size[1]}->{copy.size[0]}x{copy.size[1]} pixel {source.aspect}->{copy.aspect}",
        f"colour {'/'.join(source.colour)}" + ("" if copy.colour == source.colour else f"->{'/'.join(copy.colour)}"),
        f"length {source.length_s:.6f}->{copy.length_s:.6f} s",
    ]
    if source.subtitles or source.chapters:
        lines.append(f"subtitles {source.subtitles}->{copy.subtitles}, chapters {source.chapters}->{copy.chapters}")
    good = (
        len(source.times_s) == len(copy.times_s) == same
        and source.sound == copy.sound
        and even == copy.size
        and source.aspect == copy.aspect
        and colour
    )
    return lines, good


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("LICENSE"))
        else:
            yield path


def _by_ffprobe(path: Path) -> Facts:
    def ask(*entries: str) -> dict[str, Any]:
        command = ["ffprobe", "-v", "quiet", "-of", "json", *entries, str(path.absolute())]
        answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return answer

    told = ask("-show_streams", "-show_format", "-show_chapters", "-show_packets", "-show_data_hash", "md5")
    with av.open(str(path), metadata_errors="replace") as container:
        main_stream = main_video(container)
        assert main_stream is not None
        video = told["streams"][main_stream.index]
        height, width = container_crop(container, main_stream).shown(video["height"], video["width"])
    base = Fraction(video["time_base"])
    frames = ask("-select_streams", str(video["index"]), "-show_entries", "frame=pts,best_effort_timestamp")["frames"]
    stamps = [frame.get("pts", frame.get("best_effort_timestamp")) for frame in frames]
    turned = any(round(abs(data.get("rotation", 0))) % 180 == 90 for data in video.get("side_data_list", ()))
    aspect = Fraction(video.get("sample_aspect_ratio", "1:1").replace(":", "/").replace("0/1", "1/1"))
    size = width, height
    sounds = [s["index"] for s in told["streams"] if s["codec_type"] == "audio"]
    return Facts(
        tuple(stamp * base for stamp in stamps if stamp is not None),
        (size[1], size[0]) if turned else size,
        1 / aspect if turned else aspect,
        tuple(video.get(key, _UNTOLD) for key in ("color_range", "color_space", "color_transfer", "color_primaries")),
        _length_s(video, told["format"]),
        tuple(tuple(p["data_hash"] for p in told["packets"] if p["stream_index"] == index) for index in sounds),
        sum(stream["codec_type"] == "subtitle" for stream in told["streams"]),
        len(told.get("chapters", ())),
    )


def _length_s(video: dict[str, Any], file: dict[str, Any]) -> float:
    tag = video.get("tags", {}).get("DURATION", "")
    if tag:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return float(video.get("duration", file.get("duration", 0)))


def _by_pyav(path: Path) -> Facts:
    with av.open(str(path), metadata_errors="replace") as container:
        stream = main_video(container)
        assert stream is not None
        times, turned = [], False
        for frame in container.decode(stream):
            if frame.pts is not None and frame.time_base is not None:
                times.append(frame.pts * frame.time_base)
            if SideDataType.DISPLAYMATRIX in frame.side_data:
                turned = FrameConverter(frame, 0).conversion.turned
        context = stream.codec_context
        aspect = stream.sample_aspect_ratio or Fraction(1)
        height, width = container_crop(container, stream).shown(context.height, context.width)
        size = width, height
        length_s = float((stream.duration or 0) * (stream.time_base or 0)) or (container.duration or 0) / 1e6
        subtitles, chapters = len(container.streams.subtitles), len(container.chapters())
        tags = (context.color_range, context.colorspace, context.color_trc, context.color_primaries)
    return Facts(
        tuple(times),
        (size[1], size[0]) if turned else size,
        1 / aspect if turned else aspect,
        tuple(_NAMES[n].get(tag, str(tag)) for n, tag in enumerate(tags)),
        length_s,
        _sound_hashes(path),
        subtitles,
        chapters,
    )


# What ffprobe calls the tags that matter here.
_NAMES: tuple[dict[int, str], ...] = (
    {0: _UNTOLD, 1: "tv", 2: "pc"},
    {2: _UNTOLD, 1: "bt709"},
    {2: _UNTOLD, 1: "bt709", 16: "smpte2084", 18: "arib-std-b67"},
    {2: _UNTOLD, 1: "bt709"},
)


def _sound_hashes(path: Path) -> tuple[tuple[str, ...], ...]:
    with av.open(str(path), metadata_errors="replace") as container:
        hashes: dict[int, list[str]] = {stream.index: [] for stream in container.streams.audio}
        for packet in container.demux(container.streams.audio):
            if packet.size:
                hashes[packet.stream.index].append(hashlib.md5(bytes(packet), usedforsecurity=False).hexdigest())
    return tuple(map(tuple, hashes.values()))


if __name__ == "__main__":
    sys.exit(main())
