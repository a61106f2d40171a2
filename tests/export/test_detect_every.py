"""The network on every Nth frame, and motion between."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import main
from app.core.candidate_cache.store import CandidateStore
from app.core.export.job import ExportJob
from app.core.export.key_frames import resolved_interval
from app.core.export.request import AUTO, DataFile, ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.export.request_json import request_from_json, request_to_json
from app.core.settings import DetectionSettings, ModelSettings
from detector.boxes import iou
from detector.detections import Candidates
from tests.support.red_square import FRAMES, RedDetector, make_red_square, truth
from tools.fixtures.coded_images import ImageBGR


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_red_square(tmp_path_factory.mktemp("film") / "in.mp4")


def run(source: Path, folder: Path, every: int, batch: int = 1, **more: Any) -> tuple[ExportReport, RedDetector]:
    folder.mkdir(exist_ok=True)
    detector = RedDetector(batch)
    request = ExportRequest(source, None, (DataFile(folder / "out.jsonl", "jsonl"),), detect_every=every, **more)
    return ExportJob(request, open_detector=lambda _: detector).run(), detector


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


def test_the_network_sees_every_fifth_frame_and_the_last_and_motion_the_rest(source: Path, tmp_path: Path) -> None:
    report, detector = run(source, tmp_path, 5)
    assert report.frames == FRAMES
    assert detector.lefts == pytest.approx([truth(index)[0] for index in (0, 5, 10, 15, 20, 25, 30, 32)], abs=4)
    for line in lines(tmp_path):
        (found,) = line["detections"]
        seen = line["frame"] % 5 == 0 or line["frame"] == FRAMES - 1
        assert found.get("followed", False) is not seen
        box = np.array([found["box"]], np.float32)
        assert iou(box, np.array([truth(line["frame"])], np.float32))[0, 0] > 0.85, line["frame"]


def test_the_network_sees_both_sides_of_a_cut(tmp_path: Path) -> None:
    film = make_red_square(tmp_path / "cut.mp4", cut_at=18)
    _, detector = run(film, tmp_path / "a", 5)
    assert detector.lefts == pytest.approx([truth(i)[0] for i in (0, 5, 10, 15, 17, 18, 20, 25, 30, 32)], abs=4)
    first = lines(tmp_path / "a")
    assert [line["frame"] for line in first if not line["detections"][0].get("followed", False)][4:6] == [17, 18]
    run(film, tmp_path / "a", 1, cache="only", model=ModelSettings(""))
    assert lines(tmp_path / "a") == first


def test_an_object_that_is_unsure_in_one_key_frame_is_there_until_halfway(source: Path, tmp_path: Path) -> None:
    class Unsure(RedDetector):
        def _found(self, frame: ImageBGR) -> Candidates:
            found = super()._found(frame)
            score = 0.9 if len(self.lefts) % 2 else 0.3
            return Candidates(found.boxes_xyxy, np.array([score], np.float32), found.class_ids)

    request = ExportRequest(source, None, (DataFile(tmp_path / "out.jsonl", "jsonl"),), detect_every=10)
    request = replace(request, detection=DetectionSettings(threshold=0.5))
    ExportJob(request, open_detector=lambda _: Unsure()).run()
    shown = [len(line["detections"]) for line in lines(tmp_path)]
    assert shown[:11] == [1] * 7 + [0] * 4  # from 0.9 to 0.3 evenly


def test_batches_change_nothing(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "one", 3)
    _, detector = run(source, tmp_path / "many", 3, batch=4)
    assert detector.batches == [1, 4, 4, 3]
    assert lines(tmp_path / "one") == lines(tmp_path / "many")


def test_every_frame_is_as_ever_and_more_than_there_are_is_first_and_last(source: Path, tmp_path: Path) -> None:
    _, detector = run(source, tmp_path / "all", 1)
    assert len(detector.lefts) == FRAMES
    assert "followed" not in (tmp_path / "all" / "out.jsonl").read_text()
    _, detector = run(source, tmp_path / "few", 60)
    assert len(detector.lefts) == 2


def test_what_is_kept_renders_the_same_and_says_which_frames_were_seen(source: Path, tmp_path: Path) -> None:
    report, _ = run(source, tmp_path / "a", 5)
    assert report.cache is not None
    with CandidateStore.open(report.cache) as store:
        assert (store.facts.detect_every, store.frames, store.complete) == (5, FRAMES, True)
        assert [bool(len(store.candidates(i))) for i in range(7)] == [True, *[False] * 4, True, False]
    before = lines(tmp_path / "a")
    again, detector = run(source, tmp_path / "a", 1, cache="only", model=ModelSettings(""))
    assert (detector.lefts, again.frames) == ([], FRAMES)
    assert lines(tmp_path / "a") == before


def test_detections_of_every_frame_serve_those_who_want_fewer(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "full", 1)
    _, detector = run(source, tmp_path / "full", 5)
    assert detector.lefts == []
    assert "followed" not in (tmp_path / "full" / "out.jsonl").read_text()
    run(source, tmp_path / "some", 5)
    _, detector = run(source, tmp_path / "some", 1)
    assert len(detector.lefts) == FRAMES


@pytest.mark.parametrize("stop_at", [1, 7, 18])
def test_a_resumed_run_equals_another(source: Path, tmp_path: Path, stop_at: int) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    request = ExportRequest(source, None, (DataFile(folder / "out.jsonl", "jsonl"),), detect_every=5)

    def watch(progress: ExportProgress) -> None:
        if progress.frames_done >= stop_at:
            job.cancel()

    job = ExportJob(request, watch, open_detector=lambda _: RedDetector())
    try:
        job.run()
    except ExportCancelledError:
        report, _ = run(source, folder, 5)
        assert report.frames == FRAMES
    run(source, tmp_path / "whole", 5)
    assert lines(folder) == lines(tmp_path / "whole")


def test_auto_follows_the_frame_rate() -> None:
    rates = {Fraction(30): 5, Fraction(60): 10, Fraction(10): 1, Fraction(1, 2): 1, Fraction(6000): 60, None: 1}
    assert {fps: resolved_interval(AUTO, fps) for fps in rates} == rates
    assert [resolved_interval(n, Fraction(30)) for n in (1, 7, 10**9, -3)] == [1, 7, 60, 1]


def test_an_interrupted_request_remembers_it(source: Path, tmp_path: Path) -> None:
    request = ExportRequest(source, tmp_path / "out.mp4", detect_every=5)
    assert request_from_json(request_to_json(request)) == request
    older = json.loads(request_to_json(replace(request, detect_every=1)))
    del older["detect_every"]
    assert request_from_json(json.dumps(older).encode()).detect_every == 1


@pytest.mark.parametrize("wrong", ["0", "-1", "61", "2.5", "often", "", "99999999999999999999"])
def test_what_is_no_number_of_frames_is_said(source: Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["annotate", str(source), f"--detect-every={wrong}"]) == 2
    assert "--detect-every cannot be" in capsys.readouterr().err
