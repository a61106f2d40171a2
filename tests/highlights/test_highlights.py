"""Clips, snapshots and counts: the right frames, at exact times, with their sound; complete or absent."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.request import ExportCancelledError, ExportRequest
from app.core.export.tally import Tally
from app.core.export_queue.collisions import avoid_collisions, target_locations
from app.core.highlights.clips import ClipFolder, ClipPlan
from app.core.highlights.file_names import file_part
from app.core.highlights.options import HighlightOptions
from app.core.highlights.reread import FrameRereader
from app.core.highlights.snapshots import SnapshotFolder
from app.core.highlights.spans import Spans
from app.core.muxing.video_options import VideoOptions
from app.core.records.frame_record import FrameRecord
from app.core.settings import OverlaySettings
from app.core.sources.image_sequence import open_frames
from app.core.sources.video import VideoReader
from app.lab.scale_out.tasks import plan_tasks
from detector.detections import Detections
from tests.support.media import damage, make_video
from tests.support.probe import decoded_frames, probe
from tests.support.steady_detector import open_fake
from tools.fixtures.coded_images import read_frame_index

LABELS = ("car", "dog")
SIZE = (320, 240)
QUIET = OverlaySettings(show_labels=False, show_scores=False, line_width=1.0)

# -- spans ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([False, False, True])), min_size=1, max_size=20),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_spans_are_what_their_definition_says(steps: list[tuple[int, bool]], early: int, late: int) -> None:
    before, after, now = Fraction(early, 7), Fraction(late, 7), Fraction(0)
    times = []
    for step, _ in steps:
        times.append(now)
        now += Fraction(step, 7)
    ends = [*times[1:], now]
    seen = [flag for _, flag in steps]
    about = [(t - before, e + after) for t, e, flag in zip(times, ends, seen, strict=True) if flag]
    expected = [any(low <= t < high for low, high in about) for t in times]
    spans = Spans(before, after)
    decided = [d for t, flag in zip(times, seen, strict=True) for d in spans.put(t, flag)]
    assert len(decided) <= len(times)
    decided += spans.end(now)
    assert [d.inside for d in decided] == expected
    assert [d.seen for d in decided] == seen
    assert [d.begins for d in decided] == [i and not b for i, b in zip(expected, [False, *expected], strict=False)]


def test_no_more_than_the_time_before_is_held() -> None:
    spans = Spans(Fraction(2), Fraction(2))
    held = 0
    for k in range(1000):
        held += 1 - len(spans.put(Fraction(k, 10), k % 7 == 0))
        assert held <= 21


# -- clips ----------------------------------------------------------------------------------------------------------


def record(index: int, pts_s: Fraction, classes: Sequence[int], tracks: tuple[int | None, ...] = ()) -> FrameRecord:
    boxes = np.array([[4 + 8 * k, 4, 10 + 8 * k, 9] for k in range(len(classes))], np.float32).reshape(-1, 4)
    scores = np.linspace(0.9, 0.5, len(classes), dtype=np.float32)
    found = Detections(boxes, scores, np.array(classes, np.int32))
    return FrameRecord(index, pts_s, found, LABELS, tracks, SIZE)


def plan(source: Path, classes: tuple[str, ...], before: Fraction, after: Fraction) -> ClipPlan:
    reader = VideoReader(source)
    start_s = reader.start_s
    reader.close()
    return ClipPlan(source, start_s, classes, before, after, QUIET, VideoOptions())


def index_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def make_clips(
    source: Path, target: Path, times: Sequence[Fraction], shown: dict[int, Sequence[int]], wanted: tuple[str, ...]
) -> ClipFolder:
    clips = ClipFolder(target, plan(source, wanted, Fraction(1, 5), Fraction(1, 10)), looking(source))
    for k, time in enumerate(times):
        clips.write(record(k, time, shown.get(k, ())))
    clips.complete()
    assert not target.exists()
    clips.finish()
    return clips


def looking(source: Path) -> FrameRereader:
    return FrameRereader(lambda: open_frames(source))


def test_clips_hold_exactly_the_frames_around_each_appearance(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in é.mp4", frames=90, size=SIZE, fps=Fraction(30), audio=True)
    times = [Fraction(k, 30) for k in range(90)]
    shown: dict[int, Sequence[int]] = {30: [0], 31: [0], 60: [0], 66: [0, 1], 89: [0]}
    folder = tmp_path / "out"
    clips = make_clips(source, folder, times, shown, ("car", "dog"))
    assert clips.counts == {"car": 3, "dog": 1}
    rows = index_of(folder)
    assert [(row["clip"], float(row["start"]), float(row["end"])) for row in rows] == [
        ("in-é.car.001.mp4", 24 / 30, 35 / 30),
        ("in-é.car.002.mp4", 54 / 30, 70 / 30),
        ("in-é.dog.001.mp4", 60 / 30, 70 / 30),
        ("in-é.car.003.mp4", 83 / 30, 90 / 30),
    ]
    assert [(float(row["appears"]), float(row["disappears"])) for row in rows[:2]] == [
        (30 / 30, 31 / 30),
        (60 / 30, 66 / 30),
    ]
    for row in rows:
        first, last = round(float(row["start"]) * 30), round(float(row["end"]) * 30)
        path = folder / row["clip"]
        assert [read_frame_index(image) for image in decoded_frames(path)] == list(range(first, last))
        found = probe(path)
        assert found.pts_s == [Fraction(k, 30) for k in range(last - first)]
        assert found.duration_s == Fraction(last - first, 30)


def test_a_clips_sound_is_that_of_its_time(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=90, size=SIZE, audio=True)
    make_clips(source, tmp_path / "out", [Fraction(k, 30) for k in range(90)], {40: [0]}, ("car",))
    (row,) = index_of(tmp_path / "out")
    begins, ends = Fraction(34, 30), Fraction(44, 30)
    assert (float(row["start"]), float(row["end"])) == (float(begins), float(ends))
    whole, clip = probe(source).sound[0][1], probe(tmp_path / "out" / row["clip"]).sound[0][1]
    expected = [time - begins for time in whole if begins <= time < ends]
    assert len(expected) == len(clip) > 10
    assert max(abs(a - b) for a, b in zip(expected, clip, strict=True)) <= Fraction(1, 48_000)


def test_clips_of_a_variable_rate_keep_every_time(tmp_path: Path) -> None:
    ticks = [0, 3000, 9000, 12000, 30000, 45000, 46000, 60000, 75000, 90000]
    times = [Fraction(tick, 90_000) for tick in ticks]
    source = make_video(tmp_path / "in.mkv", frames=10, size=SIZE, pts=times)
    # Matroska counts in milliseconds.
    reader = VideoReader(source)
    told = [frame.pts_s for frame in iter(reader.read_frame, None)]
    reader.close()
    make_clips(source, tmp_path / "out", told, {5: [0]}, ("car",))
    (row,) = index_of(tmp_path / "out")
    first = next(k for k, time in enumerate(told) if time >= told[5] - Fraction(1, 5))
    last = max(k for k, time in enumerate(told) if time < told[6] + Fraction(1, 10))
    found = probe(tmp_path / "out" / row["clip"])
    assert found.pts_s == [time - told[first] for time in told[first : last + 1]]
    assert float(row["end"]) == float(told[last + 1])


def test_clips_of_a_damaged_video_show_what_the_export_saw(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=500, size=SIZE, gop=15)
    source = damage(whole, tmp_path / "in.mp4", 0.45, 0.5)
    reader = VideoReader(source)
    seen = list(iter(reader.read_frame, None))
    reader.close()
    assert reader.broken_packets
    shown: dict[int, Sequence[int]] = {20: [0], len(seen) - 30: [0]}
    make_clips(source, tmp_path / "out", [frame.pts_s for frame in seen], shown, ("car",))
    rows = index_of(tmp_path / "out")
    assert len(rows) == 2
    for row in rows:
        expected = [p for p in seen if float(row["start"]) <= float(p.pts_s) < float(row["end"])]
        copied = decoded_frames(tmp_path / "out" / row["clip"])
        assert len(copied) == len(expected) == int(row["frames"])
        assert [read_frame_index(a) for a in copied] == [read_frame_index(b.image_bgr) for b in expected]


def test_a_frame_that_cannot_be_sought_is_read_on_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_video(tmp_path / "in.mp4", frames=400, size=(64, 48))
    monkeypatch.setattr(VideoReader, "seek", lambda self, pts_s: None)  # lands anywhere
    again = looking(source)
    assert read_frame_index(again.frame(390, Fraction(13)).image_bgr) == 390
    assert again.frame(395, Fraction(395, 30)).pts_s == Fraction(395, 30)
    again.close()


def test_a_class_that_never_appears_has_no_clip_and_the_index_says_so(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5, size=SIZE)
    assert make_clips(source, tmp_path / "out", [Fraction(k, 30) for k in range(5)], {}, ("car",)).counts == {"car": 0}
    assert index_of(tmp_path / "out") == []


def test_a_discarded_folder_of_clips_leaves_nothing(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=30, size=SIZE)
    clips = ClipFolder(tmp_path / "out", plan(source, ("car",), Fraction(0), Fraction(9)), looking(source))
    for k in range(20):
        clips.write(record(k, Fraction(k, 30), [0]))
    clips.discard()
    clips.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


# -- snapshots ------------------------------------------------------------------------------------------------------


def scored(index: int, entries: Sequence[tuple[int, float, int | None]]) -> FrameRecord:
    """A frame with (class, score, track)."""
    boxes = np.array([[100 + 40 * k, 100, 130 + 40 * k, 140] for k in range(len(entries))], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score, _ in entries], np.float32)
    found = Detections(boxes, scores, np.array([c for c, _, _ in entries], np.int32))
    return FrameRecord(index, Fraction(index, 30), found, LABELS, tuple(track for _, _, track in entries), SIZE)


def test_each_objects_best_frame_is_saved_clean_and_annotated(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=330, size=SIZE, gop=30)
    look = OverlaySettings(palette="single")
    shots = SnapshotFolder(tmp_path / "out", "in", (), look, looking(source))
    shots.write(scored(0, [(0, 0.9, 1), (0, 0.6, None)]))
    shots.write(scored(3, [(0, 0.9, 1), (1, 0.7, 2)]))
    shots.write(scored(325, [(1, 0.8, 2)]))  # far on: sought, not read
    shots.complete()
    shots.finish()
    rows = index_of(tmp_path / "out")
    assert [(row["picture"], row["clean"], row["frame"], row["score"]) for row in rows] == [
        ("in.car.001.png", "in.car.001-clean.png", "0", "0.9"),
        ("in.dog.002.png", "in.dog.002-clean.png", "325", "0.8"),
    ]
    for row in rows:
        clean = cv2.imread(str(tmp_path / "out" / row["clean"]))
        painted = cv2.imread(str(tmp_path / "out" / row["picture"]))
        assert clean is not None
        assert painted is not None
        assert clean.shape == painted.shape == (SIZE[1], SIZE[0], 3)
        assert read_frame_index(np.asarray(clean, np.uint8)) == int(row["frame"])
        changed = np.argwhere((clean != painted).any(axis=2))
        assert len(changed) > 100
        assert (np.abs(changed - [100, 100]).min(axis=0) <= 1).all()  # the box's edges, y and x


def test_snapshots_of_chosen_classes_only(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5, size=SIZE)
    shots = SnapshotFolder(tmp_path / "out", "in", ("dog",), QUIET, looking(source))
    shots.write(scored(1, [(0, 0.9, 1), (1, 0.7, 2)]))
    shots.finish()
    assert [row["label"] for row in index_of(tmp_path / "out")] == ["dog"]


def test_a_second_look_at_another_video_is_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5, size=SIZE)
    again = looking(source)
    with pytest.raises(AppError, match="changed while it was read"):
        again.frame(3, Fraction(1))
    again.close()


def test_cancel_reaches_snapshots_that_are_being_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_video(tmp_path / "in.mp4", frames=5, size=SIZE)
    wanted = HighlightOptions(snapshots=tmp_path / "out.snapshots")
    job = ExportJob(ExportRequest(source, tmp_path / "out.mp4", highlights=wanted), open_detector=open_fake)
    complete = SnapshotFolder.complete

    def cancelled(folder: SnapshotFolder) -> None:
        job.cancel()
        complete(folder)

    monkeypatch.setattr(SnapshotFolder, "complete", cancelled)
    with pytest.raises(ExportCancelledError):
        job.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "in.mp4.ssdv"]


# -- counts ---------------------------------------------------------------------------------------------------------


def test_objects_are_counted_once_and_their_times_kept() -> None:
    tally = Tally()
    for k, entries in enumerate([[(0, 0.9, 1)], [(0, 0.95, 1), (0, 0.5, None)], [(1, 0.7, 2), (0, 0.6, 3)]]):
        tally.add(scored(30 * k, entries), {1: 0.0, 2: 1.5, 3: 2.0})
    assert tally.detections == {"car": 4, "dog": 1}
    assert tally.objects == {"car": 2, "dog": 1}
    assert [seen.first_s for seen in tally.seen] == [0.0, 1.5, 2.0]
    assert tally.seen[0].as_dict() == {
        "track": 1,
        "label": "car",
        "first": 0.0,
        "last": 1.0,
        "frames": 2,
        "score": 0.95,
    }


@pytest.mark.parametrize("text", ["../../etc", "a/b\\c", "..", "", "con: <x>", "  "])
def test_names_stay_in_their_folder(text: str) -> None:
    name = file_part(text)
    assert name
    assert Path(name).name == name
    assert name not in (".", "..")
    assert not set(name) & set('<>:"|?*/\\. ')


def test_two_exports_of_a_queue_never_share_a_folder(tmp_path: Path) -> None:
    wanted = HighlightOptions(snapshots=tmp_path / "a.snapshots", clips=tmp_path / "a.clips", clip_classes=("car",))
    request = ExportRequest(tmp_path / "a.mp4", None, highlights=wanted)
    other = avoid_collisions(request, target_locations(request))
    assert [path.name for path in other.targets()] == ["a (2).snapshots", "a (2).clips"]
    assert avoid_collisions(request, frozenset()) is request


def test_evidence_on_many_computers_is_named_after_the_whole_name(tmp_path: Path) -> None:
    tasks = plan_tasks(
        [
            ExportRequest(
                tmp_path / f"a{suffix}", None, highlights=HighlightOptions(clips=tmp_path / "a.annotated.clips")
            )
            for suffix in (".mp4", ".mov")
        ],
        "0" * 64,
    )
    assert [path.name for task in tasks for path in task.request.targets()] == [
        "a.mp4.annotated.clips",
        "a.mov.annotated.clips",
    ]
    assert tasks[0].result.name == "a.mp4.result.json"
