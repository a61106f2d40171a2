"""Where boxes and labels go, and the pixels they become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.overlay import BoxMark, View, layout, shown_score
from app.core.overlay_array import ArrayPainter
from app.core.palette import class_colour
from app.core.settings import OverlaySettings
from detector.detections import Detections

LABELS = ("car", "dog", "Größe", "a very long class name for such a small image")
LOOK = OverlaySettings()


def measure(text: str, size: float) -> tuple[float, float]:
    return 0.5 * size * len(text), 1.3 * size


def found(*boxes: tuple[float, float, float, float], score: float = 0.9) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), score, np.float32),
        (np.arange(len(boxes)) % len(LABELS)).astype(np.int32),
    )


def overlap(first: BoxMark, second: BoxMark) -> float:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = first.label_rect, second.label_rect
    return max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))


edges = st.floats(-300, 2000, width=32)
detections = st.lists(st.tuples(edges, edges, edges, edges), max_size=12).map(
    lambda boxes: found(*((min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes))
)


@given(
    detections,
    st.integers(1, 1500),
    st.integers(1, 1500),
    st.floats(0.1, 4.0),
    st.floats(1.0, 3.0),
    st.one_of(st.none(), st.just((50.0, 40.0, 400.0, 300.0))),
)
def test_labels_stay_inside_the_visible_image(
    objects: Detections,
    width: int,
    height: int,
    scale: float,
    unit: float,
    viewport: tuple[float, float, float, float] | None,
) -> None:
    view = View(scale=scale, offset=(30.0, 20.0), viewport=viewport, unit=unit)
    x1, y1, x2, y2 = viewport or (0.0, 0.0, 1e9, 1e9)
    limits = (
        max(30.0, x1) - 1e-6,
        max(20.0, y1) - 1e-6,
        min(30 + width * scale, x2) + 1e-6,
        min(20 + height * scale, y2) + 1e-6,
    )
    marks = layout(objects, LABELS, (width, height), view, LOOK, measure)
    for mark in marks:
        assert mark.rect[0] < mark.rect[2]
        assert mark.rect[1] < mark.rect[3]
        if mark.text:
            x1, y1, x2, y2 = mark.label_rect
            assert limits[0] <= x1 < x2 <= limits[2]
            assert limits[1] <= y1 < y2 <= limits[3]
            assert x2 - x1 == pytest.approx(measure(mark.text, mark.text_size)[0] + 2 * mark.padding)


def test_the_box_is_the_float_box() -> None:
    (mark,) = layout(found((10.25, 20.5, 99.75, 60.125)), LABELS, (200, 100), View(2.0, (5.0, 7.0)), LOOK, measure)
    assert mark.rect == (25.5, 48.0, 204.5, 127.25)
    assert mark.text == "car 0.90"
    assert mark.colour == class_colour("car")


def test_a_box_beyond_the_edge_is_cut_there_and_one_outside_is_left_out() -> None:
    marks = layout(found((-20, -5, 50, 60), (300, 10, 340, 40)), LABELS, (200, 100), View(), LOOK, measure)
    assert [mark.rect for mark in marks] == [(0.0, 0.0, 50.0, 60.0)]


def test_labels_make_room_for_each_other_and_the_best_comes_last() -> None:
    objects = found((100, 100, 300, 300), (102, 101, 301, 300), (99, 99, 303, 305))
    marks = layout(objects, LABELS, (640, 480), View(), LOOK, measure)
    assert [mark.text for mark in marks] == ["Größe 0.90", "dog 0.90", "car 0.90"]
    assert all(overlap(a, b) == 0 for i, a in enumerate(marks) for b in marks[:i])


def test_a_long_label_is_cut_to_fit_and_dropped_where_nothing_fits() -> None:
    one = Detections(np.array([[0, 0, 90, 90]], np.float32), np.array([0.5], np.float32), np.array([3], np.int32))
    (narrow,) = layout(one, LABELS, (100, 100), View(), LOOK, measure)
    assert narrow.text.startswith("a very")
    assert narrow.text.endswith("…")
    (tiny,) = layout(one, LABELS, (4, 4), View(), LOOK, measure)
    assert (tiny.text, tiny.rect) == ("", (0.0, 0.0, 4.0, 4.0))


def test_sizes_follow_the_pixel_density_and_files_the_image() -> None:
    (mark,) = layout(found((10, 10, 90, 90)), LABELS, (200, 200), View(unit=2.0), LOOK, measure)
    assert (mark.line_width, mark.text_size) == (4.0, 28.0)
    assert View.of_file(3840, 2160).unit == 3.0
    assert View.of_file(320, 240).unit == 0.85


@pytest.mark.parametrize(
    ("labels", "scores", "text"), [(True, False, "car"), (False, True, "0.90"), (False, False, "")]
)
def test_labels_and_scores_are_switched_apart(labels: bool, scores: bool, text: str) -> None:
    look = OverlaySettings(show_labels=labels, show_scores=scores)
    (mark,) = layout(found((10, 30, 90, 90)), LABELS, (200, 200), View(), look, measure)
    assert mark.text == text


@given(st.floats(0, 1, width=32))
def test_a_shown_score_never_promises_more_and_its_threshold_still_shows_the_box(score: float) -> None:
    shown = float(shown_score(score))
    assert np.float32(shown) <= np.float32(score)
    assert np.float32(shown + 0.01) > np.float32(score)
    assert len(found((0, 0, 1, 1), score=score).above(shown)) == 1


def test_shown_scores() -> None:
    assert [shown_score(s) for s in (0.879, 0.57, 0.999999, 1.0, 0.0)] == ["0.87", "0.57", "0.99", "1.00", "0.00"]


def test_painted_pixels_lie_on_the_box() -> None:
    image = np.full((120, 200, 3), 40, np.uint8)
    ArrayPainter().annotate(image, found((40, 50, 150, 100)), ["car"], OverlaySettings(show_labels=False))
    colour = class_colour("car")[::-1]
    assert tuple(image[50, 140]) == tuple(image[99, 100]) == tuple(image[75, 40]) == tuple(image[75, 149]) == colour
    assert tuple(image[75, 95]) == (40, 40, 40)
    assert tuple(image[20, 20]) == (40, 40, 40)


def test_a_label_is_its_colour_with_ink_and_comes_the_same_from_the_cache() -> None:
    painter = ArrayPainter()
    first, second = (np.zeros((200, 300, 3), np.uint8) for _ in range(2))
    for image in (first, second):
        painter.annotate(image, found((40, 50, 150, 100)), ["Größe 汽车"], LOOK)
    assert np.array_equal(first, second)
    (mark,) = layout(
        found((40, 50, 150, 100)), ["Größe 汽车"], (300, 200), View.of_file(300, 200), LOOK, painter.measure
    )
    x1, y1, x2, y2 = (round(edge) for edge in mark.label_rect)
    label = first[y1:y2, x1:x2].reshape(-1, 3).tolist()
    assert label.count(list(mark.colour[::-1])) > 0.4 * len(label)
    assert label.count(list(mark.text_colour[::-1])) > 0.02 * len(label)


@settings(max_examples=60)
@given(detections, st.integers(1, 160), st.integers(1, 160), st.floats(0, 60))
def test_any_detections_paint_on_any_image(objects: Detections, width: int, height: int, fill: float) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    ArrayPainter().annotate(image, objects, LABELS, OverlaySettings(fill=fill))
    assert image.shape == (height, width, 3)
