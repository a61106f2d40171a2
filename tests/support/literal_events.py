"""Events straight from the sentences of docs/events.md, slowly: one sighting after the other, no array.

Independent of ``app.core.events`` but for the shapes of zones and lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from app.core.events.scene import Line, Scene, Zone

Box = tuple[float, float, float, float]
Anchor = tuple[float, float]
_CLOSE = 1e-6


@dataclass(frozen=True)
class Sighting:
    """One detection of one object; scores are exact in float32."""

    track: int
    class_id: int
    frame: int
    time_s: float
    box: Box
    score: float


@dataclass
class LiteralEvent:
    """What docs/events.md says of one object."""

    track: int
    class_id: int
    sightings: list[Sighting]
    zones: list[tuple[str, float, float]] = field(default_factory=list)
    crossings: list[tuple[str, float, str]] = field(default_factory=list)
    still_s: float = 0.0
    best_frame: int = -1


def events(
    sightings: list[Sighting],
    threshold: float,
    video_s: float,
    size: tuple[int, int],
    scene: Scene,
    labels: list[str],
    cuts: tuple[int, ...] = (),
) -> list[LiteralEvent]:
    """All events, in the order in which they begin; ``cuts`` are the frames after them."""
    parts = _parts(sightings, threshold, video_s)
    whole = [
        part for part in _lost_and_found(parts, cuts) if part[-1].time_s - part[0].time_s >= min(0.4, video_s) - _CLOSE
    ]
    found = [LiteralEvent(part[0].track, part[0].class_id, part) for part in whole]
    found.sort(key=lambda event: (event.sightings[0].time_s, event.track))
    for event in found:
        for zone in scene.zones:
            if zone.classes is None or labels[event.class_id] in zone.classes:
                event.zones += _stays(event, zone, size)
        for line in scene.lines:
            if line.classes is None or labels[event.class_id] in line.classes:
                event.crossings += _crossings(event, line, size)
        event.zones.sort(key=lambda stay: (stay[1], stay[0]))
        event.crossings.sort(key=lambda crossing: (crossing[1], crossing[0]))
        event.still_s = _longest_standstill(event.sightings, size)
        event.best_frame = max(event.sightings, key=lambda seen: (seen.score, -seen.frame)).frame
    return found


# -- events ------------------------------------------------------------------------------------------------------------


def _parts(sightings: list[Sighting], threshold: float, video_s: float) -> list[list[Sighting]]:
    least = min(threshold, max(0.1, 0.4 * threshold))
    done: list[list[Sighting]] = []
    for track in sorted({seen.track for seen in sightings}):
        own = [seen for seen in sightings if seen.track == track and seen.score >= least]
        own.sort(key=lambda seen: seen.frame)
        groups: list[list[Sighting]] = []
        for seen in own:
            if groups and seen.time_s - groups[-1][-1].time_s <= 1 + _CLOSE:
                groups[-1].append(seen)
            else:
                groups.append([seen])
        done += [part for group in groups if (part := _trimmed(group, threshold, video_s))]
    return done


def _trimmed(group: list[Sighting], threshold: float, video_s: float) -> list[Sighting]:
    while group and group[0].score < threshold:
        group = group[1:]
    while group and group[-1].score < threshold:
        group = group[:-1]
    if not group or group[-1].time_s - group[0].time_s < min(0.15, video_s) - _CLOSE:
        return []
    sure = [seen for seen in group if seen.score >= threshold]
    return group if len(sure) > len(group) / 2 else []


def _lost_and_found(parts: list[list[Sighting]], cuts: tuple[int, ...]) -> list[list[Sighting]]:
    """Joins parts; a list that was joined to another is emptied."""
    goes_on: dict[int, int] = {}  # the earlier part, the one it goes on with
    for later in sorted(range(len(parts)), key=lambda at: parts[at][0].time_s):
        first = parts[later][0]
        fits = []
        for earlier, part in enumerate(parts):
            gap, overlap = first.time_s - part[-1].time_s, iou(part[-1].box, first.box)
            if part[-1].class_id != first.class_id or earlier in goes_on or gap <= 0:
                continue
            if any(part[-1].frame < cut <= first.frame for cut in cuts):
                continue
            known = _stood_still(part) or part[-1].track == first.track
            found_again = gap <= 30 + _CLOSE and known and overlap >= Fraction(7, 10)
            renamed = gap <= 0.5 + _CLOSE and overlap >= Fraction(3, 10)
            if found_again or renamed:
                fits.append((overlap, -part[-1].time_s, -earlier))
        if fits:
            goes_on[-max(fits)[2]] = later
    joined = []
    for begin in range(len(parts)):
        if begin in goes_on.values():
            continue
        whole, at = list(parts[begin]), begin
        while at in goes_on:
            at = goes_on[at]
            whole += parts[at]
        joined.append(whole)
    return joined


def _stood_still(part: list[Sighting]) -> bool:
    before = [seen for seen in part if part[-1].time_s - seen.time_s >= 0.5 - _CLOSE]
    return bool(before) and iou(before[-1].box, part[-1].box) >= Fraction(7, 10)


def iou(first: Box, second: Box) -> Fraction:
    """Intersection over union, exact."""
    a, b = [Fraction(edge) for edge in first], [Fraction(edge) for edge in second]
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = width * height if width > 0 and height > 0 else Fraction(0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / union if union > 0 else Fraction(0)


# -- sides -------------------------------------------------------------------------------------------------------------


def _anchor(seen: Sighting, size: tuple[int, int]) -> Anchor:
    x, y = (seen.box[0] + seen.box[2]) / (2 * size[0]), seen.box[3] / size[1]
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def _changes(sides: list[bool], seen: list[Sighting]) -> tuple[bool, list[int]]:
    """The side an event begins on, and the sightings with which its settled side changes."""
    kept = []
    at = 0
    while at < len(sides):
        end = at
        while end < len(sides) and sides[end] == sides[at]:
            end += 1
        until = seen[end].time_s if end < len(seen) else seen[-1].time_s
        if until - seen[at].time_s >= 0.2 - _CLOSE:
            kept.append(at)
        at = end
    if not kept:
        return sides[0], []
    state, changes = sides[kept[0]], []
    for start in kept[1:]:
        if sides[start] != state:
            state = sides[start]
            changes.append(start)
    return sides[kept[0]], changes


def _stays(event: LiteralEvent, zone: Zone, size: tuple[int, int]) -> list[tuple[str, float, float]]:
    seen = event.sightings
    sides = [_within(_anchor(one, size), zone) for one in seen]
    state, changes = _changes(sides, seen)
    stays, entered = [], seen[0].time_s
    for at in changes:
        if state:
            stays.append((zone.name, entered, seen[at].time_s))
        entered, state = seen[at].time_s, not state
    if state:
        stays.append((zone.name, entered, seen[-1].time_s))
    return stays


def _within(point: Anchor, zone: Zone) -> bool:
    """By the angle that the polygon goes round the point: nothing without, a whole turn within; the edge is within."""
    corners = zone.polygon
    total = 0.0
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        ax, ay, bx, by = x1 - point[0], y1 - point[1], x2 - point[0], y2 - point[1]
        cross, dot = ax * by - ay * bx, ax * bx + ay * by
        if cross == 0 and dot <= 0:
            return True
        total += math.atan2(cross, dot)
    return abs(total) > math.pi


def _crossings(event: LiteralEvent, line: Line, size: tuple[int, int]) -> list[tuple[str, float, str]]:
    seen = event.sightings
    points = [_anchor(one, size) for one in seen]
    raw = [_side(point, line) for point in points]
    strict = [side for side in raw if side]
    if not strict:
        return []
    sides, last = [], strict[0]
    for side in raw:
        last = side or last
        sides.append(last > 0)
    found = []
    for at in _changes(sides, seen)[1]:
        if _meets(points[at - 1], points[at], line):
            found.append((line.name, seen[at].time_s, "in" if sides[at] else "out"))
    return found


def _side(point: Anchor, line: Line) -> int:
    """1 to the right of the line, -1 to the left, 0 on it: y runs down, so right of going down is a smaller x."""
    (x1, y1), (x2, y2) = line.points
    if y1 == y2 or x1 == x2:  # exact
        along = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
        off_x, off_y = (point[0] > x1) - (point[0] < x1), (point[1] > y1) - (point[1] < y1)
        return along[0] * off_y - along[1] * off_x
    turn = (Fraction(x2) - Fraction(x1)) * (Fraction(point[1]) - Fraction(y1))
    turn -= (Fraction(y2) - Fraction(y1)) * (Fraction(point[0]) - Fraction(x1))
    return (turn > 0) - (turn < 0)


def _meets(before: Anchor, after: Anchor, line: Line) -> bool:
    """Whether the step from ``before`` to ``after`` meets the line between its points: where along it, solved for."""
    (px, py), (qx, qy) = ((Fraction(x), Fraction(y)) for x, y in line.points)
    ax, ay, bx, by = (Fraction(value) for value in (*before, *after))
    dx, dy, mx, my = qx - px, qy - py, bx - ax, by - ay
    share = ((ax - px) * my - (ay - py) * mx) / (dx * my - dy * mx)
    return 0 <= share <= 1


# -- standing still ----------------------------------------------------------------------------------------------------


def _longest_standstill(seen: list[Sighting], size: tuple[int, int]) -> float:
    longest = 0.0
    began: float | None = None
    for one in seen:
        later = next((two for two in seen if two.time_s - one.time_s >= 1 - _CLOSE), None)
        if later is None or not _near(one, later, size):
            began = None
            continue
        began = one.time_s if began is None else began
        longest = max(longest, later.time_s - began)
    return longest


def _near(one: Sighting, later: Sighting, size: tuple[int, int]) -> bool:
    (ax, ay), (bx, by) = _anchor(one, size), _anchor(later, size)
    moved = math.hypot((bx - ax) * size[0], (by - ay) * size[1])
    x1, y1, x2, y2 = one.box
    return moved <= 0.25 * math.sqrt((x2 - x1) * (y2 - y1))
