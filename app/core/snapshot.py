"""Snapshots: the image on screen as PNG, clean and with its boxes, and the boxes as data. On a worker; atomic."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from app.core.errors import AppError
from app.core.files.atomic_file import write_atomically
from app.core.files.write_errors import explain_write_error
from app.core.frames import Frame, FrameResult, ImageBGR, crop_of
from app.core.overlay_array import ArrayPainter
from app.core.records.frame_record import as_dicts
from app.core.settings import OverlaySettings
from detector.detections import Detections


@dataclass(frozen=True, slots=True)
class SnapshotFiles:
    """The files of one snapshot.

    Attributes:
        annotated: PNG with boxes.
        clean: PNG without.
        data: JSON: what the boxes are, which the network found in this frame and which motion brought.
    """

    annotated: Path
    clean: Path
    data: Path


def snapshot_files(folder: Path, source: str, moment: datetime) -> SnapshotFiles:
    """Paths named by source and time, none of which exists yet."""
    base = f"{_stem(source)}-{moment:%Y%m%d-%H%M%S}"
    count = 1
    while True:
        name = base if count == 1 else f"{base}-{count}"
        files = SnapshotFiles(folder / f"{name}.png", folder / f"{name}-clean.png", folder / f"{name}.json")
        if not any(path.exists() for path in (files.annotated, files.clean, files.data)):
            return files
        count += 1


def save_snapshot(
    result: FrameResult, rows: Sequence[int], look: OverlaySettings, folder: Path, source: str
) -> SnapshotFiles:
    """Write the images and what is shown in them.

    Args:
        result: The image on screen.
        rows: The candidates that are shown, best first.
        look: How boxes look.
        folder: Created if missing.
        source: Name of the source, for the file names.

    Returns:
        The files, all of which are there.

    Raises:
        AppError: The folder cannot be made or written; no file is left half-written.
    """
    _make(folder)
    files = snapshot_files(folder, source, datetime.now())
    found = result.candidates.pick(np.array(rows, np.intp)) if result.candidates is not None else Detections.empty()
    tracks = [result.numbers[row] for row in rows] if result.numbers else [None] * len(rows)
    unseen_s = [result.unseen_s(row) for row in rows]
    annotated: ImageBGR = np.array(result.frame.image_bgr, order="C")
    ArrayPainter().annotate(annotated, found, result.labels, look, tracks, unseen_s)
    contents = {
        files.data: _as_json(result, found, tracks, unseen_s),
        files.clean: _as_png(files.clean, result.frame.image_bgr),
        files.annotated: _as_png(files.annotated, annotated),
    }
    for path, content in contents.items():
        write_atomically(path, content)
    return files


def save_crop(frame: Frame, box: tuple[float, ...], label: str, folder: Path, source: str) -> Path:
    """Write what is in a box, without its outline, as PNG.

    Args:
        frame: The frame.
        box: x1, y1, x2, y2 in its pixels.
        label: Class of what is in it, for the file name.
        folder: Created if missing.
        source: Name of the source, likewise.

    Raises:
        AppError: As ``save_snapshot``.
    """
    _make(folder)
    x1, y1, x2, y2 = crop_of(frame, box)
    path = snapshot_files(folder, f"{_stem(source)[:24]}-{label}", datetime.now()).annotated
    write_atomically(path, _as_png(path, np.ascontiguousarray(frame.image_bgr[y1:y2, x1:x2])))
    return path


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, folder) from error


def _stem(source: str) -> str:
    return re.sub(r"[^\w.-]+", "-", Path(source).stem or source).strip("-.")[:40] or "snapshot"


def _as_json(result: FrameResult, found: Detections, tracks: Sequence[int | None], unseen_s: Sequence[float]) -> bytes:
    """The detections as ``.jsonl`` files have them, and what the frame is."""
    frame = result.frame
    detections = as_dicts(found, result.labels)
    for detection, track, unseen in zip(detections, tracks, unseen_s, strict=True):
        detection |= {"track": track, "followed": result.followed}
        if unseen > 0:
            detection["unseen"] = round(unseen, 3)
    described = {
        "frame": frame.index,
        "time": None if frame.pts_s is None else float(frame.pts_s),
        "width": frame.width,
        "height": frame.height,
        "model": result.model,
        "detections": detections,
    }
    return json.dumps(described, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"


def _as_png(path: Path, image_bgr: ImageBGR) -> bytes:
    done, data = cv2.imencode(".png", image_bgr, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise AppError(f"{path.name} could not be encoded as PNG.")
    return data.tobytes()
