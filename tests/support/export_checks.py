"""An export with a data file, what it left, and how it failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportRequest


def files(folder: Path) -> set[str]:
    """The names of all files below ``folder``."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def request_for(source: Path, folder: Path) -> ExportRequest:
    """A video and a data file."""
    return ExportRequest(source, folder / "out.mp4", (DataFile(folder / "out.jsonl", "jsonl"),))


def fails(job: ExportJob, said: str, kind: type[Exception] = AppError) -> None:
    """Run ``job``, which has to fail with one line that matches ``said``."""
    with pytest.raises(kind, match=said) as caught:
        job.run()
    assert "\n" not in str(caught.value)
