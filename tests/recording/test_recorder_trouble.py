"""What a recorder tells when something fails: once, of all that it concerns, and until it works again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.files.disk import DiskSpace
from app.core.recording import room as room_module
from app.core.recording.reports import RecorderPlan, RecordingPaused, RecordingResumed
from tests.support.recorder_probe import Kept, Probe, feed


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
