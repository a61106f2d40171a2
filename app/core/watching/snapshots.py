"""The picture of an event: the frame that made it one, with its boxes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.core.errors import AppError
from app.core.files.atomic_file import write_atomically
from app.core.frames import FrameResult
from app.core.highlights.file_names import file_part
from app.core.recording.drawn import DrawnFrames
from app.core.recording.folder import recording_stem, signed_jpeg
from detector.detections import Detections

_QUALITY = 90


def save_event_snapshot(
    folder: Path, source: str, label: str, result: FrameResult, shown: Detections, frames: DrawnFrames
) -> Path:
    """Writes a JPEG and returns its path.

    Raises:
        AppError: It cannot be written.
    """
    import cv2

    done, data = cv2.imencode(".jpg", frames.draw(result, shown), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise AppError("The picture of an event cannot be encoded.")
    path = recording_stem(folder, f"{source}-{file_part(label)}-snapshot", datetime.now())
    path = path.with_name(f"{path.name}.jpg")
    write_atomically(path, signed_jpeg(data.tobytes()))
    return path
