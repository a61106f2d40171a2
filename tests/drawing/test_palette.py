"""Colours of classes: stable, apart, and readable under their labels."""

from __future__ import annotations

import colorsys
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.palette import (
    BLACK,
    COLOUR_BLIND,
    SINGLE,
    WHITE,
    class_colour,
    contrast,
    model_colours,
    text_colour,
)

PALETTES = ("vivid", "colour-blind", "single")
DRAWN = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "arrow")
COMMON = ("person", "car", "bicycle", "bus", "truck", "motorcycle", "dog", "cat", "horse", "bird")


@given(st.text(), st.sampled_from(PALETTES))
def test_label_text_reads_on_every_class_colour(name: str, palette: str) -> None:
    colour = class_colour(name, palette)
    assert all(0 <= part <= 255 for part in colour)
    assert contrast(colour, text_colour(colour)) >= 4.5


@given(st.tuples(*(st.integers(0, 255),) * 3))
def test_text_is_black_or_white_and_reads_on_any_background(colour: tuple[int, int, int]) -> None:
    assert text_colour(colour) in (BLACK, WHITE)
    assert contrast(colour, text_colour(colour)) >= 4.5


def test_contrast_is_the_published_formula() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21.0)
    assert contrast((119, 119, 119), WHITE) == pytest.approx(4.48, abs=0.005)  # WCAG's well-known #777 on white


def test_a_colour_is_the_same_in_another_process() -> None:
    """Python's own hash() is salted per process; ours must not be."""
    code = "from app.core.palette import class_colour; print(class_colour('car'), class_colour('汽车', 'colour-blind'))"
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert shown[0] == shown[1] == f"{class_colour('car')} {class_colour('汽车', 'colour-blind')}\n"


@pytest.mark.parametrize(("names", "least"), [(COMMON, 0.04), (DRAWN, 0.05)])
def test_common_classes_lie_well_apart_on_the_hue_circle(names: tuple[str, ...], least: float) -> None:
    hues = sorted(colorsys.rgb_to_hls(*(part / 255 for part in class_colour(name)))[0] for name in names)
    gaps = [after - before for before, after in zip(hues, [*hues[1:], hues[0] + 1], strict=True)]
    assert min(gaps) > least


def test_palettes_are_what_they_are_called() -> None:
    assert {class_colour(name, "single") for name in COMMON} == {SINGLE}
    assert {class_colour(name, "colour-blind") for name in COMMON} <= set(COLOUR_BLIND)
    assert class_colour("car", "no such palette") == class_colour("car", "vivid")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=24, unique=True).map(tuple))
@settings(deadline=None, max_examples=60)
def test_classes_of_one_model_are_told_apart(labels: tuple[str, ...]) -> None:
    colours = model_colours(labels)
    hues = sorted(colorsys.rgb_to_hls(*(part / 255 for part in colours[name]))[0] for name in labels)
    gaps = [second - first for first, second in zip(hues, [*hues[1:], hues[0] + 1], strict=True)]
    assert min(gaps) > 0.2 / len(labels)
    assert len(set(model_colours(labels[: len(COLOUR_BLIND)], "colour-blind").values())) == min(
        len(labels), len(COLOUR_BLIND)
    )


def test_a_long_list_of_classes_keeps_the_colours_of_their_names() -> None:
    labels = tuple(f"class {number}" for number in range(80))
    assert model_colours(labels) == {name: class_colour(name) for name in labels}
