"""The true content of a media file: times, sizes, hashes, frames. Reads with PyAV itself, not with our reader."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import Type


@dataclass(frozen=True)
class Probed:
    """One file.

    Attributes:
        pts_s: Presentation times of the video packets, sorted.
        sound: For each audio stream, the SHA-256 of all its packets, and their times.
        size: (width, height) as a player shows it without turning.
        turned: Whether the frames carry a display matrix.
        duration_s: Of the video stream.
        codecs: Codec of each stream.
        colour: (primaries, transfer, matrix, range).
        languages: Of each stream.
        sound_codecs: Codec of each audio stream.
    """

    pts_s: list[Fraction]
    sound: list[tuple[str, list[Fraction]]]
    size: tuple[int, int]
    turned: bool
    duration_s: Fraction
    codecs: list[str]
    colour: tuple[int, int, int, int]
    languages: list[str]


def probe(path: Path) -> Probed:
    """Look into ``path``."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times: dict[int, list[Fraction]] = {s.index: [] for s in container.streams}
        hashes = {s.index: hashlib.sha256() for s in container.streams}
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                times[packet.stream.index].append(packet.pts * packet.time_base)
                hashes[packet.stream.index].update(bytes(packet))
        context = stream.codec_context
        return Probed(
            pts_s=sorted(times[stream.index]),
            sound=[(hashes[s.index].hexdigest(), times[s.index]) for s in container.streams.audio],
            size=(context.width, context.height),
            turned=any(Type.DISPLAYMATRIX in frame.side_data for frame in _frames(path)[:1]),  # type: ignore[comparison-overlap] # the stubs say str
            duration_s=(stream.duration or 0) * (stream.time_base or Fraction(1)),
            codecs=[s.codec_context.name for s in (*container.streams.video, *container.streams.audio)],
            colour=(context.color_primaries, context.color_trc, context.colorspace, context.color_range),
            languages=[s.metadata.get("language", "") for s in (*container.streams.video, *container.streams.audio)],
        )


def _frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def decoded_frames(path: Path) -> list[npt.NDArray[np.uint8]]:
    """Every frame as stored, UInt8[H, W, 3] BGR."""
    return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in _frames(path)]
