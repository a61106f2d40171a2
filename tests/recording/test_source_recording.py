"""Frames of a camera on their way to a file: an encoder that fails is said, and tried again by itself."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.core.recording import encoded_frames as encoded_frames_module
from app.core.recording.recorder import Recorder
from app.core.recording.reports import FileFinished, RecorderPlan, RecorderReport
from app.core.recording.source_recording import SourceRecording
from tools.fixtures.coded_images import coded_image, read_frame_index

PATIENCE_S = 60.0
T0_NS, STEP_NS = 10**12, 40_000_000


def shown(path: Path) -> list[int]:
    with av.open(str(path)) as video:
        images = (np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in video.decode(video=0))
        return [read_frame_index(image) for image in images]


def test_an_encoder_that_fails_is_said_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded_frames_module, "_TRY_AGAIN_S", 0.0)
    reports: list[RecorderReport] = []
    failures: list[AppError] = []
    failed, room = threading.Event(), threading.Semaphore(3)

    def on_failure(error: AppError) -> None:
        failures.append(error)
        failed.set()

    def broken() -> ImageBGR:
        raise AppError("The encoder is tired.")

    def image(index: int) -> ImageBGR:
        room.release()
        return coded_image(index, (64, 48))

    recording = SourceRecording(
        Recorder(RecorderPlan("cam", tmp_path, min_free=0), reports.append), on_failure, Fraction(25)
    )
    for index in range(50):
        assert room.acquire(timeout=PATIENCE_S)
        if index == 25:
            recording.image(T0_NS + index * STEP_NS, broken)
            assert failed.wait(PATIENCE_S)
            room.release()
            continue
        recording.image(T0_NS + index * STEP_NS, lambda index=index: image(index))  # type: ignore[misc] # bound now
    assert recording.close(PATIENCE_S)
    assert [error.message for error in failures] == ["The encoder is tired."]
    finished = [report.path for report in reports if isinstance(report, FileFinished)]
    assert [shown(path) for path in finished] == [[*range(25)], [*range(26, 50)]]


def test_frames_that_come_faster_than_they_are_encoded_are_counted(tmp_path: Path) -> None:
    reports: list[RecorderReport] = []
    recording = SourceRecording(Recorder(RecorderPlan("cam", tmp_path, min_free=0), reports.append), reports.append)  # type: ignore[arg-type] # none
    held = threading.Event()

    def slow() -> ImageBGR:
        assert held.wait(PATIENCE_S)
        return coded_image(0, (64, 48))

    for index in range(20):
        recording.image(T0_NS + index * STEP_NS, slow)  # never waits
    held.set()
    assert recording.close(PATIENCE_S)
    (finished,) = [report for report in reports if isinstance(report, FileFinished)]
    assert len(shown(finished.path)) + recording.dropped == 20
    assert recording.dropped >= 14
