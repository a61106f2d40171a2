"""Transport streams whose clock jumps: frames and sound keep step, nothing is dropped, every frame can be sought."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from app.core.sources.video import VideoReader
from tests.support.frame_checks import check_export, check_seeks, read_through
from tests.support.media import make_video
from tests.support.probe import probe
from tests.support.retimed import by, retime
from tests.support.shared_data import shared
from tools.fixtures.rich_media import Rich, make_rich

FRAMES = 60
PLAIN = Rich(120, (64, 48), rate=Fraction(30), options={"bf": "0", "g": "15"}, sound=(("aac", 48000),))
JOINED = "the time stamps jump; the parts were joined."


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two-second recordings, named by when their clock begins."""
    folder = tmp_path_factory.mktemp("parts")
    plain = make_video(folder / "plain.mp4", frames=FRAMES, audio=True, size=(64, 48), gop=15)
    for begins in (0.0, 0.7, 1.5, 2.01, 3600.0, 90_000.0):
        retime(plain, folder / f"{begins}.ts", by(10 + begins))
    return folder


def in_step(source: Path, output: Path) -> None:
    """Every packet of sound is in the copy, as long after its frame as in the source, in each part."""
    before, after = probe(source), probe(output)
    assert len(after.sound[0][1]) == len(before.sound[0][1])
    assert all(a < b for a, b in pairwise(after.sound[0][1]))


@pytest.mark.parametrize("second", [0.0, 0.7, 1.5, 2.01, 3600.0, 90_000.0])
def test_joined_recordings(parts: Path, tmp_path: Path, second: float) -> None:
    source = tmp_path / "joined.ts"
    source.write_bytes((parts / "0.0.ts").read_bytes() + (parts / f"{second}.ts").read_bytes())
    seen = read_through(source)
    assert len(seen) == 2 * FRAMES
    steps = {after[0] - before[0] for before, after in pairwise(seen)}
    assert steps <= {Fraction(3000, 90_000), Fraction(900 + 3000, 90_000)}
    check_seeks(source, seen, 12)
    report = check_export(source, tmp_path, seen)
    assert [note for note in report.notes if not note.endswith(JOINED)] == []
    assert bool(report.notes) == (second != 2.01)
    in_step(source, tmp_path / "out.mp4")
    copied = probe(tmp_path / "out.mp4")
    half = len(copied.sound[0][1]) // 2
    apart = [copied.sound[0][1][at] - copied.pts_s[number] for at, number in ((0, 0), (half, FRAMES))]
    assert abs(apart[0] - apart[1]) < Fraction(1, 20)


def test_three_parts_of_any_order(parts: Path, tmp_path: Path) -> None:
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join((parts / f"{name}.ts").read_bytes() for name in (3600.0, 0.0, 90_000.0)))
    seen = read_through(source)
    assert [pts_s for pts_s, _ in seen] == [Fraction(number, 30) for number in range(3 * FRAMES)]
    check_seeks(source, seen, 12)
    check_export(source, tmp_path, seen)
    in_step(source, tmp_path / "out.mp4")
    reader = VideoReader(source)
    assert reader.info.duration_s == Fraction(3 * FRAMES, 30)
    assert reader.info.frames_expected == 3 * FRAMES
    reader.close()


def test_a_sender_that_was_restarted_within_a_live_recording(tmp_path: Path) -> None:
    """Its tags begin at 0 again; the header stays what it was."""
    content = make_video(tmp_path / "plain.flv", frames=FRAMES, audio=True, size=(64, 48), gop=15).read_bytes()
    source = tmp_path / "restarted.flv"
    source.write_bytes(content + content[13:])
    seen = read_through(source)
    assert len(seen) == 2 * FRAMES
    check_seeks(source, seen, 12)
    assert check_export(source, tmp_path, seen).notes == (f"restarted.flv: {JOINED}",)
    in_step(source, tmp_path / "out.mp4")


@pytest.mark.parametrize("is_read_first", [True, False])
def test_a_place_beyond_jumps_is_reached_from_a_key_frame_near_it(
    parts: Path, tmp_path: Path, is_read_first: bool
) -> None:
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join((parts / f"{name}.ts").read_bytes() for name in (3600.0, 0.0, 0.7, 90_000.0)))
    reader, asked = VideoReader(source), itertools.count()
    while is_read_first and reader.read_frame() is not None:
        pass
    for number in (230, 100, 10, 170):
        before = next(asked)
        assert reader.seek(Fraction(number, 30), lambda: next(asked) < 0)
        assert next(asked) - before < 20
        frame = reader.read_frame()
        assert frame is not None
        assert frame.pts_s == Fraction(number, 30)
    reader.close()


@pytest.mark.parametrize("still_s", [14, 11])
def test_a_still_video_while_the_sound_goes_on(tmp_path: Path, still_s: int) -> None:
    plain = make_rich(tmp_path / "plain.mkv", replace(PLAIN, frames=30 * (still_s + 4)))
    ends_s = 2 + still_s
    source = retime(
        plain,
        tmp_path / "still.ts",
        lambda kind, time_s: None if kind == "video" and 2 <= time_s < ends_s else Fraction(0),
    )
    seen = read_through(source)
    longest = max(after[0] - before[0] for before, after in pairwise(seen))
    assert still_s <= longest < still_s + Fraction(1, 2)
    check_seeks(source, seen, 12)
    report = check_export(source, tmp_path, seen)
    assert report.notes == ()
    copied, given = probe(tmp_path / "out.mp4"), probe(source)
    assert len(copied.sound[0][1]) == len(given.sound[0][1])
    assert abs((copied.sound[0][1][-1] - copied.pts_s[-1]) - (given.sound[0][1][-1] - given.pts_s[-1])) < Fraction(
        1, 500
    )


def test_a_clock_that_steps_back_within_a_recording(tmp_path: Path) -> None:
    """Less than a second, in both tracks, as a sender that is restarted."""
    plain = make_rich(tmp_path / "plain.mkv", PLAIN)
    first = retime(plain, tmp_path / "a.ts", lambda _, time_s: Fraction(10) if time_s < 2 else None)
    second = retime(plain, tmp_path / "b.ts", lambda _, time_s: Fraction(19, 2) if time_s >= 2 else None)
    source = tmp_path / "step.ts"
    source.write_bytes(first.read_bytes() + second.read_bytes())
    seen = read_through(source)
    assert len(seen) == len(probe(source).pts_s)
    check_seeks(source, seen, 12)
    check_export(source, tmp_path, seen)
    in_step(source, tmp_path / "out.mp4")


def test_the_real_case(tmp_path: Path) -> None:
    source = shared("cases/step.ts")
    seen = read_through(source)
    assert [pts_s for pts_s, _ in seen] == [Fraction(number, 30) for number in range(66)]
    check_seeks(source, seen)
    report = check_export(source, tmp_path, seen)
    assert report.notes == (f"step.ts: {JOINED}",)
    copied = probe(tmp_path / "out.mp4")
    assert len(copied.sound[0][1]) == 90
    given = probe(source)
    for packet, frame in ((0, 0), (45, 33)):  # the first of each part, and how far apart they are in the source
        apart_s = (2.0 if frame else 1.466667) - float(given.sound[0][1][packet])
        assert float(copied.pts_s[frame] - copied.sound[0][1][packet]) == pytest.approx(apart_s, abs=0.002)
