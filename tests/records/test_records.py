"""Data files: exactly the promised shape, complete or absent."""

from __future__ import annotations

import csv
import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import AppError
from app.core.records.csv_table import as_csv
from app.core.records.data_file import open_data_file
from app.core.records.formats import format_of
from app.core.records.frame_record import FrameRecord, RecordWriter, plain
from app.core.records.jsonl import JsonLines
from detector.detections import Detections

LABELS = ("car", 'say "cheese", 汽车')
TWO = Detections(
    np.array([[1.5, 2.25, 30.125, 40.1], [0, 0, 5, 5]], np.float32),
    np.array([0.87, 0.5], np.float32),
    np.array([1, 0], np.int32),
)


def write_three(writer: RecordWriter, times: int = 1) -> None:
    for _ in range(times):
        writer.write(FrameRecord(0, Fraction(0), TWO, LABELS))
        writer.write(FrameRecord(1, Fraction(1001, 30000), Detections.empty(), LABELS))
        writer.write(FrameRecord(2, Fraction(2002, 30000), TWO, LABELS, tracks=(7, None)))


def test_json_lines(tmp_path: Path) -> None:
    writer = open_data_file(tmp_path / "out.jsonl")
    write_three(writer)
    assert not (tmp_path / "out.jsonl").exists()
    writer.finish()
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert lines[0] == {
        "frame": 0,
        "time": 0.0,
        "detections": [
            {"label": LABELS[1], "class_id": 1, "score": 0.87, "box": [1.5, 2.25, 30.125, 40.1], "track": None},
            {"label": "car", "class_id": 0, "score": 0.5, "box": [0.0, 0.0, 5.0, 5.0], "track": None},
        ],
    }
    assert lines[1] == {"frame": 1, "time": 1001 / 30000, "detections": []}
    assert [d["track"] for d in lines[2]["detections"]] == [7, None]


def test_csv(tmp_path: Path) -> None:
    writer = open_data_file(tmp_path / "out.csv")
    write_three(writer)
    writer.finish()
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["frame", "time", "label", "score", "x1", "y1", "x2", "y2", "track"]
    assert rows[1] == ["0", "0.0", LABELS[1], "0.87", "1.5", "2.25", "30.125", "40.1", ""]
    assert [row[0] for row in rows[1:]] == ["0", "0", "2", "2"]
    assert [row[-1] for row in rows[3:]] == ["7", ""]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_no_name_is_a_formula_to_a_spreadsheet(tmp_path: Path, start: str) -> None:
    """In CSV a class that begins like a formula is marked as text; JSON has it as it is."""
    label = f"{start}HYPERLINK(A1)"
    for name in ("out.csv", "out.jsonl"):
        writer = open_data_file(tmp_path / name)
        writer.write(FrameRecord(0, Fraction(0), TWO, (label, "car")))
        writer.finish()
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[2] for row in rows[1:]] == ["car", "'" + label.replace("\r", " ")]
    line = json.loads((tmp_path / "out.jsonl").read_text("utf-8"))
    assert [detection["label"] for detection in line["detections"]] == ["car", label]


def test_numbers_stay_numbers_in_a_table() -> None:
    assert as_csv([(-1.5, -3, "-1.5", "+7", "a-b", "", True)]) == "-1.5,-3,-1.5,+7,a-b,,True\n"
    assert as_csv([("--1", "-1e", "a\r=1")]) == "'--1,'-1e,a =1\n"


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_discarded_file_leaves_nothing_and_an_old_one_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    writer = open_data_file(tmp_path / name)
    write_three(writer)
    writer.discard()
    writer.discard()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_formats_by_name_and_by_wish() -> None:
    assert format_of(Path("a.b.CSV")) == "csv"
    assert format_of(Path(".jsonl")) == "jsonl"
    assert format_of(Path("out.txt"), "csv") == "csv"
    with pytest.raises(AppError, match=r"'xlsx'.*\.jsonl, \.csv"):
        format_of(Path("out.xlsx"))


def test_plain_numbers_read_back_as_the_same_float32() -> None:
    values = np.random.default_rng(1).random(200).astype(np.float32) * np.float32(1000)
    assert [np.float32(plain(value)) for value in values] == list(values)
    assert plain(np.float32(0.87)) == 0.87


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="does not exist"):
        open_data_file(tmp_path / "gone" / "out.csv")


@pytest.mark.parametrize("fails_at", ["write", "finish"])
def test_a_full_disk_ends_the_file_with_its_line(tmp_path: Path, fails_at: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    writer = JsonLines(tmp_path / "out.jsonl")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, writer._part.file.fileno())  # the part lies on a full disk now
    os.close(full)
    if fails_at == "finish":
        write_three(writer)  # so little that it is only buffered
        with pytest.raises(AppError, match="disk is full"):
            writer.finish()
    else:
        with pytest.raises(AppError, match="disk is full"):
            write_three(writer, times=1000)
    writer.discard()
    assert list(tmp_path.iterdir()) == []
