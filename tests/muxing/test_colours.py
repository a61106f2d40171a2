"""HDR becomes what a screen shows, ten bits become eight, interlaced frames stay so or are made whole."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.sources.tone_map import HLG, PQ, bend, hlg_to_nits, nits_to_pq, pq_to_nits, to_screen
from app.core.sources.video import VideoReader
from tests.support.bare_export import bare
from tests.support.probe import decoded_frames, probe
from tools.fixtures.coded_images import ImageBGR
from tools.fixtures.rich_media import Rich, make_rich

QUIET = {"preset": "ultrafast", "x265-params": "log-level=none"}
ENCODERS = {
    "hevc": ("libx265", QUIET),
    "av1": ("libsvtav1", {"preset": "12"}),
}


def greys(*codes: float) -> ImageBGR:
    """A frame of upright stripes, each of one code 0..1."""
    stripes = np.repeat(np.round(np.array(codes) * 255).astype(np.uint8), 32)
    return np.ascontiguousarray(np.broadcast_to(stripes[None, :, None], (64, len(stripes), 3)))


def stripes_of(image: ImageBGR, count: int) -> list[float]:
    return [float(image[16:48, 32 * n + 8 : 32 * n + 24].mean()) for n in range(count)]


@pytest.mark.parametrize(("code", "nits"), [(0.5081, 100), (0.5807, 203), (0.7518, 1000), (1.0, 10_000)])
def test_pq_meets_the_published_points(code: float, nits: float) -> None:
    """BT.2408 table 1 and SMPTE ST 2084."""
    assert float(pq_to_nits(np.array(code))) == pytest.approx(nits, rel=2e-3)
    assert float(nits_to_pq(nits)) == pytest.approx(code, abs=1e-4)


@pytest.mark.parametrize(("code", "nits"), [(0.75, 203), (1.0, 1000), (0.38, 26), (0.0, 0)])
def test_hlg_meets_the_published_points(code: float, nits: float) -> None:
    """BT.2408 table 1: HDR reference white and an 18 % grey card on a screen of 1000 cd/m2."""
    assert hlg_to_nits(np.full((1, 3), code))[0] == pytest.approx([nits] * 3, rel=0.015, abs=1e-3)


@given(st.floats(0, 10_000), st.floats(0, 10_000), st.floats(150, 10_000))
def test_the_curve_rises_and_ends_at_the_screens_white(first: float, second: float, peak: float) -> None:
    low, high = sorted((first, second))
    bent = bend(np.array([low, high, peak]), peak)
    assert bent[0] <= bent[1] + 1e-6
    assert bent[2] == pytest.approx(min(peak, 203), rel=1e-3)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.sampled_from([PQ, HLG]))
def test_screens_get_codes_they_can_show(code: list[float], transfer: int) -> None:
    shown = to_screen(np.array([code]), transfer)
    assert ((shown >= 0) & (shown <= 1)).all()


def test_grey_stays_grey() -> None:
    shown = to_screen(np.repeat(np.linspace(0, 1, 50)[:, None], 3, axis=1), PQ)
    assert np.ptp(shown, axis=1).max() < 0.005


@pytest.mark.parametrize(("name", "transfer"), [("hevc", PQ), ("hevc", HLG), ("av1", PQ)])
def test_hdr_is_shown_as_bt709_and_tagged_so(tmp_path: Path, name: str, transfer: int) -> None:
    codes = (0.0, 0.3, 0.5, 0.58, 0.75)
    codec, options = ENCODERS[name]
    what = Rich(size=(160, 64), codec=codec, options=options, pix_fmt="yuv420p10le", colour=(9, transfer, 9, 1))
    source = make_rich(tmp_path / "in.mkv", what, [greys(*codes)] * 4)
    assert probe(source).colour == (9, transfer, 9, 1)
    report = bare(source, tmp_path / "out.mp4")
    curve = "PQ" if transfer == PQ else "HLG"
    assert report.notes == (f"The video is HDR ({curve}); its colours were brought down to an ordinary screen's.",)
    assert probe(tmp_path / "out.mp4").colour == (1, 1, 1, 1)
    expected = to_screen(np.repeat(np.array(codes)[:, None], 3, axis=1), transfer)[:, 0] * 255
    assert stripes_of(decoded_frames(tmp_path / "out.mp4")[2], 5) == pytest.approx(expected.tolist(), abs=5)
    assert probe(tmp_path / "out.mp4").pts_s == probe(source).pts_s
    reader = VideoReader(source)  # what the window shows
    frame = reader.read()
    reader.close()
    assert frame is not None
    assert stripes_of(frame.image_bgr, 5) == pytest.approx(expected.tolist(), abs=5)  # type: ignore[arg-type] # an image
    assert (frame.image_bgra[..., 3] == 255).all()


def test_ten_bits_without_hdr_keep_their_colours(tmp_path: Path) -> None:
    what = Rich(size=(160, 64), codec="libx265", options=QUIET, pix_fmt="yuv420p10le", colour=(9, 14, 9, 1))
    codes = (0.1, 0.3, 0.5, 0.7, 0.9)
    source = make_rich(tmp_path / "in.mp4", what, [greys(*codes)] * 3)
    assert bare(source, tmp_path / "out.mp4").notes == ()
    assert probe(tmp_path / "out.mp4").colour == (9, 14, 9, 1)
    assert stripes_of(decoded_frames(tmp_path / "out.mp4")[1], 5) == pytest.approx([255 * c for c in codes], abs=5)


def combed(frames: int) -> list[ImageBGR]:
    """A bar that moves between the halves of each frame: odd lines show it two steps later."""
    images = []
    for index in range(frames):
        image = np.full((96, 160, 3), 40, np.uint8)
        for half in (0, 1):
            left = 8 * (2 * index + half)
            image[half::2, left : left + 24] = 220
        images.append(image)
    return images


def comb(image: ImageBGR) -> float:
    """How much neighbouring lines differ beyond what lines two apart do."""
    lines = image[..., 1].astype(int)
    return float(np.abs(lines[1:-1] - lines[:-2]).mean() - np.abs(lines[2:] - lines[:-2]).mean())


@pytest.fixture(scope="module")
def interlaced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"preset": "veryfast", "crf": "10", "x264-params": "tff=1"}
    return make_rich(
        tmp_path_factory.mktemp("lines") / "in.mp4",
        Rich(size=(160, 96), options=options, sound=(("aac", 48000),)),
        combed(8),
    )


def test_interlaced_frames_stay_so_and_say_so(interlaced: Path, tmp_path: Path) -> None:
    report = bare(interlaced, tmp_path / "out.mp4")
    assert any("interlaced and stays so" in note for note in report.notes)
    assert comb(decoded_frames(tmp_path / "out.mp4")[3]) > 10
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert next(copy.decode(video=0)).interlaced_frame


def test_interlaced_frames_are_made_whole_on_request(interlaced: Path, tmp_path: Path) -> None:
    report = bare(interlaced, tmp_path / "out.mp4", deinterlace=True)
    assert report.notes == ()
    assert max(comb(image) for image in decoded_frames(tmp_path / "out.mp4")[1:-1]) < 2
    before, after = probe(interlaced), probe(tmp_path / "out.mp4")
    assert after.pts_s == before.pts_s
    assert after.duration_s == before.duration_s
    assert after.sound == before.sound
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert not next(copy.decode(video=0)).interlaced_frame


def test_deinterlacing_keeps_uneven_times(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    stamps = (0, 40, 45, 200, 1000)
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for stamp, image in zip(stamps, combed(5), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    bare(source, tmp_path / "out.mp4", deinterlace=True)
    assert probe(tmp_path / "out.mp4").pts_s == [Fraction(stamp, 1000) for stamp in stamps]
