"""The store of candidates: gives back every bit, survives any cut, refuses whatever else it is handed."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import SourceKey, StoreError, StoreFacts
from app.core.candidate_cache.store_format import (
    MAGIC,
    PREFIX,
    StoredFrame,
    pack_block,
    pack_cuts_line,
    unpack_cuts_line,
)
from app.core.candidate_cache.store_writer import StoreWriter
from detector.detections import Candidates, DetectionFilter
from detector.file_lock import LockedError
from detector.nms import batched_nms

LABELS = ("car", "person", "dog")
FACTS = StoreFacts(
    SourceKey("clip.mp4", 1000, 1, "ab" * 32), "demo", "cd" * 32, "openvino", "cpu", "fp32", LABELS, 0.0, 40
)


def random_candidates(rng: np.random.Generator, count: int) -> Candidates:
    corners = rng.uniform(-20, 640, (count, 2)).astype(np.float32)
    boxes = np.hstack([corners, corners + rng.uniform(0, 300, (count, 2)).astype(np.float32)]).astype(np.float32)
    scores = np.sort(rng.uniform(0, 1, count).astype(np.float32))[::-1].copy()
    ids = rng.integers(0, len(LABELS), count).astype(np.int32)
    kept = np.zeros(count, np.bool_)
    kept[batched_nms(boxes, ids, 0.45)] = True
    return Candidates(boxes, scores, ids, kept, 0.45)


def random_frames(count: int, seed: int = 0, most: int = 60) -> list[StoredFrame]:
    rng = np.random.default_rng(seed)
    step = Fraction(1001, 30000)
    sizes = rng.integers(0, most, count)
    return [StoredFrame(i * step, 640, 480, random_candidates(rng, int(n))) for i, n in enumerate(sizes)]


def same(first: Candidates, second: Candidates) -> bool:
    """Every bit."""
    pairs = ((first.boxes_xyxy, second.boxes_xyxy), (first.scores, second.scores), (first.class_ids, second.class_ids))
    kept = (
        first.kept is None and second.kept is None
        if first.kept is None or second.kept is None
        else first.kept.tobytes() == second.kept.tobytes() and first.iou_threshold == second.iou_threshold
    )
    return kept and all(a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in pairs)


def write(path: Path, frames: Sequence[StoredFrame], finish: bool = True, flush_each: int = 0) -> Path:
    """A store at ``path``; unfinished, its part."""
    writer = StoreWriter(path)
    writer.begin(FACTS)
    for number, frame in enumerate(frames, 1):
        writer.append(frame)
        if flush_each and number % flush_each == 0:
            writer.flush()
    if finish:
        writer.finish()
        return path
    writer.close(keep=True)
    return writer.path


def content(frames: Sequence[StoredFrame], each: int) -> bytes:
    """A finished store as bytes, in blocks of ``each``."""
    head = FACTS.to_json()
    blocks = [pack_block(first, frames[first : first + each]) for first in range(0, len(frames), each)]
    start = MAGIC + PREFIX.pack(len(head), zlib.crc32(head)) + head
    return start + b"".join(blocks) + pack_block(len(frames), [])


def test_what_comes_out_is_what_went_in_to_the_bit(tmp_path: Path) -> None:
    frames = random_frames(300)
    frames[7] = StoredFrame(Fraction(-3, 7), 17, 9, Candidates.empty())
    frames[8] = replace(frames[8], candidates=replace(frames[8].candidates, kept=None))
    path = write(tmp_path / "clip.mp4.ssdv", frames, flush_each=25)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4.ssdv"]
    with CandidateStore.open(path) as store:
        assert (store.facts, store.frames, store.complete) == (FACTS, 300, True)
        for index in (*range(299, -1, -1), 150, 0, 299):  # backwards: every block is opened again
            read = store.frame(index)
            assert same(read.candidates, frames[index].candidates)
            assert (read.pts_s, read.width, read.height) == (
                frames[index].pts_s,
                frames[index].width,
                frames[index].height,
            )
        assert all(same(a.candidates, b.candidates) for a, b in zip(store, frames, strict=True))
        for index in (-1, 300):
            with pytest.raises(IndexError):
                store.candidates(index)


def test_any_filter_gives_what_the_network_would_have(tmp_path: Path) -> None:
    frames = random_frames(20)
    with CandidateStore.open(write(tmp_path / "a.ssdv", frames)) as store:
        for wanted in (DetectionFilter(0.2), DetectionFilter(0.5, 0.7), DetectionFilter(0.0, 0.3, frozenset({1}), 5)):
            for index, frame in enumerate(frames):
                fresh, kept = frame.candidates.detections(wanted), store.candidates(index).detections(wanted)
                assert fresh.boxes_xyxy.tobytes() == kept.boxes_xyxy.tobytes()
                assert fresh.scores.tobytes() == kept.scores.tobytes()


def test_frames_are_found_by_time(tmp_path: Path) -> None:
    frames = random_frames(100)
    with CandidateStore.open(write(tmp_path / "a.ssdv", frames, flush_each=7)) as store:
        assert store.index_at(Fraction(-1)) == 0
        assert store.index_at(Fraction(1000)) == 99
        for index in (0, 1, 6, 7, 8, 50, 99):
            assert store.index_at(frames[index].pts_s) == index
            assert store.index_at(frames[index].pts_s + Fraction(1, 60)) == index
    with (
        CandidateStore.open(write(tmp_path / "empty.ssdv", [])) as store,
        pytest.raises(IndexError),
    ):
        store.index_at(Fraction(0))


def test_scores_below_the_floor_are_not_kept(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "a.ssdv")
    writer.begin(replace(FACTS, floor=0.5))
    frames = random_frames(20)
    for frame in frames:
        writer.append(frame)
    writer.finish()
    with CandidateStore.open(tmp_path / "a.ssdv") as store:
        assert store.facts.floor == 0.5
        for index, frame in enumerate(frames):
            wanted = DetectionFilter(0.5, 0.6)
            assert (store.candidates(index).scores >= 0.5).all()
            assert len(store.candidates(index).detections(wanted)) == len(frame.candidates.detections(wanted))


def test_a_second_of_frames_is_on_the_disk_after_a_second(tmp_path: Path) -> None:
    now = [0.0]
    writer = StoreWriter(tmp_path / "a.ssdv", clock=lambda: now[0])
    writer.begin(FACTS)
    for frame in random_frames(30):
        writer.append(frame)
        now[0] += 0.125
    with CandidateStore.open(writer.path) as store:  # as another program would after this one was killed
        assert (store.frames, store.complete) == (27, False)
    writer.close(keep=True)
    with CandidateStore.open(writer.path) as store:
        assert store.frames == 30


def test_many_frames_or_many_candidates_never_make_a_large_block(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "a.ssdv", clock=lambda: 0.0)
    writer.begin(FACTS)
    many = Candidates(np.ones((30_000, 4), np.float32), np.ones(30_000, np.float32), np.zeros(30_000, np.int32))
    for index in range(6):
        writer.append(StoredFrame(Fraction(index), 640, 480, many))
    for index in range(6, 2600):
        writer.append(StoredFrame(Fraction(index), 640, 480, Candidates.empty()))
    writer.finish()
    with CandidateStore.open(tmp_path / "a.ssdv") as store:
        assert store.frames == 2600
        assert [len(store.candidates(i)) for i in (0, 5, 6, 2599)] == [30_000, 30_000, 0, 0]


@given(cut=st.floats(0, 1), tail=st.binary(max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_it_is_cut_the_sound_part_is_read_and_gone_on_with(tmp_path: Path, cut: float, tail: bytes) -> None:
    frames = random_frames(40, most=8)
    whole = content(frames, 6)
    start = len(MAGIC) + PREFIX.size + len(FACTS.to_json())
    target = tmp_path / "a.ssdv"
    part = tmp_path / "a.ssdv.part"
    part.write_bytes(whole[: start + int((len(whole) - start) * cut)] + tail)
    writer = StoreWriter(target)
    assert writer.known is not None
    assert writer.known.frames % 6 == 0 or writer.known.frames == 40
    writer.go_on()
    known = [writer.known.candidates(i) for i in range(writer.known.frames)]
    assert all(same(a, b.candidates) for a, b in zip(known, frames, strict=False))
    for frame in frames[len(known) :]:
        writer.append(frame)
    writer.finish()
    with CandidateStore.open(target) as store:
        assert (store.frames, store.complete) == (40, True)
        assert all(same(a.candidates, b.candidates) for a, b in zip(store, frames, strict=True))


_FRAMES = random_frames(12, most=20)
_WHOLE = content(_FRAMES, 4)


@given(
    data=st.data(),
    places=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), max_size=4),
    forge=st.booleans(),
)
@settings(max_examples=300)
def test_damage_is_noticed_and_never_more_than_refused(
    data: st.DataObject, places: list[tuple[float, int]], forge: bool
) -> None:
    """Also where the check sums were made to fit."""
    whole = bytearray(_WHOLE)
    for place, value in places:
        whole[int(place * len(whole))] = value
    if forge:
        whole = _with_fitting_sums(bytes(whole), data)
    try:
        store = CandidateStore(io.BytesIO(bytes(whole)), "a.ssdv")
        frames = list(store)
        assert len(frames) == store.frames
        if not forge:
            assert store.frames in (0, 4, 8, 12)
            assert all(
                same(a.candidates, b.candidates) for a, b in zip(frames, random_frames(12, most=20), strict=False)
            )
    except StoreError:
        pass


def _with_fitting_sums(whole: bytes, data: st.DataObject) -> bytearray:
    """One block with a random payload that claims to be sound."""
    from app.core.candidate_cache.store_format import BLOCK, CHECKSUM, HEAD

    head_json = FACTS.to_json()
    start = MAGIC + PREFIX.pack(len(head_json), zlib.crc32(head_json)) + head_json
    frames, total = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, 2**32 - 1))
    raw = data.draw(st.sampled_from([b"", whole[-200:], bytes(36), bytes(60), bytes(61)]))
    payload = zlib.compress(raw)
    head = HEAD.pack(BLOCK, frames % 3, total % 3, 0, data.draw(st.integers(-(2**63), 2**63 - 1)), 1, len(payload))
    return bytearray(start + head + CHECKSUM.pack(zlib.crc32(payload, zlib.crc32(head))) + payload)


@given(st.binary(max_size=300))
def test_foreign_bytes_are_no_store(foreign: bytes) -> None:
    for content_ in (foreign, MAGIC + foreign):
        with pytest.raises(StoreError):
            CandidateStore(io.BytesIO(content_), "a.ssdv")


@pytest.mark.parametrize(
    "facts",
    [
        b"[]",
        b'{"source": 3}',
        b"[" * 100_000,
        FACTS.to_json().replace(b'"floor": 0.0', b'"floor": NaN'),
        FACTS.to_json().replace(b'"size": 1000', b'"size": -1'),
        FACTS.to_json().replace(b'"dog"', b"7"),
        FACTS.to_json().replace(b'"promised": 40', b'"promised": "many"'),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(facts: bytes) -> None:
    whole = MAGIC + PREFIX.pack(len(facts), zlib.crc32(facts)) + facts
    with pytest.raises(StoreError):
        CandidateStore(io.BytesIO(whole), "a.ssdv")


def test_of_what_follows_the_end_the_newest_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ssdv", random_frames(3))
    with CandidateStore.open(path) as store:
        assert store.tail(100) == b""
    with path.open("ab") as file:
        file.write(b"first\nsecond\n")
    with CandidateStore.open(path) as store:
        assert store.tail(100) == b"first\nsecond\n"
        assert store.tail(7) == b"second\n"


@pytest.mark.parametrize("sha256", ["", "ab" * 32])
def test_cuts_are_kept_behind_the_end_and_what_follows_them_is_read(tmp_path: Path, sha256: str) -> None:
    writer = StoreWriter(tmp_path / "a.ssdv")
    writer.begin(FACTS)
    writer.extend(random_frames(40))
    writer.finish(sha256, [1, 17, 39])
    with writer.target.open("ab") as file:
        file.write(b'{"asked": 1}\n')
    with CandidateStore.open(writer.target) as store:
        assert (store.complete, store.frames, store.source_sha256, store.cuts) == (True, 40, sha256, (1, 17, 39))
        assert store.tail(13) == b'{"asked": 1}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"asked": 1}\n',
        b'{"cuts": []}\n',
        b'{"cuts": [0]}\n',
        b'{"cuts": [3]}\n',
        b'{"cuts": [2, 1]}\n',
        b'{"cuts": [1, 1]}\n',
        b'{"cuts": [-1]}\n',
        b'{"cuts": [1.5]}\n',
        b'{"cuts": [1], "more": 1}\n',
        b'{"cuts": [99999999999999999999999]}\n',
        b'{"cuts": [1, 2',
        b'{"cuts": [' + b"[" * 5000,
        b'{"cuts": [1' + b", 2" * 400_000 + b"]}\n",
    ],
)
def test_without_sound_cuts_there_are_none(line: bytes) -> None:
    store = CandidateStore(io.BytesIO(content(random_frames(3), 2) + line), "a.ssdv")
    assert (store.complete, store.frames, store.cuts) == (True, 3, ())


def test_a_store_without_cuts_is_as_it_was_before_they_were_kept(tmp_path: Path) -> None:
    frames = random_frames(3)
    assert write(tmp_path / "a.ssdv", frames).read_bytes() == content(frames, 3)


def test_more_cuts_than_can_be_are_not_kept() -> None:
    assert pack_cuts_line(range(1, 10**6)) == b""
    some = range(1, 10**5)
    assert unpack_cuts_line(pack_cuts_line(some), 10**5) == tuple(some)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    from app.core.candidate_cache.store_format import BLOCK, CHECKSUM, HEAD

    bomb = zlib.compress(bytes(100_000_000), 9)
    head = HEAD.pack(BLOCK, 1, 0, 0, 0, 1, 30)
    whole = content([], 1)[: -len(pack_block(0, []))]
    forged = head + CHECKSUM.pack(zlib.crc32(bomb[:30], zlib.crc32(head))) + bomb[:30]
    store = CandidateStore(io.BytesIO(whole + forged), "a.ssdv")
    with pytest.raises(StoreError):
        store.candidates(0)
    large = HEAD.pack(BLOCK, 1, 0, 0, 0, 1, len(bomb))
    assert CandidateStore(io.BytesIO(whole + large + CHECKSUM.pack(0) + bomb), "a.ssdv").frames == 0


def test_two_writers_never_share_a_store(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "a.ssdv")
    writer.begin(FACTS)
    with pytest.raises(LockedError):
        StoreWriter(tmp_path / "a.ssdv")
    writer.close(keep=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ssdv")
    with pytest.raises(StoreError, match="Not a file"):
        CandidateStore.open(tmp_path / "a.ssdv")


def test_no_store_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.ssdv", tmp_path):
        with pytest.raises(StoreError, match="cannot be read"):
            CandidateStore.open(path)


def test_results_are_shared_only_between_equal_detectors() -> None:
    assert FACTS.same_results(replace(FACTS, floor=0.3, device="another", expected_frames=None))
    for change in (
        {"model": "voc"},
        {"weights_sha256": ""},
        {"engine": "torch_cpu"},
        {"precision": "bf16"},
        {"labels": LABELS[:2]},
        {"reading": "deinterlaced"},
    ):
        assert not FACTS.same_results(replace(FACTS, **change))  # type: ignore[arg-type] # fields by name
