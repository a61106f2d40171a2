"""Nothing the network found is lost, nothing is looked at twice, and no one can tell a resumed result from another."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.candidate_cache.lookup import FROM_CACHE
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_writer import StoreWriter
from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.outputs import Outputs
from app.core.export.request import DataFile, ExportCancelledError, ExportProgress, ExportReport, ExportRequest
from app.core.muxing.video_file import VideoFile
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings
from detector.detections import Candidates
from tests.support.media import make_video
from tests.support.probe import decoded_frames, probe
from tests.support.steady_detector import FakeDetector
from tools.fixtures.coded_images import ImageBGR, read_frame_index

FRAMES = 40


class Moving(FakeDetector):
    """Finds something else in every frame, by the number drawn into it."""

    def candidates_batch(
        self, frames: Sequence[ImageBGR], iou_threshold: float | None = None, min_score: float = 0.0
    ) -> list[Candidates]:
        super().candidates_batch(frames)
        return [_found_in(read_frame_index(frame), min_score) for frame in frames]


def _found_in(index: int, min_score: float) -> Candidates:
    """Answers like an engine, without what nobody asks for."""
    rng = np.random.default_rng(index)
    boxes = np.sort(rng.uniform(0, 90, (30, 4)).astype(np.float32))
    scores = np.sort(np.r_[rng.uniform(0, 1, 27), 0.07, 0.03, 0.01].astype(np.float32))[::-1].copy()
    some = slice(np.count_nonzero(scores >= np.float32(min_score)))
    return Candidates(boxes[some], scores[some], rng.integers(0, 3, 30).astype(np.int32)[some])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.mp4", frames=FRAMES, audio=True)


def request_for(source: Path, folder: Path) -> ExportRequest:
    folder.mkdir(exist_ok=True)
    data = tuple(DataFile(folder / f"out.{name}", name) for name in ("jsonl", "csv"))
    return ExportRequest(source, folder / "out.mp4", data, detection=DetectionSettings(threshold=0.3))


def export(request: ExportRequest, detector: FakeDetector | None = None) -> ExportReport:
    return ExportJob(request, open_detector=lambda _: detector or Moving()).run()


def interrupted(request: ExportRequest, after: int, batch: int = 1) -> None:
    """An export that is cancelled when its network has run ``after`` times."""
    fake = Moving(lambda _: job.cancel() if len(fake.batches) == after else None, batch=batch)
    job = ExportJob(request, open_detector=lambda _: fake)
    with pytest.raises(ExportCancelledError):
        job.run()


def check_same(first: Path, second: Path) -> None:
    for name in ("out.jsonl", "out.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert probe(first / "out.mp4") == probe(second / "out.mp4")
    # What the encoder is given is the same, see ``drawn``; x264 itself may differ by some grey levels here and there.
    frames = zip(decoded_frames(first / "out.mp4"), decoded_frames(second / "out.mp4"), strict=True)
    assert all(np.abs(a.astype(int) - b).mean() < 0.5 for a, b in frames)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A check sum of each frame that is handed to the encoder."""
    sums: list[int] = []
    append = VideoFile.append

    def listening(video: VideoFile, frame: av.VideoFrame, pts_s: Fraction) -> None:
        sums.append(zlib.crc32(np.ascontiguousarray(frame.to_ndarray()).tobytes()))
        append(video, frame, pts_s)

    monkeypatch.setattr(VideoFile, "append", listening)
    return sums


@pytest.mark.parametrize(("batch", "after"), [(1, 1), (1, 23), (1, FRAMES), (8, 3)])
def test_a_resumed_export_looks_at_the_rest_only_and_ends_the_same(
    source: Path, tmp_path: Path, drawn: list[int], batch: int, after: int
) -> None:
    whole, resumed = request_for(source, tmp_path / "whole"), request_for(source, tmp_path / "resumed")
    export(whole, Moving(batch=batch))
    uninterrupted = list(drawn)
    interrupted(resumed, after, batch)
    with CandidateStore.open(tmp_path / "resumed" / "in.mp4.ssdv.part") as store:
        kept = store.frames
    assert kept % batch == 0
    assert kept >= batch * (after - 1)
    fake = Moving(batch=batch)
    heard: list[ExportProgress] = []
    drawn.clear()
    report = ExportJob(resumed, heard.append, lambda _: fake).run()
    assert sum(fake.batches) == FRAMES - kept
    assert drawn == uninterrupted
    assert report.frames_known == kept
    assert any(f"{kept} frames were analysed before" in progress.remark for progress in heard) == (kept > 0)
    check_same(tmp_path / "whole", tmp_path / "resumed")
    assert (tmp_path / "whole/in.mp4.ssdv").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_interrupted_again_and_again(source: Path, tmp_path: Path) -> None:
    whole, resumed = request_for(source, tmp_path / "whole"), request_for(source, tmp_path / "resumed")
    export(whole)
    for _ in range(3):
        interrupted(resumed, 7)
    fake = Moving()
    export(resumed, fake)
    assert len(fake.batches) <= FRAMES - 3 * 6
    check_same(tmp_path / "whole", tmp_path / "resumed")


def test_what_is_kept_answers_every_new_wish_as_a_fresh_run_would(
    source: Path, tmp_path: Path, drawn: list[int]
) -> None:
    export(request_for(source, tmp_path / "kept"))
    for number, wish in enumerate(
        (
            DetectionSettings(threshold=0.6),
            DetectionSettings(threshold=0.05, iou=0.8, max_detections=7),
            DetectionSettings(threshold=0.2, iou=0.1, classes=("dog",)),
        )
    ):
        look = OverlaySettings(line_width=5.0, fill=30.0)
        fresh = replace(request_for(source, tmp_path / f"fresh{number}"), detection=wish, overlay=look, cache="drop")
        drawn.clear()
        export(fresh)
        as_fresh = list(drawn)
        drawn.clear()
        kept = replace(
            request_for(source, tmp_path / "kept"), detection=wish, overlay=look, cache="only", model=ModelSettings("")
        )

        def never(_: ModelSettings) -> FakeDetector:
            raise AssertionError("a model was opened")

        report = ExportJob(kept, open_detector=never).run()
        assert (report.model, report.frames_known) == ("fake", FRAMES)
        assert drawn == as_fresh
        check_same(tmp_path / "kept", tmp_path / f"fresh{number}")
        assert not list((tmp_path / f"fresh{number}").glob("*.ssdv*"))


def test_an_export_of_the_same_again_takes_what_is_kept(source: Path, tmp_path: Path) -> None:
    export(request_for(source, tmp_path))
    fake = Moving()
    report = export(replace(request_for(source, tmp_path), detection=DetectionSettings(threshold=0.5)), fake)
    assert fake.batches == []
    assert report.cache == tmp_path / "in.mp4.ssdv"
    assert report.cache_bytes == report.cache.stat().st_size > 0


def test_a_store_of_another_video_or_model_is_left_alone(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(request_for(source, folder))
    before = (folder / "in.mp4.ssdv").read_bytes()
    (tmp_path / "other").mkdir()
    other = make_video(tmp_path / "other" / "in.mp4", frames=10)
    report = export(request_for(other, folder))
    assert report.cache == folder / "in.mp4 (2).ssdv"
    assert any("in.mp4.ssdv holds detections by another model" in note for note in report.notes)
    assert (folder / "in.mp4.ssdv").read_bytes().startswith(before)
    another = Moving()
    another.precision = "bf16"
    assert export(request_for(source, folder), another).cache == folder / "in.mp4 (3).ssdv"
    fake = Moving()
    assert export(request_for(other, folder), fake).cache == folder / "in.mp4 (2).ssdv"
    assert fake.batches == []


def test_two_exports_of_one_video_keep_stores_of_their_own(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    busy = StoreWriter(tmp_path / "out" / "in.mp4.ssdv")
    report = export(request_for(source, tmp_path / "out"))
    assert report.cache == tmp_path / "out" / "in.mp4 (2).ssdv"
    busy.close(keep=False)


def test_what_one_export_is_done_with_stays_with_another_that_goes_on_from_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    taken: list[StoreWriter] = []
    finish = Outputs.finish

    def meanwhile(outputs: Outputs) -> None:
        taken.append(StoreWriter(folder / "in.mp4.ssdv"))  # the network is done, the files are not
        finish(outputs)

    monkeypatch.setattr(Outputs, "finish", meanwhile)
    export(replace(request_for(source, folder), cache="drop"))
    (other,) = taken
    other.go_on()
    other.finish()
    with CandidateStore.open(folder / "in.mp4.ssdv") as store:
        assert (store.frames, store.complete) == (FRAMES, True)


def test_a_lower_threshold_than_was_kept_looks_again_and_says_so(source: Path, tmp_path: Path) -> None:
    request = request_for(source, tmp_path)
    export(request)
    lower = replace(request, detection=DetectionSettings(threshold=0.02))
    with pytest.raises(AppError, match=r"reaches down to a score of 0\.05 only"):
        export(replace(lower, cache="only", model=ModelSettings("")))
    fake = Moving()
    report = export(lower, fake)
    assert len(fake.batches) == FRAMES
    assert any("reach down to a score of 0.05 only" in note for note in report.notes)
    with CandidateStore.open(tmp_path / "in.mp4.ssdv") as store:
        assert store.facts.floor == 0.02
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(("threshold", "floor"), [(0.02, 0.02), (0.0, 0.0), (0.3, 0.05)])
def test_a_store_that_is_gone_on_with_reaches_equally_far_down_in_every_frame(
    source: Path, tmp_path: Path, threshold: float, floor: float
) -> None:
    """Whatever the second run would have looked for."""
    request = request_for(source, tmp_path / "out")
    interrupted(replace(request, detection=DetectionSettings(threshold=threshold)), 20)
    assert export(request).frames_known >= 19
    with CandidateStore.open(tmp_path / "out/in.mp4.ssdv") as store:
        assert store.facts.floor == floor
        for index, frame in enumerate(store):
            np.testing.assert_array_equal(frame.candidates.scores, _found_in(index, floor).scores)


def test_a_damaged_cache_is_made_anew(source: Path, tmp_path: Path) -> None:
    request = request_for(source, tmp_path)
    export(request)
    store = tmp_path / "in.mp4.ssdv"
    content = bytearray(store.read_bytes())
    content[len(content) // 2] ^= 255
    store.write_bytes(content)
    with pytest.raises(AppError, match=r"in\.mp4") as caught:
        export(replace(request, cache="only", model=ModelSettings("")))
    assert caught.value.remedies == (FROM_CACHE,)
    fake = Moving()
    report = export(request, fake)
    assert len(fake.batches) == FRAMES
    assert any("damaged" in note for note in report.notes)
    with CandidateStore.open(store) as again:
        assert again.complete


def test_a_store_that_does_not_fit_its_video_is_noticed(source: Path, tmp_path: Path) -> None:
    """Like a change in the middle of the file that leaves its size."""
    request = request_for(source, tmp_path)
    export(request)
    store = tmp_path / "in.mp4.ssdv"
    with CandidateStore.open(store) as old:
        facts, frames = old.facts, list(old)
    writer = StoreWriter(store)
    writer.begin(facts)
    writer.extend([*frames[:5], *(replace(frame, width=2 * frame.width) for frame in frames[5:])])
    writer.finish()
    with pytest.raises(AppError, match=r"in\.mp4\.ssdv does not fit in\.mp4"):
        export(replace(request, cache="only", model=ModelSettings("")))
    fake = Moving()
    report = export(request, fake)
    assert len(fake.batches) == FRAMES - 5
    assert any("of other frames" in note for note in report.notes)


def test_rendering_from_a_cache_loads_neither_torch_nor_openvino(
    source: Path, tmp_path: Path, repository: Path
) -> None:
    export(request_for(source, tmp_path))
    script = (
        "import sys; from app.cli import main; code = main(sys.argv[1:]);"
        "print(code, sorted({'torch', 'openvino', 'torchvision'} & set(sys.modules)))"
    )
    arguments = ["annotate", str(source), "--from-cache", "--quiet", "-o", str(tmp_path / "again.mp4")]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 []\n", done.stderr
    assert len(probe(tmp_path / "again.mp4").pts_s) == FRAMES
