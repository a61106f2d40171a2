"""COCO data as it lies around: sparse numbers, several layouts, broken and hostile files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from detector.errors import DetectorError, Remedy
from detector.evaluation import json_file
from detector.evaluation.data_sets import only_classes, read_data, score
from detector.evaluation.detection_files import read_detections
from detector.evaluation.results import DataSet

TRUTH: dict[str, Any] = {
    "info": {"year": 2017},
    "images": [
        {"id": 139, "file_name": "000000000139.jpg", "width": 640, "height": 426},
        {"id": 9, "file_name": "000000000009.jpg", "width": 640, "height": 480},
    ],
    "categories": [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person", "supercategory": "person"}],
    "annotations": [
        {"id": 1, "image_id": 139, "category_id": 90, "bbox": [10, 20.5, 30, 40], "area": 700.25, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 139,
            "category_id": 1,
            "bbox": [0, 0, 100, 50],
            "area": 4000,
            "iscrowd": 1,
            "segmentation": {"counts": [1, 2], "size": [426, 640]},
        },
        {"id": 3, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]},
    ],
}


def write(folder: Path, content: Any, name: str = "instances_val2017.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def read(folder: Path, **changes: Any) -> DataSet:
    return read_data(write(folder, {**copy.deepcopy(TRUTH), **changes}))


def test_boxes_are_corners_and_categories_are_in_order(tmp_path: Path) -> None:
    data = read(tmp_path)
    assert (data.labels, data.category_ids, data.split) == (("person", "toothbrush"), (1, 90), "val2017")
    assert [image.image_id for image in data.images] == ["9", "139"]
    first, second = data.images
    assert second.boxes_xyxy.tolist() == [[10, 20.5, 40, 60.5], [0, 0, 100, 50]]
    assert second.class_ids.tolist() == [1, 0]
    assert second.crowd.tolist() == [False, True]
    assert second.areas.tolist() == [700.25, 4000]
    assert second.box_areas.tolist() == [1200, 5000]
    assert first.areas.tolist() == [12]
    assert data.notes == ("2 images are missing (000000000009.jpg, 000000000139.jpg).",)
    assert only_classes(data, ("toothbrush",)).category_ids == (90,)
    assert [image.image_id for image in read_data(tmp_path, "coco", limit=1).images] == ["9"]


@pytest.mark.parametrize(
    ("file", "image", "split"),
    [
        ("annotations/instances_val2017.json", "val2017/000000000009.jpg", "val2017"),
        ("annotations/instances_val2017.json", "images/val2017/000000000009.jpg", "val2017"),
        ("instances_val2017.json", "val2017/000000000009.jpg", "val2017"),
        ("instances_odd.json", "images/000000000009.jpg", "odd"),
        ("valid/_annotations.coco.json", "valid/000000000009.jpg", "valid"),
        ("instances_odd.json", "000000000009.jpg", "odd"),
    ],
)
def test_images_are_found_where_people_keep_them(tmp_path: Path, file: str, image: str, split: str) -> None:
    write(tmp_path, TRUTH, file)
    (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / image).write_bytes(b"x")
    data = read_data(tmp_path)
    assert data.images[0].path == tmp_path / image
    assert (data.kind, data.split) == ("coco", split)
    assert data.notes == ("1 image is missing (000000000139.jpg).",)


def test_of_a_file_the_split_names_the_folder_of_its_images(tmp_path: Path) -> None:
    path = write(tmp_path, TRUTH, "annotations/people.json")
    image = tmp_path / "val2017" / "000000000009.jpg"
    image.parent.mkdir()
    image.touch()
    assert read_data(path).images[0].path is None
    data = read_data(path, split="val2017")
    assert (data.split, data.images[0].path) == ("val2017", image)


def test_whole_numbers_written_as_floats_are_the_same_numbers(tmp_path: Path) -> None:
    floats: dict[str, Any] = copy.deepcopy(TRUTH)
    for entry in (*floats["images"], *floats["categories"]):
        entry["id"] = float(entry["id"])
    for entry in floats["annotations"]:
        entry |= {"image_id": float(entry["image_id"]), "category_id": float(entry["category_id"])}
    data, plain = read(tmp_path, **floats), read(tmp_path)
    assert (data.labels, data.category_ids, data.notes) == (plain.labels, plain.category_ids, plain.notes)
    assert [image.class_ids.tolist() for image in data.images] == [image.class_ids.tolist() for image in plain.images]
    results = tmp_path / "results.json"
    results.write_text(json.dumps([{"image_id": 9.0, "category_id": 1.0, "bbox": [1, 2, 3, 4], "score": 1.0}]))
    assert len(read_detections(results, data)) == 1
    with pytest.raises(DetectorError, match="category without a number"):
        read(tmp_path, categories=[{"id": 1.5, "name": "x"}])


def test_a_split_is_chosen_or_asked_for(tmp_path: Path) -> None:
    write(tmp_path, TRUTH, "annotations/instances_mine.json")
    write(tmp_path, TRUTH, "annotations/instances_other.json")
    with pytest.raises(DetectorError, match="mine, other") as caught:
        read_data(tmp_path)
    assert caught.value.remedies == (Remedy("split"),)
    assert read_data(tmp_path, split="other").split == "other"
    with pytest.raises(DetectorError, match=r"no split 'val2017'.*mine, other"):
        read_data(tmp_path, split="val2017")
    write(tmp_path, TRUTH, "annotations/instances_val2014.json")
    assert read_data(tmp_path).split == "val2014"


def test_names_that_are_paths_stay_inside(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (tmp_path / "secret.jpg").write_bytes(b"x")
    outside = str(tmp_path / "secret.jpg")
    hostile = [
        "../secret.jpg",
        outside,
        f"/{outside}",
        "C:\\x.jpg",
        "\\\\server\\share\\x",
        "a/../../secret.jpg",
        "a\0b",
    ]
    names = [*hostile, "a/b.jpg"]
    (root / "a").mkdir(parents=True)
    (root / "a" / "b.jpg").write_bytes(b"x")
    data = read(root, images=[{"id": n, "file_name": name} for n, name in enumerate(names)], annotations=[])
    assert [image.path for image in data.images] == [*([None] * 7), root / "a" / "b.jpg"]
    (note,) = data.notes
    assert note.startswith("7 images are named outside of the data set, which is not followed (../secret.jpg")


@pytest.mark.parametrize(
    ("annotation", "note"),
    [
        ({"bbox": [1, 2, 3]}, "no box of numbers"),
        ({"bbox": "1234"}, "no box of numbers"),
        ({"bbox": [1, 2, "3", 4]}, "no box of numbers"),
        ({"bbox": [1, 2, float("nan"), 4]}, "no box of numbers"),
        ({"bbox": [1, 2, 1e300, 4]}, "no box of numbers"),
        ({"bbox": [5, 5, -3, 4]}, "negative size"),
        ({"image_id": 5}, "image that is not listed"),
        ({"image_id": None}, "image that is not listed"),
        ({"category_id": 5}, "category that is not listed"),
        ({"category_id": [1]}, "category that is not listed"),
    ],
)
def test_senseless_objects_are_left_out_and_named(tmp_path: Path, annotation: dict[str, Any], note: str) -> None:
    bad = {**TRUTH["annotations"][2], **annotation}
    data = read(tmp_path, annotations=[TRUTH["annotations"][0], bad])
    assert sum(map(len, data.images)) == 1
    assert len([line for line in data.notes if line.startswith("1 object")]) == 1
    assert any(note in line for line in data.notes)


def test_boxes_without_size_stay_as_pycocotools_has_it(tmp_path: Path) -> None:
    data = read(tmp_path, annotations=[{**TRUTH["annotations"][0], "bbox": [5, 5, 0, 4], "area": 0}])
    assert data.images[1].boxes_xyxy.tolist() == [[5, 5, 5, 9]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": [TRUTH["images"][0], {"id": 139, "file_name": "b.jpg"}]}, "gives the number 139 to two images"),
        ({"images": []}, "lists no images"),
        ({"images": None}, "no list of images"),
        ({"annotations": {}}, "no list of annotations"),
        ({"categories": []}, "no categories"),
        ({"categories": [{"id": 1}]}, "category without a name"),
        ({"categories": [{"id": "1", "name": "a"}]}, "category without a number"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "category 1 two names"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        read(tmp_path, **changes)


def test_harmless_doubles_are_read_around(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "person"}, {"id": 2, "name": "person"}, {"id": 90, "name": " a  b "}]
    data = read(tmp_path, images=[TRUTH["images"][0], *TRUTH["images"], {"id": 7}], categories=categories)
    assert data.labels == ("person", "person (2)", "a b")
    assert "1 image is listed twice (139)." in data.notes
    assert "3 images are missing (image 7, 000000000009.jpg, 000000000139.jpg)." in data.notes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no whole JSON file"),
        ("{", "no whole JSON file"),
        ("[" * 100_000, "nested too deeply"),
        ('{"images": ' + "1" * 5000 + "}", "no JSON file that can be read"),
        ("[]", "no list of images.*detections"),
        ("3", "no list of images"),
    ],
)
def test_broken_files_are_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        read_data(write(tmp_path, text))


def test_bytes_that_are_no_text_and_files_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, TRUTH)
    path.write_bytes(b"[\xff\x80]")
    with pytest.raises(DetectorError, match="no JSON file that can be read"):
        read_data(path)
    monkeypatch.setattr(json_file, "MAX_BYTES", 100)
    with pytest.raises(DetectorError, match="larger than"):
        read_data(write(tmp_path, TRUTH))


def test_an_annotation_of_number_zero_can_be_found(tmp_path: Path) -> None:
    """pycocotools takes 0 for no match."""
    thing = {**TRUTH["annotations"][2], "id": 0}
    data = read(tmp_path, annotations=[thing])
    results = tmp_path / "results.json"
    results.write_text(json.dumps([{"image_id": 9, "category_id": 1, "bbox": thing["bbox"], "score": 0.5}]))
    assert score(data, read_detections(results, data), "coco").mean_ap == pytest.approx(1.0)
