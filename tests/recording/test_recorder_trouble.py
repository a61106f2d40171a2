"""What a recorder tells when something fails: once, of all that it concerns, and until it works again."""

from __future__ import annotations

import errno
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from app.core.files.disk import DiskSpace
from app.core.recording import room as room_module
from app.core.recording.folder import finish_interrupted
from app.core.recording.reports import (
    ClipFailed,
    FileBegun,
    FileFinished,
    RecorderPlan,
    RecordingPaused,
    RecordingResumed,
)
from tests.support.recorder_probe import STEP_NS, T0_NS, Kept, Probe, feed, shown


def test_a_pause_of_clips_is_over_when_one_could_be_begun(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10] * 2)
    monkeypatch.setattr(room_module, "disk_space", lambda folder: DiskSpace(next(free, 10**9), 10**10))
    probe = Probe(RecorderPlan("x", clips=tmp_path, min_free=1000))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded)
    probe.close()
    assert [type(report) for report in probe.reports] == [RecordingPaused, RecordingResumed]
    assert [*tmp_path.iterdir()] == []


def test_a_pause_of_clips_goes_on_while_their_folder_cannot_be_made(encoded: Kept, tmp_path: Path) -> None:
    (tmp_path / "r").write_text("a file in its way")
    probe = Probe(RecorderPlan("x", clips=tmp_path / "r", min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 30)
    probe.recorder.begin_clip(1, "dog", encoded.packets[0].arrived_ns)
    feed(probe, encoded, 30)
    probe.close()
    assert [type(report) for report in probe.of(RecordingPaused)] == [RecordingPaused]
    assert probe.of(RecordingResumed) == []


def test_a_clip_that_a_full_disk_ends_is_not_whole_for_an_event_that_goes_on(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**9] * 5)  # a look each second
    monkeypatch.setattr(room_module, "disk_space", lambda folder: DiskSpace(next(free, 10), 10**10))
    probe = Probe(RecorderPlan("x", clips=tmp_path, pre_roll_s=3, min_free=1000))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    probe.recorder.begin_clip(1, "dog", T0_NS + 10 * STEP_NS)
    probe.recorder.end_clip(1, T0_NS + 70 * STEP_NS + STEP_NS // 2)
    probe.recorder.begin_clip(2, "dog", T0_NS + 50 * STEP_NS)
    feed(probe, encoded, 60)
    probe.recorder.end_clip(2, T0_NS + 300 * STEP_NS)
    probe.close()
    (finished,) = probe.of(FileFinished)
    assert finished.events == (1, 2)
    assert shown(finished.path)[-1] == 124  # all that came until the disk was full
    assert probe.of(ClipFailed) == [ClipFailed((2,))]


@pytest.mark.parametrize("change", [{"duration_s": Fraction(10**16)}, {"pts_s": Fraction(10**16)}])
def test_a_packet_whose_time_fits_no_file_is_left_out(
    encoded: Kept, tmp_path: Path, change: dict[str, Fraction]
) -> None:
    probe = Probe(RecorderPlan("x", tmp_path, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 49)
    probe.recorder.packet(replace(encoded.packets[49], **change))
    feed(probe, encoded, 50, 100)
    probe.close()
    (finished,) = probe.of(FileFinished)
    assert shown(finished.path) == [*range(49), *range(50, 100)]
    assert finished.seconds == pytest.approx(99 / 25)
    assert not probe.recorder.failed


def test_nothing_is_left_of_a_recording_whose_first_packet_fits_no_file(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("x", tmp_path, tmp_path, min_free=0))
    probe.recorder.begin(encoded.media[0])
    probe.recorder.begin_clip(1, "dog", T0_NS)
    probe.recorder.packet(replace(encoded.packets[0], duration_s=Fraction(10**16)))
    probe.close()
    assert [type(report) for report in probe.reports if not isinstance(report, FileBegun)] == [
        ClipFailed,
        RecordingPaused,
    ]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.expects_log
def test_a_fault_ends_the_files_and_fails_every_clip_from_then_on(encoded: Kept, tmp_path: Path) -> None:
    probe = Probe(RecorderPlan("x", tmp_path, tmp_path, pre_roll_s=1, min_free=0))
    probe.recorder.begin(encoded.media[0])
    probe.recorder.begin_clip(1, "dog", T0_NS)
    feed(probe, encoded, 0, 60)
    probe.recorder.packet(replace(encoded.packets[60], track=9))
    feed(probe, encoded, 61, 100)
    probe.recorder.begin_clip(2, "dog", T0_NS)
    probe.recorder.ended()
    probe.recorder.begin_clip(3, "dog", T0_NS)
    probe.close()
    assert probe.recorder.failed
    assert [shown(each.path) for each in probe.of(FileFinished)] == 2 * [[*range(60)]]
    assert probe.of(ClipFailed) == [ClipFailed((1,)), ClipFailed((2,)), ClipFailed((3,))]
    assert len(probe.of(RecordingPaused)) == 1


@pytest.mark.expects_log
@pytest.mark.parametrize("refusals", [1, 3])
def test_a_recording_that_cannot_get_its_name_stays(
    encoded: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    left, replace_file = iter(range(refusals)), Path.replace

    def refuse(part: Path, target: Path) -> Path:
        if next(left, None) is not None:
            raise PermissionError(errno.EACCES, "another program uses the file")
        return replace_file(part, target)

    monkeypatch.setattr(Path, "replace", refuse)
    probe = Probe(RecorderPlan("x", tmp_path, min_free=0))
    probe.recorder.begin(encoded.media[0])
    feed(probe, encoded, 0, 60)
    probe.close()
    finished = [each.path for each in probe.of(FileFinished)] or finish_interrupted(tmp_path)
    assert [shown(path) for path in finished] == [[*range(60)]]
    assert [path.name for path in tmp_path.iterdir()] == [path.name for path in finished]
    assert len(probe.of(RecordingPaused)) == 1
