"""Exports that paint nothing: what is coded into the frames of ``media`` can be read from the copy."""

from __future__ import annotations

from pathlib import Path

from app.core.export.job import ExportJob
from app.core.export.request import ExportReport, ExportRequest
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings
from tests.support.steady_detector import open_fake

BARE = DetectionSettings(threshold=1.0)


def bare(source: Path, output: Path, **options: object) -> ExportReport:
    """Export ``source`` to ``output`` without boxes and without a cache; ``options`` are those of ``VideoOptions``."""
    video = VideoOptions(**options)  # type: ignore[arg-type] # passed on as they are
    request = ExportRequest(source, output, detection=BARE, video=video, cache="drop")
    return ExportJob(request, open_detector=open_fake).run()
