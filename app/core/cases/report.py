"""The report of a case: one HTML file that shows all of it, asks nothing of any network, and prints. Any one thread."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.core.cases.images import Look, file_name, first_frame
from app.core.charts import Axis, LineChart, Series, layout, svg_element
from app.core.charts.svg import escaped
from app.core.events.answer import Answer, SourceAnswer
from app.core.events.event import Event
from app.core.frames import ImageBGR
from app.core.html_page import cards, cell, facts, number, page, table
from app.core.palette import model_colours

_MAX_MAPS, _MAX_THUMBS = 20, 300
_MAP_WIDTH, _THUMB_WIDTH = 960, 240
_BINS = 60
_PATH_POINTS = 400


def report_page(
    answer: Answer,
    hashes: Sequence[str],
    look: Look,
    made: str,
    asked: Mapping[str, Any],
    snapshots: Path,
    check: Callable[[], None],
) -> str:
    """Returns the page.

    Args:
        answer: The events.
        hashes: The SHA-256 of each video.
        look: How the videos are read.
        made: When, for people.
        asked: The question as plain values.
        snapshots: Folder of the snapshots, which are shown small.
        check: Called before each frame; may raise to stop.

    Raises:
        AppError: A video cannot be read.
    """
    parts = (
        f'<h1>Events</h1><p class="sub">{escaped(made)}</p>',
        *_question(answer, asked),
        *_videos(answer, hashes, look, check),
        "<h2>List</h2>",
        _list(list(answer.each()), snapshots),
        "<footer>Times are seconds from the first frame. manifest.json has the SHA-256 of every file.</footer>",
    )
    return page("Events", parts)


def _question(answer: Answer, asked: Mapping[str, Any]) -> Iterator[str]:
    """How many events there are, what was asked, and of which model."""
    model = answer.sources[0].facts
    counts = [(label, str(count)) for label, count in answer.counts.items()]
    lines = [(f"{name}, {way}", str(count)) for name, ways in answer.lines.items() for way, count in ways.items()]
    yield cards([("events", str(len(list(answer.each())))), *counts, *lines])
    yield "<h2>What was asked</h2>"
    yield facts((name.replace("_", " "), _words(value)) for name, value in asked.items() if value)
    by = (("model", model.model), ("SHA-256 of the model", model.weights_sha256), ("computed in", model.precision))
    yield facts((*by, ("on", model.device), ("engine", model.engine)))


def _videos(answer: Answer, hashes: Sequence[str], look: Look, check: Callable[[], None]) -> Iterator[str]:
    """The videos, and of each its classes over time and its map."""
    yield "<h2>Videos</h2>"
    rows = (
        [cell(str(s.path)), number(s.duration_s, ",.1f"), cell(h)] for s, h in zip(answer.sources, hashes, strict=True)
    )
    yield table(("file", "seconds", "SHA-256"), rows, "facts")
    for source in answer.sources[:_MAX_MAPS]:
        yield f"<h2>{escaped(source.path.name)}</h2>"
        if source.events:
            yield _over_time(source)
        if source.seen.pts_s:
            yield _map(source, first_frame(source, look, check))


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _over_time(source: SourceAnswer) -> str:
    """Returns how many objects of each class there were at a time."""
    end = max(source.duration_s, 1e-3)
    times = np.linspace(0.0, end, _BINS + 1)
    series = []
    for label, _ in Counter(event.label for event in source.events).most_common(6):
        spans = [(event.start_s, event.end_s) for event in source.events if event.label == label]
        there = [sum(start <= high and stop >= low for start, stop in spans) for low, high in pairwise(times)]
        series.append(Series.of(label, np.repeat(times, 2)[1:-1], np.repeat(there, 2), filled=True))
    chart = LineChart(
        "Objects over time", tuple(series), Axis("seconds", 0.0, end), Axis("objects", 0.0), plot_height=160
    )
    return svg_element(layout(chart))


def _map(source: SourceAnswer, image: ImageBGR) -> str:
    """The paths of all events over a frame, with zones, lines and masks."""
    height, width = image.shape[:2]
    scale = min(1.0, _MAP_WIDTH / width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA).astype(np.uint8)
    colours = model_colours(tuple(source.facts.labels))

    def points(places: Sequence[Sequence[float]]) -> str:
        return " ".join(f"{x * wide:.1f},{y * high:.1f}" for x, y in places)

    def named(name: str, place: Sequence[float]) -> str:
        x, y = place[0] * wide + 4, min(place[1] * high + 14, high - 6)
        return f'<text x="{x:.1f}" y="{y:.1f}" fill="#fff">{escaped(name)}</text>'

    parts = [f'<image href="{_data(small)}" width="{wide}" height="{high}"/>']
    for zone in source.scene.zones:
        parts.append(f'<polygon points="{points(zone.polygon)}" fill="#fff" fill-opacity=".12" stroke="#fff"/>')
        parts.append(named(zone.name, zone.polygon[0]))
    for mask in source.scene.masks:
        parts.append(f'<polygon points="{points(mask.polygon)}" fill="#000" fill-opacity=".6" stroke="#888"/>')
    for line in source.scene.lines:
        parts.append(f'<polyline points="{points(line.points)}" fill="none" stroke="#ff0" stroke-width="3"/>')
        parts.append(named(line.name, line.points[0]))
    for event in source.events:
        step = -(-len(event.anchors) // _PATH_POINTS)
        red, green, blue = colours.get(event.label, (255, 255, 255))
        title = f"<title>{source.number(event)} {escaped(event.label)}</title>"
        stroke = f'stroke="rgb({red},{green},{blue})" stroke-width="2" stroke-opacity=".85"'
        parts.append(
            f'<polyline points="{points(event.anchors[::step].tolist())}" fill="none" {stroke}>{title}</polyline>'
        )
    caption = "Where objects stood, over the first frame"
    head = f'<svg class="crop" viewBox="0 0 {wide} {high}" role="img" aria-label="{caption}">'
    return f"<figure>{head}{''.join(parts)}</svg><figcaption>{caption}</figcaption></figure>"


def _list(listed: Sequence[tuple[SourceAnswer, Event]], snapshots: Path) -> str:
    heads = ("event", "", "start", "end", "lasts", "still", "score", "where", "clip")
    rows = []
    for place, (source, event) in enumerate(listed):
        shown = source.number(event)
        verdict = " (rejected)" if event.id in source.rejected else ""
        thumb = _thumb(snapshots / file_name(source, event, ".png")) if place < _MAX_THUMBS else ""
        times = (event.start_s, event.end_s, event.duration_s, event.still_s)
        where = [f"{v.zone} {v.enter_s:.2f} to {v.leave_s:.2f}" for v in event.zones]
        where += [f"{c.line} {c.direction} {c.time_s:.2f}" for c in event.crossings]
        clip = escaped(f"clips/{file_name(source, event, '.mp4')}")
        rows.append(
            [
                cell(f"{shown} {event.label}{verdict}, {source.path.name}"),
                f"<td>{thumb}</td>",
                *(number(time, ",.2f") for time in times),
                number(event.max_score, ".2f"),
                cell(", ".join(where), "text"),
                f'<td><a href="{clip}">clip</a></td>',
            ]
        )
    return table(heads, rows, "facts")


def _thumb(path: Path) -> str:
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return ""
    height, width = image.shape[:2]
    scale = min(1.0, _THUMB_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return f'<img src="{_data(small.astype(np.uint8))}" width="{size[0] // 2}" alt="">'


def _data(image: ImageBGR) -> str:
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode('ascii')}"
