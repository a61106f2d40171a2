"""A short trial: is a video's beginning the same where a card decodes it, and sooner there? On the reading thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.core.errors import AppError
from app.core.frames import DecodedFrame, ImageBGR
from app.core.motion.likeness import small_copy
from app.core.motion.stillness import Gray
from app.core.sources.card import Card, CardLostError, CardReader
from app.core.sources.image_sequence import FrameReader
from app.core.sources.video import VideoReader
from detector.runtime.base import DeviceFrame

FRAMES = 120
"""Decoded both ways."""
_COMPARED = (0, 1, FRAMES // 2, FRAMES - 1)
_MOST_OFF = 2.0  # grey levels, mean of a frame: right ones differ by less than one, by another matrix by five


@dataclass(frozen=True, slots=True)
class CardTrial:
    """The outcome for one video.

    Attributes:
        host_fps: Frames a second by the processor, each with its small grey copy; 0 where that was not measured.
        card_fps: ... and by the card.
        off: Grey levels between both, mean of the worst frame: small and grey all of them, whole and in colour some.
        refusal: Why the card is not used; "" where it is.
    """

    host_fps: float = 0.0
    card_fps: float = 0.0
    off: float = 0.0
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The first frames: their times, all of them small, some whole, frames a second, whether all could be decoded."""

    times: tuple[Fraction, ...]
    small: tuple[Gray, ...]
    kept: tuple[DecodedFrame, ...]
    fps: float
    is_sound: bool


def try_card(path: Path, card: Card, check: Callable[[], None] = lambda: None) -> CardTrial:
    """Decodes the beginning of a video both ways, and compares.

    Args:
        path: The video.
        card: What may decode it.
        check: Called now and then; may raise to stop.

    Raises:
        AppError: The processor cannot read it either.
    """
    check()
    host = _beginning(lambda: VideoReader(path))
    check()
    try:
        return _compared(host, _beginning(lambda: CardReader(path, card, _lost)))
    except (AppError, CardLostError, RuntimeError) as error:
        return CardTrial(host.fps, refusal=f"{type(error).__name__}: {error}")


def _compared(host: _Beginning, there: _Beginning) -> CardTrial:
    trial = CardTrial(host.fps, there.fps)
    if not all(isinstance(frame.image, DeviceFrame) for frame in there.kept):
        return replace(trial, refusal="frames do not stay on the card")
    if not there.is_sound or there.times != host.times:
        return replace(trial, refusal="other frames come from the card")
    whole = [(one.image_bgr, two.image_bgr) for one, two in zip(host.kept, there.kept, strict=True)]
    trial = replace(trial, off=max(_off(*both) for both in (*whole, *zip(host.small, there.small, strict=True))))
    if trial.off > _MOST_OFF:
        return replace(trial, refusal="frames look different from the card")
    return trial if there.fps > host.fps else replace(trial, refusal="the processor is faster")


def _lost(index: int, _pts_s: Fraction) -> ImageBGR:
    raise CardLostError(f"frame {index} cannot be fetched")


def _beginning(open_reader: Callable[[], FrameReader]) -> _Beginning:
    """Opens, reads and closes. The clock starts behind the first frame, with which a decoder gets ready."""
    reader = open_reader()
    try:
        times: list[Fraction] = []
        small: list[Gray] = []
        kept: list[DecodedFrame] = []
        begun = time.perf_counter()
        while len(times) < FRAMES and (frame := reader.read_frame()) is not None:
            if len(times) in _COMPARED:
                kept.append(frame)
            times.append(frame.pts_s)
            small.append(small_copy(frame.image))
            if len(times) == 1:
                begun = time.perf_counter()
        fps = (len(times) - 1) / max(time.perf_counter() - begun, 1e-6)
        return _Beginning(tuple(times), tuple(small), tuple(kept), fps, reader.broken_packets == 0)
    finally:
        reader.close()


def _off(one: npt.NDArray[np.uint8], two: npt.NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - two).mean()) if one.shape == two.shape else 255.0
