"""Sources that change their size midway, or are cropped: all that an export writes is in the written video's pixels."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportReport, ExportRequest
from app.core.highlights.options import HighlightOptions
from app.core.muxing.video_options import VideoOptions
from app.core.settings import ModelSettings
from tests.support.media import coded_image, make_changing_video, make_video
from tests.support.shared_data import shared
from tools.fixtures.cropped_video import as_matroska, with_clap
from tools.fixtures.fixed_detector import BOXES, open_fixed

_LARGE_THEN_SMALL = (320, 240), (160, 120)
_SMALL_THEN_LARGE = (160, 120), (320, 240)


def _export(source: Path, folder: Path, from_cache: bool = False) -> ExportReport:
    request = ExportRequest(
        source,
        folder / "out.mkv",
        (DataFile(folder / "out.jsonl", "jsonl"), DataFile(folder / "out.coco.json", "coco")),
        model=ModelSettings("fake"),
        video=VideoOptions(quality="draft", images_per_s=Fraction(25)),
        cache="only" if from_cache else "keep",
        highlights=HighlightOptions(
            tracks=True, snapshots=folder / "best", clips=folder / "clips", clip_classes=("car",)
        ),
    )
    return ExportJob(request, open_detector=open_fixed).run()


def _assert_in_pixels_of(size: tuple[int, int], folder: Path, frames: int) -> None:
    width, height = size
    with av.open(str(folder / "out.mkv")) as container:
        assert {(frame.width, frame.height) for frame in container.decode(video=0)} == {size}
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    records = [line for line in lines if "detections" in line]
    assert len(records) == frames
    car = np.array(BOXES[0][:4]) * (width, height, width, height)
    tracks = set()
    for record in records:
        best = record["detections"][0]
        assert np.allclose(best["box"], car, atol=0.01)
        tracks.add(best["track"])
    assert len(tracks) == 1
    images = json.loads((folder / "out.coco.json").read_text())["images"]
    assert {(image["width"], image["height"]) for image in images} == {size}
    snapshots = list((folder / "best").glob("*.png"))
    assert snapshots
    for path in snapshots:
        image = cv2.imread(str(path))
        assert image is not None
        assert image.shape == (height, width, 3)
    clips = list((folder / "clips").rglob("*.mkv"))
    assert clips
    for path in clips:
        with av.open(str(path)) as clip:
            assert (clip.streams.video[0].width, clip.streams.video[0].height) == size


@pytest.mark.parametrize("sizes", [_SMALL_THEN_LARGE, _LARGE_THEN_SMALL])
def test_a_video(tmp_path: Path, sizes: tuple[tuple[int, int], ...]) -> None:
    source = make_changing_video(tmp_path / "in.ts", *sizes)
    report = _export(source, tmp_path)
    _assert_in_pixels_of(sizes[0], tmp_path, frames=16)
    width, height = sizes[0]
    assert f"The video changes its size; frames are scaled to {width} x {height}." in report.notes
    data = (tmp_path / "out.jsonl").read_bytes()
    _export(source, tmp_path, from_cache=True)
    assert (tmp_path / "out.jsonl").read_bytes() == data


@pytest.mark.parametrize("sizes", [_SMALL_THEN_LARGE, _LARGE_THEN_SMALL])
def test_a_folder_of_images(tmp_path: Path, sizes: tuple[tuple[int, int], ...]) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, size in enumerate(size for size in sizes for _ in range(4)):
        cv2.imwrite(str(folder / f"{number}.png"), coded_image(number, size))
    report = _export(folder, tmp_path)
    _assert_in_pixels_of(sizes[0], tmp_path, frames=8)
    width, height = sizes[0]
    assert f"The images differ in size; all are scaled to {width} x {height}." in report.notes


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_cropped_video(tmp_path: Path, ending: str) -> None:
    plain = make_video(tmp_path / "plain.mp4", frames=8, size=(320, 240))
    source = tmp_path / "in.mp4"
    source.write_bytes(with_clap(plain.read_bytes(), 320, 240, (7, 20, 33, 4)))
    if ending == ".mkv":
        source = as_matroska(source, tmp_path / "in.mkv")
    _export(source, tmp_path)
    _assert_in_pixels_of((280, 216), tmp_path, frames=8)


def test_a_real_cropped_video(tmp_path: Path) -> None:
    _export(shared("cases/crop.mkv"), tmp_path)
    _assert_in_pixels_of((240, 200), tmp_path, frames=33)


def test_a_real_video(tmp_path: Path) -> None:
    _export(shared("cases/reschange.ts"), tmp_path)
    _assert_in_pixels_of((320, 240), tmp_path, frames=66)
