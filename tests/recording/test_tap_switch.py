"""Whom a source's packets and frames go to: who comes late misses little, and frames are encoded once for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.media.packets import VIDEO, MediaFormat, MediaPacket
from app.core.muxing.encoder import EncoderPlan
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
        missing: Frames that are lost.
        feeds: How many give packets.
    """

    fps = Fraction(25)

    def __init__(self) -> None:
        self.said: list[str] = []
        self.packets: list[int] = []
        self.missing: list[int] = []
        self.feeds = 0
        self.errors: list[AppError] = []
        self._changed = threading.Condition()

    def begin(self, media: MediaFormat) -> None:
        self._say("begin")

    def packet(self, packet: MediaPacket) -> None:
        self.packets.append((packet.arrived_ns - T0_NS) // STEP_NS)
        self._say(packet.content.decode() if len(packet.content) < 4 else "packet")

    def ended(self) -> None:
        self._say("ended")

    def lost(self, captured_ns: int) -> None:
        with self._changed:
            self.missing.append((captured_ns - T0_NS) // STEP_NS)
            self._changed.notify_all()

    def joined(self) -> None:
        self.feeds += 1

    def left(self) -> None:
        with self._changed:
            self.feeds -= 1
            self._changed.notify_all()

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
    assert (first.missing, second.missing) == ([], [])


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
    assert (first.missing, second.missing) == ([0, 1], [0, 1])
    assert [error.message for error in first.errors + second.errors] == 2 * ["No encoder opens."]
    for heard in (first, second):
        switch.leave(heard)


class Opening:
    """An encoder that is being opened until ``go_on``, or ``fail``; others open at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._plan = frame_encoder_module._plan  # what the encoder is opened with
        self._begun, self._over = threading.Event(), threading.Event()
        self._error: AppError | None = None
        monkeypatch.setattr(frame_encoder_module, "_plan", self._open)

    def feed(self, switch: TapSwitch) -> None:
        """Frame 0 waits for the encoder, 1 to 4 in the places that there are, and 5 finds none."""
        switch.frame(frame(0))
        assert self._begun.wait(PATIENCE_S)
        for index in range(1, 6):
            switch.frame(frame(index))

    def go_on(self) -> None:
        self._over.set()

    def fail(self, error: AppError) -> None:
        self._error = error
        self._over.set()

    def _open(self, *about: Any) -> EncoderPlan:
        if not self._begun.is_set():
            self._begun.set()
            assert self._over.wait(PATIENCE_S)
            if self._error is not None:
                raise self._error
        return self._plan(*about)


def test_who_leaves_gets_what_was_taken_before_and_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    opening, first, second, switch = Opening(monkeypatch), Heard(), Heard(), TapSwitch()
    switch.lead_to(first)
    opening.feed(switch)
    switch.leave(first)
    switch.lead_to(second)
    switch.frame(frame(6))
    second.wait(lambda heard: 6 in heard.packets)
    assert first.feeds == 1
    opening.go_on()
    first.wait(lambda heard: heard.feeds == 0)
    switch.frame(frame(7))
    second.wait(lambda heard: 7 in heard.packets)
    assert (first.packets, first.missing) == ([*range(5)], [5])
    assert second.said == ["begin", "packet", "packet"]
    switch.leave(second)
    second.wait(lambda heard: heard.feeds == 0)


def test_who_leaves_others_gets_what_was_taken_before(monkeypatch: pytest.MonkeyPatch) -> None:
    opening, first, second, switch = Opening(monkeypatch), Heard(), Heard(), TapSwitch()
    switch.lead_to(first)
    switch.lead_to(second)
    opening.feed(switch)
    switch.leave(first)
    switch.frame(frame(6))
    opening.go_on()
    second.wait(lambda heard: 4 in heard.packets)
    switch.frame(frame(7))
    second.wait(lambda heard: 7 in heard.packets)
    assert (first.packets, first.missing, first.feeds) == ([*range(5)], [5], 0)
    assert (second.packets, second.missing) == ([*range(5), 7], [5, 6])
    switch.leave(second)
    second.wait(lambda heard: heard.feeds == 0)


def test_all_that_an_encoder_loses_when_it_fails_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    opening, first, second, switch = Opening(monkeypatch), Heard(), Heard(), TapSwitch()
    switch.lead_to(first)
    switch.lead_to(second)
    opening.feed(switch)
    switch.leave(first)
    opening.fail(AppError("No encoder opens."))
    second.wait(lambda heard: bool(heard.errors))
    assert (sorted(first.missing), first.feeds) == ([*range(6)], 0)
    assert sorted(second.missing) == [*range(6)]
    switch.leave(second)
    assert second.feeds == 0


def test_a_recording_that_ends_while_its_encoder_opens_has_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, switch, reports = Opening(monkeypatch), TapSwitch(), list[RecorderReport]()
    errors: list[AppError] = []
    recorder = Recorder(RecorderPlan("cam", tmp_path, min_free=0), reports.append)
    recording = SourceRecording(recorder, errors.append, Fraction(25))
    switch.lead_to(recording)
    opening.feed(switch)
    switch.leave(recording)
    opening.go_on()
    assert recording.close(PATIENCE_S)
    assert recording.dropped == 1
    assert [numbers(report.path) for report in reports if isinstance(report, FileFinished)] == [[*range(5)]]
    assert errors == []


def test_an_encoder_that_takes_too_long_to_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_encoder_module, "_END_S", 0.0)
    opening, heard, switch = Opening(monkeypatch), Heard(), TapSwitch()
    switch.lead_to(heard)
    opening.feed(switch)
    switch.ended()
    switch.frame(frame(6))
    heard.wait(lambda heard: 6 in heard.packets)
    opening.go_on()
    heard.wait(lambda heard: 4 in heard.missing)
    switch.frame(frame(7))
    heard.wait(lambda heard: 7 in heard.packets)
    assert heard.said == ["ended", "begin", "packet", "packet"]
    assert sorted(heard.missing) == [*range(6)]
    switch.leave(heard)
    heard.wait(lambda heard: heard.feeds == 0)


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
