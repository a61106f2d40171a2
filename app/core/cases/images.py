"""Clips, snapshots and the heat map of events: frames of the video, read a second time. Any one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from app.core.errors import AppError
from app.core.events.answer import Answer, SourceAnswer
from app.core.events.event import Event
from app.core.frames import ImageBGR
from app.core.highlights.file_names import file_part
from app.core.highlights.reread import FrameRereader
from app.core.muxing.video_file import VideoFile
from app.core.muxing.video_options import VideoOptions
from app.core.overlay_array import ArrayPainter
from app.core.settings import OverlaySettings
from app.core.sources.image_sequence import open_frames
from detector.detections import Detections

_HEAT_SIDE = 96  # cells along the longer side of the frame
_FAINT_S = 0.02
_ONLY_FRAME_S = Fraction(1, 25)
_MOST_S = 1.0  # a sighting stands for the time to the next one, at most this


@dataclass(frozen=True, slots=True)
class Look:
    """The look of clips and snapshots.

    Attributes:
        before_s: Seconds a clip begins before its event.
        after_s: Seconds it goes on after it.
        overlay: How boxes look.
        video: How the video is read, and clips are written.
    """

    before_s: Fraction = Fraction(2)
    after_s: Fraction = Fraction(2)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    video: VideoOptions = field(default_factory=VideoOptions)


def file_name(source: SourceAnswer, event: Event, ending: str) -> str:
    """A name that no other event of the answer has, whatever the video and the class are called."""
    return f"{source.number(event):05d}.{file_part(source.path.stem)}.{file_part(event.label)}{ending}"


def write_clip(target: Path, source: SourceAnswer, event: Event, look: Look, check: Callable[[], None]) -> None:
    """Cuts the frames of an event out of its video, with their sound, and paints its box.

    Args:
        target: The file, an MP4.
        source: Video and sightings.
        event: The event.
        look: How much before and after, and how it looks.
        check: Called before each frame; may raise to stop.

    Raises:
        AppError: The video was changed or cannot be read, or the file cannot be written.
    """
    times = source.seen.pts_s
    first, last = int(event.frames[0]), int(event.frames[-1])
    begin = next(i for i in range(first + 1) if times[i] >= times[first] - look.before_s)
    end = next((i for i in range(last, len(times)) if times[i] > times[last] + look.after_s), len(times))
    last_lasts = times[-1] - times[-2] if len(times) > 1 else _ONLY_FRAME_S
    end_s = times[end] if end < len(times) else times[-1] + last_lasts
    rows = {frame: row for row, frame in enumerate(event.frames.tolist())}
    painter = ArrayPainter()
    reader, start_s = _reader(source, look, check)
    video: VideoFile | None = None
    try:
        video = VideoFile(source.path, target, start_s, None, look.video, clip_from_s=start_s + times[begin])
        for index in range(begin, end):
            frame = reader.frame(index, times[index])
            row = rows.get(index)
            if row is not None:
                found = _as_detections(event, row)
                frame = painter.annotated(frame, found, source.facts.labels, look.overlay, (event.tracker_id,))
            video.write(frame)
        video.complete(start_s + end_s)
        video.finish()
    except BaseException:
        if video is not None:
            video.discard()
        raise
    finally:
        reader.close()


def snapshots(source: SourceAnswer, look: Look, save: Callable[[str, bytes], None], check: Callable[[], None]) -> None:
    """Saves the best frame of each event, with its box and clean.

    Args:
        source: Video and events.
        look: How boxes look.
        save: Given a file name and the PNG.
        check: Called before each frame; may raise to stop.

    Raises:
        AppError: The video was changed or cannot be read.
    """
    painter = ArrayPainter()
    reader, _ = _reader(source, look, check)
    try:
        image: ImageBGR | None = None
        shown = -1
        for event in sorted(source.events, key=lambda event: int(event.frames[event.best])):
            index = int(event.frames[event.best])
            if image is None or index != shown:
                image, shown = reader.frame(index, source.seen.pts_s[index]).image_bgr, index
            painted = np.array(image, order="C")
            found = _as_detections(event, event.best)
            painter.annotate(painted, found, source.facts.labels, look.overlay, (event.tracker_id,))
            save(file_name(source, event, ".png"), png_of(painted))
            save(file_name(source, event, "-clean.png"), png_of(image))
    finally:
        reader.close()


def heatmap_png(answer: Answer, look: Look, check: Callable[[], None]) -> bytes:
    """Draws how long objects stood where, as a heat map over the first frame of the first video.

    Args:
        answer: The events.
        look: How the video is read.
        check: Called before each frame; may raise to stop.

    Raises:
        AppError: There is no frame, or the video cannot be read.
    """
    image = first_frame(answer.sources[0], look, check)
    height, width = image.shape[:2]
    cells = np.maximum(np.array([height, width]) * _HEAT_SIDE // max(height, width), 1)
    seconds = heat([event for _, event in answer.each()], (int(cells[0]), int(cells[1])))
    smooth = cv2.GaussianBlur(seconds, (0, 0), 1.2)
    strength = np.log1p(smooth / _FAINT_S)  # or who stands still outshines all paths
    share = strength / max(float(strength.max()), 1e-9)
    large = np.clip(cv2.resize(share.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    colours = cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    weight = (0.75 * np.sqrt(large))[..., None]
    return png_of((image * (1 - weight) + colours * weight).astype(np.uint8))


def first_frame(source: SourceAnswer, look: Look, check: Callable[[], None]) -> ImageBGR:
    """The first frame of a video; arguments and errors as for ``heatmap_png``."""
    if not source.seen.pts_s:
        raise AppError(f"{source.path.name} has no frames.")
    reader, _ = _reader(source, look, check)
    try:
        return reader.frame(0, source.seen.pts_s[0]).image_bgr
    finally:
        reader.close()


def heat(events: Sequence[Event], cells: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Float32[cells]: seconds that anchors spent in each part of the frame, rows from the top."""
    total = np.zeros(cells, np.float32)
    for event in events:
        stays = np.minimum(np.diff(event.times_s, append=event.times_s[-1:]), _MOST_S)
        places = np.minimum((event.anchors[:, ::-1] * cells).astype(np.intp), np.array(cells) - 1)
        np.add.at(total, (places[:, 0], places[:, 1]), stays.astype(np.float32))
    return total


def png_of(image: ImageBGR) -> bytes:
    """The image as PNG.

    Raises:
        AppError: It cannot be encoded.
    """
    done, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise AppError("A frame cannot be saved as PNG.")
    return data.tobytes()


def _reader(source: SourceAnswer, look: Look, check: Callable[[], None]) -> tuple[FrameRereader, Fraction]:
    """Reads frames of the video again; and the container time of its first frame."""
    open_source = partial(open_frames, source.path, look.video.deinterlace, look.video.images_per_s)
    probe = open_source()
    try:
        start_s = probe.start_s
    finally:
        probe.close()
    return FrameRereader(open_source, check), start_s


def _as_detections(event: Event, row: int) -> Detections:
    ids = np.array([event.class_id], np.int32)
    return Detections(event.boxes_xyxy[row : row + 1].copy(), event.scores[row : row + 1].copy(), ids)
