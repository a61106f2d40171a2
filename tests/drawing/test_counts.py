"""Counts in words: the plural of every class of COCO and VOC, and the list that the status bar leads with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.counts import counted, found_in_all, found_text, plural
from detector.labels import COCO80, VOC20

PLURALS = [
    "persons", "bicycles", "cars", "motorcycles", "airplanes", "buses", "trains", "trucks", "boats", "traffic lights",
    "fire hydrants", "stop signs", "parking meters", "benches", "birds", "cats", "dogs", "horses", "sheep", "cows",
    "elephants", "bears", "zebras", "giraffes", "backpacks", "umbrellas", "handbags", "ties", "suitcases", "frisbees",
    "skis", "snowboards", "sports balls", "kites", "baseball bats", "baseball gloves", "skateboards", "surfboards",
    "tennis rackets", "bottles", "wine glasses", "cups", "forks", "knives", "spoons", "bowls", "bananas", "apples",
    "sandwiches", "oranges", "broccoli", "carrots", "hot dogs", "pizzas", "donuts", "cakes", "chairs", "couches",
    "potted plants", "beds", "dining tables", "toilets", "tvs", "laptops", "mice", "remotes", "keyboards",
    "cell phones", "microwaves", "ovens", "toasters", "sinks", "refrigerators", "books", "clocks", "vases", "scissors",
    "teddy bears", "hair driers", "toothbrushes",
]  # fmt: skip


def test_every_class_of_coco() -> None:
    assert [plural(label) for label in COCO80] == PLURALS


def test_every_class_of_voc() -> None:
    odd = {"bus": "buses", "sheep": "sheep"}
    assert [plural(label) for label in VOC20] == [odd.get(label, f"{label}s") for label in VOC20]


@pytest.mark.parametrize(
    ("label", "several"),
    [
        ("face", "faces"),
        ("cross", "crosses"),
        ("box", "boxes"),
        ("lorry", "lorries"),
        ("toy", "toys"),
        ("Mouse", "Mice"),
        ("old man", "old men"),
        ("vehicle-2", "vehicle-2"),
        ("N/A", "N/As"),
        ("y", "ys"),
        ("7", "7"),
        ("", ""),
        ("自行车", "自行车"),
    ],
)
def test_other_names(label: str, several: str) -> None:
    assert plural(label) == several


def test_the_commonest_come_first_and_the_rest_is_counted() -> None:
    assert counted([]) == ""
    assert counted(["person", "dog", "person"]) == "2 persons, 1 dog"
    assert counted(["sheep"]) == "1 sheep"
    many = ["car"] * 5 + ["knife"] * 2 + ["bus"] + ["dog"] * 3 + ["cat"]
    assert counted(many) == "5 cars, 3 dogs, 2 knives and 2 more"


@given(st.lists(st.sampled_from(COCO80)))
def test_no_object_is_forgotten(labels: list[str]) -> None:
    words = counted(labels).replace(" and ", ", ").split(", ")
    assert sum(int(part.split()[0]) for part in words if part) == len(labels)


@given(st.text())
def test_any_name_has_a_plural(label: str) -> None:
    assert plural(label).startswith(label[:1])


def test_what_is_followed_is_counted_once_and_what_is_not_in_every_frame() -> None:
    assert found_text(232, 180, {"vehicle": 8}) == "8 vehicles"
    assert found_text(232, 180, {"vehicle": 8, "person": 1}) == "8 vehicles, 1 person"
    assert found_text(0, 180, {}) == "no objects"
    assert found_text(232, 180) == "232 detections in 180 frames"
    assert found_text(1, 1) == "1 detection in 1 frame"


def test_several_exports_count_objects_only_where_all_followed_them() -> None:
    assert found_in_all([(9, 5, {"car": 2}), (3, 4, {"car": 1, "dog": 1})]) == "3 cars, 1 dog"
    assert found_in_all([(9, 5, {"car": 2}), (3, 4, None)]) == "12 detections in 9 frames"
