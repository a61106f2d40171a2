"""Data sets as other systems and tools write them: paths of Windows, UTF-16, uncommon image formats, headings, commas.

Each is read for measuring and for training, from data drawn here and from the cases that were reported.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.core.file_types import IMAGE_SUFFIXES
from app.core.sources.images import read_image
from app.lab.evaluation.model_run import read_as_annotated
from app.lab.training.material import common_labels
from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data
from detector.evaluation.detection_files import read_detections
from detector.evaluation.results import DataSet
from detector.evaluation.text_encoding import decode_text
from detector.evaluation.voc_layout import read_list
from detector.training.data import ImageReader, training_images
from tests.support.shared_data import shared
from tools.fixtures.data_sets import Thing, voc_xml, write_year

DOG: Thing = ("dog", (11, 11, 51, 41), False)
CATEGORIES = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]


def write_image(path: Path) -> Path:
    """An image of 100 by 100 pixels that every format can hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    pixels = np.full((100, 100) if suffix in (".pgm", ".pbm") else (100, 100, 3), 200, np.uint8)
    done, data = cv2.imencode(suffix, pixels)
    assert done
    path.write_bytes(data.tobytes())
    return path


def write_coco(root: Path, names: Sequence[str], **changes: Any) -> Path:
    """An annotation file in ``annotations``, with a dog in each image."""
    content = {
        "images": [{"id": n, "file_name": name, "width": 100, "height": 100} for n, name in enumerate(names)],
        "annotations": [{"image_id": n, "category_id": 1, "bbox": [10, 10, 40, 30]} for n in range(len(names))],
        "categories": CATEGORIES,
        **changes,
    }
    path = root / "annotations" / "instances_val.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    return root


def assert_usable(data: DataSet, objects: int | None = None) -> None:
    """Every image is there for measuring and for training, with its objects."""
    for image in data.images:
        assert image.path is not None, image.file_name
        assert read_as_annotated(image.path, image.width, image.height).size
    reader = ImageReader(partial(read_image, upright=False))
    loaded = [reader.read(image) for image in training_images([data], common_labels([data]))]
    assert not reader.failures()
    if objects is not None:
        assert sum(len(ids) for _, _, ids in loaded) == objects


@pytest.mark.parametrize(
    "name",
    [
        "images\\0.png",
        ".\\images\\0.png",
        "images\\deep/0.png",
        "C:\\Users\\q\\set\\images\\0.png",
        "D:/work/images/0.png",
        "\\\\server\\share\\0.png",
        "/home/q/set/images/0.png",
        "..\\..\\set\\images\\0.png",
        "file:///home/q/0.png",
        "images\\0.PNG",
        "0.Png",
    ],
)
def test_names_of_other_systems_are_found_within_the_set(tmp_path: Path, name: str) -> None:
    there = write_image(tmp_path / "images" / ("deep/0.png" if "deep" in name else "0.png"))
    data = read_data(write_coco(tmp_path, [name]))
    assert [image.path for image in data.images] == [there]
    assert data.notes == ()
    assert_usable(data, 1)


def test_of_two_files_the_one_with_more_of_the_name_is_meant(tmp_path: Path) -> None:
    write_image(tmp_path / "0.png")
    right = write_image(tmp_path / "images" / "left" / "0.png")
    assert read_data(write_coco(tmp_path, ["C:\\set\\left\\0.png"])).images[0].path == right


def test_what_is_not_found_is_not_followed_by_a_training(tmp_path: Path) -> None:
    secret = write_image(tmp_path / "secret.png")
    root = write_coco(tmp_path / "set", ["../secret.png", str(secret)])
    images = training_images([read_data(root)], ("dog",))
    reader = ImageReader()
    for image in images:
        with pytest.raises(DetectorError, match="cannot be read"):
            reader.read(image)


def test_the_reported_backslashes() -> None:
    assert_usable(read_data(shared("cases/coco_backslash")))


def categories(*parents: tuple[str, str | None]) -> list[dict[str, object]]:
    return [
        {"id": n, "name": name} | ({} if above is None else {"supercategory": above})
        for n, (name, above) in enumerate(parents)
    ]


@pytest.mark.parametrize(
    ("entries", "labels"),
    [
        ([("things", "none"), ("dog", "things"), ("cat", "things")], ("dog", "cat")),
        ([("things", None), ("dog", "animals"), ("animals", "things")], ("dog",)),  # a tree of headings
        ([("dogs", "none"), ("dog", "dogs"), ("dogs", "dogs")], ("dog", "dogs")),  # the project is named like a class
        ([("person", "person"), ("dog", "animal"), ("cat", "animal")], ("person", "dog", "cat")),  # COCO's own
        ([("x", None), ("dog", "animal")], ("x", "dog")),
    ],
)
def test_headings_without_objects_are_no_classes(
    tmp_path: Path, entries: list[tuple[str, str | None]], labels: tuple[str, ...]
) -> None:
    data = read_data(write_coco(tmp_path, ["0.png"], categories=categories(*entries)))
    assert data.labels == labels
    assert len(data.category_ids) == len(labels)
    assert common_labels([data]) == labels
    assert data.labels[data.images[0].class_ids[0]] == "dog"


def test_a_heading_with_an_object_is_a_class_and_so_are_all_without_any(tmp_path: Path) -> None:
    named = categories(("animal", "none"), ("dog", "animal"))
    thing = {"image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]}
    data = read_data(write_coco(tmp_path, ["0.png", "1.png"], categories=named, annotations=[thing]))
    assert data.labels == ("animal", "dog")
    thing["image_id"] = 1  # beyond the limit it counts, too
    write_coco(tmp_path, ["0.png", "1.png"], categories=named, annotations=[thing])
    assert read_data(tmp_path, limit=1).labels == ("animal", "dog")
    circle = categories(("a", "b"), ("b", "a"))
    assert read_data(write_coco(tmp_path, ["0.png"], categories=circle, annotations=[])).labels == ("a", "b")


def test_the_reported_root_category() -> None:
    data = read_data(shared("cases/coco_roboflow_root"))
    assert "arrow" in data.labels
    assert len(data.labels) == 8
    assert_usable(data)


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
@pytest.mark.parametrize("upper", [False, True])
def test_every_image_format_serves_a_voc_set(tmp_path: Path, suffix: str, upper: bool) -> None:
    write_year(tmp_path, {"000001": [DOG]})
    there = write_image(tmp_path / "JPEGImages" / f"000001{suffix.upper() if upper else suffix}")
    (tmp_path / "ImageSets" / "Main" / "test.txt").write_text(f"{there.name}\n")
    data = read_data(tmp_path)
    assert [image.path for image in data.images] == [there]
    assert data.notes == ()
    assert_usable(data, 1)


@pytest.mark.parametrize("name", ["photo", "photo.jpg", "PHOTO.JPEG", "C:\\Users\\q\\photo.jpg", "a/b/photo.jpg"])
def test_an_image_is_found_by_what_its_annotation_calls_it(tmp_path: Path, name: str) -> None:
    write_year(tmp_path, {"000001": [DOG]})
    there = write_image(tmp_path / "JPEGImages" / "photo.webp")
    (tmp_path / "Annotations" / "000001.xml").write_text(voc_xml([DOG], name))
    assert read_data(tmp_path).images[0].path == there


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("names", [("a",), ("000001", "000002"), ("été 1", "図1"), ("图像一", "图像二", "图像三")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lists_in_every_encoding_name_the_same_images(
    tmp_path: Path, encoding: str, names: tuple[str, ...], end: str
) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes("".join(f"{name}{end}" for name in names).encode(encoding))
    assert read_list(path) == [name.split()[0] for name in names]


def test_big_endian_with_its_mark_is_read_and_stray_zeros_are_no_encoding() -> None:
    assert decode_text(b"\xfe\xff\x00a\x00\n") == "a\n"
    assert decode_text(b"000001\n000\x0002\n") == "000001\n000\x0002\n"
    assert decode_text(b"") == ""


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_set_with_powershells_list_is_measured_and_trained_on(tmp_path: Path, encoding: str) -> None:
    write_year(tmp_path, {"000001": [DOG], "000002": [DOG]}, "train")
    for stem in ("000001", "000002"):
        write_image(tmp_path / "JPEGImages" / f"{stem}.png")
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_bytes("000001\r\n000002\r\n".encode(encoding))
    assert_usable(read_data(tmp_path, split="train"), 2)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_detections_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    data = read_data(write_year(tmp_path / "year", {"000001": [DOG]}))
    results = tmp_path / "results"
    results.mkdir()
    (results / "comp4_det_test_dog.txt").write_bytes("000001 0.5 11 11 51 41\r\n".encode(encoding))
    assert len(read_detections(results, data)) == 1


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-16", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-8"), ("utf-8-sig", "utf-8")],
)
def test_annotations_converted_as_a_whole_are_read(tmp_path: Path, encoding: str, declared: str) -> None:
    write_year(tmp_path, {"000001": [DOG]})
    text = f'<?xml version="1.0" encoding="{declared}"?>\n{voc_xml([DOG])}'
    (tmp_path / "Annotations" / "000001.xml").write_bytes(text.encode(encoding))
    assert read_data(tmp_path).labels == ("dog",)


def with_edge(root: Path, edge: str, stems: Sequence[str] = ("000001", "000002")) -> Path:
    """A VOC year in whose annotations of ``stems`` xmin is written as ``edge``."""
    write_year(root, {"000001": [DOG], "000002": [DOG]})
    for stem in stems:
        path = root / "Annotations" / f"{stem}.xml"
        path.write_text(path.read_text().replace("<xmin>11</xmin>", f"<xmin>{edge}</xmin>"))
    return root


EDGES = ["11,5", "", "nan", "inf", "-Infinity", "12%", "1_1", "eleven", "1e999", "0x1f"]


@pytest.mark.parametrize("edge", EDGES)
def test_boxes_that_are_not_numbers_are_called_that(tmp_path: Path, edge: str) -> None:
    with pytest.raises(DetectorError) as caught:
        read_data(with_edge(tmp_path, edge))
    assert "are not numbers" in caught.value.message
    assert f"000001.xml: xmin is {edge or 'empty'}" in caught.value.message


@pytest.mark.parametrize("edge", EDGES)
def test_one_such_box_is_left_out_and_named_with_its_file(tmp_path: Path, edge: str) -> None:
    data = read_data(with_edge(tmp_path, edge, ["000002"]))
    assert [len(image) for image in data.images] == [1, 0]
    (note,) = [line for line in data.notes if "box" in line]
    assert f"dog in 000002.xml: xmin is {edge or 'empty'}" in note


def test_other_reasons_why_no_object_can_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"can be used: dog in 000001\.xml"):
        read_data(with_edge(tmp_path, "99"))


@pytest.mark.parametrize(
    "box", [["1,5", "2", "3", "4"], "1,5 2 3 4", [1, float("nan"), 3, 4], [1, 2, None, 4], [], None]
)
def test_a_coco_file_without_a_box_of_numbers_is_told(tmp_path: Path, box: object) -> None:
    things = [{"image_id": 0, "category_id": 1, "bbox": box}] * 2
    with pytest.raises(DetectorError, match=r"boxes in instances_val\.json are not numbers: dog in image 0 has"):
        read_data(write_coco(tmp_path, ["0.png"], annotations=things))


def test_the_reported_decimal_commas() -> None:
    root = shared("cases/voc_decimal_comma")
    for split in ("test", "train"):
        with pytest.raises(DetectorError, match=r"are not numbers: ring in im0\.xml: xmin is 364,5"):
            read_data(root, split=split)
