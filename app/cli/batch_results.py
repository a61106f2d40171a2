"""Results of commands that work off several videos: found before, done before, done now, failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.annotate_text import all_found, common_threshold
from app.cli.console import Console
from app.core.errors import AppError

if TYPE_CHECKING:
    from app.core.export.history import FinishedExport
    from app.core.export.request import ExportReport
    from app.core.export_queue.state import QueueItem
    from app.core.export_queue.video_search import FoundVideo


def find_named(
    named: Sequence[Path], console: Console, tells: bool = True
) -> tuple[tuple[FoundVideo, ...], tuple[str, ...]]:
    """Returns the videos among the files and folders ``named``, and what could not be looked into.

    Args:
        named: Files and folders.
        console: Where to say how many there are.
        tells: Say it.

    Raises:
        AppError: There are none.
    """
    from app.core.export_queue.video_search import find_videos

    found = find_videos(named)
    if not found.videos:
        raise AppError(found.troubles[0] if found.troubles else f"There is no video in {named[0]}.")
    if tells and len(found.videos) > len(named):
        console.say(f"{len(found.videos)} videos")
    return found.videos, found.troubles


def give_results(
    results: Sequence[QueueItem | FinishedExport], model: str, troubles: Sequence[str], console: Console
) -> int:
    """Sums up several videos for people, and writes the ``--json`` result.

    Args:
        results: How each ended.
        model: Name of the model where no result knows it.
        troubles: What could not be looked into.
        console: Where to.

    Returns:
        The exit code: 1 where anything failed.
    """
    plain = [_plain(result) for result in results]
    if len(results) > 1:
        _sum_up(plain, console)
    by = next((by for result in reversed(results) if (by := _by(result)) is not None), None)
    console.give(
        {
            "model": model if by is None else by.model,
            "device": None if by is None else by.device,
            "precision": None if by is None else by.precision,
            "threshold": common_threshold([result.request for result in results]),
            "videos": plain,
            **({"problems": list(troubles)} if troubles else {}),
        }
    )
    return 1 if troubles or any("error" in one for one in plain) else 0


def _sum_up(results: Sequence[dict[str, Any]], console: Console) -> None:
    done = [report for report in results if "error" not in report]
    before, failed = sum("done_before" in report for report in done), len(results) - len(done)
    words = [f"{len(done)} of {len(results)} videos done"]
    words += [f"{before} of them before"] if before else []
    words += [f"{failed} failed"] if failed else []
    console.say(f"{', '.join(words)}: {all_found(done)}")


def _by(result: QueueItem | FinishedExport) -> FinishedExport | ExportReport | None:
    """Returns what knows the model; None where nothing does."""
    from app.core.export.history import FinishedExport

    if isinstance(result, FinishedExport):
        return result if result.model else None
    return result.report


def _plain(result: QueueItem | FinishedExport) -> dict[str, Any]:
    from app.core.export.history import FinishedExport

    if isinstance(result, FinishedExport):
        return result.as_dict()
    if result.report is not None:
        return result.report.as_dict()
    return {"path": str(result.request.source), "error": result.message}
