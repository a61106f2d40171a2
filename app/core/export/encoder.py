"""Pictures to H.264: the first encoder that opens, the source's clock, pixel shape and colour tags.

Owned by ``ssdv-export-write``. Pictures arrive upright and in order; packets leave with exact times.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from app.core.errors import AppError
from app.core.export.stream_facts import ColourTags, StreamFacts
from app.core.frames import ImageBGR

log = logging.getLogger(__name__)

# Best first. Those after libx264 are for builds of FFmpeg without it; hardware ones fail to open without their device.
ENCODERS = ("libx264", "libopenh264", "h264_nvenc", "h264_videotoolbox", "h264_mf", "h264_qsv", "h264_amf", "mpeg4")
OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "h264_nvenc": {"rc": "vbr", "cq": "23"},
    "mpeg4": {"qscale": "3", "flags": "+qscale", "global_quality": str(3 * 118)},
}
_BITS_PER_PIXEL = 0.15  # for encoders without a quality setting

# AVCOL_SPC_* -> swscale's number for the same matrix; its default, 5, is BT.601.
_SWS_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_LIMITED, _FULL = 1, 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an encoder is opened with.

    Attributes:
        name: FFmpeg's name of the encoder.
        width: Pixels, even.
        height: Pixels, even.
        time_base: Seconds per tick.
        rate: Nominal frames per second.
        sample_aspect: Pixel width over height, upright; None when unknown.
        colour: Tags.
    """

    name: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    sample_aspect: Fraction | None
    colour: ColourTags

    def apply(self, context: av.VideoCodecContext) -> None:
        """Set up an encoder that is not open yet."""
        context.width, context.height = self.width, self.height
        context.pix_fmt = "yuv420p"
        context.time_base = self.time_base
        context.framerate = self.rate
        if self.sample_aspect is not None:
            context.sample_aspect_ratio = self.sample_aspect
        context.color_primaries, context.color_trc = self.colour.primaries, self.colour.transfer
        context.colorspace = self.colour.matrix
        if self.colour.full_range is not None:
            context.color_range = _FULL if self.colour.full_range else _LIMITED
        if self.name in OPTIONS:
            context.options = dict(OPTIONS[self.name])
        else:
            context.bit_rate = int(self.width * self.height * float(self.rate) * _BITS_PER_PIXEL)


def plan_encoder(width: int, height: int, facts: StreamFacts) -> Plan:
    """Pick the encoder for upright pictures of ``width`` x ``height`` px.

    Raises:
        AppError: None opens at this size.
    """
    if min(width, height) < 2:
        raise AppError(f"The picture is {width} x {height} pixels, too small for a video.", "Choose another file.")
    turned = (width > height) != (facts.stored_size[0] > facts.stored_size[1])
    for name in ENCODERS:
        plan = Plan(
            name=name,
            width=width + width % 2,
            height=height + height % 2,
            # MPEG-4 part 2 cannot count finer than 65535 ticks a second.
            time_base=facts.time_base if name != "mpeg4" else max(facts.time_base, Fraction(1, 60_000)),
            rate=facts.rate or Fraction(25),
            sample_aspect=1 / facts.sample_aspect if turned and facts.sample_aspect else facts.sample_aspect,
            colour=facts.colour,
        )
        if _opens(plan):
            return plan
    raise AppError(f"No video encoder opens for {width} x {height} pixels.", "Write data files alone instead.")


def encoder_opens(name: str) -> bool:
    """Whether this computer can use the encoder."""
    facts = StreamFacts(Fraction(1, 30), Fraction(0), None, None, None, (320, 240), ColourTags())
    return _opens(Plan(name, 320, 240, facts.time_base, Fraction(30), None, facts.colour))


def _opens(plan: Plan) -> bool:
    try:
        context = av.CodecContext.create(plan.name, "w")
        assert isinstance(context, av.VideoCodecContext)
        plan.apply(context)
        context.open()
    except (av.FFmpegError, ValueError, OSError) as error:
        log.info("%s does not open: %s", plan.name, error)
        return False
    return True


def to_video_frame(image: ImageBGR, plan: Plan) -> av.VideoFrame:
    """UInt8[H, W, 3] BGR as the encoder wants it: even size (last row or column repeated), its matrix and range."""
    height, width = image.shape[:2]
    bottom, right = plan.height - height, plan.width - width
    if 0 <= bottom <= 1 and 0 <= right <= 1:
        image = _bordered(image, bottom, right) if bottom or right else image
    else:  # the stream changed its size midway
        image = np.asarray(cv2.resize(image, (plan.width, plan.height), interpolation=cv2.INTER_AREA), np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
    return frame.reformat(
        format="yuv420p",
        dst_colorspace=_SWS_MATRIX.get(plan.colour.matrix, 5),
        dst_color_range=_FULL if plan.colour.full_range else _LIMITED,
    )


def _bordered(image: ImageBGR, bottom: int, right: int) -> ImageBGR:
    return np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
