"""A live source and its recording side by side: the view is what it was, and the file has what came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest

from app.core.live import LiveState
from app.core.live import capture as capture_module
from app.core.recording.recorder import Recorder
from app.core.recording.reports import FileFinished, RecorderPlan, RecorderReport
from app.core.recording.source_recording import SourceRecording
from app.core.sources.base import SourceOptions
from tests.support.live_probe import PATIENCE, LiveProbe
from tests.support.rtsp_server import RtspServer, missing
from tools.fixtures.coded_images import read_frame_index
from tools.fixtures.mjpeg_server import MjpegServer

PATIENT = SourceOptions(open_timeout_s=20, first_frame_s=20, stall_s=20)


def test_a_network_camera_is_recorded_as_it_came_across_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.05,))
    reports: list[RecorderReport] = []
    failures: list[Exception] = []
    recording = SourceRecording(Recorder(RecorderPlan("cam", tmp_path, min_free=0), reports.append), failures.append)
    with MjpegServer(fps=50) as server, LiveProbe() as probe:
        probe.start(server.url, replace(PATIENT, tap=recording))
        probe.detected()
        server.wait_sent(30)
        server.hang_up()
        probe.wait_state(LiveState.STALLED)
        probe.wait_state(LiveState.RUNNING)
        server.wait_sent(30)
        sent_ns = dict(server.sent_ns)
    assert recording.close(PATIENCE)
    assert (failures, recording.dropped, recording.encoder) == ([], 0, "")
    finished = [report for report in reports if isinstance(report, FileFinished)]
    assert len(finished) == 2
    for each in finished:
        with av.open(str(each.path)) as video:
            assert video.streams.video[0].codec_context.name == "mjpeg"
            frames = [
                (read_frame_index(frame.to_ndarray(format="bgr24")), float(frame.pts * frame.time_base))  # type: ignore[operator] # ours have times
                for frame in video.decode(video=0)
            ]
        indices = [index for index, _ in frames]
        assert indices == [*range(indices[0], indices[0] + len(frames))]
        assert len(frames) >= 20
        for index, time_s in frames:
            truth_s = (sent_ns[index] - sent_ns[indices[0]]) / 1e9
            assert abs(time_s - truth_s) < 0.5  # by arrival: what the loopback and this computer make of it


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_camera_over_rtsp_is_recorded_as_it_came(tmp_path: Path) -> None:
    reports: list[RecorderReport] = []
    failures: list[Exception] = []
    recording = SourceRecording(Recorder(RecorderPlan("cam", tmp_path, min_free=0), reports.append), failures.append)
    with RtspServer() as server, LiveProbe() as probe:
        probe.start(server.url, replace(PATIENT, tap=recording))
        first = probe.detected().frame.index
        probe.result_where(lambda result: result.frame.index > first + 30)
    assert recording.close(PATIENCE)
    assert (failures, recording.dropped, recording.encoder) == ([], 0, "")
    (finished,) = [report for report in reports if isinstance(report, FileFinished)]
    with av.open(str(finished.path)) as video:
        assert sum(1 for _ in video.decode(video=0)) > 20
