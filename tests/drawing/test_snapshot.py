"""What a snapshot leaves: two images, and data that says which boxes the network found and which motion brought."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import ExplainedError
from app.core.frames import Frame, FrameResult, ObjectFacts
from app.core.settings import OverlaySettings
from app.core.snapshot import save_snapshot
from detector.detections import Candidates

GREY = np.full((120, 200, 3), 100, np.uint8)
LOOK = OverlaySettings(show_labels=False, show_scores=False, show_numbers=False, line_width=4.0, palette="single")


def result(followed: bool) -> FrameResult:
    boxes = np.array([[20, 20, 80, 80], [120, 20, 180, 80], [0, 90, 30, 110]], np.float32)
    found = Candidates(boxes, np.array([0.9, 0.8, 0.3], np.float32), np.array([0, 1, 0], np.int32))
    frame = Frame(GREY, GREY, 30, Fraction(3), 0)
    if not followed:
        return FrameResult(frame, found, ("car", "person"), "net")
    facts = (ObjectFacts(0.5, 2.9), ObjectFacts(1.0, 2.5, missed=True), None)
    return FrameResult(
        frame, found, ("car", "person"), "net", followed=True, numbers=(4, 7, None), objects=facts, so_far=(4, 3)
    )


@pytest.mark.parametrize("followed", [True, False])
def test_data_says_what_was_detected_and_what_followed(tmp_path: Path, followed: bool) -> None:
    files = save_snapshot(result(followed), [0, 1], LOOK, tmp_path, "street.mp4")
    said = json.loads(files.data.read_text("utf-8"))
    assert (said["frame"], said["time"], said["width"], said["height"]) == (30, 3.0, 200, 120)
    assert [d["followed"] for d in said["detections"]] == [followed] * 2
    assert [d["track"] for d in said["detections"]] == ([4, 7] if followed else [None, None])
    assert [d.get("unseen") for d in said["detections"]] == ([None, 0.5] if followed else [None, None])
    assert [(d["label"], d["box"]) for d in said["detections"]][1] == ("person", [120.0, 20.0, 180.0, 80.0])


def test_what_the_network_missed_has_a_thinner_fainter_line(tmp_path: Path) -> None:
    files = save_snapshot(result(True), [0, 1], LOOK, tmp_path, "street.mp4")
    assert np.array_equal(cv2.imread(str(files.clean)), GREY)
    painted = cv2.imread(str(files.annotated))
    assert painted is not None
    sure, missed = painted[40, 10:40], painted[40, 110:140]
    changed = [int((row != 100).any(axis=1).sum()) for row in (sure, missed)]
    assert changed[0] > changed[1] > 0
    contrast = [int(np.abs(row.astype(int) - 100).max()) for row in (sure, missed)]
    assert contrast[0] > contrast[1]


def test_the_next_snapshot_of_that_second_has_another_name(tmp_path: Path) -> None:
    names = {save_snapshot(result(False), [], LOOK, tmp_path, "a/b c.mp4").data for _ in range(3)}
    assert len(names) == 3
    assert len(list(tmp_path.iterdir())) == 9


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExplainedError):
        save_snapshot(result(False), [0], LOOK, tmp_path / "file" / "inside", "street.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
