"""Whom a source's packets and frames go to: who comes late misses little, and frames are encoded once for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.media.packets import VIDEO, MediaFormat, MediaPacket
from app.core.recording import frame_encoder as frame_encoder_module
from app.core.recording.recorder import Recorder
from app.core.recording.reports import FileFinished, RecorderPlan, RecorderReport
from app.core.recording.source_recording import SourceRecording
from app.core.recording.tap_switch import TapSwitch
from app.core.sources.base import frame_from_bgr
from tools.fixtures.coded_images import coded_image, read_frame_index

PATIENCE_S = 60.0
T0_NS, STEP_NS = 10**12, 40_000_000
MEDIA = MediaFormat(b"")


class Heard:
    """A recording that remembers what it is told.

    Attributes:
        packets: When each frame was captured.
        lost: Frames that were dropped.
    """

    fps = Fraction(25)

    def __init__(self) -> None:
        self.said: list[str] = []
        self.packets: list[int] = []
        self.lost = 0
        self.errors: list[AppError] = []
        self._changed = threading.Condition()

    def begin(self, media: MediaFormat) -> None:
        self._say("begin")

    def packet(self, packet: MediaPacket) -> None:
        self.packets.append((packet.arrived_ns - T0_NS) // STEP_NS)
        self._say(packet.content.decode() if len(packet.content) < 4 else "packet")

    def ended(self) -> None:
        self._say("ended")

    def missed(self, frames: int) -> None:
        self.lost += frames

    def failed(self, error: AppError) -> None:
        self.errors.append(error)
        self._say("failed")

    def wait(self, ready: Callable[[Heard], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self), PATIENCE_S)

    def _say(self, word: str) -> None:
        with self._changed:
            self.said.append(word)
            self._changed.notify_all()


def packet(content: bytes, is_key: bool = True) -> MediaPacket:
    return MediaPacket(VIDEO, content, None, None, Fraction(0), is_key, 0)


def frame(index: int, size: tuple[int, int] = (64, 48)) -> Frame:
    return frame_from_bgr(coded_image(index, size), index, None, T0_NS + index * STEP_NS)


def encoders() -> int:
    """How many are open."""
    return sum(thread.name == "ssdv-record-encode" for thread in threading.enumerate())


def test_who_comes_late_is_told_what_the_packets_are() -> None:
    first, second, switch = Heard(), Heard(), TapSwitch()
    switch.begin(MEDIA)
    switch.packet(packet(b"a"))
    switch.lead_to(first)
    switch.packet(packet(b"b"))
    switch.lead_to(second)
    switch.packet(packet(b"c"))
    switch.leave(first)
    switch.packet(packet(b"d"))
    switch.ended()
    assert first.said == ["begin", "a", "b", "c"]
    assert second.said == ["begin", "b", "c", "d", "ended"]


def test_a_recording_begins_with_the_last_key_frame() -> None:
    switch = TapSwitch(max_kept=4)
    switch.begin(MEDIA)
    heard = []
    for content, is_key in ((b"a", False), (b"K", True), (b"b", False), (b"L", True), (b"c", False), (b"ddd", False)):
        switch.packet(packet(content, is_key))
        kept = Heard()
        switch.lead_to(kept)
        switch.leave(kept)
        heard.append("".join(kept.said[1:]))
    assert heard == ["", "K", "Kb", "L", "Lc", ""]


def test_frames_are_encoded_once_for_all_and_only_while_somebody_records() -> None:
    first, second, switch = Heard(), Heard(), TapSwitch()
    switch.frame(frame(0))
    seen = [encoders()]
    switch.lead_to(first)
    for index in range(1, 50):
        if index == 30:
            switch.lead_to(second)
        switch.frame(frame(index))
        first.wait(lambda heard, index=index: index in heard.packets)  # type: ignore[misc] # bound now
        seen.append(encoders())
    assert seen == [0] + 49 * [1]
    assert first.packets == [*range(1, 50)]
    assert second.said[0] == "begin"
    assert second.packets == [*range(26, 50)]  # from the key frame before on, of which there is one each second
    switch.leave(first)
    switch.frame(frame(50))
    second.wait(lambda heard: 50 in heard.packets)
    assert 50 not in first.packets
    switch.ended()
    second.wait(lambda heard: heard.said[-1] == "ended")
    assert "ended" not in first.said
    assert (first.lost, second.lost) == (0, 0)


def test_after_the_last_has_left_another_begins_anew() -> None:
    first, second, switch = Heard(), Heard(), TapSwitch()
    switch.lead_to(first)
    for index in range(5):
        switch.frame(frame(index))
        first.wait(lambda heard, index=index: index in heard.packets)  # type: ignore[misc] # bound now
    switch.leave(first)
    switch.lead_to(second)
    for index in range(5, 10):
        switch.frame(frame(index))
        second.wait(lambda heard, index=index: index in heard.packets)  # type: ignore[misc] # bound now
    assert second.packets == [*range(5, 10)]
    assert first.packets == [*range(5)]
    switch.leave(second)


def test_frames_that_nobody_could_encode_are_missed_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_about: object) -> None:
        raise AppError("No encoder opens.")

    monkeypatch.setattr(frame_encoder_module, "_plan", refuse)
    first, second, switch = Heard(), Heard(), TapSwitch()
    switch.lead_to(first)
    switch.lead_to(second)
    switch.frame(frame(0))
    for heard in (first, second):
        heard.wait(lambda heard: "failed" in heard.said)
    switch.frame(frame(1))
    assert (first.lost, second.lost) == (1, 1)
    assert [error.message for error in first.errors + second.errors] == 2 * ["No encoder opens."]
    for heard in (first, second):
        switch.leave(heard)


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as video:
        images = (np.asarray(image.to_ndarray(format="bgr24"), np.uint8) for image in video.decode(video=0))
        return [read_frame_index(image) for image in images]


def test_a_recording_and_a_clip_of_one_camera_show_its_frames(tmp_path: Path) -> None:
    reports: list[RecorderReport] = []
    errors: list[AppError] = []
    plans = RecorderPlan("cam", tmp_path, min_free=0), RecorderPlan("cam", clips=tmp_path, min_free=0, pre_roll_s=1.0)
    recording, clips = (SourceRecording(Recorder(plan, reports.append), errors.append, Fraction(25)) for plan in plans)
    watched, switch = Heard(), TapSwitch()
    for target in (recording, clips, watched):
        switch.lead_to(target)
    for index in range(60):
        if index == 40:
            clips.recorder.begin_clip(1, "bird", T0_NS + 30 * STEP_NS)
        switch.frame(frame(index))
        watched.wait(lambda heard, index=index: index in heard.packets)  # type: ignore[misc] # bound now
    clips.recorder.end_clip(1, T0_NS + 100 * STEP_NS)
    assert encoders() == 1
    for target in (recording, clips, watched):
        switch.leave(target)
    assert all(each.close(PATIENCE_S) for each in (recording, clips))
    files = {report.kind: numbers(report.path) for report in reports if isinstance(report, FileFinished)}
    assert files == {"recording": [*range(60)], "clip": [*range(25, 60)]}
    assert errors == []
