"""Snapshots: the image on screen as two PNG files, clean and with its boxes. Runs on a worker; writes atomically."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from app.core.errors import AppError
from app.core.files.atomic_file import write_atomically
from app.core.files.write_errors import explain_write_error
from app.core.frames import FrameResult, ImageBGR
from app.core.overlay_array import ArrayPainter
from app.core.settings import OverlaySettings
from detector.detections import Detections


def snapshot_names(folder: Path, source: str, moment: datetime) -> tuple[Path, Path]:
    """Annotated and clean file, named by source and time, neither of which exists yet."""
    stem = re.sub(r"[^\w.-]+", "-", Path(source).stem or source).strip("-.")[:40] or "snapshot"
    base = f"{stem}-{moment:%Y%m%d-%H%M%S}"
    count = 1
    while True:
        name = base if count == 1 else f"{base}-{count}"
        annotated, clean = folder / f"{name}.png", folder / f"{name}-clean.png"
        if not annotated.exists() and not clean.exists():
            return annotated, clean
        count += 1


def save_snapshot(
    result: FrameResult, detections: Detections, look: OverlaySettings, folder: Path, source: str
) -> tuple[Path, Path]:
    """Write both images.

    Args:
        result: The image on screen.
        detections: What is shown of it.
        look: How boxes look.
        folder: Created if missing.
        source: Name of the source, for the file names.

    Returns:
        Paths of the annotated and the clean PNG.

    Raises:
        AppError: The folder cannot be made or written; no file is left half-written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write_error(error, folder) from error
    annotated_path, clean_path = snapshot_names(folder, source, datetime.now())
    annotated: ImageBGR = np.array(result.frame.image_bgr, order="C")
    ArrayPainter().annotate(annotated, detections, result.labels, look)
    _write_png(clean_path, result.frame.image_bgr)
    _write_png(annotated_path, annotated)
    return annotated_path, clean_path


def _write_png(path: Path, image_bgr: ImageBGR) -> None:
    done, data = cv2.imencode(".png", image_bgr, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise AppError(f"{path.name} could not be encoded as PNG.")
    write_atomically(path, data.tobytes())
