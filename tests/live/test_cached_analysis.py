"""A video that was analysed before plays and scrubs with its boxes, and no model is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import SUFFIX
from app.core.candidate_cache.store_facts import StoreFacts
from app.core.candidate_cache.store_format import StoredFrame
from app.core.candidate_cache.store_writer import StoreWriter
from app.core.frames import FrameResult
from app.core.live import Ended, LiveState, ModelFailed, ModelReady
from app.core.live.cached_analysis import ENGINE, open_cached_analysis, stores_beside
from app.core.models import user_library, weights_sha256
from app.core.settings import DetectionSettings, ModelSettings
from detector.detections import Candidates, DetectionFilter
from detector.errors import DetectorError
from detector.model_file import ModelEntry
from tests.support.fake_detector import FakeModels
from tests.support.live_probe import LiveProbe
from tests.support.media import make_video
from tools.fixtures.coded_images import read_frame_index

RATE = Fraction(30000, 1001)
FRAMES = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=FRAMES, fps=RATE)


@pytest.fixture
def video(clip: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(clip.read_bytes())
    return copy


@pytest.fixture
def entry() -> ModelEntry:
    """A model of the box."""
    return next(entry for entry in user_library().list() if entry.bundled and entry.spec.demo)


def facts_of(video: Path, entry: ModelEntry) -> StoreFacts:
    weights = weights_sha256(ModelSettings(name=entry.name))
    labels = entry.spec.labels
    return StoreFacts(
        SourceContent(video).key, entry.spec.name, weights, "openvino", "cpu", "fp32", labels, 0.05, FRAMES
    )


def marked(index: int) -> Candidates:
    """Candidates of frame ``index``: a box whose left edge says which frame it is, and a faint one."""
    boxes = np.array([[index, 0, 100, 50], [index, 60, 100, 100]], np.float32)
    return Candidates(boxes, np.array([0.9, 0.3], np.float32), np.array([0, 1], np.int32), np.ones(2, np.bool_), 0.45)


def keep(
    video: Path, facts: StoreFacts, frames: int = FRAMES, finish: bool = True, shift: Fraction = Fraction(0)
) -> Path:
    """A store of ``video``, beside it."""
    target = video.with_name(video.name + SUFFIX)
    writer = StoreWriter(target)
    writer.begin(facts)
    for index in range(frames):
        writer.append(StoredFrame(index / RATE + shift, 160, 120, marked(index)))
        if index % 7 == 6:
            writer.flush()
    if finish:
        writer.finish()
    else:
        writer.close(keep=True)
    return target


def boxed(result: FrameResult) -> int:
    """Which frame the box belongs to."""
    assert result.candidates is not None
    return int(result.candidates.boxes_xyxy[0, 0])


def shown(result: FrameResult) -> int:
    return read_frame_index(result.frame.image_bgr)


def test_it_plays_to_its_end_with_its_own_boxes_and_opens_no_model(video: Path, entry: ModelEntry) -> None:
    store = keep(video, facts_of(video, entry))
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        ready = probe.wait_event(ModelReady)
        assert (ready.engine, ready.kept, ready.spec.name) == (ENGINE, store, entry.spec.name)
        results = [probe.detected()]
        while shown(results[-1]) != FRAMES - 1:
            results.append(probe.next_result())
        probe.wait_event(Ended)
        assert [boxed(result) for result in results] == [shown(result) for result in results]
        assert results[-1].labels == entry.spec.labels
        assert probe.models.made == []
        assert probe.session.stats().detector_fps == 0  # nothing was computed, so nothing is said of its speed


def test_a_seek_and_a_step_bring_the_boxes_with_the_frame(video: Path, entry: ModelEntry) -> None:
    keep(video, facts_of(video, entry))
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        probe.wait_state(LiveState.RUNNING)
        probe.session.pause()
        probe.wait_event(ModelReady)
        for wanted in (40, 3, 59, 0, 21):
            probe.session.seek(wanted / RATE)
            result = probe.result_where(lambda result, wanted=wanted: shown(result) == wanted)  # type: ignore[misc] # bound
            assert boxed(result) == wanted
        probe.session.step(-2)
        assert boxed(probe.result_where(lambda result: shown(result) == 19)) == 19
        assert probe.models.made == []


def test_kept_boxes_are_shown_while_the_detector_rests(video: Path, entry: ModelEntry) -> None:
    keep(video, facts_of(video, entry))
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        probe.wait_event(ModelReady)
        probe.session.rest(True)
        probe.session.pause()
        probe.session.seek(Fraction(20) / RATE)
        probe.result_where(lambda result: shown(result) == 20 and result.candidates is not None)
        probe.session.switch_model(ModelSettings(name="first"))  # whose network rests
        probe.wait_event(ModelReady, 2)
        probe.session.seek(Fraction(30) / RATE)
        plain = probe.result_where(lambda result: shown(result) == 30)
        assert plain.candidates is None


def test_any_threshold_acts_on_the_frame_that_is_there(video: Path, entry: ModelEntry) -> None:
    keep(video, facts_of(video, entry))
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        found = probe.detected().candidates
        assert found is not None
        assert [len(found.detections(DetectionFilter(t))) for t in (0.95, 0.5, 0.2)] == [0, 1, 2]
        assert len(found.detections(DetectionFilter(0.2, 0.9, frozenset({1})))) == 1


def test_another_model_runs_as_before_and_back_again_from_the_store(video: Path, entry: ModelEntry) -> None:
    keep(video, facts_of(video, entry))
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        probe.wait_event(ModelReady)
        probe.session.pause()
        probe.session.switch_model(ModelSettings(name="first"))
        ready = probe.wait_event(ModelReady, 2)
        assert (ready.engine, ready.kept) == ("fake", None)
        assert [made.spec.name for made in probe.models.made] == ["first"]
        probe.session.switch_model(ModelSettings(name=entry.name))
        assert probe.wait_event(ModelReady, 3).engine == ENGINE
        assert probe.models.made[0].closed
        assert len(probe.models.made) == 1


def test_a_model_that_cannot_be_opened_leaves_the_kept_boxes(video: Path, entry: ModelEntry) -> None:
    keep(video, facts_of(video, entry))
    with LiveProbe(FakeModels(errors={"broken": DetectorError("It is broken.")})) as probe:
        probe.start(str(video), model=entry.name)
        probe.wait_event(ModelReady)
        probe.session.pause()
        probe.session.switch_model(ModelSettings(name="broken"))
        assert probe.wait_event(ModelFailed).kept == entry.spec.name
        probe.session.seek(30 / RATE)
        assert boxed(probe.result_where(lambda r: shown(r) == 30 and r.candidates is not None)) == 30


def test_the_next_video_has_no_store_and_gets_the_network(video: Path, entry: ModelEntry, tmp_path: Path) -> None:
    keep(video, facts_of(video, entry))
    other = make_video(tmp_path / "other.mp4", frames=20)
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        probe.wait_event(ModelReady)
        probe.start(str(other), model=entry.name)
        assert probe.wait_event(ModelReady, 2).engine == "fake"
        result = probe.detected()
        assert result.candidates is not None
        assert int(result.candidates.class_ids[0]) == shown(result)
        probe.start(str(video), model=entry.name)
        assert probe.wait_event(ModelReady, 3).engine == ENGINE
        assert boxed(probe.detected()) >= 0
        assert len(probe.models.made) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts: replace(facts, source=replace(facts.source, sha256="0" * 64)),
        lambda facts: replace(facts, weights_sha256="0" * 64),
        lambda facts: replace(facts, model="another"),
        lambda facts: replace(facts, labels=facts.labels[:-1]),
        lambda facts: replace(facts, reading="deinterlaced"),
    ],
    ids=["another video", "other weights", "another model", "other classes", "read otherwise"],
)
def test_a_store_of_something_else_is_not_used(
    video: Path, entry: ModelEntry, spoil: Callable[[StoreFacts], StoreFacts], caplog: pytest.LogCaptureFixture
) -> None:
    keep(video, spoil(facts_of(video, entry)))
    with caplog.at_level("INFO", "app"), LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        assert probe.wait_event(ModelReady).engine == "fake"
        probe.detected()
    assert "clip.mp4.ssdv is not used" in caplog.text


def test_precision_counts_where_one_was_asked_for(video: Path, entry: ModelEntry) -> None:
    keep(video, facts_of(video, entry))
    stores = stores_beside(str(video))
    for precision, used in (("auto", True), ("fp32", True), ("int8", False)):
        found = open_cached_analysis(str(video), stores, ModelSettings(name=entry.name, precision=precision), 0.05)
        assert (found is not None) is used
        if found is not None:
            found.close()


def test_a_threshold_below_its_floor_brings_the_network_and_a_higher_one_the_store_again(
    video: Path, entry: ModelEntry, caplog: pytest.LogCaptureFixture
) -> None:
    store = keep(video, facts_of(video, entry))
    with caplog.at_level("INFO", "app"), LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        probe.wait_event(ModelReady)
        probe.session.pause()
        probe.session.set_threshold(0.06)
        assert len(probe.of(ModelReady)) == 1
        probe.session.set_threshold(0.04)
        assert probe.wait_event(ModelReady, 2).engine == "fake"
        assert f"{store.name} is not used: it reaches down to a score of 0.05 only" in caplog.text
        probe.result_where(lambda result: result.model == entry.name and result.detect_ms > 0)
        probe.session.set_threshold(0.5)
        assert probe.wait_event(ModelReady, 3).engine == ENGINE
        assert probe.models.made[0].closed
    with LiveProbe() as probe:  # and from the start
        probe.start(str(video), model=entry.name, detection=DetectionSettings(threshold=0.04))
        assert probe.wait_event(ModelReady).engine == "fake"


@pytest.mark.parametrize("what", ["noise", "cut", "unfinished", "a folder"])
def test_a_damaged_store_is_not_used(video: Path, entry: ModelEntry, what: str) -> None:
    store = keep(video, facts_of(video, entry), finish=what != "unfinished")
    if what == "noise":
        store.write_bytes(b"noise" * 100)
    elif what == "cut":
        store.write_bytes(store.read_bytes()[:-30])
    elif what == "a folder":
        store.unlink()
        store.mkdir()
    with LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        assert probe.wait_event(ModelReady).engine == "fake"
        probe.detected()


@pytest.mark.parametrize("wrong", [{"shift": Fraction(1, 500)}, {"frames": 20}], ids=["other times", "fewer frames"])
def test_a_store_that_turns_out_not_to_fit_gives_way_to_the_network(
    video: Path, entry: ModelEntry, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    keep(video, facts_of(video, entry), **wrong)
    with caplog.at_level("INFO", "app"), LiveProbe() as probe:
        probe.start(str(video), model=entry.name)
        assert probe.wait_event(ModelReady).engine == ENGINE
        probe.session.seek(50 / RATE)
        assert probe.wait_event(ModelReady, 2).engine == "fake"
        probe.detected()
        assert len(probe.models.made) == 1
    assert "has no frame like the one at" in caplog.text


def test_names_that_no_file_has_have_no_store() -> None:
    for uri in ("camera:0", "http://host/clip.mp4", "a\0b.mp4", "x" * 5000 + ".mp4", "gone.mp4", ""):
        assert stores_beside(uri) == ()
