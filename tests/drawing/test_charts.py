"""Charts: axes that make sense for any numbers, texts that do not collide, and nothing a label can break."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.charts import (
    Axis,
    Bar,
    BarChart,
    Chart,
    LineChart,
    Series,
    Weight,
    in_grid,
    layout,
    png_bytes,
    svg_element,
    svg_file,
)
from app.core.charts.colours import DARK, LIGHT, SERIES
from app.core.charts.drawing import Area, Box, Dot, Drawing, Stroke, Text
from app.core.charts.png import paint
from app.core.charts.text import fit, text_width
from app.core.charts.ticks import Scale, scale_for, ticks
from app.core.charts.trace import visible_runs
from app.core.palette import contrast

HOSTILE = '</text><script>alert("1")</script>&\'\x00\x1b\ud800 汽车'
SVG = "{http://www.w3.org/2000/svg}"

anything = st.floats(allow_nan=True, allow_infinity=True)
values = st.one_of(st.floats(-1e6, 1e6), st.floats(0, 1), anything)
names = st.one_of(
    st.just(""), st.sampled_from(["dog", "a class with a rather long name", HOSTILE]), st.text(max_size=30)
)
axes = st.builds(
    Axis,
    title=names,
    low=st.one_of(st.none(), st.floats(-100, 100)),
    high=st.one_of(st.none(), st.floats(-100, 100)),
    log=st.booleans(),
)


@st.composite
def line_charts(draw: st.DrawFn) -> LineChart:
    series = []
    for _ in range(draw(st.integers(0, 9))):
        points = draw(st.lists(st.tuples(values, values), max_size=12))
        flags = {flag: draw(st.booleans()) for flag in ("dots", "dashed", "filled")}
        weight: Weight = draw(st.sampled_from(get_args(Weight)))
        series.append(Series.of(draw(names), [p[0] for p in points], [p[1] for p in points], weight=weight, **flags))
    width, height = draw(st.floats(160, 900)), draw(st.floats(60, 500))
    return LineChart(draw(names), tuple(series), draw(axes), draw(axes), draw(names), width, height)


@st.composite
def bar_charts(draw: st.DrawFn) -> BarChart:
    bars = st.builds(Bar, names, values, st.one_of(st.none(), names), st.integers(0, 20))
    return BarChart(
        draw(names), tuple(draw(st.lists(bars, max_size=8))), draw(axes), draw(names), draw(st.floats(160, 900))
    )


charts = st.one_of(line_charts(), bar_charts())


def rectangle(text: Text) -> tuple[float, float, float, float]:
    width = text_width(text.text, text.size, text.bold)
    left = text.x - {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    return left, text.y - text.size * 0.72, left + width, text.y + text.size * 0.1


def collide(first: Text, second: Text) -> bool:
    a, b = rectangle(first), rectangle(second)
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01


def texts_of(drawing: Drawing) -> list[Text]:
    return [item for item in drawing.items if isinstance(item, Text) and item.text]


@settings(max_examples=60, deadline=None)
@given(charts)
def test_texts_lie_inside_the_chart_and_apart_from_each_other(chart: Chart) -> None:
    drawing = layout(chart)
    texts = texts_of(drawing)
    for text in texts:
        x1, y1, x2, y2 = rectangle(text)
        assert -0.01 <= x1 <= x2 <= drawing.width + 0.01, text
        assert 0 <= y1 <= y2 <= drawing.height, text
    assert [pair for pair in combinations(texts, 2) if collide(*pair)] == []


@settings(max_examples=40, deadline=None)
@given(charts)
def test_shapes_lie_inside_the_chart_whatever_the_numbers(chart: Chart) -> None:
    drawing = layout(chart)
    for item in drawing.items:
        if isinstance(item, Stroke | Area):
            corners = item.points
        elif isinstance(item, Box):
            assert item.width >= 0
            corners = ((item.x, item.y), (item.x + item.width, item.y + item.height))
        else:
            corners = ((item.x, item.y),)
        for x, y in corners:
            assert -0.01 <= x <= drawing.width + 0.01, item
            assert -0.01 <= y <= drawing.height + 0.01, item


@settings(max_examples=40, deadline=None)
@given(charts)
def test_any_chart_is_well_formed_svg_and_an_image_of_its_size(chart: Chart) -> None:
    drawing = layout(chart)
    root = ET.fromstring(svg_file(drawing))
    ET.fromstring(svg_element(drawing))
    assert root.tag == f"{SVG}svg"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "style", "title", "text", "line", "polyline", "polygon", "rect", "circle")
    }
    image = paint(drawing, scale=0.5)
    assert image.shape == (math.ceil(drawing.height / 2), math.ceil(drawing.width / 2), 3)


@given(
    st.lists(anything, max_size=6),
    st.one_of(st.none(), st.floats(-1e9, 1e9)),
    st.one_of(st.none(), st.floats(-1e9, 1e9)),
    st.booleans(),
    st.integers(1, 15),
)
def test_a_scale_rises_and_its_ticks_lie_on_it_in_order(
    numbers: list[float], low: float | None, high: float | None, log: bool, at_most: int
) -> None:
    scale = scale_for(numbers, low, high, log)
    assert math.isfinite(scale.low)
    assert scale.low < scale.high
    found = ticks(scale, at_most)
    assert len(found) <= at_most
    assert all(-1e-9 <= scale.place(tick.value) <= 1 + 1e-9 for tick in found)
    assert all(first.value < second.value for first, second in pairwise(found))
    if low is None and high is None:
        usable = [v for v in numbers if abs(v) <= 1e15 and (v >= 1e-15 or not log)]
        assert all(-1e-6 <= scale.place(value) <= 1 + 1e-6 for value in usable)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_evenly_spread_and_each_label_reads_as_its_own_value(low: float, span: float, at_most: int) -> None:
    found = ticks(Scale(low, low + span), at_most)
    gaps = [second.value - first.value for first, second in pairwise(found)]
    assert all(gap == pytest.approx(gaps[0], rel=1e-3) for gap in gaps[1:-1])
    assert len({tick.label for tick in found}) == len(found)
    for tick in found:
        read = float(tick.label.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(tick.label[-1], 1.0)
        assert read == pytest.approx(tick.value, abs=(gaps[0] if gaps else span) * 0.51)


def test_ticks_people_would_choose() -> None:
    assert [t.label for t in ticks(Scale(0, 1), 6)] == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert [t.label for t in ticks(Scale(0, 1), 5)] == ["0", "0.25", "0.50", "0.75", "1.00"]
    assert [t.label for t in ticks(Scale(0, 40000), 5)] == ["0", "10k", "20k", "30k", "40k"]
    assert [t.label for t in ticks(Scale(0, 7500), 4)] == ["0", "2500", "5000", "7500"]
    assert [t.label for t in ticks(Scale(0.001, 10, log=True), 6)] == ["0.001", "0.01", "0.1", "1", "10"]
    assert [t.label for t in ticks(Scale(2, 60, log=True), 6)] == ["2", "5", "10", "20", "50"]
    assert (scale_for([0.31, 7.2], None, None).low, scale_for([0.31, 7.2], None, None).high) == (0.0, 8.0)
    assert scale_for([], None, None) == Scale(0.0, 1.0)


@given(st.text(max_size=60), st.floats(6, 20), st.floats(0, 300), st.booleans())
def test_a_shortened_text_fits_and_says_so(text: str, size: float, room: float, bold: bool) -> None:
    shown = fit(text, size, room, bold)
    assert text_width(shown, size, bold) <= room or shown == ""
    assert shown == " ".join(shown.split())
    assert shown.isprintable()
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert shown in (line, "") or shown.endswith("…")


@pytest.mark.parametrize(
    "text", ["aeroplane", "diningtable", "0.25", "mAP 0.721868", "Größe", "汽车", "Precision at 0.5"]
)
def test_the_room_reckoned_for_a_text_is_enough_for_the_font_of_images(text: str) -> None:
    font = cv2.FontFace("sans")
    for size, weight, bold in ((23, 400, False), (28, 600, True)):
        x, _, width, _ = cv2.getTextSize((9999, 9999), text, (0, 0), font, size, weight, wrap=(0, 9999))
        assert x + width <= text_width(text, size, bold) * 1.02


def test_hostile_names_are_text_and_nothing_else() -> None:
    series = tuple(Series.of(HOSTILE, [0, 1], [n, 1]) for n in range(2))
    lines = layout(LineChart(HOSTILE, series, Axis(HOSTILE), Axis(HOSTILE), HOSTILE))
    bars = layout(BarChart(HOSTILE, (Bar(HOSTILE, 1.0, HOSTILE),), Axis(HOSTILE), HOSTILE))
    for drawing in (lines, bars, in_grid([lines, bars], 1)):
        written = svg_file(drawing)
        root = ET.fromstring(written)
        assert "<script" not in written
        assert not [element for element in root.iter() if "script" in element.tag]
        assert any("<script>" in (element.text or "") for element in root.iter(f"{SVG}title"))
        assert png_bytes(drawing)[:4] == b"\x89PNG"


def test_a_line_goes_where_its_numbers_are() -> None:
    chart = LineChart("", (Series.of("", [0, 5, 10], [0, 1, 0]),), Axis(low=0, high=10), Axis(low=0, high=1))
    drawing = layout(chart)
    (line,) = [item for item in drawing.items if isinstance(item, Stroke) and item.role == "s0"]
    (x1, y1), (x2, y2), (x3, y3) = line.points
    assert x2 == pytest.approx((x1 + x3) / 2)
    assert y1 == y3 == y2 + chart.plot_height
    pixels = paint(drawing, scale=2.0)
    assert near(pixels, x2, y2 + 1, "s0")
    assert near(pixels, (x1 + x2) / 2, (y1 + y2) / 2, "s0")
    assert not near(pixels, x2, (y1 + y2) / 2, "s0")


def near(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], x: float, y: float, role: str) -> bool:
    """Whether the colour of ``role`` is within two pixels of a place."""
    left, top = round(x * 2), round(y * 2)
    around = image[max(top - 2, 0) : top + 3, max(left - 2, 0) : left + 3].reshape(-1, 3).astype(int)
    return bool((np.abs(around - np.array(LIGHT[role][::-1])).sum(axis=1) < 30).any())


def test_bars_are_as_long_as_their_values() -> None:
    bars = (Bar("a", 40.0), Bar("b", 20.0, colour=1), Bar("c", math.nan), Bar("d", 0.0))
    drawing = layout(BarChart("", bars, Axis(low=0, high=50)))
    long, short, none = [item for item in drawing.items if isinstance(item, Box)]
    assert long.width == pytest.approx(2 * short.width)
    assert (none.width, long.x) == (0.0, short.x)
    texts = [text.text for text in texts_of(drawing)]
    assert "n/a" in texts
    pixels = paint(drawing)
    assert near(pixels, long.x + 5, long.y + 3, "s0")
    assert near(pixels, short.x + 5, short.y + 3, "s1")


def test_a_text_is_inked_at_its_anchor() -> None:
    for anchor, left in (("start", 100.0), ("middle", 70.0), ("end", 40.0)):
        drawing = Drawing(200, 40, "", (Text(100, 28, "number", 14, anchor=anchor),))  # type: ignore[arg-type] # of a tuple
        rows, columns = np.nonzero(paint(drawing).min(axis=2) < 100)
        assert 2 * left - 4 <= columns.min() < columns.max() <= 2 * (left + 60)
        assert {"start": columns.min(), "end": columns.max(), "middle": columns.mean()}[anchor] == pytest.approx(
            200, abs=6
        )
        assert rows.max() == pytest.approx(56, abs=2)


def test_a_long_curve_is_thinned_to_its_pixels_and_keeps_its_extremes() -> None:
    noise = np.random.default_rng(3).normal(size=60_000)
    points = np.stack((np.linspace(0, 500, len(noise)), noise * 10 + 100), axis=1)
    (run,) = visible_runs(points, (0.0, -1e9, 500.0, 1e9))
    assert len(run) <= 4 * (2 * 500 + 1)
    assert {points[:, 1].min(), points[:, 1].max()} <= {y for _, y in run}
    assert [x for x, _ in run] == sorted(x for x, _ in run)
    assert (run[0], run[-1]) == (tuple(points[0]), tuple(points[-1]))


@given(st.floats(100, 1000), st.floats(10, 1000))
def test_a_line_along_the_end_of_an_axis_is_seen(width: float, height: float) -> None:
    """Found on a curve of precision 1: rounding put it 1e-14 px outside."""
    axis = Axis(low=0, high=1)
    drawing = layout(LineChart("", (Series.of("", [0, 1], [1, 1]),), axis, axis, width=width, plot_height=height))
    assert [item for item in drawing.items if isinstance(item, Stroke) and item.role == "s0"]


coordinates = st.one_of(st.floats(-50, 150), st.just(math.nan))


@given(st.lists(st.tuples(coordinates, coordinates), max_size=12))
def test_what_is_seen_of_a_line_lies_within_the_axes_and_on_the_line(corners: list[tuple[float, float]]) -> None:
    points = np.array(corners, np.float64).reshape(-1, 2)
    for run in visible_runs(points, (0.0, 0.0, 100.0, 100.0)):
        for x, y in run:
            assert 0 <= x <= 100
            assert 0 <= y <= 100
            assert (
                min(
                    distance(x, y, first, second)
                    for first, second in [*pairwise(corners), *zip(corners, corners, strict=True)]
                )
                < 1e-6
            )


def distance(x: float, y: float, first: tuple[float, float], second: tuple[float, float]) -> float:
    """From a point to a segment; infinite where the segment has a NaN."""
    (ax, ay), (bx, by) = first, second
    if math.isnan(ax + ay + bx + by):
        return math.inf
    length = (bx - ax) ** 2 + (by - ay) ** 2
    part = min(max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0.0), 1.0) if length else 0.0
    return math.hypot(ax + part * (bx - ax) - x, ay + part * (by - ay) - y)


def test_a_gap_in_the_numbers_is_a_gap_in_the_line() -> None:
    chart = LineChart("", (Series.of("", range(6), [1, 2, math.nan, math.inf, 2, 1]),))
    lines = [item for item in layout(chart).items if isinstance(item, Stroke) and item.role == "s0"]
    assert [len(line.points) for line in lines] == [2, 2]


def test_a_faint_line_takes_no_colour_and_no_entry_and_repeated_colours_are_broken_lines() -> None:
    series = [Series.of("noise", [0, 1], [0, 1], weight="faint")]
    series += [Series.of(f"class {n}", [0, 1], [0, n]) for n in range(SERIES + 1)]
    drawing = layout(LineChart("", tuple(series)))
    assert "noise" not in [text.text for text in texts_of(drawing)]
    named = {item.name: item for item in drawing.items if isinstance(item, Stroke) and item.name}
    assert (named["noise"].role, named["class 0"].role, named["class 0"].dash) == ("faint", "s0", None)
    assert named[f"class {SERIES}"].role == "s0"
    assert named[f"class {SERIES}"].dash is not None


def test_small_multiples_keep_each_other_at_a_distance() -> None:
    one = layout(
        LineChart(
            "dog", (Series.of("", [0, 1], [0, 1], filled=True), Series.of("", [0.5], [0.5], dots=True)), width=200
        )
    )
    grid = in_grid([one] * 5, columns=2, gap=10)
    assert (grid.width, grid.height) == (410, 3 * one.height + 20)
    texts = texts_of(grid)
    assert [pair for pair in combinations(texts, 2) if collide(*pair)] == []
    assert sum(isinstance(item, Dot) for item in grid.items) == 5
    assert in_grid([], 3).items == ()


def linear(colour: tuple[int, int, int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    part = np.array(colour) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


# Viénot, Brettel and Mollon 1999: what a dichromat sees, on linear RGB.
PROTANOPE = np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]])
DEUTERANOPE = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])


def lab(colour: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    f = np.cbrt(np.maximum(to_xyz @ colour / np.array([0.9505, 1.0, 1.089]), 1e-6))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_series_stand_out_from_the_paper_and_apart_for_every_kind_of_colour_vision(
    theme: dict[str, tuple[int, int, int]],
) -> None:
    colours = [theme[f"s{index}"] for index in range(SERIES)]
    assert min(contrast(colour, theme["paper"]) for colour in colours) >= 3.0
    assert min(contrast(theme[role], theme["paper"]) for role in ("ink", "muted")) >= 4.5
    for seen in (np.eye(3), PROTANOPE, DEUTERANOPE):
        places = [lab(seen @ linear(colour)) for colour in colours]
        closest = min(float(np.linalg.norm(a - b)) for a, b in combinations(places, 2))
        assert closest > 15, (seen, closest)


def test_an_area_is_tinted_within_its_outline_and_nowhere_else() -> None:
    corners = ((20.0, 10.0), (60.0, 10.0), (60.0, 30.0), (20.0, 30.0))
    image = paint(Drawing(80, 40, "", (Area(corners, "s0", 0.5),)), scale=2.0)
    tinted = (image != 255).any(axis=2)
    rows, columns = np.nonzero(tinted)
    assert (columns.min(), columns.max()) == (pytest.approx(40, abs=1), pytest.approx(120, abs=1))
    assert (rows.min(), rows.max()) == (pytest.approx(20, abs=1), pytest.approx(60, abs=1))
    assert tinted[24:56, 44:116].all()
    half = (np.array(LIGHT["s0"][::-1]) + 255) / 2
    assert np.abs(image[40, 80] - half).max() <= 1
    beyond = ((-9.0, -9.0), (200.0, -9.0), (200.0, 90.0))
    assert paint(Drawing(80, 40, "", (Area(beyond, "s0", 0.5),))).shape == (80, 160, 3)
