"""Properties of a video stream that a copy must keep: clock, pixel shape, colour tags. Only reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

from app.core.media.container import main_video, mean_rate
from app.core.media.extent import origin_s

_MAX_TICKS_PER_S = 10_000_000
_UNSPECIFIED = 2  # of primaries, transfer and matrix in ISO 23091-2
_RGB_MATRIX = 0
_BT709 = 1


@dataclass(frozen=True, slots=True)
class ColourTags:
    """Numbers of ISO 23091-2 (FFmpeg's AVCOL_*), as the source carries them; 2 is unspecified.

    Attributes:
        primaries: Which red, green and blue.
        transfer: Brightness curve.
        matrix: How RGB became YUV.
        full_range: Levels 0..255 rather than 16..235; None when the source does not say.
    """

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    full_range: bool | None = None


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One video stream.

    Attributes:
        time_base: Seconds per tick of its clock.
        origin_s: Container time that becomes 0 in the copy: where players begin.
        end_s: Container time when the last frame ends, as the file says; None when it does not.
        rate: Mean frames per second; None when unknown.
        sample_aspect: Width of a stored pixel over its height; None when unknown.
        colour: Tags to carry.
        common_clock: Ticks a second in which the times of this stream and of the sound are whole.
    """

    time_base: Fraction
    origin_s: Fraction
    end_s: Fraction | None
    rate: Fraction | None
    sample_aspect: Fraction | None
    colour: ColourTags
    common_clock: int = 1000


def stream_facts(container: av.container.InputContainer, first_s: Fraction) -> StreamFacts:
    """Facts of the stream ``VideoReader`` reads; the container stays where it is.

    Args:
        container: Open.
        first_s: Container time of its first frame.

    Raises:
        ValueError: There is no video stream.
    """
    stream = main_video(container)
    if stream is None or stream.time_base is None:
        raise ValueError("no video stream")
    context = stream.codec_context
    length_s = stream.duration * stream.time_base if stream.duration and stream.duration > 0 else None
    told_s = first_s if stream.start_time is None else stream.start_time * stream.time_base
    sound_rates = [sound.rate or 0 for sound in container.streams.audio if sound.codec_context is not None]
    return StreamFacts(
        time_base=_clock(stream.time_base),
        origin_s=origin_s(container, first_s),
        end_s=None if length_s is None else told_s + length_s,
        rate=mean_rate(stream),
        sample_aspect=stream.sample_aspect_ratio or None,
        colour=_colour(context),
        common_clock=_common_clock(stream.time_base, sound_rates),
    )


def image_facts(per_s: Fraction) -> StreamFacts:
    """Facts of images that become a video, ``per_s`` a second."""
    colour = ColourTags(matrix=_BT709, full_range=False)
    return StreamFacts(Fraction(1, per_s.numerator), Fraction(0), None, per_s, None, colour)


def _clock(time_base: Fraction) -> Fraction:
    """A clock of whole ticks a second in which every time of ``time_base`` is exact, as far as MP4 can count."""
    ticks = time_base.denominator
    return Fraction(1, ticks if ticks <= _MAX_TICKS_PER_S else 1_000_000)


def _common_clock(time_base: Fraction, sound_rates: Sequence[int]) -> int:
    ticks = _clock(time_base).denominator
    whole = math.lcm(ticks, *(rate for rate in sound_rates if rate > 0))
    return whole if whole <= _MAX_TICKS_PER_S else max(ticks, 1000)


def _colour(context: av.VideoCodecContext) -> ColourTags:
    if context.colorspace == _RGB_MATRIX and not (context.pix_fmt or "").startswith("yuv"):
        # RGB has no matrix to carry; the copy is YUV and says which.
        return ColourTags(context.color_primaries, context.color_trc, _BT709, full_range=False)
    known = {1: False, 2: True}.get(context.color_range)
    if known is None and (context.pix_fmt or "").startswith("yuvj"):
        known = True
    return ColourTags(context.color_primaries, context.color_trc, context.colorspace, known)
