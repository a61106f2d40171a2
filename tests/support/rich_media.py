"""Small videos with everything in them that a copy must keep: sound, subtitles, chapters, descriptions, HDR..."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.subtitles.subtitle import SubtitleSet

from tests.support.media import ImageBGR, coded_image

LINES = ((200, 500, "Hello"), (600, 900, "Grüße"))
"""Subtitles of every subtitle track: from, until (ms), text."""
CHAPTERS = ((0, 400, "One"), (400, 1000, "Two"))


@dataclass(frozen=True)
class Rich:
    """What to put into a file.

    Attributes:
        frames: Pictures; picture i shows index i.
        size: (width, height).
        codec: FFmpeg's name of the video encoder.
        pix_fmt: Layout of the pictures.
        rate: Pictures a second.
        options: Of the encoder.
        colour: (primaries, transfer, matrix, range); pictures are taken for codes of it.
        aspect: Width of a pixel over its height.
        turn: Degrees clockwise, mirrored left to right, mirrored top to bottom; by the display matrix.
        sound: (encoder, sample rate) of each sound track.
        subtitles: Encoder of each subtitle track.
        chapters: ``CHAPTERS``, too.
        metadata: Of the file.
        attachment: Name of an attached file, "" for none.
        time_code: Of the first picture.
    """

    frames: int = 25
    size: tuple[int, int] = (160, 120)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rate: Fraction = Fraction(25)
    options: dict[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int, int] | None = None
    aspect: Fraction | None = None
    turn: tuple[int, bool, bool] | None = None
    sound: tuple[tuple[str, int], ...] = ()
    subtitles: tuple[str, ...] = ()
    chapters: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    attachment: str = ""
    time_code: str = ""


def make_rich(path: Path, what: Rich, images: list[ImageBGR] | None = None) -> Path:
    """Write ``what``; the ending of ``path`` chooses the container."""
    images = images or [coded_image(i, what.size) for i in range(what.frames)]
    own_tags = {"movflags": "+use_metadata_tags"} if any("." in key for key in what.metadata) else {}
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled", **own_tags}) as container:
        video = _video(container, what)
        tones = [_tone(container, n, *kind) for n, kind in enumerate(what.sound)]
        texts = [_text(container, n, kind) for n, kind in enumerate(what.subtitles)]
        container.metadata.update(what.metadata)
        if what.chapters:
            base = Fraction(1, 1000)
            container.set_chapters(
                [
                    {"id": n, "start": a, "end": b, "time_base": base, "metadata": {"title": title}}
                    for n, (a, b, title) in enumerate(CHAPTERS)
                ]
            )
        if what.attachment:
            container.add_attachment(what.attachment, "text/plain", b"attached")
        container.start_encoding()
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=what.pix_fmt)
            frame.pts, frame.time_base = index, 1 / what.rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for tone in tones:
            _play(container, tone, len(images) / what.rate)
        for text in texts:
            _write_lines(container, text)
    return path


def _video(container: av.container.OutputContainer, what: Rich) -> av.VideoStream:
    stream = container.add_stream(what.codec, rate=what.rate, options=dict(what.options))
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = what.size
    stream.pix_fmt = what.pix_fmt
    context = stream.codec_context
    context.time_base = 1 / what.rate
    if what.colour is not None:
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = what.colour
    if what.aspect is not None:
        context.sample_aspect_ratio = what.aspect
    if what.turn is not None:
        degrees, left, up = what.turn
        stream.set_display_rotation(-degrees, hflip=left, vflip=up)
    if what.time_code:
        stream.metadata["timecode"] = what.time_code
    return stream


def _tone(container: av.container.OutputContainer, number: int, codec: str, rate: int) -> av.AudioStream:
    stream = container.add_stream(codec, rate=rate, layout="mono")
    assert isinstance(stream, av.AudioStream)
    stream.metadata["language"] = ("eng", "deu", "fra")[number]
    stream.disposition = av.stream.Disposition(1 if number == 1 else 0)
    return stream


def _play(container: av.container.OutputContainer, stream: av.AudioStream, seconds: Fraction) -> None:
    context = stream.codec_context
    step = context.frame_size or 1024
    rate = stream.rate
    wave = (np.sin(np.arange(int(seconds * rate)) * (2 * np.pi * 440 / rate)) * 8000).astype(np.int16)
    resampler = av.AudioResampler(context.format, context.layout, rate, step)
    for start in range(0, len(wave), step):
        sound = av.AudioFrame.from_ndarray(wave[None, start : start + step], format="s16", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = rate, start, Fraction(1, rate)
        for made in resampler.resample(sound):
            container.mux(stream.encode(made))
    for made in resampler.resample(None):
        container.mux(stream.encode(made))
    container.mux(stream.encode(None))


def _text(container: av.container.OutputContainer, number: int, codec: str) -> av.subtitles.stream.SubtitleStream:
    stream = container.add_stream(codec)
    assert isinstance(stream, av.subtitles.stream.SubtitleStream)
    stream.codec_context.subtitle_header = (
        b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
        b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
        b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, "
        b"MarginR, MarginV, Encoding\r\n"
        b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n\r\n"
        b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
    )
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = ("eng", "deu", "fra")[number]
    stream.disposition = av.stream.Disposition.forced if number == 0 else av.stream.Disposition(0)
    return stream


def _write_lines(container: av.container.OutputContainer, stream: av.subtitles.stream.SubtitleStream) -> None:
    for number, (start, end, text) in enumerate(LINES):
        words = f"{number},0,Default,,0,0,0,,{text}".encode()
        packet = stream.codec_context.encode_subtitle(SubtitleSet.create(words, 0, end - start, start))
        packet.pts = packet.dts = start
        packet.duration = end - start
        packet.time_base = Fraction(1, 1000)
        packet.stream = stream
        container.mux(packet)


def read_lines(path: Path, track: int = 0) -> list[tuple[int, int, str]]:
    """(from, until (ms), text) of one subtitle track."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[track]
        lines = []
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            shown = stream.decode2(packet)
            for rect in shown.rects if shown is not None else ():
                assert isinstance(rect, av.subtitles.subtitle.AssSubtitle)
                start = round(packet.pts * packet.time_base * 1000)
                end = start + round((packet.duration or 0) * packet.time_base * 1000)
                lines.append((start, end, rect.dialogue.decode()))
    return lines
