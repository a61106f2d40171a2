"""Video files: every frame once, upright, at its exact time; seeking lands on the frame asked for."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.frames import Frame
from app.core.sources.orientation import Orientation
from app.core.sources.video import VideoReader
from tests.support.media import damage, make_audio, make_video, truncate
from tests.support.shared_data import shared
from tools.fixtures.coded_images import coded_image, read_frame_index

VFR = [Fraction(i * i + 3 * i, 300) for i in range(30)]

REAL = [
    "av1_video.mkv",
    "bikes.mp4",
    "car-detection.mp4",
    "corrupted.mp4",
    "flipping_a_pancake.mkv",
    "h265_10bits.mp4",
    "nasa_13013.mp4",
    "testsrc2.mp4",
    "tiny_8x8.mp4",
    "var_fps_video.mp4",
    "video_0.mov",
    "video_90.mov",
    "video_180.mov",
    "video_270.mov",
]


def read_all(reader: VideoReader) -> list[Frame]:
    frames = []
    while (frame := reader.read()) is not None:
        frames.append(frame)
    return frames


def shown(frame: Frame | None) -> int:
    assert frame is not None
    return read_frame_index(frame.image_bgr)


@pytest.fixture(scope="module")
def vfr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "vfr.mp4", pts=VFR)


def test_constant_rate(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    reader = VideoReader(make_video(tmp_path / "テスト é.mp4", frames=40, fps=rate, audio=True))
    frames = read_all(reader)
    reader.close()
    assert [shown(frame) for frame in frames] == [frame.index for frame in frames] == list(range(40))
    assert [frame.pts_s for frame in frames] == [i / rate for i in range(40)]
    info = reader.info
    assert (info.kind, info.name, info.width, info.height) == ("video", "テスト é.mp4", 160, 120)
    assert (info.fps, info.frame_count, info.duration_s, info.seekable) == (rate, 40, 40 / rate, True)


def test_variable_rate_keeps_exact_times(vfr: Path) -> None:
    reader = VideoReader(vfr)
    assert [frame.pts_s for frame in read_all(reader)] == VFR
    reader.close()


def test_frames_are_contiguous_read_only_and_the_same_frame_twice(vfr: Path) -> None:
    reader = VideoReader(vfr)
    frame = reader.read()
    reader.close()
    assert frame is not None
    for image in (frame.image_bgr, frame.image_bgra):
        assert image.flags.c_contiguous
        assert not image.flags.writeable
    assert np.array_equal(frame.image_bgra[..., :3], frame.image_bgr)
    assert (frame.image_bgra[..., 3] == 255).all()


def test_frames_for_export_are_those_of_the_window(vfr: Path) -> None:
    for_window, for_export = VideoReader(vfr), VideoReader(vfr)
    for frame in read_all(for_window):
        exported = for_export.read_frame()
        assert exported is not None
        assert (exported.index, exported.pts_s) == (frame.index, frame.pts_s)
        assert np.array_equal(exported.image_bgr, frame.image_bgr)
    assert for_export.read_frame() is None
    for_window.close()
    for_export.close()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, rotation: int) -> None:
    reader = VideoReader(make_video(tmp_path / "turned.mp4", frames=3, size=(160, 96), rotation=rotation))
    frames = read_all(reader)
    reader.close()
    assert (reader.info.width, reader.info.height) == (160, 96)
    assert all((frame.width, frame.height) == (160, 96) for frame in frames)
    assert [shown(frame) for frame in frames] == [0, 1, 2]


@given(st.booleans(), st.booleans(), st.booleans())
def test_orientation_moves_pixels_where_the_matrix_says(transposed: bool, left: bool, up: bool) -> None:
    sx, sy = (-1 if left else 1), (-1 if up else 1)
    a, b, c, d = (0, sy, sx, 0) if transposed else (sx, 0, 0, sy)
    orientation = Orientation.from_display_matrix([v << 16 for v in (a, b, 0, c, d, 0, 0, 0, 1 << 14)])
    stored = np.arange(2 * 3, dtype=np.uint8).reshape(2, 3)
    upright = orientation.apply(stored)
    assert orientation.size(3, 2) == upright.shape[::-1]
    for y, x in np.ndindex(2, 3):
        new_x, new_y = a * x + c * y, b * x + d * y  # negative: counted from the far edge, as Python does
        assert upright[new_y - (up), new_x - (left)] == stored[y, x]


@pytest.mark.parametrize("name", ["vfr.mp4", "cfr.mkv", "cfr.avi"])
def test_seeking_lands_on_the_frame_shown_then(tmp_path: Path, name: str) -> None:
    times = VFR if name.startswith("vfr") else [Fraction(i, 25) for i in range(30)]
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = make_video(tmp_path / name, fps=Fraction(25), pts=VFR if times is VFR else None, codec=codec)
    reader = VideoReader(path)
    times = [frame.pts_s for frame in read_all(reader) if frame.pts_s is not None]
    assert len(times) == 30
    for index in (17, 3, 29, 0, 12, 11):
        reader.seek(times[index])
        assert shown(reader.read()) == index
        reader.seek_before(times[index])
        assert shown(reader.read()) == max(0, index - 1)
        assert shown(reader.read()) == max(0, index - 1) + 1
    reader.seek((times[20] + times[21]) / 2)
    assert shown(reader.read()) == 20
    reader.seek(Fraction(-5))
    assert shown(reader.read()) == 0
    reader.seek(Fraction(1000))
    assert shown(reader.read()) == 29
    assert reader.read() is None
    reader.seek(times[28])
    assert [shown(frame) for frame in read_all(reader)] == [28, 29]
    reader.close()


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.avi"])
def test_seeking_among_few_key_frames_is_exact_and_goes_on_from_where_it_was(tmp_path: Path, name: str) -> None:
    """As encoders make them by themselves: key frames far apart, and between them frames that no other needs."""
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    reader = VideoReader(make_video(tmp_path / name, frames=200, size=(64, 48), codec=codec, gop=120))
    times = [frame.pts_s for frame in read_all(reader) if frame.pts_s is not None]
    chance = random.Random(7)
    for _ in range(60):
        index, patience = chance.randrange(200), itertools.cycle([False] * chance.choice((0, 4, 1000)) + [True])
        on_the_way = [0]
        while not reader.seek(times[index], patience.__next__):
            on_the_way.append(shown(reader.read()))
        assert on_the_way == sorted(on_the_way)  # every call leads further, whatever was left out
        assert on_the_way[-1] <= index
        assert [shown(reader.read()) for _ in range(min(3, 200 - index))] == list(range(index, min(index + 3, 200)))
    reader.close()


def test_seeking_into_a_long_still_finds_the_frame_that_is_still_shown(tmp_path: Path) -> None:
    """Which may be one that no other needs, and is far from the time asked for."""
    rate = [Fraction(i, 25) for i in range(60)]
    times = [*rate[:31], *(time + 20 for time in rate[31:])]
    for last in range(26, 31):
        path = make_video(tmp_path / f"{last}.mp4", frames=60, size=(64, 48), pts=times, gop=250)
        reader = VideoReader(path)
        reader.seek(times[last] + Fraction(1, 50))
        assert shown(reader.read()) == last
        reader.seek(Fraction(0))
        calls = 0
        while not reader.seek(times[30] + 10, lambda: True):  # in the smallest steps
            reader.read()
            calls += 1
            assert calls < 200
        assert shown(reader.read()) == 30
        reader.close()


def test_another_place_on_the_way_to_one_is_exact_too(tmp_path: Path) -> None:
    """What was left out for the later place is needed for the nearer one, though it lies ahead."""
    reader = VideoReader(make_video(tmp_path / "a.mp4", frames=200, size=(64, 48), gop=120))
    times = [frame.pts_s for frame in read_all(reader) if frame.pts_s is not None]
    chance = random.Random(3)
    for _ in range(60):
        patience = itertools.cycle([False] * chance.choice((0, 3, 10)) + [True])
        reader.seek(times[chance.randrange(200)], patience.__next__)
        index = min(199, shown(reader.read()) + chance.randrange(12))
        while not reader.seek(times[index], patience.__next__):
            reader.read()
        assert [shown(reader.read()) for _ in range(min(3, 200 - index))] == list(range(index, min(index + 3, 200)))
    reader.close()


def test_seeking_past_the_end_arrives_however_often_it_is_stopped(tmp_path: Path) -> None:
    """The last frame lies so far before that it might have been left out: it is looked for again, not for ever."""
    reader = VideoReader(make_video(tmp_path / "a.mp4", frames=60, size=(64, 48), gop=250))
    calls = 0
    while not reader.seek(Fraction(12), lambda: True):
        reader.read()
        calls += 1
        assert calls < 200
    assert shown(reader.read()) == 59
    reader.close()


@pytest.mark.parametrize("gop", [12, 250])
def test_the_first_frames_of_a_transport_stream_can_be_sought(tmp_path: Path, gop: int) -> None:
    """Its start, by the clock, is where its first key frame has already begun."""
    reader = VideoReader(make_video(tmp_path / "a.ts", frames=60, size=(64, 48), gop=gop))
    times = [frame.pts_s for frame in read_all(reader) if frame.pts_s is not None]
    for index in (0, 5, 30, 3, 0):
        reader.seek(times[index])
        assert [shown(reader.read()), shown(reader.read())] == [index, index + 1]
    reader.close()


def test_frames_stay_deinterlaced_where_a_file_is_opened_anew(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", frames=30, size=(64, 48), gop=250)
    plain, reader = VideoReader(path), VideoReader(path, deinterlace=True)
    stored, whole = plain.read_frame(), reader.read_frame()
    reader.seek(Fraction(1, 2))
    reader.read_frame()
    reader.seek(Fraction(0))
    again = reader.read_frame()
    plain.close()
    assert stored is not None
    assert whole is not None
    assert again is not None
    assert (stored.image_bgr != whole.image_bgr).any()
    np.testing.assert_array_equal(again.image_bgr, whole.image_bgr)
    reader.close()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_a_place_far_ahead_is_jumped_to_whatever_the_container_has_listed_so_far(tmp_path: Path, name: str) -> None:
    """Some list key frames only as they are met: what is not listed yet is there all the same."""
    reader = VideoReader(make_video(tmp_path / name, frames=600, size=(64, 48), gop=12))
    decoded = itertools.count()
    for index in (450, 60, 500):
        for _ in range(40):
            reader.read()
        before = next(decoded)
        reader.seek(Fraction(index, 30) + Fraction(1, 90), lambda: next(decoded) < 0)
        assert next(decoded) - before < 80
        assert shown(reader.read()) == index
    reader.close()


def test_index_after_a_seek(tmp_path: Path) -> None:
    reader = VideoReader(make_video(tmp_path / "a.mp4", frames=60))
    reader.seek(Fraction(41, 30))
    assert [frame.index for frame in read_all(reader)] == list(range(41, 60))
    reader.close()


def test_damaged_parts_are_skipped_and_noted_once(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, faststart=True)
    reader = VideoReader(damage(whole, tmp_path / "hurt.mp4", 0.5, 0.7))
    indices = [frame.index for frame in read_all(reader)]
    assert reader.broken_packets > 0
    assert indices[:20] == list(range(20))
    assert reader.take_notes() == ("hurt.mp4: damaged parts are skipped.",)
    assert reader.take_notes() == ()
    reader.close()


def test_truncated_with_its_index_in_front_plays_up_to_the_cut(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, faststart=True)
    reader = VideoReader(truncate(whole, tmp_path / "cut.mp4", 0.6))
    frames = read_all(reader)
    reader.close()
    assert 10 < len(frames) < 60
    assert [shown(frame) for frame in frames[:10]] == list(range(10))


def test_one_pixel(tmp_path: Path) -> None:
    reader = VideoReader(make_video(tmp_path / "one.mkv", frames=3, size=(1, 1), codec="ffv1"))
    frames = read_all(reader)
    reader.close()
    assert [frame.image_bgr.shape for frame in frames] == [(1, 1, 3)] * 3


def _truncated(folder: Path) -> Path:
    return truncate(make_video(folder / "whole.mp4"), folder / "cut.mp4")


def _text(name: str) -> Path:
    path = Path(name)
    path.write_text("Not a video at all.\n" * 50)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_truncated, "cut.mp4 cannot be opened as a video"),
        (lambda folder: make_audio(folder / "tone.m4a"), "tone.m4a holds no video"),
        (lambda folder: _text(folder / "notes.mp4"), "notes.mp4 cannot be opened"),
        (lambda folder: _text(folder / "notes.txt"), "notes.txt"),
        (lambda folder: folder / "absent.mp4", "absent.mp4: no such file"),
        (lambda folder: folder, "is not a file"),
        (lambda folder: (folder / "empty.mp4").touch() or folder / "empty.mp4", "empty.mp4 is empty"),
    ],
)
def test_what_is_no_video_says_so_in_one_line(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def] # parametrised callables
    with pytest.raises(AppError) as caught:
        VideoReader(make(tmp_path))
    assert says in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", REAL)
def test_real_files_give_the_frames_ffprobe_counts(name: str) -> None:
    path = shared(f"videos/{name}")
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    reader = VideoReader(path)
    times = [frame.pts_s for frame in read_all(reader)]
    reader.close()
    command = ["ffprobe", "-v", "quiet", "-select_streams", str(reader.stream_index), "-of", "json"]
    command += ["-show_entries", "frame=pts:stream=time_base", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    time_base = Fraction(told["streams"][0]["time_base"])
    expected = [frame["pts"] * time_base for frame in told["frames"]]
    assert times == [pts_s - expected[0] for pts_s in expected]


def test_coded_frames_are_read_back() -> None:
    for index in (0, 1, 12345, 2**21 - 1):
        assert read_frame_index(coded_image(index, (64, 48))) == index
    with pytest.raises(ValueError, match="upright"):
        read_frame_index(coded_image(7)[::-1])
