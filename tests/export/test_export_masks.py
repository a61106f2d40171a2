"""Ignore masks in exports: nothing in them is written nor followed, and what is kept does not know of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import AppError
from app.core.events.scene import IgnoreMask, Scene
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportReport, ExportRequest
from app.core.export.request_json import request_from_json, request_to_json
from app.core.export_queue.interrupted import goes_on_with
from app.core.highlights.options import HighlightOptions
from app.core.settings import ModelSettings
from tests.support.command_line import Capture, install_fake_model, run
from tests.support.media import make_video
from tests.support.red_square import FRAMES, SIZE, RedDetector, make_red_square, truth

_LEFT = IgnoreMask("left", ((0.0, 0.0), (0.4, 0.0), (0.4, 1.0), (0.0, 1.0)))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_red_square(tmp_path_factory.mktemp("film") / "in.mp4")


def _request(source: Path, folder: Path, **more: Any) -> ExportRequest:
    return ExportRequest(
        source,
        None,
        (DataFile(folder / "out.jsonl", "jsonl"),),
        masks=(_LEFT,),
        highlights=HighlightOptions(tracks=True),
        **more,
    )


def _run(request: ExportRequest) -> tuple[ExportReport, list[dict[str, Any]], RedDetector]:
    detector = RedDetector()
    report = ExportJob(request, open_detector=lambda _: detector).run()
    lines = request.data[0].path.read_text().splitlines()
    return report, [json.loads(line) for line in lines], detector


def _middle(index: int) -> float:
    left, _, right, _ = truth(index)
    return (left + right) / 2 / SIZE[0]


def test_nothing_is_found_in_a_mask_and_all_of_it_is_kept(source: Path, tmp_path: Path) -> None:
    report, lines, _ = _run(_request(source, tmp_path))
    for line in lines:
        if abs(_middle(line["frame"]) - 0.4) > 0.02:  # the detector's box is a few pixels off
            assert bool(line["detections"]) is (_middle(line["frame"]) > 0.4), line["frame"]
    assert report.objects == {"car": 1}
    assert 0 < report.detections < FRAMES
    assert report.cache is not None
    again, lines, detector = _run(replace(_request(source, tmp_path), cache="only", model=ModelSettings(""), masks=()))
    assert detector.lefts == []
    assert again.detections == FRAMES
    again, _, _ = _run(replace(_request(source, tmp_path), cache="only", model=ModelSettings("")))
    assert again.detections == report.detections


def test_masks_act_before_motion_carries_boxes(source: Path, tmp_path: Path) -> None:
    whole = Scene(masks=(IgnoreMask("all", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))),)).masks
    report, _, detector = _run(replace(_request(source, tmp_path, detect_every=5), masks=whole))
    assert len(detector.lefts) == 8
    assert report.detections == 0


def test_an_interrupted_export_goes_on_with_its_masks_or_others(source: Path, tmp_path: Path) -> None:
    request = _request(source, tmp_path)
    assert request_from_json(request_to_json(request)) == request
    assert goes_on_with(request, replace(request, masks=()))
    damaged = json.loads(request_to_json(request))
    for polygon in ([[0.1]], [[0.1, 0.2, 0.3]], "none", [["a", 0.1]]):
        damaged["masks"] = [{"name": "x", "polygon": polygon}]
        with pytest.raises(AppError):
            request_from_json(json.dumps(damaged).encode())
    damaged["masks"] = [{"name": "x", "polygon": [[0.1, 0.2]]}]
    with pytest.raises(AppError):
        ExportJob(request_from_json(json.dumps(damaged).encode()), open_detector=lambda _: RedDetector()).run()
    assert not request.data[0].path.exists()


def test_the_command_takes_a_file_and_is_not_done_before_with_another(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_fake_model(monkeypatch)
    video, zones = make_video(tmp_path / "in.mp4", frames=5), tmp_path / "street.zones.json"
    zones.write_text(json.dumps(Scene(masks=(_LEFT,)).as_dict()))
    asked = ("annotate", video, "--model", "fake", "--no-video", "--data", ".csv", "--resume")
    assert run(capsys, *asked)[0] == 0
    everything = (tmp_path / "in.annotated.csv").read_text().splitlines()
    code, out, _ = run(capsys, *asked, "--masks", zones)
    assert code == 0
    assert "done already" not in out
    masked = (tmp_path / "in.annotated.csv").read_text().splitlines()
    assert len(masked) < len(everything)
    assert "done already" in run(capsys, *asked, "--masks", zones)[1]
    zones.write_text('{"zones": []}')
    code, _, err = run(capsys, *asked, "--masks", zones)
    assert code == 1
    assert len(err.splitlines()) <= 2
