"""Analyses whose frames stay on a card: chosen by a trial, the same results, and the processor where the card fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from app.core.candidate_cache.store import CandidateStore
from app.core.export import analysis_reader
from app.core.export.analysis import analysis_of
from app.core.export.analysis_reader import AnalysisReader, may_use_card, open_analysis_source
from app.core.export.card_trial import FRAMES, CardTrial
from app.core.export.job import ExportJob
from app.core.export.request import ExportCancelledError, ExportReport, ExportRequest
from app.core.frames import DecodedFrame
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings
from app.core.sources import card as card_module
from app.core.sources.image_sequence import FrameReader
from app.core.sources.video import VideoReader
from detector.detections import Candidates
from detector.errors import DetectorError
from detector.runtime.base import AnyFrame, DeviceFrame
from tests.support.fake_card import FakeCard
from tests.support.media import damage, make_video, read_frame_index
from tests.support.one_thread import one_thread
from tests.support.steady_detector import FakeDetector


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("film") / "in.mp4", frames=FRAMES + 5)


def read_all(reader: FrameReader) -> list[DecodedFrame]:
    try:
        return list(iter(reader.read_frame, None))
    finally:
        reader.close()


def check_same(path: Path, reader: AnalysisReader) -> list[DecodedFrame]:
    """Returns what ``reader`` gives, which must be what the processor does: each frame, once, at its time."""
    wanted, found = read_all(VideoReader(path)), read_all(reader)
    assert [(frame.index, frame.pts_s) for frame in found] == [(frame.index, frame.pts_s) for frame in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.array_equal(ours.image_bgr, theirs.image_bgr)
    return found


def on_card(frames: list[DecodedFrame]) -> list[int]:
    return [frame.index for frame in frames if isinstance(frame.image, DeviceFrame)]


# -- reading -----------------------------------------------------------------------------------------------------------


def test_as_long_as_the_card_decodes_it_decodes_all(source: Path) -> None:
    host, reader = VideoReader(source), AnalysisReader(source, FakeCard())
    host.close()
    assert reader.info == host.info
    assert on_card(check_same(source, reader)) == list(range(FRAMES + 5))
    assert (reader.broken_packets, reader.take_notes()) == (0, ())


@pytest.mark.parametrize("lost", [0, 7, FRAMES + 4])
def test_when_the_card_fails_the_processor_goes_on_with_that_frame(source: Path, lost: int) -> None:
    reader = AnalysisReader(source, FakeCard(lost={lost}))
    assert on_card(check_same(source, reader)) == list(range(lost))
    (note,) = reader.take_notes()
    assert "card" in note


def test_a_card_that_refuses_the_file_after_all_leaves_it_to_the_processor(source: Path) -> None:
    class Refusing(FakeCard):
        def accelerator(self) -> None:
            raise RuntimeError("no NVDEC")

    assert on_card(check_same(source, AnalysisReader(source, Refusing()))) == []


def test_of_a_damaged_file_all_comes_that_the_processor_can_decode(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, faststart=True)
    broken = damage(whole, tmp_path / "in.mp4", 0.5, 0.6)
    host, reader = VideoReader(broken), AnalysisReader(broken, FakeCard())
    assert 0 < len(on_card(check_same(broken, reader))) < 45
    read_all(host)
    assert reader.broken_packets == host.broken_packets > 0
    assert set(host.take_notes()) < set(reader.take_notes())


def test_the_way_back_to_the_place_can_be_stopped(source: Path) -> None:
    def cancelled() -> None:
        raise ExportCancelledError("stop")

    reader = AnalysisReader(source, FakeCard(lost={9}), cancelled)
    with pytest.raises(ExportCancelledError):
        read_all(reader)


def test_a_frame_that_is_lost_with_the_card_is_read_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, found = read_all(VideoReader(source)), read_all(AnalysisReader(source, FakeCard()))

    def dead(_pixels: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.Tensor, "cpu", dead)
    for index in (0, 40, 13):
        assert np.array_equal(found[index].image_bgr, wanted[index].image_bgr)


# -- the choice ------------------------------------------------------------------------------------------------------


def request_of(source: Path, folder: Path, detect_every: int = 1) -> ExportRequest:
    model, detection = ModelSettings("fake", device="cuda"), DetectionSettings(threshold=0.4)
    return analysis_of(source, folder, model, detection, VideoOptions(), detect_every)


def test_only_analyses_of_videos_may_use_a_card(source: Path, tmp_path: Path) -> None:
    analysis = request_of(source, tmp_path)
    assert may_use_card(analysis)
    for other in (
        replace(analysis, analysis=None),
        replace(analysis, cache="only"),
        replace(analysis, model=ModelSettings("fake", device="cpu")),
        replace(analysis, video=VideoOptions(deinterlace=True)),
        replace(analysis, source=tmp_path),  # a folder of images
    ):
        assert not may_use_card(other)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    """What every analysis finds in place of a card; short videos will do, and the trial is won."""
    card = FakeCard()
    monkeypatch.setattr(analysis_reader, "Card", lambda _device: card)
    monkeypatch.setattr(analysis_reader, "_LEAST_FRAMES", 10)
    monkeypatch.setattr(analysis_reader, "try_card", lambda *_: CardTrial(1.0, 2.0))
    return card


def opened(request: ExportRequest, place: str) -> type[FrameReader]:
    reader = open_analysis_source(request, place, lambda: None)
    reader.close()
    return type(reader)


def test_a_short_video_a_lost_trial_or_another_engine_leave_it_to_the_processor(
    source: Path, tmp_path: Path, card: FakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(source, tmp_path)
    assert opened(request, "cpu") is AnalysisReader
    assert opened(request, "") is VideoReader
    monkeypatch.setattr(analysis_reader, "_LEAST_FRAMES", FRAMES + 6)
    assert opened(request, "cpu") is VideoReader
    monkeypatch.setattr(analysis_reader, "_LEAST_FRAMES", 10)
    monkeypatch.setattr(analysis_reader, "try_card", lambda *_: CardTrial(refusal="the processor is faster"))
    assert opened(request, "cpu") is VideoReader


def test_without_a_card_torch_says_so_and_the_processor_decodes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    monkeypatch.setattr(analysis_reader, "_LEAST_FRAMES", 10)
    assert opened(request_of(source, tmp_path), "cuda:0") is VideoReader


# -- the whole analysis ------------------------------------------------------------------------------------------------


class Reading(FakeDetector):
    """Finds a box where the number that is coded into a frame says, wherever the frame lies."""

    def candidates_batch(
        self, frames: Sequence[AnyFrame], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        images = [frame.pixels.numpy() if isinstance(frame, DeviceFrame) else frame for frame in frames]
        return [_found(read_frame_index(image)) for image in images]


def _found(number: int) -> Candidates:
    box = np.array([[number, 10, number + 40, 60]], np.float32)
    return Candidates(box, np.array([0.9], np.float32), np.array([0], np.int32))


def analyse(source: Path, folder: Path, every: int, engine: str) -> ExportReport:
    """Analyses by an engine that says to be ``engine``."""
    folder.mkdir()
    detector = Reading(engine=engine, batch=4)
    return ExportJob(request_of(source, folder, every), open_detector=lambda _: detector).run()


def kept(report: ExportReport) -> tuple[list[Fraction], list[int], list[list[float]]]:
    """Times, cuts and boxes of a store."""
    assert report.cache is not None
    with CandidateStore.open(report.cache) as store:
        found = [store.candidates(index) for index in range(store.frames)]
        times = [store.frame(index).pts_s for index in range(store.frames)]
        return times, list(store.cuts), [each.boxes_xyxy.ravel().tolist() for each in found]


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("lost", [(), (30,)])
def test_an_analysis_finds_the_same_and_no_frame_comes_to_the_host(
    source: Path,
    tmp_path: Path,
    card: FakeCard,
    monkeypatch: pytest.MonkeyPatch,
    every: int,
    lost: tuple[int, ...],
) -> None:
    wanted = analyse(source, tmp_path / "host", every, "torch_cpu")
    assert card.count == -1
    card.__init__(lost=lost)  # type: ignore[misc] # the same card, as it shall be
    monkeypatch.setattr(card_module, "_fetched", lambda *_: pytest.fail("a frame came to the host"))
    found = analyse(source, tmp_path / "card", every, "torch_cuda")
    assert card.count == (lost[0] if lost else FRAMES + 4)
    assert found.frames == wanted.frames == FRAMES + 5
    assert (found.counts, found.damaged_packets) == (wanted.counts, 0)
    assert kept(found) == kept(wanted)
    assert len(found.notes) - len(wanted.notes) == len(lost)


def test_where_no_detector_can_be_opened_nobody_waits_for_its_place(source: Path, tmp_path: Path) -> None:
    def refuse(_model: ModelSettings) -> FakeDetector:
        raise DetectorError("no such model")

    with pytest.raises(DetectorError, match="no such model"):
        ExportJob(request_of(source, tmp_path), open_detector=refuse).run()
    assert list(tmp_path.iterdir()) == []


def test_a_detector_on_the_processor_gets_ordinary_frames(source: Path, tmp_path: Path, card: FakeCard) -> None:
    kinds: set[type] = set()
    detector = FakeDetector(lambda frames: kinds.update(map(type, frames)), engine="openvino")
    report = ExportJob(request_of(source, tmp_path), open_detector=lambda _: detector).run()
    assert (report.frames, kinds, card.count) == (FRAMES + 5, {np.ndarray}, -1)
