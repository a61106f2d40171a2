"""``python -m tools.measure.event_list``: what the window's list of 20,000 events costs, action by action.

CPU time, as the list is filtered on a worker and shown on the GUI thread: filtering, showing what came of it with its
first paint, and painting a timeline of all of it. Needs no screen.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from app.core.events.find import find_events
from app.core.events.listing import ListedEvent, ListQuery, listed, listed_event
from app.core.events.question import Question
from tools.measure.events import SCENE, hour

_QUERIES = {
    "everything": ListQuery(),
    "a class": ListQuery(Question(classes=("person",))),
    "a zone, for a second": ListQuery(Question(zone="left", min_duration_s=1.0)),
    "a line and direction": ListQuery(Question(line="down", direction="in")),
    "words": ListQuery(words="per down"),
    "longest first": ListQuery(sort="duration"),
}


def cpu_ms(does: Callable[[], Any], rounds: int) -> float:
    """Returns the median CPU time of a call, milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        does()
        times.append((time.process_time() - started) * 1000)
    return statistics.median(times)


def rows_of(objects: int) -> tuple[tuple[ListedEvent, ...], tuple[str, ...]]:
    """Returns the rows of an hour of video with so many objects, and the classes."""
    seen = hour(objects)
    events = find_events(seen, 0.3, SCENE)
    return tuple(listed_event(event, seen.pts_s) for event in events), tuple(seen.labels)


def shown(rows: tuple[ListedEvent, ...], rounds: int) -> list[tuple[str, float]]:
    """Returns (what, CPU milliseconds) of what the GUI thread does with a list."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from app.core.palette import model_colours
    from app.ui.events.event_desk import rows_of as spans_of
    from app.ui.events.event_list import EventListView
    from app.ui.services.background import Background
    from app.ui.services.video_thumbnails import VideoThumbnailMaker
    from app.ui.view.timeline import Timeline
    from app.ui.widgets.theme import Theme

    application = QApplication([])
    theme, background = Theme(application, "dark"), Background()
    view = EventListView(theme, VideoThumbnailMaker(background, _no_video))
    view.resize(304, 640)
    view.show()
    timeline = Timeline(theme)
    timeline.resize(900, 80)
    spans = spans_of(rows)
    timeline.show_rows(tuple(spans.values()), model_colours(tuple(spans)), 3600.0)
    timeline.show_listed(spans)

    def show() -> None:
        view.show_events(rows, Path("hour.mp4"))
        view.grab()

    def go_down() -> None:
        view.choose(min(view.currentIndex().row() + 500, len(rows) - 1))
        view.grab()

    measured = [
        ("show the list", cpu_ms(show, rounds)),
        ("go to an event", cpu_ms(go_down, rounds)),
        ("paint the timeline", cpu_ms(timeline.grab, rounds)),
    ]
    background.close()
    return measured


def _no_video(video: Path) -> Any:
    from app.core.errors import AppError

    raise AppError(f"{video} is not there.")


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Cost of the list of events.")
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rows, labels = rows_of(options.objects)
    print(f"{len(rows)} events; CPU milliseconds, median of {options.rounds}")
    for name, query in _QUERIES.items():
        found = listed(rows, labels, query)
        print(f"  list {name}: {cpu_ms(partial(listed, rows, labels, query), options.rounds):.1f} ({len(found)})")
    for name, milliseconds in shown(rows, options.rounds):
        print(f"  {name}: {milliseconds:.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
