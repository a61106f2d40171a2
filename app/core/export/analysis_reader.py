"""Frames of a video that is only analysed: a graphics card decodes them where that is right and faster.

They never come to the host then, but for the small grey copies by which motion and cuts are found. Owned by
``ssdv-export-read``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import AppError
from app.core.export.card_trial import FRAMES, try_card
from app.core.export.source_facts import open_export_source
from app.core.file_types import is_sequence
from app.core.frames import DecodedFrame, FrameConversion, ImageBGR, SourceInfo
from app.core.highlights.reread import FrameRereader
from app.core.sources.card import Card, CardLostError, CardReader
from app.core.sources.image_sequence import FrameReader
from app.core.sources.video import VideoReader
from detector.runtime.devices import wants_cuda

if TYPE_CHECKING:
    from app.core.export.request import ExportRequest

log = logging.getLogger(__name__)

_LEAST_FRAMES = 20 * FRAMES  # of a video: for fewer the trial would take too much of the time


def may_use_card(request: ExportRequest) -> bool:
    """Returns whether a card may decode: detections are all that is wanted, and a card may run the model."""
    only_detections = request.analysis is not None and request.cache != "only"
    plain = not request.video.deinterlace and not is_sequence(request.source)
    return only_detections and plain and wants_cuda(request.model.device)


def open_analysis_source(request: ExportRequest, place: str, check: Callable[[], None]) -> FrameReader:
    """The reader of what is to be analysed.

    Args:
        request: One that ``may_use_card``.
        place: Where the detector runs, as torch says it, e.g. "cuda:0"; "" for not by torch on an NVIDIA card.
        check: Called before each frame that is read for nothing; may raise to stop.

    Raises:
        AppError: It cannot be read.
    """
    reader = open_export_source(request)
    if not place or (reader.info.frames_expected or 0) < _LEAST_FRAMES:
        return reader
    reader.close()
    try:
        import torch

        card = Card(torch.device(place))
        trial = try_card(request.source, card, check)
        log.info("%s on %s: %s", request.source.name, place, trial)
        if not trial.refusal:
            return AnalysisReader(request.source, card, check)
    except RuntimeError as error:
        log.info("%s does not decode: %s", place, error)
    return open_export_source(request)


class AnalysisReader:
    """A ``FrameReader``: a card decodes as long as it can, and the processor from the frame on with which it cannot.

    Args:
        path: A video file.
        card: Decodes.
        check: As for ``open_analysis_source``.

    Raises:
        AppError: It cannot be read.
    """

    def __init__(self, path: Path, card: Card, check: Callable[[], None] = lambda: None) -> None:
        self._path, self._check = path, check
        self._reader = self._opened(card)
        self.info: SourceInfo = self._reader.info
        self.start_s, self.lead_s = self._reader.start_s, self._reader.lead_s
        self.conversion: FrameConversion = self._reader.conversion
        self._notes: tuple[str, ...] = ()
        self._count = 0
        self._last_s: Fraction | None = None

    def _opened(self, card: Card) -> VideoReader:
        try:
            return CardReader(self._path, card, self._again)
        except (AppError, RuntimeError) as error:
            log.info("%s: %s", self._path.name, error)
            return VideoReader(self._path)

    @property
    def broken_packets(self) -> int:
        """See ``FrameReader``."""
        return self._reader.broken_packets

    @property
    def is_incomplete(self) -> bool:
        """See ``FrameReader``."""
        return self._reader.is_incomplete

    def read_frame(self) -> DecodedFrame | None:
        """Returns the next frame; None at the end."""
        frame = self._next()
        if frame is None:
            return None
        frame = replace(frame, index=self._count)
        self._count, self._last_s = self._count + 1, frame.pts_s
        return frame

    def _next(self) -> DecodedFrame | None:
        if not isinstance(self._reader, CardReader):
            return self._reader.read_frame()
        try:
            frame = self._reader.read_frame()
        except CardLostError as error:
            log.info("%s: %s", self._path.name, error)
        else:
            if not self._reader.broken_packets:
                return frame
        return self._go_over()

    def _go_over(self) -> DecodedFrame | None:
        """Read on by the processor, from the start: so its frames and times are those of any other export."""
        self._reader.close()
        self._reader = VideoReader(self._path)
        self._notes = (f"{self._path.name}: the graphics card could not decode all of it; the processor did the rest.",)
        while (frame := self._reader.read_frame()) is not None:
            self._check()
            if self._last_s is None or frame.pts_s > self._last_s:
                break
        return frame

    def _again(self, index: int, pts_s: Fraction) -> ImageBGR:
        """A frame that was lost with the card; on any thread."""
        again = FrameRereader(lambda: VideoReader(self._path))
        try:
            return again.frame(index, pts_s).image_bgr
        finally:
            again.close()

    def take_notes(self) -> tuple[str, ...]:
        """See ``FrameReader``."""
        notes, self._notes = self._notes, ()
        return (*notes, *self._reader.take_notes())

    def close(self) -> None:
        """See ``FrameReader``."""
        self._reader.close()
