"""Images to calibrate and compare on: the user's own, from a folder or a video, or drawn ones. For workers.

They are kept at the network's input size, which is all that is looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.optimise.drawings import drawn_frames
from app.core.sources.images import list_images, read_image
from app.core.sources.video import VideoReader
from detector.runtime.calibrate import HELD_OUT, MOST, Frames
from detector.runtime.format_measurements import DRAWN
from detector.runtime.other_process import WorkStoppedError
from detector.spec import InputSpec

MIN_FRAMES = 10
"""Fewer tell nothing about the values a network meets."""
_ENOUGH = 60  # for a network with a large input, where each takes long
_PIXELS = MOST * 300 * 300
_SEEK_FROM = 6000  # frames; a longer video is sought through instead of decoded from end to end

OnRead = Callable[[int, int], None]


def calibration_frames(
    source: Path | None, spec: InputSpec, on_read: OnRead, stop: threading.Event, max_frames: int = MOST
) -> Frames:
    """Collect them.

    Args:
        source: A folder of images or a video; None for drawn images.
        spec: The input convention of the model.
        on_read: Told how many there are so far, and how many there will be at most.
        stop: Set to give up.
        max_frames: So many at most; of a network with a large input fewer.

    Raises:
        AppError: There is nothing that can be read, or not enough.
        WorkStoppedError: ``stop`` was set.
    """
    max_frames = min(max_frames, max(_ENOUGH, _PIXELS // (spec.width * spec.height)))
    if source is None:
        total, source_images, origin = max_frames, drawn_frames(max_frames, spec.width, spec.height), DRAWN
    else:
        total, source_images = _of_folder(source, max_frames) if source.is_dir() else _of_video(source, max_frames)
        origin = source.name or str(source)
    size = (spec.width, spec.height)
    images: list[ImageBGR] = []
    for image in islice(source_images, max_frames):
        if stop.is_set():
            raise WorkStoppedError("It was stopped.")
        shrinks = spec.smooth and image.shape[0] > spec.height
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        images.append(np.asarray(scaled, np.uint8))
        on_read(len(images), max(total, len(images)))
    if len(images) < MIN_FRAMES:
        raise AppError(
            f"{origin} holds {len(images)} images that can be read; {MIN_FRAMES} are the least to calibrate on.",
            f"Name a folder of images or a video with more; {MOST} are plenty.",
        )
    return Frames(np.stack(images), max(MIN_FRAMES // 2, len(images) // HELD_OUT), origin)


def _of_folder(folder: Path, max_frames: int) -> tuple[int, Iterator[ImageBGR]]:
    paths = list_images(folder)
    chosen = [
        paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(max_frames, len(paths))).round().astype(int))
    ]

    def images() -> Iterator[ImageBGR]:
        for path in chosen:
            try:
                yield read_image(path)
            except AppError:
                continue  # what is left is counted

    return len(chosen), images()


def _of_video(path: Path, max_frames: int) -> tuple[int, Iterator[ImageBGR]]:
    reader = VideoReader(path)  # says what is wrong with it
    count, duration = reader.info.frame_count, reader.info.duration_s

    def images() -> Iterator[ImageBGR]:
        try:
            if count is not None and count > _SEEK_FROM and duration is not None:
                yield from _seek_evenly(reader, Fraction(duration), max_frames)
                return
            step = max(1, (count or 0) // max_frames)
            number = 0
            while (frame := reader.read_frame()) is not None:
                if number % step == 0:
                    yield frame.image_bgr
                number += 1
        finally:
            reader.close()

    return min(max_frames, count or max_frames), images()


def _seek_evenly(reader: VideoReader, duration_s: Fraction, max_frames: int) -> Iterator[ImageBGR]:
    for number in range(max_frames):
        reader.seek(duration_s * number / max_frames)
        frame = reader.read_frame()
        if frame is not None:
            yield frame.image_bgr
