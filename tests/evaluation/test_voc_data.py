"""VOC data as it lies around: whole devkits, single folders, odd spellings, broken and hostile files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from detector.errors import DetectorError
from detector.evaluation.data_sets import only_classes, read_data
from detector.evaluation.voc_layout import read_list
from detector.evaluation.voc_xml import MAX_BYTES, VocAnnotation, read_annotation
from tools.fixtures.data_sets import Thing, voc_xml, write_year

DOG: Thing = ("dog", (48, 240, 195, 371), False)
PERSON: Thing = ("person", (8, 12, 352, 498), True)


def annotation(folder: Path, text: str | bytes) -> VocAnnotation:
    path = folder / "000001.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_annotation(path)


def test_boxes_count_from_one_in_the_file_and_from_zero_here(tmp_path: Path) -> None:
    write_year(tmp_path, {"000001": [DOG, PERSON]}, size=(353, 500))
    data = read_data(tmp_path)
    (image,) = data.images
    assert (data.kind, data.split, data.labels) == ("voc", "test", ("dog", "person"))
    assert image.boxes_xyxy.tolist() == [[47, 239, 194, 370], [7, 11, 351, 497]]
    assert image.difficult.tolist() == [False, True]
    assert (image.image_id, image.width, image.height, image.path) == ("000001", 353, 500, None)
    assert data.notes == ("1 image is missing (000001.jpg).",)


def test_a_devkit_of_two_years_is_one_set(tmp_path: Path) -> None:
    write_year(tmp_path / "VOCdevkit" / "VOC2007", {"000001": [DOG]}, "val")
    write_year(tmp_path / "VOCdevkit" / "VOC2012", {"2008_000002": [PERSON], "2008_000003": []}, "val")
    for root in (tmp_path, tmp_path / "VOCdevkit"):
        data = read_data(root)
        assert [image.image_id for image in data.images] == ["000001", "2008_000002", "2008_000003"]
    assert len(read_data(tmp_path / "VOCdevkit" / "VOC2012").images) == 2
    assert [image.image_id for image in read_data(tmp_path, limit=2).images] == ["000001", "2008_000002"]


def test_the_split_asked_for_is_read_or_the_others_are_named(tmp_path: Path) -> None:
    write_year(tmp_path, {"000001": [DOG]}, "trainval")
    write_year(tmp_path, {"000002": [DOG]}, "mine")
    assert read_data(tmp_path).split == "trainval"
    assert [image.image_id for image in read_data(tmp_path, "voc", "mine").images] == ["000002"]
    with pytest.raises(DetectorError, match=r"no split 'test'.*mine, trainval"):
        read_data(tmp_path, "voc", "test")
    with pytest.raises(DetectorError, match="no name of a split"):
        read_data(tmp_path, "voc", "../../etc/passwd")


def test_a_folder_of_annotations_beside_their_images_is_enough(tmp_path: Path) -> None:
    (tmp_path / "b.xml").write_text(voc_xml([DOG], "whatever.jpg", None))
    (tmp_path / "a.XML").write_text(voc_xml([PERSON], "c.png", None))
    (tmp_path / "b.JPG").write_bytes(b"x")
    (tmp_path / "c.png").write_bytes(b"x")
    data = read_data(tmp_path)
    assert [(image.image_id, image.path) for image in data.images] == [
        ("a", tmp_path / "c.png"),
        ("b", tmp_path / "b.JPG"),
    ]
    assert data.split == "all"
    assert [image.width for image in data.images] == [0, 0]
    assert data.notes == ()


def test_lists_of_every_kind_name_images(tmp_path: Path) -> None:
    path = tmp_path / "cat_test.txt"
    path.write_bytes(b"\xef\xbb\xbf000001  1\r\n000002 -1\r\n\r\n000003.jpg\r\n000001  1\r\n")
    assert read_list(path) == ["000001", "000002", "000003"]
    path.write_text("12:30")
    assert read_list(path) == ["12:30"]
    for bad in ("../x", "/etc/passwd", "C:\\x", "C:x", ".."):
        path.write_text(bad)
        with pytest.raises(DetectorError, match="no name of an image"):
            read_list(path)


def test_odd_class_names_are_one_class(tmp_path: Path) -> None:
    things = [("Dog ", (1, 1, 5, 5), False), ("dog", (1, 1, 6, 6), False), ("Traffic  Light", (1, 1, 9, 9), False)]
    write_year(tmp_path, {"000001": [*things, ("traffic_light", (1, 1, 8, 8), False), ("été", (1, 1, 8, 8), False)]})
    data = read_data(tmp_path)
    assert data.labels == ("dog", "Traffic Light", "été")
    assert data.images[0].class_ids.tolist() == [0, 0, 1, 1, 2]
    assert any("spelled in another way" in note and "Dog for dog" in note for note in data.notes)


@pytest.mark.parametrize(
    ("edges", "note"),
    [
        (("nan", "1", "5", "5"), "no box of numbers"),
        (("1", "inf", "5", "5"), "no box of numbers"),
        (("1", "", "5", "5"), "no box of numbers"),
        (("one", "1", "5", "5"), "no box of numbers"),
        (("1", "1", "1e300", "5"), "no box of numbers"),
        (("9", "1", "5", "5"), "inverted"),
        (("1", "1", "5", "0.5"), "inverted"),
    ],
)
def test_senseless_boxes_are_left_out_and_named(tmp_path: Path, edges: tuple[str, ...], note: str) -> None:
    write_year(tmp_path, {"000001": [DOG]})
    path = tmp_path / "Annotations" / "000001.xml"
    box = "".join(f"<{n}>{e}</{n}>" for n, e in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True))
    path.write_text(
        path.read_text().replace(
            "</annotation>", f"<object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
        )
    )
    data = read_data(tmp_path)
    assert [image.class_ids.tolist() for image in data.images] == [[0]]
    assert any(line.startswith("1 object") and note in line and "cat in 000001" in line for line in data.notes)


def test_fractional_negative_and_one_pixel_boxes_stay(tmp_path: Path) -> None:
    write_year(tmp_path, {"000001": [("cat", (-3, 1.25, 5.5, 9), False), ("cat", (7, 7, 7, 7), False)]})
    data = read_data(tmp_path)
    assert data.images[0].boxes_xyxy.tolist() == [[-4, 0.25, 4.5, 8], [6, 6, 6, 6]]
    assert any("reaches beyond the image" in note for note in data.notes)


def test_parts_of_a_person_are_not_objects(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    found = annotation(tmp_path, voc_xml([PERSON]).replace("</object>", f"{part}</object>"))
    assert [(thing.name, thing.box) for thing in found.objects] == [("person", PERSON[1])]


def test_missing_fields_are_missing(tmp_path: Path) -> None:
    found = annotation(
        tmp_path, "<annotation><object/><object><name>a</name><difficult>1</difficult></object></annotation>"
    )
    assert (found.filename, found.width, found.height) == ("", 0, 0)
    assert [(thing.name, thing.difficult) for thing in found.objects] == [("", False), ("a", True)]
    assert all(math.isnan(edge) for thing in found.objects for edge in thing.box)


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><annotation><filename>&b;</filename></annotation>'
)
EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "document type or entities"),
        (EXTERNAL, "document type or entities"),
        ('<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><annotation/>', "document type or entities"),
        ("<annotation><filename>&x;</filename></annotation>", "not a whole XML file"),
        ("<annotation><object>", "not a whole XML file"),
        ("", "not a whole XML file"),
        ("<net/>", "not a VOC annotation"),
        ("<annotation>" + "<a>" * 5000 + "</a>" * 5000 + "</annotation>", "nested too deeply"),
        ("<annotation>" + "<object/>" * 30_000 + "</annotation>", "more than 20000 objects"),
        ("<?xml version='1.0' encoding='gb2312'?><annotation/>", "encoding"),
        ("<?xml version='1.0' encoding='nonsense'?><annotation/>", "encoding"),
        (b"\xff\xfe\x00", "not a whole XML file"),
        (b" " * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_hostile_and_broken_files_are_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(DetectorError, match=words) as caught:
        annotation(tmp_path, text)
    assert caught.value.message.isprintable()


def test_a_broken_file_costs_its_image_only(tmp_path: Path) -> None:
    write_year(tmp_path, {"000001": [DOG], "000002": [DOG], "000003": [DOG]})
    (tmp_path / "Annotations" / "000002.xml").write_text(BOMB)
    (tmp_path / "Annotations" / "000003.xml").unlink()
    data = read_data(tmp_path)
    assert [image.image_id for image in data.images] == ["000001"]
    notes = " ".join(data.notes)
    assert "1 annotation cannot be used, its image is left out (000002.xml declares a document type" in notes
    assert "1 image of the list has no annotation and is left out (000003.xml)" in notes
    (tmp_path / "Annotations" / "000001.xml").write_text("<")
    with pytest.raises(DetectorError, match="Nothing of the split test"):
        read_data(tmp_path)


@pytest.mark.parametrize("name", ["/etc/passwd", "//etc/passwd", "../../secret.jpg", "C:\\Users\\x.jpg", "..\\x.jpg"])
def test_paths_in_annotations_are_never_followed(tmp_path: Path, name: str) -> None:
    root = tmp_path / "year"
    write_year(root, {"000001": [DOG]})
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (root / "Annotations" / "000001.xml").write_text(voc_xml([DOG], name))
    data = read_data(root)
    assert data.images[0].path is None
    assert any("not followed" in note and name in note for note in data.notes)


def test_no_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="does not exist"):
        read_data(tmp_path / "gone")
    with pytest.raises(DetectorError, match="no VOC and no COCO data"):
        read_data(tmp_path)
    with pytest.raises(DetectorError, match="no VOC data"):
        read_data(tmp_path, "voc")
    with pytest.raises(DetectorError, match="no COCO data"):
        read_data(tmp_path, "coco")


def test_some_classes_only(tmp_path: Path) -> None:
    write_year(tmp_path, {"000001": [DOG, PERSON, ("cat", (1, 1, 9, 9), False)]})
    data = only_classes(read_data(tmp_path), ("Person", "cat"))
    assert data.labels == ("cat", "person")
    assert data.images[0].class_ids.tolist() == [1, 0]
    assert np.array_equal(data.images[0].boxes_xyxy[1], [0, 0, 8, 8])
    with pytest.raises(DetectorError, match=r"no class 'kat'.*Did you mean cat"):
        only_classes(data, ("kat",))
    write_year(tmp_path, {"000002": [("tvmonitor", (1, 1, 9, 9), False)]})
    assert only_classes(read_data(tmp_path), ("TV",)).labels == ("tvmonitor",)
