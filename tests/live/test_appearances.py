"""Where classes appear, held to a literal reading of the store, frame by frame."""

from __future__ import annotations

import io
import threading
import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import SourceKey, StoreFacts
from app.core.candidate_cache.store_format import MAGIC, PREFIX, StoredFrame, pack_block
from app.core.live.appearances import GrowingSurvey, survey
from detector.detections import Candidates, DetectionFilter

LABELS = ("car", "person", "dog")
FACTS = StoreFacts(SourceKey("a.mp4", 1, 1, ""), "demo", "", "openvino", "cpu", "fp32", LABELS, 0.0)
PERIOD = Fraction(1, 25)

Seen = list[tuple[int, float]]
"""(class, score) of one frame."""


def store_of(video: list[Seen], labels: tuple[str, ...] = LABELS, each: int = 5) -> CandidateStore:
    frames = []
    for index, seen in enumerate(video):
        ordered = sorted(seen, key=lambda pair: -pair[1])
        boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (len(seen), 1))
        scores = np.array([score for _, score in ordered], np.float32)
        ids = np.array([number for number, _ in ordered], np.int32)
        frames.append(StoredFrame(index * PERIOD, 64, 48, Candidates(boxes, scores, ids)))
    head = replace(FACTS, labels=labels).to_json()
    start = MAGIC + PREFIX.pack(len(head), zlib.crc32(head)) + head
    blocks = [pack_block(first, frames[first : first + each]) for first in range(0, len(frames), each)]
    return CandidateStore(io.BytesIO(start + b"".join(blocks) + pack_block(len(frames), [])), "a.ssdv")


def literal(store: CandidateStore, threshold: float, join_s: float) -> dict[str, list[list[float]]]:
    """By the filter that the frame itself is shown with."""
    wanted = DetectionFilter(threshold)
    found: dict[str, list[list[float]]] = {}
    for frame in store:
        for number in set(frame.candidates.detections(wanted).class_ids.tolist()):
            spans = found.setdefault(store.facts.labels[number], [])
            start, end = float(frame.pts_s), float(frame.pts_s + PERIOD)
            if spans and (start - spans[-1][1] <= join_s or start == spans[-1][1]):
                spans[-1][1] = end
            else:
                spans.append([start, end])
    return found


scores = st.floats(0, 1, width=32)
videos = st.lists(st.lists(st.tuples(st.integers(0, 2), scores), max_size=5), min_size=2, max_size=60)


@given(videos, scores, st.sampled_from([0.01, 0.1, 0.5]))
def test_rows_are_those_of_a_frame_by_frame_reading(video: list[Seen], threshold: float, join_s: float) -> None:
    store = store_of(video)
    made = survey(store)
    assert made is not None
    rows = made.rows(threshold, join_s=join_s)
    expected = literal(store, threshold, join_s)
    assert {row.name for row in rows} == set(expected)
    for row in rows:
        spans = np.array(expected[row.name])
        assert np.allclose(row.starts_s, spans[:, 0], atol=1e-9)
        assert np.allclose(row.ends_s, spans[:, 1], atol=1e-9)
    assert [row.seconds for row in rows] == sorted((row.seconds for row in rows), reverse=True)


@pytest.mark.parametrize("other", [(64, 48), (128, 48)])
def test_masks_take_away_what_lies_in_them(other: tuple[int, int]) -> None:
    boxes = np.array([[0, 0, 10, 10], [40, 0, 60, 10]], np.float32)
    found = Candidates(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1], np.int32))
    growing = GrowingSurvey(LABELS, 8, masks=(((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)),))
    store = store_of([[]] * 8)
    sizes = [(64, 48), other] * 4  # in the wider frames the second box lies left of the mask
    store.frame = lambda index: StoredFrame(index * PERIOD, *sizes[index], found)  # type: ignore[method-assign]
    assert growing.extend(store)
    made = growing.survey()
    assert (made.best[:, 0] == np.float32(0.9)).all()
    outside = [size != (64, 48) for size in sizes]
    assert (made.best[:, 1] > 0).tolist() == outside


@given(videos, scores, st.integers(1, 10))
def test_in_coarse_pieces_nothing_is_lost_and_each_start_shows_the_class(
    video: list[Seen], threshold: float, pieces: int
) -> None:
    store = store_of(video)
    made = survey(store, max_pieces=pieces)
    assert made is not None
    assert len(made.starts_s) <= pieces
    rows = {row.name: row for row in made.rows(threshold, join_s=0)}
    wanted = DetectionFilter(threshold)
    for frame in store:
        for number in set(frame.candidates.detections(wanted).class_ids.tolist()):
            row = rows[LABELS[number]]
            assert any(
                made.starts_s[np.searchsorted(made.starts_s, start, "right") - 1] <= float(frame.pts_s) < end + 1e-9
                for start, end in zip(row.starts_s, row.ends_s, strict=True)
            )
    for row in rows.values():
        for start in row.starts_s:
            at = store.candidates(store.index_at(Fraction(float(start)).limit_denominator(25)))
            assert LABELS.index(row.name) in at.detections(wanted).class_ids


def test_only_the_classes_of_interest_have_rows() -> None:
    made = survey(store_of([[(0, 0.9), (1, 0.8), (2, 0.3)], [(1, 0.9)]]))
    assert made is not None
    assert [row.name for row in made.rows(0.5)] == ["person", "car"]
    assert [row.name for row in made.rows(0.5, ("car", "unicorn"))] == ["car"]
    assert [row.name for row in made.rows(0.5, ("unicorn",))] == ["person", "car"]  # as the frame does it
    assert made.rows(0.95) == ()


def test_odd_stores() -> None:
    nothing = survey(store_of([]))
    assert nothing is not None
    assert nothing.rows(0.0) == ()
    one = survey(store_of([[(0, 1.0), (7, 1.0)]]))  # 7 has no name
    assert one is not None
    assert [(row.name, row.starts_s.tolist(), row.ends_s.tolist()) for row in one.rows(0.5)] == [("car", [0.0], [0.04])]
    unnamed = survey(store_of([[(0, 1.0)]], labels=()))
    assert unnamed is not None
    assert unnamed.rows(0.5) == ()


def test_it_stays_small_and_can_be_stopped() -> None:
    many = tuple(f"class {number}" for number in range(20_000))
    made = survey(store_of([[(number, 0.9)] for number in range(300)], labels=many))
    assert made is not None
    assert made.best.size <= 4_000_000
    assert len(made.rows(0.5)) == 300
    stop = threading.Event()
    stop.set()
    assert survey(store_of([[(0, 0.9)]]), stop) is None


@pytest.mark.parametrize("threshold", [0.5, float(np.float32(0.1)), 0.0])
def test_the_threshold_is_that_of_the_frame(threshold: float) -> None:
    store = store_of([[(0, float(np.float32(0.5))), (1, float(np.float32(0.1)))]])
    made = survey(store)
    assert made is not None
    shown = {LABELS[number] for number in store.candidates(0).detections(DetectionFilter(threshold)).class_ids}
    assert {row.name for row in made.rows(threshold)} == shown


@given(videos, scores, st.integers(0, 60), st.integers(1, 100))
def test_a_store_that_grows_is_read_on_from_where_it_was(
    video: list[Seen], threshold: float, first: int, expected: int
) -> None:
    """Whatever length was expected, nothing is lost; where it was right, it is as if the whole was read at once."""
    store = store_of(video)
    growing = GrowingSurvey(LABELS, expected)
    assert growing.extend(store_of(video[: min(first, len(video))]))
    assert growing.extend(store)
    assert growing.frames == len(video)
    rows = {row.name for row in growing.survey().rows(threshold)}
    assert rows == set(literal(store, threshold, 0.5))
    if expected == len(video):
        whole, part = survey(store), growing.survey()
        assert whole is not None
        assert (whole.end_s, whole.best.tolist(), whole.best_s.tolist()) == (
            part.end_s,
            part.best.tolist(),
            part.best_s.tolist(),
        )
