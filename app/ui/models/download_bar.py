"""FetchProgress of a download, and the button that stops it. GUI thread."""

from __future__ import annotations

from app.core.files.disk import size_text
from app.ui.models.work_bar import STEPS, WorkBar
from app.ui.services.download_runner import DownloadRunner, FetchProgress
from app.ui.widgets.quantity_text import wait_text


def progress_text(progress: FetchProgress | None) -> str:
    """Returns text such as "43.1 of 142.6 MB  ·  2.3 MB/s  ·  40 s left"."""
    if progress is None:
        return "Starting…"
    if _is_whole(progress):
        return "Checking and adding it to the library…"
    done, total, speed = progress.done_bytes, progress.total_bytes, progress.bytes_per_s
    parts = [f"{size_text(done)} of {size_text(total)}" if total else size_text(done)]
    if speed > 0:
        parts.append(f"{size_text(round(speed))}/s")
        if total:
            parts.append(f"{wait_text((total - done) / speed)} left")
    return "  ·  ".join(parts)


def _is_whole(progress: FetchProgress) -> bool:
    """Returns whether all of it has come; what follows is short and cannot be half done."""
    return bool(progress.total_bytes) and progress.done_bytes >= (progress.total_bytes or 0)


class DownloadBar(WorkBar):
    """Shown while a model is fetched."""

    def __init__(self) -> None:
        super().__init__("Download")

    def show_state(self, name: str, downloads: DownloadRunner) -> None:
        """Show how far the download of ``name`` is; hidden while there is none."""
        self.setVisible(downloads.is_running(name))
        if not downloads.is_running(name):
            return
        progress = downloads.progress(name)
        stopping = downloads.is_stopping(name)
        self.button.setEnabled(not stopping and not (progress is not None and _is_whole(progress)))
        self.button.setAccessibleName(f"Cancel the download of {name}")
        self.line.setText("Stopping…" if stopping else progress_text(progress))
        if progress is not None and progress.total_bytes:
            self.bar.setRange(0, STEPS)
            self.bar.setValue(min(STEPS, round(progress.done_bytes / progress.total_bytes * STEPS)))
        else:
            self.bar.setRange(0, 0)
