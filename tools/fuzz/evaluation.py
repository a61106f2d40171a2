"""The readers of annotations and detections as targets; what they read from a damaged file is scored as well."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from detector.evaluation.data_sets import read_data, score
from detector.evaluation.detection_files import read_detections
from detector.evaluation.detection_table import DetectionTable, make_table
from detector.evaluation.results import METRICS, DataSet
from detector.evaluation.results_file import results_json
from detector.evaluation.voc_layout import read_list
from tools.fixtures.data_sets import voc_xml, write_year
from tools.fuzz.mutations import Damage, damage
from tools.fuzz.run import Target

XML_WORDS = (
    b"<", b">", b"</", b"/>", b"<!--", b"]]>", b"<![CDATA[", b"&amp;", b"&x;", b"&#0;", b"&#x10FFFF;",
    b'<!DOCTYPE a [<!ENTITY x "yyyyyyyyyy">]>', b'<!DOCTYPE a SYSTEM "file:///etc/passwd">', b"<?xml version='1.0'?>",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<?xml version='1.0' encoding='gb2312'?>", b"<annotation>",
    b"<object>", b"</object>", b"<bndbox>", b"<name>", b"<xmin>", b"nan", b"1e999", b"-5", b"1_0", b"../../x", b"\xff",
)  # fmt: skip
_TEXT = re.compile(rb">([^<>]*)<")
_TEXTS = (
    b"", b" ", b"nan", b"-inf", b"1e308", b"-1e6", b"1e999", b"0", b"-5", b"12abc", b"1_000", b"0x10", b"1" * 5000,
    b"yes", b"../../etc/passwd", b"/etc/passwd", b"C:\\x.jpg", b"x" * 3000, b"\xc3\xa9", b"\xe2\x80\xae", b"\xd9\xa1",
    b"&#9;&#10;", b"<bndbox/>", b"<object/>", b"<object><name>a</name></object>", b"<annotation><object/></annotation>",
    b"<!-- -->",
)  # fmt: skip
_JSON_WORDS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"-1", b"1e999", b"NaN", b"0.5", b"[" * 40,
    b"\\u0000", b"\\ud800", b'"bbox"', b'"id"', b'"image_id"', b'"score"', b'"name"', b"18446744073709551616",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, 10**400, 0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"),
    "", "x", "../../etc/passwd", "/etc/passwd", "C:\\x.jpg", "a\0b", "\ud800", "y" * 2000, [], [1, 2, 3], [1, 2, 3, 4],
    [1e6] * 4, ["a"] * 4, [0, 0, -1, -1], {}, {"id": 1},
)  # fmt: skip


def _scored(data: DataSet) -> None:
    """Scores what was read: nothing that a reader accepts may break the metrics."""
    boxes = [box for image in data.images[:3] for box in image.boxes_xyxy[:5].tolist()]
    places = [(n, c) for n, image in enumerate(data.images[:3]) for c in image.class_ids[:5].tolist()]
    found = make_table([n for n, _ in places], [c for _, c in places], [0.5] * len(places), boxes)
    _score(data, found)
    _check_notes(data.notes)


def _score(data: DataSet, found: DetectionTable) -> None:
    """Scores by one metric, chosen by the data: all of them for every input would take most of the time."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        score(data, found, METRICS[(len(found) + len(data.images) + len(data.notes)) % len(METRICS)])


def _check_notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        if not note.isprintable() or len(note) > 2000:
            raise AssertionError(f"a note that is no line: {note[:100]!r}")


def _voc_xml() -> Target:
    things = [("dog", (1, 1, 50, 60.5), False), ("Person ", (10, 10, 90, 90), True), ("cat", (5, 5, 4, 4), False)]
    seeds = tuple(
        voc_xml(things[:count], "000001.jpg", size).encode()
        for count, size in ((1, (100, 100)), (3, None), (2, (9, 9)))
    )
    head = b"<?xml version='1.0' encoding='utf-8'?>\n"
    part = seeds[0].replace(b"</object>", b"<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>")

    def read(path: Path) -> object:
        data = read_data(path.parent, "voc")
        _scored(data)
        return data

    utf16 = (head.decode() + voc_xml(things)).encode("utf-16")
    return Target(".xml", read, (*seeds, head + part, utf16), (partial(damage, words=XML_WORDS), damage_texts))


def damage_texts(content: bytes, random: Random) -> bytes:
    """Replaces one to three texts or tags of an XML file; usually it stays XML."""
    for _ in range(random.randint(1, 3)):
        places = [match.span(1) for match in _TEXT.finditer(content)]
        begin, end = random.choice(places)
        piece = random.choice(_TEXTS)
        if random.random() < 0.3:  # another place's content, tags and all
            first, second = sorted(random.choice(places)[0] for _ in range(2))
            piece = content[first:second][:400]
        content = content[:begin] + piece + content[end:]
    return content


def _coco_truth() -> dict[str, Any]:
    """Returns an instances file of three images and three classes, with fractional boxes, one of them a crowd."""
    random = Random(0)
    boxes = [[round(random.uniform(1, 80), 2) for _ in range(4)] for _ in range(8)]
    return {
        "images": [{"id": n, "file_name": f"{n:04}.jpg", "width": 100, "height": 100} for n in (1, 2, 3)],
        "categories": [{"id": n, "name": f"class {n - 1}"} for n in (1, 2, 3)],
        "annotations": [
            {
                "id": n,
                "image_id": random.randint(1, 3),
                "category_id": random.randint(1, 3),
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": int(n == 1),
            }
            for n, box in enumerate(boxes, start=1)
        ],
    }


def _coco_json() -> Target:
    truth = _coco_truth()

    def read(path: Path) -> object:
        data = read_data(path, "coco")
        _scored(data)
        return data

    foreign = copy.deepcopy(truth)
    for image, name in zip(foreign["images"], ("images\\1.jpg", "C:\\set\\2.jpg", "/home/q/3.jpg"), strict=True):
        image["file_name"] = name
    foreign["categories"] += [{"id": 0, "name": "things", "supercategory": "none"}]
    foreign["categories"][0]["supercategory"] = "things"
    seeds = (json.dumps(truth).encode(), json.dumps(truth, indent=1).encode(), json.dumps(foreign).encode())
    return Target(".json", read, seeds, (partial(damage, words=_JSON_WORDS), damage_values))


def _split_list() -> Target:
    lines = "000001\r\n000002  1\n000003.jpg\n図 -1\n"
    seeds = tuple(lines.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"))
    return Target(".txt", read_list, seeds, (partial(damage, words=(b"\xff\xfe", b"\0", b"..", b"/", b"C:", b"\n")),))


def _data() -> DataSet:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        things = [("class 0", (1, 1, 50, 60), False), ("class 1", (10, 10, 90, 90), True)]
        write_year(root, {f"{number:06}": things for number in range(1, 4)})
        return read_data(root, "voc")


def _detections_json() -> Target:
    data = _data()
    found = make_table([0, 1, 2, 2], [0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6], [[1, 2, 30, 40.5]] * 4)
    own = {
        "model": "m",
        "images": [
            {"path": "/a/000001.jpg", "detections": [{"label": "class 0", "score": 0.5, "box": [1.0, 2.0, 30.0, 40.0]}]}
        ],
    }
    return _detections(data, ".json", (results_json(data, found), json.dumps(own).encode()), "{}", _JSON_WORDS)


def _detections_txt() -> Target:
    lines = "".join(f"00000{n} 0.{n}17 {n}.5 2.25 30 40.125\n" for n in (1, 2, 3))
    return _detections(
        _data(), ".txt", (lines.encode(),), "comp4_det_test_class 1", (b"nan", b"inf", b" ", b"\r", b"1e999")
    )


def _detections(data: DataSet, suffix: str, seeds: tuple[bytes, ...], name: str, words: tuple[bytes, ...]) -> Target:
    with_values: tuple[Damage, ...] = (damage_values,) if suffix == ".json" else ()

    def read(path: Path) -> object:
        if suffix == ".txt":
            folder = path.parent / "texts"
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.txt").write_bytes(path.read_bytes())
            path = folder
        found = read_detections(path, data)
        _check_notes(found.notes)
        _score(data, found)
        return found

    return Target(suffix, read, seeds, (partial(damage, words=words), *with_values))


def damage_values(content: bytes, random: Random) -> bytes:
    """Replaces, doubles or drops one to three values of a JSON file; it stays JSON."""
    root = json.loads(content)
    for _ in range(random.randint(1, 3)):
        node: Any = root
        while isinstance(node, list | dict) and node:
            key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
            if random.random() < 0.3 or not isinstance(node[key], list | dict) or not node[key]:
                _replace(node, key, random)
                break
            node = node[key]
    return json.dumps(root).encode("utf-8", "surrogatepass")


def _replace(node: Any, key: Any, random: Random) -> None:
    match random.randrange(4):
        case 0:
            del node[key]
        case 1 if isinstance(node, list):
            node.append(copy.deepcopy(node[key]))
        case _:
            node[key] = copy.deepcopy(random.choice(_VALUES))


EVALUATION_TARGETS: dict[str, Callable[[], Target]] = {
    "voc-xml": _voc_xml,
    "voc-list": _split_list,
    "coco-json": _coco_json,
    "detections-json": _detections_json,
    "detections-txt": _detections_txt,
}
