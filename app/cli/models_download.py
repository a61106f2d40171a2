"""``ssd-viewer models download``: a known model's published weights into the library. Main thread."""

from __future__ import annotations

import argparse
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.console import Console, one_line
from app.cli.interrupt import cancel_on_interrupt
from app.cli.progress_bar import ProgressBar
from app.cli.remedies import with_flags

if TYPE_CHECKING:
    from detector.download import DownloadProgress

_TO_THE_END = "{desc}: {percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt}{postfix}"
_OPEN_END = "{desc}: {n_fmt}{postfix}"  # the server does not say how much there is


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Fetch the published weights of a known model, verify them, and add the model to the library. "
        "An interrupted download goes on where it was when it is started again."
    )
    parser.add_argument("model", metavar="M", help="one of those that 'models list' shows as not downloaded")
    parser.add_argument(
        "--weights-dir", type=Path, metavar="DIR", help="take the published file from this folder, not from the net"
    )
    parser.add_argument("--proxy", metavar="URL", help="http://HOST:PORT (default: the settings', else the system's)")
    parser.add_argument(
        "--mirror", metavar="URL", help="web address of a folder that has the published files (default: the settings')"
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Fetch and import; 130 when interrupted, and then said what is kept."""
    from app.core.downloads import fetch_model, network_settings
    from detector.download import DownloadStoppedError

    given = {"proxy": options.proxy, "mirror": options.mirror}
    network = replace(network_settings(), **{name: value for name, value in given.items() if value is not None})
    stop = threading.Event()
    with _Bar(options.model, console.shows_progress) as bar, cancel_on_interrupt(stop.set):
        try:
            done = fetch_model(
                options.model, on_progress=bar.show, stop=stop, weights_dir=options.weights_dir, network=network
            )
        except DownloadStoppedError as error:
            bar.close()
            console.error(f"Interrupted. {error.hint}".strip())
            return 130
    notes = [with_flags(note.text, note.remedies) for note in done.notes]
    console.give(
        {
            "name": done.entry.name,
            "title": done.entry.spec.title,
            "path": str(done.entry.path),
            "sha256": done.file.sha256,
            "verified": done.file.verified,
            "notes": notes,
        }
    )
    for note in notes:
        console.say(one_line(note))
    console.say(f"{done.entry.name} is in the library: {done.entry.spec.title}. Licence: {done.entry.spec.licence}.")
    return 0


class _Bar(ProgressBar):
    """Counts bytes."""

    def __init__(self, name: str, shown: bool) -> None:
        super().__init__(name, shown, unit="B", unit_scale=True, bar_format=_OPEN_END)

    def show(self, progress: DownloadProgress) -> None:
        """Take over the newest state."""
        if self._bar.disable:
            return
        self._bar.total = progress.total_bytes
        self._bar.bar_format = _TO_THE_END if progress.total_bytes else _OPEN_END
        self._bar.n = progress.done_bytes
        text = f"{progress.bytes_per_s / 1e6:.1f} MB/s"
        if progress.total_bytes and progress.bytes_per_s:
            left = round((progress.total_bytes - progress.done_bytes) / progress.bytes_per_s)
            text += f", {left // 60}:{left % 60:02d} left"
        self._bar.set_postfix_str(text)
