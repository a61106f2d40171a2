"""Live HLS: what is new, what is a replay, when it has ended; and what else a web server may answer."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from urllib.error import HTTPError

import pytest

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.live import Ended, LiveState, SourceOpened, SourceTrouble
from app.core.live import capture as capture_module
from app.core.live.attempt_tap import AttemptTap
from app.core.media.certificates import Certificates
from app.core.media.packets import MediaFormat, MediaPacket
from app.core.media.remote import RemoteFiles
from app.core.sources.base import SeekableSource, Source, SourceLostError, SourceOptions, UnevenSource
from app.core.sources.replays import ReplayFilter
from app.core.sources.stream import StreamSource
from app.core.sources.uri import open_source
from tests.support.hls_site import RATE, Site, playlist, segment
from tests.support.live_probe import LiveProbe

IMPATIENT = SourceOptions(open_timeout_s=10, stall_s=0.2)
_HELD_BACK = 2
"""FFmpeg gives the last frames of a segment with the next one."""


def segments(*numbers: int) -> dict[str, tuple[str, bytes]]:
    return {f"/{number}.ts": segment(number) for number in numbers}


def names(*numbers: int) -> list[str]:
    return [f"{number}.ts" for number in numbers]


def read_all(source: Source) -> int:
    """Frames until it is lost or ends."""
    count = 0
    try:
        while source.read() is not None:
            count += 1
    except SourceLostError:
        pass
    return count


def test_pieces_are_held_for_their_turn_and_the_delay_is_told() -> None:
    with Site({"/a.m3u8": playlist(names(0, 1, 2)), **segments(0, 1, 2)}) as site:
        source = open_source(site.url("/a.m3u8"), IMPATIENT)
        assert isinstance(source, UnevenSource)
        assert source.delay_s >= 1
        assert "evenly" in source.take_notes()[0]
        assert source.take_notes() == ()
        source.read()
        source.read()
        assert source.hold_s > 0  # it is here at once and shown a tenth of a second after the one before
        source.close()


def test_a_playlist_that_brings_nothing_new_is_silence_and_its_repetition_is_no_video() -> None:
    options = SourceOptions(open_timeout_s=10, stall_s=0.2, replays=ReplayFilter())
    with Site({"/a.m3u8": playlist(names(0, 1)), **segments(0, 1, 2)}) as site:
        source = open_source(site.url("/a.m3u8"), options)
        assert read_all(source) > 0
        source.close()
        for _ in range(2):
            with pytest.raises(AppError, match="not sending video"):
                open_source(site.url("/a.m3u8"), options)
        site.files["/a.m3u8"] = playlist(names(1, 2), first=1)
        source = open_source(site.url("/a.m3u8"), options)
        assert 0 < read_all(source) <= RATE
        source.close()


class Kept:
    """A tap that keeps what it is given."""

    def __init__(self) -> None:
        self.formats: list[MediaFormat] = []
        self.packets: list[MediaPacket] = []

    def begin(self, media: MediaFormat) -> None:
        self.formats.append(media)

    def packet(self, packet: MediaPacket) -> None:
        self.packets.append(packet)

    def frame(self, frame: Frame) -> None:
        raise AssertionError("a stream has packets")

    def ended(self) -> None:
        """Not told by a source."""


def test_packets_count_as_come_when_their_frames_were_captured() -> None:
    kept, begun_ns = Kept(), time.monotonic_ns()
    with Site({"/a.m3u8": playlist(names(0, 1)), **segments(0, 1)}) as site:
        source = open_source(site.url("/a.m3u8"), SourceOptions(open_timeout_s=10, stall_s=0.2, tap=kept))
        assert isinstance(source, UnevenSource)
        opened_ns, delay_ns = time.monotonic_ns(), int(source.delay_s * 1e9)
        assert delay_ns >= 10**9
        assert begun_ns < kept.packets[0].arrived_ns + delay_ns < opened_ns
        read_all(source)
        source.close()
    arrivals = [packet.arrived_ns for packet in kept.packets]
    assert arrivals == sorted(set(arrivals))


def test_after_a_replay_packets_go_on_with_a_key_frame_and_no_frame_is_taken_for_a_cameras() -> None:
    kept = Kept()
    options = SourceOptions(open_timeout_s=10, stall_s=0.2, replays=ReplayFilter(), tap=kept)
    pieces = [segment(number, key_first=True) for number in (0, 1)]
    with Site({"/a.m3u8": playlist(names(0)), "/0.ts": pieces[0]}) as site:
        source = open_source(site.url("/a.m3u8"), options)
        first = read_all(source)
        source.close()
        assert 0 < first < RATE  # the last of a segment comes with the next one
        before = len(kept.packets)
        site.files["/0.ts"] = (pieces[0][0], pieces[0][1] + pieces[1][1])
        tap = AttemptTap(kept, threading.Event())
        again = 0
        with closing(open_source(site.url("/a.m3u8"), replace(options, tap=tap))) as source:
            while (frame := _frame(source)) is not None:
                tap.frame(frame)
                again += 1
    assert first + again > len(kept.packets)  # what came before the key frame is shown alone
    assert len(kept.formats) == 2
    assert kept.packets[before].is_key


def _frame(source: Source) -> Frame | None:
    try:
        return source.read()
    except SourceLostError:
        return None


def test_an_encoder_that_began_anew_is_no_replay() -> None:
    options = SourceOptions(open_timeout_s=10, stall_s=0.2, replays=ReplayFilter())
    with Site({"/a.m3u8": playlist(names(5)), **segments(5)}) as site:
        source = open_source(site.url("/a.m3u8"), options)
        read_all(source)
        source.close()
        site.files.update({"/a.m3u8": playlist(names(0)), **segments(0)})  # earlier times, other content
        source = open_source(site.url("/a.m3u8"), options)
        assert read_all(source) > 0
        source.close()


def test_a_frozen_stream_is_stalled_and_looked_for_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BACK_OFF_S", (0.01, 0.02))
    opened: list[StreamSource | AppError] = []

    def counted(uri: str, options: SourceOptions) -> Source:
        try:
            source = open_source(uri, options)
        except AppError as error:
            opened.append(error)
            raise
        assert isinstance(source, StreamSource)
        opened.append(source)
        return source

    with Site({"/a.m3u8": playlist(names(0)), **segments(0, 1)}) as site, LiveProbe(source_factory=counted) as probe:
        probe.start(site.url("/a.m3u8"), IMPATIENT)
        assert "stalled" in probe.wait_event(SourceTrouble).message
        probe.wait_state(LiveState.STALLED)
        site.files["/a.m3u8"] = playlist(names(0, 1))
        probe.wait_event(SourceOpened, 2)
        assert LiveState.RUNNING in probe.states[probe.states.index(LiveState.STALLED) :]
        assert [type(found) for found in opened].count(StreamSource) == 2


def test_the_back_off_ends_in_a_minute() -> None:
    assert list(capture_module.BACK_OFF_S) == sorted(capture_module.BACK_OFF_S)
    assert capture_module.BACK_OFF_S[-1] == 60


def test_the_end_that_a_server_announces_is_the_end() -> None:
    with Site({"/a.m3u8": playlist(names(0)), **segments(0, 1)}) as site, LiveProbe() as probe:
        probe.start(site.url("/a.m3u8"))
        probe.wait_event(SourceOpened)
        site.files["/a.m3u8"] = playlist(names(0, 1), ended=True)
        probe.wait_event(Ended)
        probe.wait_state(LiveState.PAUSED)
        assert probe.of(SourceTrouble) == []


def test_a_segment_that_is_gone_costs_itself_only() -> None:
    with Site({"/a.m3u8": playlist(names(0)), **segments(0, 2)}) as site:
        source = open_source(site.url("/a.m3u8"), SourceOptions(open_timeout_s=10, stall_s=1))
        site.files["/a.m3u8"] = playlist(names(0, 1, 2))
        assert read_all(source) >= 2 * RATE - _HELD_BACK
        assert "/1.ts" in site.asked
        source.close()


def test_what_a_server_refuses_while_a_stream_goes_on_is_as_it_was_or_empty() -> None:
    with Site({"/a.m3u8": playlist(names(0)), "/b.m3u8": playlist(names(0), ended=True)}) as site:
        for path, ended in (("/a.m3u8", False), ("/b.m3u8", True)):
            files = RemoteFiles(Certificates(), 10, 10)
            start = files.begin(site.url(path))
            files.open(start.url, 0, {})
            content = site.files.pop(path)[1]
            if ended:
                with pytest.raises(HTTPError):
                    files.open(site.url("/0.ts"), 0, {})
            else:
                assert files.open(start.url, 0, {}).read(1000) == content
                assert files.open(site.url("/0.ts"), 0, {}).read(1000) == b""
                with pytest.raises(HTTPError):
                    files.open(site.url("/other.m3u8"), 0, {})
            files.close()


def test_a_server_that_is_gone_in_the_midst_of_a_stream_is_an_error_once() -> None:
    with Site({"/a.m3u8": playlist(names(0))}) as site:
        files = RemoteFiles(Certificates(), 10, 10)
        start = files.begin(site.url("/a.m3u8"))
    with pytest.raises(OSError):  # noqa: PT011 - the system's words for it differ
        files.open(site.url("/0.ts"), 0, {})
    assert files.open(start.url + "?again", 0, {}).read(1000) == b""
    files.close()


def test_addresses_are_taken_as_people_paste_them() -> None:
    with Site({"/gro%C3%9F%20a.m3u8": playlist(["0%20b.ts"]), "/0%20b.ts": segment(0)}) as site:
        for path in ("/groß a.m3u8", "/gro%C3%9F%20a.m3u8#live", "/gro%C3%9F a.m3u8?size=a b"):
            source = open_source(site.url(path), SourceOptions(open_timeout_s=10, stall_s=1))
            assert source.read() is not None
            source.close()


def test_a_recorded_playlist_is_played_as_a_video_and_can_be_sought() -> None:
    with Site({"/a.m3u8": playlist(names(0, 1, 2), ended=True), **segments(0, 1, 2)}) as site:
        source = open_source(site.url("/a.m3u8"), IMPATIENT)
        assert isinstance(source, SeekableSource)
        assert source.info.kind == "video"
        assert read_all(source) == 3 * RATE
        assert source.seek(Fraction(3, 2))
        frame = source.read()
        assert frame is not None
        assert frame.pts_s == Fraction(3, 2)
        source.close()


@pytest.mark.parametrize(
    ("kind", "content", "what"),
    [
        ("text/html", b"<!DOCTYPE html>\n<html><body>camera</body></html>", "a web page"),
        ("text/html; charset=utf-8", b"\n\n  <HTML><head><title>Login</title>", "a web page"),
        ("video/mp4", b"<!-- made by hand -->\n<html>", "a web page"),
        ("application/json", b'{"error": "no such camera"}', "a JSON document"),
        ("text/xml", b'<?xml version="1.0"?><rss/>', "an XML document"),
    ],
)
def test_a_page_is_called_a_page(kind: str, content: bytes, what: str) -> None:
    with Site({"/": (kind, content)}) as site, pytest.raises(AppError, match=f"is {what}, not a video") as caught:
        open_source(site.url("/"))
    assert "reach" not in caught.value.hint


@pytest.mark.parametrize("name", ["file:///etc/hostname", "/etc/hostname", "data:text/plain,x", "concat:a|b"])
def test_a_playlist_of_the_network_reads_no_file_of_this_computer(name: str) -> None:
    with Site({"/a.m3u8": playlist([name])}) as site, pytest.raises(AppError):
        open_source(site.url("/a.m3u8"), IMPATIENT)


@pytest.mark.parametrize(
    "script", [b"ffconcat version 1.0\nfile 0.ts\n", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n"]
)
def test_a_script_of_the_network_is_not_followed(script: bytes) -> None:
    with Site({"/live": ("text/plain", script), **segments(0)}) as site:
        with pytest.raises(AppError):
            open_source(site.url("/live"), IMPATIENT)
        assert "/0.ts" not in site.asked


def test_an_address_without_a_scheme_is_opened_by_the_one_that_answers() -> None:
    with Site({"/a.m3u8": playlist(names(0, 1)), **segments(0, 1)}) as site:
        source = open_source(f"{site.place}/a.m3u8", SourceOptions(open_timeout_s=10, stall_s=1))
        assert source.info.name == site.url("/a.m3u8")
        source.close()
    with pytest.raises(AppError, match="neither as") as caught:
        open_source(f"jane:hunter2@{site.place}/a.m3u8", IMPATIENT)
    assert "hunter2" not in str(caught.value)
    assert f"://***@{site.place}/a.m3u8" in caught.value.hint


def test_replays_are_told_by_time_and_content() -> None:
    seen = ReplayFilter()
    seen.connected()
    assert not seen.is_replay(1, b"a")
    assert not seen.is_replay(1, b"a")  # within one connection nothing is one
    seen.connected()
    assert seen.is_replay(1, b"a")
    assert not seen.is_replay(2, b"a")
    assert not seen.is_replay(1, b"b")


def test_what_follows_a_new_key_frame_is_new() -> None:
    seen = ReplayFilter()
    for pts, content, is_key in ((0, b"a wall", True), (1, b"as before", False), (2, b"as before", False)):
        assert not seen.is_replay(pts, content, is_key)
    seen.connected()
    assert seen.is_replay(0, b"a wall", is_key=True)
    assert seen.is_replay(1, b"as before")
    assert not seen.is_replay(0, b"a door", is_key=True)  # the encoder began anew, with the same times
    assert not seen.is_replay(1, b"as before")
