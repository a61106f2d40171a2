"""COCO, VOC, YOLO, MOT and SRT: each read back by somebody else's reader, or by its published rules taken literally."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from app.core.errors import AppError
from app.core.files.atomic_folder import MARK, AtomicFolder
from app.core.files.write_errors import explain_write_error
from app.core.records.coco import category_ids
from app.core.records.data_file import open_data_file
from app.core.records.formats import FORMATS, format_of
from app.core.records.frame_record import FrameRecord
from app.core.records.sampling import FrameSampler, FrameSampling, clipped
from app.core.records.srt import SrtFile
from app.core.records.voc import whole_pixels
from detector.detections import Detections
from detector.evaluation.coco_json import read_coco
from detector.evaluation.voc_tree import read_voc
from detector.labels import COCO80, VOC20
from tools.fixtures.coded_images import coded_image, read_frame_index

SIZE = (160, 120)
LABELS = ("car", "traffic <light> & co", "狗")
BOXES = np.array([[10.25, 20.5, 50.75, 60.0], [-5.0, 100.4, 30.0, 130.0], [150.0, 0.0, 160.0, 4.4]], np.float32)
SCORES = np.array([0.9, 0.75, 0.5], np.float32)
CLASSES = np.array([0, 1, 0], np.int32)


def record(index: int, count: int = 3, tracks: tuple[int | None, ...] = (), fps: int = 25) -> FrameRecord:
    found = Detections(BOXES[:count].copy(), SCORES[:count].copy(), CLASSES[:count].copy())
    image = coded_image(index, SIZE)
    return FrameRecord(index, Fraction(index, fps), found, LABELS, tracks, SIZE, image)


def written(
    path: Path, records: list[FrameRecord], plan: FrameSampling | None = None, asked: str | None = None
) -> Path:
    writer = open_data_file(path, asked, plan)
    for entry in records:
        writer.write(entry)
    before = path.stat().st_ino if path.exists() else None
    writer.complete()
    assert (path.stat().st_ino if path.exists() else None) == before
    writer.finish()
    assert not list(path.parent.glob("*.part"))
    return path


def load_coco(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


# -- COCO -----------------------------------------------------------------------------------------------------------


def test_coco_is_read_by_pycocotools(tmp_path: Path) -> None:
    entries = [record(0), record(1, 0), record(2, tracks=(7, None, 8))]
    coco = load_coco(written(tmp_path / "out.json", entries, FrameSampling("my clip")))
    assert [image["file_name"] for image in coco.dataset["images"]] == [f"my_clip_{k:06d}.jpg" for k in range(3)]
    assert [(image["width"], image["height"], image["time"]) for image in coco.loadImgs([1, 2, 3])] == [
        (160, 120, 0.0),
        (160, 120, 0.04),
        (160, 120, 0.08),
    ]
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(LABELS)
    found = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert [a["bbox"] for a in found] == [[10.25, 20.5, 40.5, 39.5], [0, 100.4, 30, 19.6], [150, 0, 10, 4.4]]
    assert [a["area"] for a in found] == pytest.approx([40.5 * 39.5, 30 * 19.6, 44])
    assert [a["score"] for a in found] == [0.9, 0.75, 0.5]
    assert [a["category_id"] for a in found] == [1, 2, 1]
    assert coco.getAnnIds(imgIds=[2]) == []
    assert [a.get("track_id") for a in coco.loadAnns(coco.getAnnIds(imgIds=[3]))] == [7, None, 8]
    assert len(set(coco.getAnnIds())) == 6
    assert 0 not in coco.getAnnIds()  # pycocotools takes 0 for no match


def test_coco_without_a_single_detection_is_a_data_set_still(tmp_path: Path) -> None:
    coco = load_coco(written(tmp_path / "out.json", [record(0, 0)]))
    assert len(coco.dataset["images"]) == 1
    assert coco.getAnnIds() == []


def test_coco_classes_have_cocos_own_numbers() -> None:
    assert category_ids(COCO80)[COCO80.index("toothbrush")] == 90
    assert category_ids(VOC20) == tuple(range(1, 21))


def test_coco_with_images_is_a_set_of_ours(tmp_path: Path) -> None:
    path = written(tmp_path / "out.json", [record(k) for k in range(12)], FrameSampling("clip", Fraction(1, 5)))
    data = read_coco(path)
    assert [image.path is not None for image in data.images] == [True] * 3
    shown = [cv2.imread(str(image.path)) for image in data.images]
    assert [read_frame_index(np.asarray(image, np.uint8)) for image in shown] == [0, 5, 10]


# -- VOC ------------------------------------------------------------------------------------------------------------


def test_voc_is_what_the_devkit_describes(tmp_path: Path) -> None:
    folder = written(tmp_path / "out.voc", [record(0), record(1, 0)], FrameSampling("clip"))
    root = ElementTree.parse(folder / "Annotations" / "clip_000000.xml").getroot()
    assert root.tag == "annotation"
    assert root.findtext("filename") == "clip_000000.jpg"
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["160", "120", "3"]
    objects = root.findall("object")
    assert [thing.findtext("name") for thing in objects] == [LABELS[0], LABELS[1], LABELS[0]]
    edges = [[int(t.findtext(f"bndbox/{e}") or "") for e in ("xmin", "ymin", "xmax", "ymax")] for t in objects]
    # Pixels 10.25..50.75 from 0 are numbers 11..51 counted from 1; 20.5 rounds up.
    assert edges == [[11, 22, 51, 60], [1, 101, 30, 120], [151, 1, 160, 4]]
    assert [thing.findtext("truncated") for thing in objects] == ["0", "1", "0"]
    assert {thing.findtext("difficult") for thing in objects} == {"0"}
    assert (folder / "ImageSets" / "Main" / "trainval.txt").read_text() == "clip_000000\nclip_000001\n"


def test_voc_is_read_by_our_evaluation(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", [record(0), record(1, 0)], FrameSampling("x", Fraction(0)), asked="voc")
    data = read_voc(folder)
    assert data.notes == ()
    assert data.split == "trainval"
    assert [(image.width, image.height) for image in data.images] == [SIZE, SIZE]
    assert data.images[0].boxes_xyxy.tolist() == [[10, 21, 50, 59], [0, 100, 29, 119], [150, 0, 159, 3]]
    assert [data.labels[i] for i in data.images[0].class_ids] == [LABELS[0], LABELS[1], LABELS[0]]
    assert len(data.images[1].class_ids) == 0


@given(st.lists(st.floats(-50, 250, width=32), min_size=4, max_size=4))
def test_a_voc_box_lies_in_the_image_and_has_a_pixel(e: list[float]) -> None:
    box = np.array([[min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3])]], np.float32)
    found = Detections(box, np.array([0.5], np.float32), np.array([0], np.int32))
    kept, _ = clipped(FrameRecord(0, Fraction(0), found, LABELS, size=SIZE))
    for (left, top, right, bottom), (x1, y1, x2, y2) in zip(kept, whole_pixels(kept, SIZE), strict=True):
        assert 1 <= x1 <= x2 <= SIZE[0]
        assert 1 <= y1 <= y2 <= SIZE[1]
        assert max(abs(x1 - 1 - left), abs(y1 - 1 - top)) <= 1
        assert max(abs(x2 - right), abs(y2 - bottom)) <= 1


# -- YOLO -----------------------------------------------------------------------------------------------------------


def test_yolo_by_its_rules(tmp_path: Path) -> None:
    folder = written(tmp_path / "out.yolo", [record(0), record(1, 0)], FrameSampling("clip", Fraction(0)))
    names = (folder / "classes.txt").read_text("utf-8").splitlines()
    assert names == list(LABELS)
    rows = [line.split() for line in (folder / "labels" / "clip_000000.txt").read_text().splitlines()]
    boxes = []
    for row in rows:
        cx, cy, w, h = (float(value) for value in row[1:])
        boxes.append([(cx - w / 2) * 160, (cy - h / 2) * 120, (cx + w / 2) * 160, (cy + h / 2) * 120])
    assert np.array(boxes) == pytest.approx(BOXES.clip(0, [160, 120, 160, 120]), abs=2e-3)
    assert [names[int(row[0])] for row in rows] == [LABELS[0], LABELS[1], LABELS[0]]
    assert (folder / "labels" / "clip_000001.txt").read_text() == ""
    # A program that trains swaps "images" for "labels" in the path and the ending for ".txt".
    images = sorted((folder / "images").iterdir())
    assert [(folder / "labels" / f"{path.stem}.txt").is_file() for path in images] == [True, True]
    assert '0: "car"' in (folder / "data.yaml").read_text()


# -- MOT ------------------------------------------------------------------------------------------------------------


def read_mot(path: Path) -> list[tuple[int, int, list[float], float]]:
    """Frame, id, box (xyxy from 0) and confidence, as MOTChallenge's own tools read them: everything counts from 1."""
    rows = []
    for line in path.read_text("ascii").splitlines():
        frame, number, left, top, width, height, conf, x, y, z = line.split(",")
        assert (x, y, z) == ("-1", "-1", "-1")
        first = float(left) - 1, float(top) - 1
        box = [*first, first[0] + float(width), first[1] + float(height)]
        rows.append((int(frame), int(number), box, float(conf)))
    return rows


def test_mot_by_its_rules(tmp_path: Path) -> None:
    entries = [record(0, tracks=(2, None, 1)), record(1, 0), record(2, 1, tracks=(2,))]
    rows = read_mot(written(tmp_path / "out.txt", entries))
    assert [(frame, number, conf) for frame, number, _, conf in rows] == [(1, 1, 0.5), (1, 2, 0.9), (3, 2, 0.9)]
    assert [box for _, _, box, _ in rows] == [
        pytest.approx(BOXES[2], abs=1e-3),
        pytest.approx(BOXES[0], abs=1e-3),
        pytest.approx(BOXES[0], abs=1e-3),
    ]


def test_mot_without_tracks_is_a_file_of_detections(tmp_path: Path) -> None:
    assert [number for _, number, _, _ in read_mot(written(tmp_path / "out.txt", [record(0)]))] == [-1, -1, -1]


# -- SRT ------------------------------------------------------------------------------------------------------------


def cues(path: Path) -> Iterator[tuple[Fraction, Fraction, str]]:
    """Start, end and text, as FFmpeg reads them."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            if packet.pts is not None and packet.duration is not None and packet.time_base is not None:
                start = packet.pts * packet.time_base
                yield start, start + packet.duration * packet.time_base, bytes(packet).decode()


def test_srt_is_read_by_ffmpeg_a_cue_for_each_run_of_equal_frames(tmp_path: Path) -> None:
    shown = [0, 1, 1, 1, 3, 3, 0, 0, 1, 1]
    path = written(tmp_path / "out.srt", [record(k, count) for k, count in enumerate(shown)])
    assert list(cues(path)) == [
        (Fraction(40, 1000), Fraction(160, 1000), "1 car"),
        (Fraction(160, 1000), Fraction(240, 1000), "2 car, 1 traffic <light> & co"),
        (Fraction(320, 1000), Fraction(400, 1000), "1 car"),
    ]


def test_srt_of_a_single_frame_and_of_nothing(tmp_path: Path) -> None:
    assert len(list(cues(written(tmp_path / "one.srt", [record(0, 1)])))) == 1
    assert written(tmp_path / "none.srt", [record(0, 0)]).read_text() == ""


def test_srt_counts_hours(tmp_path: Path) -> None:
    writer = SrtFile(tmp_path / "a.srt")
    for index, count in enumerate((1, 0)):
        writer.write(record(index * 25 * 4000, count))
    writer.finish()
    assert "00:00:00,000 --> 01:06:40,000" in (tmp_path / "a.srt").read_text("utf-8")


# -- which format ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "asked", "format_"),
    [
        ("a.json", None, "coco"),
        ("a.TXT", None, "mot"),
        ("a.srt", None, "srt"),
        ("a.voc", None, "voc"),
        (".yolo", None, "yolo"),
        ("a", "voc", "voc"),
        ("a.v2", "yolo", "yolo"),
        ("a.txt", "csv", "csv"),
    ],
)
def test_formats_by_ending_or_by_wish(name: str, asked: str | None, format_: str) -> None:
    assert format_of(Path(name), asked) == format_


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("labels.txt", "yolo", "YOLO is a folder.*Name a folder: labels/"),
        ("a.xml", None, "VOC writes an XML file a frame, into a folder.*Name it .voc"),
        ("a.xml", "voc", "VOC is a folder"),
        ("out", None, "does not say which.*name the format, voc or yolo"),
        ("a.csv", "excel", "'excel'.*" + ", ".join(FORMATS)),
    ],
)
def test_what_is_ambiguous_is_refused_in_one_clear_line(name: str, asked: str | None, said: str) -> None:
    with pytest.raises(AppError, match=said):
        format_of(Path(name), asked)


# -- complete or absent ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.json", "out.voc", "out.yolo", "out.txt", "out.srt"])
def test_a_discarded_set_leaves_nothing_and_an_old_one_stays(tmp_path: Path, name: str) -> None:
    old = written(tmp_path / name, [record(0)], FrameSampling("old", Fraction(0)))
    before = sorted(tmp_path.rglob("*"))
    writer = open_data_file(old, None, FrameSampling("new", Fraction(0)))
    writer.write(record(1))
    writer.complete()
    writer.discard()
    writer.discard()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["out.json", "out.voc", "out.yolo"])
def test_a_new_set_replaces_an_old_one_of_ours_as_a_whole(tmp_path: Path, name: str) -> None:
    for run in ("old", "new"):
        written(tmp_path / name, [record(0)], FrameSampling(run, Fraction(0)))
    names = [path.name for path in tmp_path.rglob("*")]
    assert not [name for name in names if name.startswith("old")]
    assert [name for name in names if name.startswith("new_000000.jpg")]
    assert len(list(tmp_path.iterdir())) == (2 if FORMATS[format_of(Path(name))].ending == ".json" else 1)


def test_a_folder_of_the_users_is_never_touched(tmp_path: Path) -> None:
    precious = tmp_path / "out.voc" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years")
    with pytest.raises(AppError, match="is there already, with other things in it"):
        open_data_file(tmp_path / "out.voc")
    (tmp_path / "link.voc").symlink_to(precious.parent)
    with pytest.raises(AppError, match="no folder of ours"):
        open_data_file(tmp_path / "link.voc")
    (tmp_path / "file.voc").write_text("mine")
    with pytest.raises(AppError, match="no folder of ours"):
        open_data_file(tmp_path / "file.voc")
    assert precious.read_text() == "years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.voc", "link.voc", "out.voc"]


def test_an_old_file_that_somebody_moved_into_a_set_is_never_removed(tmp_path: Path) -> None:
    folder = written(tmp_path / "out.yolo", [record(0)], FrameSampling("x"))
    notes = tmp_path / "notes.txt"
    notes.write_text("years")
    os.utime(notes, (1_000_000_000, 1_000_000_000))
    notes.rename(folder / "labels" / "notes.txt")
    later = (folder / MARK).stat().st_mtime + 60
    os.utime(folder / "labels", (later, later))
    with pytest.raises(AppError, match=r"was changed since it was written \(labels\)"):
        open_data_file(folder)
    assert (folder / "labels" / "notes.txt").read_text() == "years"


@pytest.mark.parametrize("when", ["before", "while it is written"])
def test_labels_that_somebody_corrected_are_never_replaced(tmp_path: Path, when: str) -> None:
    folder = written(tmp_path / "out.yolo", [record(0)], FrameSampling("x"))
    writer = None if when == "before" else open_data_file(folder)
    label = folder / "labels" / "x_000000.txt"
    label.write_text("corrected")
    later = (folder / MARK).stat().st_mtime + 60
    os.utime(label, (later, later))
    with pytest.raises(AppError, match=r"was changed since it was written \(x_000000.txt\)"):
        open_data_file(folder) if writer is None else writer.finish()
    assert label.read_text() == "corrected"
    assert [path.name for path in tmp_path.iterdir()] == ["out.yolo"]


@pytest.mark.parametrize("name", ["out.voc", "out.yolo", "out.json"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_data_file(tmp_path / name, None, FrameSampling("clip", Fraction(0)))

    def full(self: AtomicFolder, file: str, content: bytes) -> None:
        raise explain_write_error(OSError(errno.ENOSPC, "No space left on device"), self.target)

    monkeypatch.setattr(AtomicFolder, "write", full)
    with pytest.raises(AppError, match="disk is full"):
        writer.write(record(0))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_frames_are_taken_by_the_clock_and_named_safely() -> None:
    picker = FrameSampler(FrameSampling("-my  clip/ü (1)", Fraction(1, 2)))
    times = [0, 0.1, 0.45, 0.55, 0.6, 2.2, 2.4, 2.5]
    entries = [FrameRecord(k, Fraction(t), Detections.empty(), LABELS, size=SIZE) for k, t in enumerate(times)]
    assert [entry.index for entry in entries if picker.takes(entry)] == [0, 3, 5, 7]
    assert picker.stem(entries[3]) == "my_clip_ü_(1)_000003"
