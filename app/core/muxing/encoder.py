"""Frames to packets: the first encoder that opens, the source's clock, pixel shape and colour tags.

Owned by ``ssdv-export-write``. Frames arrive upright and in order; packets leave with exact times.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from app.core.errors import AppError
from app.core.frames import UNCHANGED, FrameConversion, ImageBGR
from app.core.muxing.presets import BITS_PER_PIXEL, BY_BIT_RATE, ENCODERS, OPTIONS, PIXELS
from app.core.muxing.stream_facts import ColourTags, StreamFacts
from app.core.muxing.thread_priority import usual_priority
from app.core.muxing.video_options import AUTO, MP4, WEBM, ContainerKind, VideoOptions

log = logging.getLogger(__name__)

os.environ.setdefault("SVT_LOG", "1")  # else the AV1 encoder writes pages about itself to stderr

# AVCOL_SPC_* -> swscale's number for the same matrix; its default, 5, is BT.601.
_SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_LIMITED, _FULL = 1, 2
BT709 = ColourTags(1, 1, 1, full_range=False)


@dataclass(frozen=True, slots=True)
class EncoderPlan:
    """Everything an encoder is opened with.

    Attributes:
        name: FFmpeg's name of the encoder.
        quality: A key of ``QUALITIES``.
        width: Pixels, even.
        height: Pixels, even.
        time_base: Seconds per tick.
        rate: Nominal frames per second.
        sample_aspect: Pixel width over height, upright; None when unknown.
        colour: Tags.
        stretched: The container cannot state the shape of pixels, so they are made square.
        fields: "top" or "bottom" for interlaced frames, by the half that comes first; "" for whole ones.
    """

    name: str
    quality: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction | None
    colour: ColourTags
    stretched: bool = False
    fields: str = ""

    @property
    def pixels(self) -> str:
        """Layout of the frames it takes, 8 bits and 4:2:0."""
        return PIXELS.get(self.name, "yuv420p")

    def apply(self, context: av.VideoCodecContext) -> None:
        """Set up an encoder that is not open yet."""
        context.width, context.height = self.width, self.height
        context.pix_fmt = self.pixels
        context.time_base = self.time_base
        context.framerate = self.rate
        if self.sample_aspect is not None:
            context.sample_aspect_ratio = self.sample_aspect
        context.color_primaries, context.color_trc = self.colour.primaries, self.colour.transfer
        context.colorspace = self.colour.matrix
        if self.colour.full_range is not None:
            context.color_range = _FULL if self.colour.full_range else _LIMITED
        options = dict(OPTIONS.get(self.name, {}).get(self.quality, {}))
        if self.fields and self.name == "libx264":
            options["x264-params"] = "tff=1" if self.fields == "top" else "bff=1"
        context.options = options
        if self.name in BY_BIT_RATE or self.name not in OPTIONS:
            context.bit_rate = int(self.width * self.height * float(self.rate) * BITS_PER_PIXEL[self.quality])


def plan_encoder(
    width: int,
    height: int,
    facts: StreamFacts,
    container: ContainerKind = MP4,
    options: VideoOptions | None = None,
    conversion: FrameConversion = UNCHANGED,
) -> EncoderPlan:
    """Pick the encoder for upright frames of ``width`` x ``height`` px.

    Args:
        width: Pixels.
        height: Pixels.
        facts: Properties of the source.
        container: It is for.
        options: The user's choices.
        conversion: What was done to the stored frames.

    Raises:
        AppError: None opens at this size, or not the one asked for.
    """
    options = options or VideoOptions()
    aspect = _pixel_shape(facts.sample_aspect, conversion.turned)
    stretched = container is WEBM and aspect is not None and aspect != 1
    if stretched and aspect is not None:
        width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        aspect = None
    has_whole_fields = (height + height % 2) % 4 == 0  # each field has whole lines of chroma
    wanted = EncoderPlan(
        name="",
        quality=options.quality,
        width=width + width % 2,
        height=height + height % 2,
        time_base=facts.time_base,
        rate=facts.rate or Fraction(25),
        sample_aspect=aspect,
        colour=BT709 if conversion.curve else facts.colour,
        stretched=stretched,
        fields=conversion.fields if has_whole_fields and not conversion.turned else "",
    )
    names = ENCODERS[container] if options.encoder == AUTO else (options.encoder,)
    for name in names:
        plan = _adapted(wanted, name)
        if _opens(plan):
            return plan
    if options.encoder != AUTO:
        raise AppError(f"The encoder {options.encoder} does not open here.", "Leave the choice to the program.")
    raise AppError(f"No video encoder opens for {width} x {height} pixels.", "Write data files alone instead.")


def _pixel_shape(stored: Fraction | None, turned: bool) -> Fraction | None:
    """Width of an upright pixel over its height; None where the file does not say, or something absurd."""
    if stored is None or not Fraction(1, 16) <= stored <= 16:
        return None
    return 1 / stored if turned else stored


def encoder_opens(name: str) -> bool:
    """Returns whether this computer can use the encoder."""
    return _opens(
        _adapted(EncoderPlan(name, "good", 320, 240, Fraction(1, 30), Fraction(30), None, ColourTags()), name)
    )


def _adapted(plan: EncoderPlan, name: str) -> EncoderPlan:
    time_base = plan.time_base
    if name == "mpeg4":  # MPEG-4 part 2 cannot count finer than 65535 ticks a second.
        time_base = max(time_base, Fraction(1, 60_000))
    return replace(plan, name=name, time_base=time_base)


def _opens(plan: EncoderPlan) -> bool:
    try:
        context = av.CodecContext.create(plan.name, "w")
        if not isinstance(context, av.VideoCodecContext):
            return False
        plan.apply(context)
        with usual_priority():
            context.open()
    except (av.FFmpegError, ValueError, OSError) as error:
        log.info("%s does not open: %s", plan.name, error)
        return False
    return True


def to_video_frame(image: ImageBGR, plan: EncoderPlan, convert: VideoReformatter) -> av.VideoFrame:
    """UInt8[H, W, 3] BGR as the encoder wants it: even size (last row or column repeated), its matrix and range.

    Args:
        image: The frame.
        plan: The encoder's.
        convert: The same for every frame of a file: one of its own would start threads for each.
    """
    height, width = image.shape[:2]
    bottom, right = plan.height - height, plan.width - width
    if 0 <= bottom <= 1 and 0 <= right <= 1:
        image = _bordered(image, bottom, right) if bottom or right else image
    else:  # made square
        way = cv2.INTER_AREA if plan.width < width else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, (plan.width, plan.height), interpolation=way), np.uint8)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
    return convert.reformat(
        frame,
        format=plan.pixels,
        dst_colorspace=_SWS_MATRIX.get(plan.colour.matrix, 5),
        dst_color_range=_FULL if plan.colour.full_range else _LIMITED,
    )


def _bordered(image: ImageBGR, bottom: int, right: int) -> ImageBGR:
    return np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
