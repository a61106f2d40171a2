"""Objects end at cuts: in exports, in what is kept, and in the answers from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.candidate_cache.store import CandidateStore
from app.core.events.find import find_events
from app.core.events.trajectories import follow
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.highlights.options import HighlightOptions
from app.core.settings import ModelSettings
from tests.support.red_square import FRAMES, RedDetector, make_red_square

_CUT = 17  # the square goes on across it as if nothing were


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_red_square(tmp_path_factory.mktemp("film") / "in.mp4", cut_at=_CUT)


def request_for(film: Path, folder: Path, every: int) -> ExportRequest:
    folder.mkdir(exist_ok=True)
    data = (DataFile(folder / "out.jsonl", "jsonl"),)
    return ExportRequest(film, None, data, highlights=HighlightOptions(tracks=True), detect_every=every)


def run(request: ExportRequest) -> ExportReport:
    return ExportJob(request, open_detector=lambda _: RedDetector()).run()


def tracks_in(folder: Path) -> list[int | None]:
    lines: Sequence[dict[str, Any]] = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    return [line["detections"][0]["track"] for line in lines]


@pytest.mark.parametrize("every", [1, 5])
def test_a_number_goes_to_no_object_after_a_cut(film: Path, tmp_path: Path, every: int) -> None:
    report = run(request_for(film, tmp_path, every))
    tracks = tracks_in(tmp_path)
    assert tracks[:_CUT] == [1] * _CUT
    assert tracks[_CUT] is None
    assert set(tracks[_CUT:]) == {None, 2}
    assert report.objects == {"car": 2}


@pytest.mark.parametrize("every", [1, 5])
def test_what_is_kept_says_where_cuts_are_and_answers_with_them(film: Path, tmp_path: Path, every: int) -> None:
    request = request_for(film, tmp_path, every)
    report = run(request)
    assert report.cache is not None
    with CandidateStore.open(report.cache) as store:
        assert (store.frames, store.cuts) == (FRAMES, (_CUT,))
        before, after = find_events(follow(store, 0.5, 0.45), 0.5)
    assert (before.frames[-1], after.frames[0]) == (_CUT - 1, _CUT)
    first = tracks_in(tmp_path)
    run(replace(request, cache="only", model=ModelSettings("")))
    assert tracks_in(tmp_path) == first


@pytest.mark.parametrize(("stop_at", "every"), [(3, 1), (25, 1), (25, 5)])
def test_an_interrupted_run_keeps_its_cuts(film: Path, tmp_path: Path, stop_at: int, every: int) -> None:
    def watch(progress: ExportProgress) -> None:
        if progress.frames_done >= stop_at:
            job.cancel()

    request = request_for(film, tmp_path, every)
    job = ExportJob(request, watch, open_detector=lambda _: RedDetector())
    with pytest.raises(ExportCancelledError):
        job.run()
    report = run(request)
    assert report.cache is not None
    with CandidateStore.open(report.cache) as store:
        assert store.cuts == (_CUT,)


def test_a_film_without_cuts_keeps_none(tmp_path: Path) -> None:
    report = run(request_for(make_red_square(tmp_path / "whole.mp4"), tmp_path, 1))
    assert report.cache is not None
    with CandidateStore.open(report.cache) as store:
        assert store.cuts == ()
    assert tracks_in(tmp_path) == [1] * FRAMES
