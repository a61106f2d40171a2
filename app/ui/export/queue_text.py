"""Texts for the rows and the last line of a queue. Pure."""

from __future__ import annotations

from app.core.counts import found_in_all
from app.core.export_queue.state import QueueItem, QueueSnapshot
from app.core.export_queue.video_search import SearchResult
from app.ui.widgets.quantity_text import duration_text, rate_text, wait_text

_STATES = {
    "waiting": "Waiting",
    "running": "Running",
    "paused": "Paused",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def state_text(item: QueueItem) -> str:
    """Returns the state in one word or two."""
    stage = "opening" if item.progress is None else item.progress.stage
    if item.state == "running":
        return {"opening": "Loading", "finishing": "Finishing", "paused": "Held up"}.get(stage, "Running")
    if notes_of(item):
        return "Done, with a note" if len(notes_of(item)) == 1 else f"Done, with {len(notes_of(item))} notes"
    return _STATES[item.state]


def notes_of(item: QueueItem) -> tuple[str, ...]:
    """Returns what the user should know of an export that is done, such as that its video is damaged."""
    return () if item.report is None else item.report.notes


def detail_text(item: QueueItem) -> str:
    """Returns the second line of a row: how far it is, what came of it, or why it failed."""
    if item.state == "failed":
        return f"{item.message} {item.hint}".strip()
    if item.report is not None:
        made = next(item.request.targets(), item.report.cache)  # an analysis only keeps what it finds
        name = "Analysed" if made is None else made.name
        noted = f"{' '.join(notes_of(item))}  ·  " if notes_of(item) else ""
        return f"{noted}{name}  ·  {item.report.found}  ·  took {duration_text(item.report.seconds)}"
    if item.state == "cancelled" or item.progress is None or item.progress.stage == "opening":
        return str(item.request.source.parent)
    progress = item.progress
    if progress.stage == "paused" and progress.remark:
        return progress.remark
    parts = [f"{progress.frames_done} frames"]
    if progress.frames_total:
        parts = [f"{progress.frames_done} of {progress.frames_total} frames"]
    if progress.frames_per_s and item.state == "running":
        parts.append(f"{rate_text(progress.frames_per_s)} fps")
    if progress.found:
        parts.append(f"{progress.found} so far")
    if progress.eta_s is not None and item.state == "running":
        parts.append(f"{wait_text(progress.eta_s)} left")
    return "  ·  ".join(parts)


def spoken(item: QueueItem) -> str:
    """Returns a row for a screen reader."""
    part = f", {round(item.part_done * 100)} percent" if item.begun else ""
    return f"{item.request.source.name}, {state_text(item)}{part}, {detail_text(item)}"


def summary_text(snapshot: QueueSnapshot) -> str:
    """Returns the line below the list: how far all of it is, or what came of it."""
    counts = snapshot.counts
    total, done = len(snapshot.items), counts.get("done", 0)
    if total == 0:
        return ""
    apart = [f"{counts[state]} {state}" for state in ("failed", "cancelled") if state in counts]
    noted = sum(bool(notes_of(item)) for item in snapshot.items)
    if noted:
        apart.append(f"{noted} with notes")
    if not snapshot.busy:
        reports = [item.report for item in snapshot.items if item.report is not None]
        found = found_in_all((report.detections, report.frames, report.objects) for report in reports)
        found = f" {found[0].upper()}{found[1:]}." if reports else ""
        if done == total:
            return f"{', '.join([f'All {total} done' if total > 1 else 'Done', *apart])}.{found}"
        return f"Finished: {', '.join([f'{done} of {total} done', *apart])}.{found}"
    parts = [", ".join([f"{done} of {total} done", *apart])]
    if not counts.get("running") and not counts.get("waiting"):
        parts.append("paused")
    elif snapshot.eta_s is not None:
        parts.append(f"{wait_text(snapshot.eta_s)} left")
    return "  ·  ".join(parts)


def search_text(found: SearchResult) -> str:
    """Says what a search found."""
    count = len(found.videos)
    words = "No video was found there." if count == 0 else "1 video" if count == 1 else f"{count} videos"
    if count == 1:
        words += f": {found.videos[0].path.name}"
    elif count > 1:
        folders = len({video.path.parent for video in found.videos})
        words += f" in {found.videos[0].path.parent}" if folders == 1 else f" in {folders} folders"
    if found.troubles:
        more = f" And {len(found.troubles) - 1} more." if len(found.troubles) > 1 else ""
        words += f"\n{found.troubles[0]}{more}"
    return words
