"""When two class names mean one class: in filters, in searches, between the words of VOC and of COCO."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.detection_filter import check_classes, detection_filter
from app.core.errors import AppError
from app.core.settings import DetectionSettings
from detector.class_names import chosen_ids, find_name, is_found_by, key, meaning
from detector.evaluation.class_matching import match_names
from detector.labels import COCO80, VOC20

PAIRS = (
    ("aeroplane", "airplane"),
    ("diningtable", "dining table"),
    ("motorbike", "motorcycle"),
    ("pottedplant", "potted plant"),
    ("sofa", "couch"),
    ("tvmonitor", "tv"),
)


@pytest.mark.parametrize(("voc", "coco"), PAIRS)
def test_a_filter_by_either_word_works_with_a_model_of_either(voc: str, coco: str) -> None:
    for typed in (voc, coco):
        for labels, own in ((VOC20, voc), (COCO80, coco)):
            check_classes((typed,), labels, "The model")
            wanted = detection_filter(DetectionSettings(classes=(typed,)), labels)
            assert wanted.class_ids == {labels.index(own)}


def test_every_class_of_voc_has_its_partner_in_coco_and_no_other_class_has_two_words() -> None:
    partners = [find_name(name, COCO80) for name in VOC20]
    assert -1 not in partners
    assert len(set(partners)) == len(VOC20)
    renamed = {(name, COCO80[place]) for name, place in zip(VOC20, partners, strict=True) if name != COCO80[place]}
    assert renamed == set(PAIRS)
    assert len({meaning(name) for name in COCO80}) == len(COCO80)


def test_a_model_of_80_classes_is_measured_on_the_20_of_voc() -> None:
    matched = match_names(COCO80, VOC20, {})
    assert sorted(matched.ids[matched.ids >= 0].tolist()) == list(range(20))
    assert not any("score 0" in note for note in matched.notes)


def test_a_name_as_it_is_spelled_goes_before_its_other_word() -> None:
    labels = ("couch", "Sofa", "sofa")
    assert find_name("sofa", labels) == 2
    assert find_name("SOFA", labels) == 1
    assert find_name("couch", labels) == 0
    assert chosen_ids(("sofa", "couch", "piano"), labels) == {0, 2}


def test_what_the_model_does_not_know_is_refused_and_a_filter_of_nothing_shows_all() -> None:
    with pytest.raises(AppError, match="piano"):
        check_classes(("sofa", "piano"), COCO80, "The model")
    assert detection_filter(DetectionSettings(classes=("piano",)), COCO80).class_ids is None


def test_a_search_goes_through_both_words() -> None:
    assert [name for name in COCO80 if is_found_by("Sof", name)] == ["couch"]
    assert [name for name in VOC20 if is_found_by("couch", name)] == ["sofa"]
    assert [name for name in COCO80 if is_found_by("tv", name)] == ["tv"]
    assert all(is_found_by("", name) for name in COCO80)


@given(st.lists(st.sampled_from([*COCO80, *VOC20, "Potted_Plant", "TV-Monitor"]), unique=True), st.text(max_size=12))
def test_the_index_found_means_the_same(names: list[str], typed: str) -> None:
    for name in (*COCO80, *VOC20, typed):
        place = find_name(name, names)
        assert (place >= 0) == (meaning(name) in {meaning(other) for other in names})
        if place >= 0:
            assert meaning(names[place]) == meaning(name)
            assert name not in names or names[place] == name
            same = [index for index, other in enumerate(names) if key(other) == key(name)]
            assert not same or place in same
