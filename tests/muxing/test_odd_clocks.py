"""Clocks that begin anywhere, and tracks that begin later or end earlier than others: copied as players show them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from app.core.errors import AppError
from app.core.export.disk_space import check_room, expected_bytes
from app.core.export.request import DataFile, ExportRequest
from app.core.files.disk import DiskSpace
from app.core.media.missing_frames import MissingFrames
from app.core.sources.video import VideoReader
from tests.support.frame_checks import check_export, check_seeks, read_through
from tests.support.media import make_video
from tests.support.probe import probe
from tests.support.retimed import Move, best_effort_s, by, retime
from tests.support.shared_data import shared
from tools.fixtures.rich_media import Rich, make_rich

FRAMES = 40
WALL_CLOCK_S = 1_700_000_000
LIVE = {"live": "1"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("plain") / "plain.mp4", frames=FRAMES, audio=True, size=(64, 48))


@pytest.fixture(scope="module")
def vp9(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind = Rich(
        FRAMES,
        (64, 48),
        "libvpx-vp9",
        rate=Fraction(30),
        options={"deadline": "realtime", "cpu-used": "8", "g": "10"},
        sound=(("libopus", 48000),),
    )
    return make_rich(tmp_path_factory.mktemp("plain") / "plain.webm", kind)


def begins_s(path: Path) -> tuple[Fraction, Fraction]:
    """When the first packet of any track and the first frame are to be shown."""
    facts = probe(path)
    return min([facts.pts_s[0], *(times[0] for _, times in facts.sound)]), facts.pts_s[0]


def check_begins_at_once(source: Path, folder: Path, suffix: str = ".mp4") -> None:
    """The copy begins at 0, as far apart from its sound as the source, and nothing is said to be missing."""
    seen = read_through(source)
    assert len(seen) == FRAMES
    told = best_effort_s(source)
    assert all(time_s in (None, pts_s) for time_s, (pts_s, _) in zip(told, seen, strict=True))
    check_seeks(source, seen, 8)
    report = check_export(source, folder, seen, suffix)
    output = folder / f"out{suffix}"
    assert not [note for note in report.notes if "thousandths" not in note]
    reader = VideoReader(source)
    info, start_s = reader.info, reader.start_s
    reader.close()
    begun_s, after = min([start_s, *(times[0] for _, times in probe(source).sound)]), begins_s(output)
    assert abs(after[0]) < Fraction(3, 100)  # sound may begin earlier, to prime its decoder
    assert abs((after[1] - after[0]) - (start_s - begun_s)) <= Fraction(2, 1000)
    assert [len(times) for _, times in probe(output).sound] == [len(times) for _, times in probe(source).sound]
    assert info.duration_s is None or abs(info.duration_s - Fraction(FRAMES, 30)) < Fraction(1, 8)
    assert info.frames_expected is None or abs(info.frames_expected - FRAMES) <= 3


@pytest.mark.parametrize(
    ("name", "late_s", "options"),
    [
        ("a.mkv", 5, {}),
        ("a.mkv", WALL_CLOCK_S, {}),
        ("live.mkv", WALL_CLOCK_S, LIVE),
        ("a.flv", 30, {}),
        ("a.flv", 500_000, {}),
        ("a.mp4", 30, {}),
        ("a.ts", 40_000, {}),
        ("a.nut", 77, {}),
        ("a.asf", 77, {}),
    ],
)
def test_a_late_clock_begins_where_players_begin(
    plain: Path, tmp_path: Path, name: str, late_s: int, options: dict[str, str]
) -> None:
    check_begins_at_once(retime(plain, tmp_path / name, by(late_s), options), tmp_path)


@pytest.mark.parametrize(("late_s", "options"), [(5, {}), (3600, LIVE), (WALL_CLOCK_S, LIVE)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_chunks_of_live_webm(vp9: Path, tmp_path: Path, late_s: int, options: dict[str, str], suffix: str) -> None:
    check_begins_at_once(retime(vp9, tmp_path / "a.webm", by(late_s), options), tmp_path, suffix)


def test_a_late_clock_without_sound(tmp_path: Path) -> None:
    silent = make_video(tmp_path / "silent.mp4", frames=FRAMES, size=(64, 48))
    check_begins_at_once(retime(silent, tmp_path / "a.mkv", by(5)), tmp_path)


def test_space_is_estimated_from_frames_that_the_file_has_room_for(plain: Path, tmp_path: Path) -> None:
    request = ExportRequest(plain, tmp_path / "out.mp4", (DataFile(tmp_path / "out.jsonl", "jsonl"),))
    size = plain.stat().st_size
    assert expected_bytes(request, WALL_CLOCK_S * 30, 64 * 48 * 3) < 1000 * size
    assert (
        check_room(
            request, tmp_path, WALL_CLOCK_S * 30, 64 * 48 * 3, lambda _: DiskSpace(1000 * size, 2000 * size)
        ).warning
        == ""
    )
    with pytest.raises(AppError):
        check_room(request, tmp_path, FRAMES, 64 * 48 * 3, lambda _: DiskSpace(1, 2000 * size))


def only(kind: str, move: Move) -> Move:
    """One track is moved further; all begin a second late, as FLV cannot begin before 0."""
    return lambda track, time_s: 1 + (move(track, time_s) or 0) if track == kind else Fraction(1)


def cut(kind: str, after_s: float) -> Move:
    """One track ends early."""
    return lambda track, time_s: None if track == kind and time_s >= after_s else Fraction(1)


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.ts", "a.mp4", "live.mkv"])
@pytest.mark.parametrize("late", ["video", "audio"])
def test_one_track_may_begin_later(plain: Path, tmp_path: Path, name: str, late: str) -> None:
    options = LIVE if name.startswith("live") else {}
    source = retime(plain, tmp_path / name, only(late, by(2.5)), options)
    check_begins_at_once(source, tmp_path)
    apart_s = probe(tmp_path / "out.mp4").pts_s[0] - probe(tmp_path / "out.mp4").sound[0][1][0]
    assert abs(abs(apart_s) - Fraction(5, 2)) < Fraction(1, 20)


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.ts", "a.webm", "a.mp4"])
def test_one_track_may_be_longer(tmp_path: Path, vp9: Path, name: str) -> None:
    whole = vp9
    if name != "a.webm":
        whole = make_video(tmp_path / "whole.mp4", frames=240, audio=True, size=(64, 48), gop=10)
    else:
        kind = Rich(240, (64, 48), "libvpx-vp9", rate=Fraction(30), options={"deadline": "realtime", "cpu-used": "8"},
                    sound=(("libopus", 48000),))  # fmt: skip
        whole = make_rich(tmp_path / "whole.webm", kind)
    short = retime(whole, tmp_path / name, cut("video", 2))
    seen = read_through(short)
    report = check_export(short, tmp_path, seen)
    assert report.notes == ()
    assert len(probe(tmp_path / "out.mp4").sound[0][1]) == len(probe(short).sound[0][1])
    other = retime(whole, tmp_path / f"other.{name}", cut("audio", 1))
    report = check_export(other, tmp_path, read_through(other))
    assert report.notes == ()


def test_frames_that_are_missing_are_counted_still() -> None:
    gaps = MissingFrames(Fraction(1, 30), Fraction(10))
    for number in (0, 1, 2, 5, 6):
        gaps.put(Fraction(number, 30))
    assert gaps.missing == 2
    for number in range(40):
        gaps.sound(Fraction(number, 10), Fraction(1, 10))
    gaps.put(Fraction(3))  # a still: the sound goes on
    assert gaps.missing == 2
    gaps.put(Fraction(6))  # nothing is there in either track
    assert gaps.missing > 2 + 80
    gaps.end()
    assert gaps.missing > 2 + 80 + 110


@pytest.mark.parametrize("name", ["off5.mkv", "late.flv", "alonger.mkv"])
def test_the_real_cases(tmp_path: Path, name: str) -> None:
    source = shared(f"cases/{name}")
    seen = read_through(source)
    assert [pts_s for pts_s, _ in seen] == best_effort_s(source)
    check_seeks(source, seen, 8)
    assert check_export(source, tmp_path, seen).notes == ()
    begun_s, first_s = begins_s(tmp_path / "out.mp4")
    assert begun_s == 0
    assert first_s < Fraction(1, 20)
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert copy.duration is not None
        assert copy.duration < 4_200_000
