"""Detections that exist already: VOC's texts, COCO's results, our own JSON; published ones, to the last digit."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.errors import DetectorError, Remedy
from detector.evaluation.class_matching import match_names
from detector.evaluation.data_sets import read_data, score
from detector.evaluation.detection_files import read_detections
from detector.evaluation.results import COCO_NUMBERS, CocoResult, DataSet
from detector.evaluation.results_file import results_json
from tests.support.evaluation_data import coco_dicts, pycocotools_says, random_case
from tests.support.shared_data import shared
from tools.fixtures.data_sets import Thing, write_year

CAT: Thing = ("cat", (11, 11, 60, 60), False)
CAR: Thing = ("car", (1, 1, 30, 30), False)


@pytest.fixture
def voc(tmp_path: Path) -> DataSet:
    """Two images, a cat and a car."""
    return read_data(write_year(tmp_path / "voc", {"000001": [CAT], "000002": [CAT, CAR]}))


def folder(tmp_path: Path, **files: str) -> Path:
    place = tmp_path / "texts"
    place.mkdir(exist_ok=True)
    for name, text in files.items():
        (place / f"comp4_det_test_{name}.txt").write_text(text, "utf-8")
    return place


def test_texts_of_voc_are_read(tmp_path: Path, voc: DataSet) -> None:
    place = folder(tmp_path, cat="000001 0.9 11 11 60 60\n000002 0.25 1 2 3.5 4\n", car="000002 1e-3 1 1 30 30\r\n\n")
    (place / "readme.txt").write_text("not detections")
    found = read_detections(place, voc)
    assert found.boxes_xyxy.tolist() == [[0, 0, 29, 29], [10, 10, 59, 59], [0, 1, 2.5, 3]]  # car, then cat
    assert found.scores.tolist() == [0.001, 0.9, 0.25]
    assert [voc.labels[number] for number in found.class_ids] == ["car", "cat", "cat"]
    assert found.images.tolist() == [1, 0, 1]
    assert found.notes == ()
    assert score(voc, found, "voc").mean_ap == pytest.approx((1 + 0.5) / 2)


def test_names_of_images_with_ending_or_path_are_found(tmp_path: Path, voc: DataSet) -> None:
    found = read_detections(
        folder(tmp_path, cat="000001.jpg 0.9 1 1 5 5\n/data/JPEGImages/000002.jpg 0.8 1 1 5 5\n"), voc
    )
    assert found.images.tolist() == [0, 1]


@pytest.mark.parametrize(
    "line",
    ["000001 0.9 1 1 5", "000001 nan 1 1 5 5", "000001 0.9 1 1 inf 5", "000001 x 1 1 5 5", "000001 1 1 1 5 5 6", "a b"],
)
def test_lines_without_sense_are_counted(tmp_path: Path, voc: DataSet, line: str) -> None:
    found = read_detections(folder(tmp_path, cat=f"000001 0.9 11 11 60 60\n{line}\n"), voc)
    assert len(found) == 1
    assert "1 line is no detection, left out (comp4_det_test_cat.txt:2)." in found.notes


def test_what_does_not_belong_to_the_data_is_named(tmp_path: Path, voc: DataSet) -> None:
    place = folder(tmp_path, cat="000009 0.9 1 1 5 5\n000001 0.5 5 5 2 2\n", unicorn="000001 0.9 1 1 5 5\n")
    found = read_detections(place, voc)
    assert len(found) == 1  # inverted: a false alarm like any other
    notes = " ".join(found.notes)
    assert "not among those measured, not counted: unicorn." in notes
    assert "score 0: car." in notes
    assert "1 detection is of an image that is not among those measured, not counted (000009)." in notes
    assert score(voc, found, "voc07").mean_ap == 0.0


def test_nothing_usable_is_one_line(tmp_path: Path, voc: DataSet) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DetectorError, match="no detections in"):
        read_detections(empty, voc)
    with pytest.raises(DetectorError, match=r"No detection in .* belongs to the data"):
        read_detections(folder(tmp_path, cat="000009 0.9 1 1 5 5\n"), voc)
    with pytest.raises(DetectorError, match="cannot be read"):
        read_detections(tmp_path / "gone.json", voc)
    (tmp_path / "texts" / "comp3_det_test_cat.txt").write_text("")
    with pytest.raises(DetectorError, match="two files for cat"):
        read_detections(tmp_path / "texts", voc)
    (tmp_path / "texts" / "comp3_det_test_cat.txt").unlink()
    (tmp_path / "texts" / "comp4_det_test_cat.txt").rename(tmp_path / "texts" / "det_test_dragon.txt")
    with pytest.raises(DetectorError) as caught:
        read_detections(tmp_path / "texts", voc)
    assert caught.value.remedies == (Remedy("map", "OWN=DATA"),)


def test_empty_detections_are_a_score_of_nothing(tmp_path: Path, voc: DataSet) -> None:
    found = read_detections(folder(tmp_path, cat=""), voc)
    assert found.notes[-1] == "texts holds no detections at all."
    assert score(voc, found, "voc07").mean_ap == 0.0
    (tmp_path / "x.json").write_text("[]")
    assert read_detections(tmp_path / "x.json", voc).notes == ("x.json holds no detections at all.",)


@pytest.fixture
def coco(tmp_path: Path) -> tuple[DataSet, list[dict[str, Any]]]:
    """A drawn COCO set and results for it."""
    truth, results = coco_dicts(random_case(5, images=12, things=60, found=300))
    path = tmp_path / "instances_x.json"
    path.write_text(json.dumps(truth))
    return read_data(path), results


def _results(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_coco_results_give_pycocotools_numbers(tmp_path: Path, coco: tuple[DataSet, list[dict[str, Any]]]) -> None:
    data, results = coco
    result = score(data, read_detections(_results(tmp_path, results), data), "coco")
    assert isinstance(result, CocoResult)
    expected, _ = pycocotools_says(json.loads(data.root.read_text()), results)
    assert list(result.numbers.values()) == expected


def test_names_are_not_mapped_where_there_are_none(tmp_path: Path, coco: tuple[DataSet, list[dict[str, Any]]]) -> None:
    data, results = coco
    with pytest.raises(DetectorError, match="no names to map"):
        read_detections(_results(tmp_path, results), data, {data.labels[0]: data.labels[1]})


def test_coco_results_without_sense_are_counted(tmp_path: Path, coco: tuple[DataSet, list[dict[str, Any]]]) -> None:
    data, results = coco
    good = results[0]
    bad: list[Any] = [{**good, "score": float("nan")}, {**good, "score": None}, {**good, "bbox": [1]}, 7, {}]
    strangers = [{**good, "image_id": 10**6}, {**good, "category_id": 99}]
    found = read_detections(_results(tmp_path, [good, *bad, *strangers]), data)
    assert len(found) == 1
    assert [note.split(" (")[0] for note in found.notes] == [
        "5 lines are no detections, left out",
        "1 detection is of an image that is not among those measured, not counted",
        "1 detection is of a category that is not among those measured, not counted",
    ]
    for content, words in (
        ({"images": [], "annotations": []}, "annotation file"),
        ({"a": 1}, "holds no detections"),
        ("{", "no whole JSON"),
        (bad, "No detection in"),
    ):
        with pytest.raises(DetectorError, match=words):
            read_detections(_results(tmp_path, content), data)


def test_what_is_saved_reads_back(tmp_path: Path, voc: DataSet, coco: tuple[DataSet, list[dict[str, Any]]]) -> None:
    data, results = coco
    for own, path in (
        (data, _results(tmp_path, results)),
        (voc, folder(tmp_path, cat="000001 0.9 11 11 60 60\n000002 0.25 1 2 3.5 4\n", car="000002 0.5 1 1 30 30\n")),
    ):
        found = read_detections(path, own)
        saved = tmp_path / "saved.json"
        saved.write_bytes(results_json(own, found))
        again = read_detections(saved, own)
        assert np.array_equal(again.images, found.images)
        assert np.array_equal(again.class_ids, found.class_ids)
        assert np.array_equal(again.scores, found.scores)
        assert np.allclose(again.boxes_xyxy, found.boxes_xyxy, rtol=0, atol=1e-9)
    assert {entry["image_id"] for entry in json.loads(results_json(voc, found))} == {"000001", "000002"}


def test_our_own_json_is_read(tmp_path: Path, voc: DataSet) -> None:
    thing = {"label": "Cat", "class_id": 7, "score": 0.5, "box": [10.0, 10.0, 59.0, 59.0]}
    images = [
        {"path": "/some/where/000001.png", "width": 100, "height": 100, "detections": [thing, {**thing, "score": "x"}]},
        {"path": "C:\\images\\000002.png", "width": 100, "height": 100, "detections": [{**thing, "label": "auto"}]},
    ]
    found = read_detections(_results(tmp_path, {"model": "m", "images": images}), voc, {"auto": "car"})
    assert found.images.tolist() == [0, 1]
    assert [voc.labels[number] for number in found.class_ids] == ["cat", "car"]
    assert "1 line is no detection, left out (detection 1)." in found.notes


def test_classes_match_by_name_by_custom_or_by_hand() -> None:
    own = ("person", "TV", "dining_table", "vehicle", "zebra")
    data = ("diningtable", "tvmonitor", "car", "person", "boat")
    matched = match_names(own, data, {"Vehicle": "CAR"})
    assert matched.ids.tolist() == [3, 1, 0, 2, -1]
    assert "not counted: zebra." in matched.notes[0]
    assert "score 0: boat." in matched.notes[1]
    with pytest.raises(DetectorError, match=r"The model knows no class 'vehicel'.*Did you mean vehicle"):
        match_names(own, data, {"vehicel": "car"})
    with pytest.raises(DetectorError, match=r"The data knows no class 'lorry'"):
        match_names(own, data, {"vehicle": "lorry"})
    with pytest.raises(DetectorError) as caught:
        match_names(("face",), data, {})
    assert caught.value.remedies == (Remedy("map", "OWN=DATA"),)


def test_published_voc_detections_give_their_published_scores(tmp_path: Path) -> None:
    for name in ("voc2007-test-annotations.tar.gz", "detections/voc2007-yolov2.tar.gz"):
        with tarfile.open(shared(name)) as archive:
            archive.extractall(tmp_path, filter="data")
    data = read_data(tmp_path / "VOCdevkit")
    assert (len(data.images), sum(map(len, data.images))) == (4952, 14976)
    found = read_detections(tmp_path / "voc2007-yolov2", data)
    assert found.notes == ()
    result = score(data, found, "voc07")
    expected = json.loads((tmp_path / "voc2007-yolov2" / "expected.json").read_text())
    assert {each.label: each.ap for each in result.per_class} == pytest.approx(expected["ap_voc07_11point"], abs=1e-12)
    assert result.mean_ap == pytest.approx(0.721868097185641, abs=1e-12)
    assert sum(each.objects for each in result.per_class) == 12032


def test_published_coco_detections_give_the_official_scores() -> None:
    folder = shared("detections/coco-val2014-100")
    truth, results = folder / "instances_val2014_100.json", folder / "instances_val2014_fakebbox100_results.json"
    data = read_data(truth)
    result = score(data, read_detections(results, data), "coco")
    assert isinstance(result, CocoResult)
    official = (0.505, 0.697, 0.573, 0.586, 0.519, 0.501, 0.387, 0.594, 0.595, 0.640, 0.566, 0.564)
    assert tuple(round(result.numbers[name], 3) for name in COCO_NUMBERS) == official
    expected, _ = pycocotools_says(json.loads(truth.read_text()), json.loads(results.read_text()))
    assert list(result.numbers.values()) == expected  # every bit
