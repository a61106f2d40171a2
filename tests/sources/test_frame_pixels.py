"""Frames as players show them: cropped as the container says, transparent parts on black, of one size throughout."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from app.core.sources.conversion import FrameConverter
from app.core.sources.crop import NO_CROP, Crop, container_crop
from app.core.sources.video import VideoReader
from tests.support.media import coded_image, make_changing_video, make_video, read_frame_index
from tests.support.shared_data import shared
from tools.fixtures.cropped_video import as_matroska, with_clap

Pixels = npt.NDArray[np.uint8]

_EDGES = (10, 20, 31, 41)


def _frames(path: Path) -> list[Pixels]:
    reader = VideoReader(path)
    frames = []
    while (frame := reader.read_frame()) is not None:
        frames.append(frame.image_bgr)
    size = reader.info.height, reader.info.width, 3
    reader.close()
    assert all(frame.shape == size and frame.flags.c_contiguous for frame in frames)
    return frames


# -- cropping ----------------------------------------------------------------------------------------------------------


def _cropped(path: Path, edges: tuple[int, int, int, int], rotation: int = 0) -> tuple[Path, list[Pixels]]:
    """An MP4 of 320 x 240 that asks to be cropped, and the frames without that."""
    made = make_video(path.with_name("plain.mp4"), frames=5, size=(320, 240), rotation=rotation)
    stored = (240, 320) if rotation % 180 else (320, 240)
    path.write_bytes(with_clap(made.read_bytes(), *stored, edges))
    return path, _frames(made)


@pytest.mark.parametrize("edges", [_EDGES, (0, 0, 0, 41), (3, 1, 0, 0)])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_frames_are_cropped_as_the_container_says(
    tmp_path: Path, edges: tuple[int, int, int, int], ending: str
) -> None:
    source, whole = _cropped(tmp_path / "in.mp4", edges)
    if ending == ".mkv":
        source = as_matroska(source, tmp_path / "in.mkv")
    left, top, right, bottom = edges
    shown = _frames(source)
    assert len(shown) == 5
    for frame, plain in zip(shown, whole, strict=True):
        assert np.array_equal(frame, plain[top : 240 - bottom, left : 320 - right])


def test_stored_frames_are_cropped_before_they_are_turned(tmp_path: Path) -> None:
    left, top, right, bottom = _EDGES
    source, whole = _cropped(tmp_path / "in.mp4", _EDGES, rotation=90)
    shown = _frames(source)
    # Turned clockwise, the left edge is the upper one, and the bottom edge the left one.
    assert np.array_equal(shown[0], whole[0][left : 240 - right, bottom : 320 - top])


def test_frames_to_paint_are_cropped_too(tmp_path: Path) -> None:
    source, whole = _cropped(tmp_path / "in.mp4", _EDGES)
    reader = VideoReader(source)
    reader.seek(Fraction(3, 30))
    frame = reader.read()
    reader.close()
    assert frame is not None
    assert np.array_equal(frame.image_bgr, whole[3][20:199, 10:289])
    assert frame.image_bgra.shape == (179, 279, 4)


@pytest.mark.parametrize(("top", "fields"), [(0, "bottom"), (1, "top"), (2, "bottom")])
def test_cropping_an_odd_number_of_lines_exchanges_the_fields(top: int, fields: str) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
    assert FrameConverter(frame, 3, Crop(top=top)).conversion.fields == fields


def test_a_crop_that_leaves_nothing_is_none() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    for crop in (Crop(left=6), Crop(1, 2, 1, 2), Crop(right=2**40)):
        assert crop.apply(image) is image
        assert crop.shown(4, 6) == (4, 6)
    assert Crop(5, 3).apply(image).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("codec", "layout", "ending"),
    [
        ("mpeg4", "yuv420p", ".mp4"),
        ("libvpx-vp9", "yuv420p", ".mp4"),
        ("prores_ks", "yuv422p10le", ".mov"),
        ("qtrle", "rgb24", ".mov"),  # this and the next one Matroska has no name for
        ("png", "rgb24", ".mov"),
    ],
)
@pytest.mark.parametrize("edges", [_EDGES, (0, 2, 8, 0)])
def test_every_codec_is_cropped(
    tmp_path: Path, codec: str, layout: str, ending: str, edges: tuple[int, int, int, int]
) -> None:
    path = tmp_path / f"in{ending}"
    with av.open(str(path), "w") as output:
        made = output.add_stream(codec, rate=25)
        assert isinstance(made, av.VideoStream)
        made.width, made.height, made.pix_fmt = 320, 240, layout
        frame = av.VideoFrame.from_ndarray(coded_image(1, (320, 240)), format="bgr24").reformat(format=layout)
        output.mux(made.encode(frame))
        output.mux(made.encode(None))
    path.write_bytes(with_clap(path.read_bytes(), 320, 240, edges))
    with av.open(str(path)) as container:
        assert container_crop(container, container.streams.video[0]) == Crop(*edges)


def test_containers_that_do_not_crop_are_not_cropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("b.mkv", "ffv1")):
        with av.open(str(make_video(tmp_path / name, frames=2, codec=codec))) as container:
            assert container_crop(container, container.streams.video[0]) == NO_CROP
    assert caplog.records == []  # PyAV tells of options that a writer does not know


def test_a_real_cropped_file() -> None:
    shown = _frames(shared("cases/crop.mkv"))
    assert {frame.shape for frame in shown} == {(200, 240, 3)}


# -- alpha beside the frames -------------------------------------------------------------------------------------------

_ALPHA_CODECS = ["libvpx", "libvpx-vp9"]


def _with_alpha(path: Path, codec: str, frames: int = 24) -> Path:
    """A WebM of coded frames, of which the right third is transparent, with white behind it."""
    with av.open(str(path), "w") as container:
        options = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "threads": "1"}
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 240, 120, "yuva420p"
        stream.bit_rate, stream.codec_context.gop_size = 2_000_000, 6
        stream.metadata["alpha_mode"] = "1"
        for index in range(frames):
            image = np.full((120, 240, 4), 255, np.uint8)
            image[:, :160, :3] = coded_image(index, (160, 120))
            image[:, 160:, 3] = 0
            frame = av.VideoFrame.from_ndarray(image, format="bgra").reformat(format="yuva420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", _ALPHA_CODECS)
def test_colours_hidden_by_alpha_beside_the_frames_are_black(tmp_path: Path, codec: str) -> None:
    source = _with_alpha(tmp_path / "in.webm", codec)
    shown = _frames(source)
    assert [read_frame_index(frame[:, :160]) for frame in shown] == list(range(24))
    assert max(frame[:, 170:].max() for frame in shown) < 16


def test_it_is_said_once_where_something_is_transparent(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgra"
        for alpha in (255, 255, 128, 0):
            image = np.full((64, 96, 4), (10, 20, 200, alpha), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgra")))
        container.mux(stream.encode(None))
    reader = VideoReader(source)
    told = []
    for red in (200, 200, 100, 0):
        frame = reader.read_frame()
        assert frame is not None
        assert abs(int(frame.image_bgr[0, 0, 2]) - red) <= 1
        told.append(reader.take_notes())
    assert told == [(), (), ("Transparent parts are shown on black.",), ()]
    reader.close()


@pytest.mark.parametrize("codec", _ALPHA_CODECS)
def test_seeking_finds_the_same_frames_with_alpha(tmp_path: Path, codec: str) -> None:
    source = _with_alpha(tmp_path / "in.webm", codec)
    shown = _frames(source)
    reader = VideoReader(source)
    for index in (20, 3, 3, 23, 0, 11):
        reader.seek(Fraction(index, 25))
        frame = reader.read()
        assert frame is not None
        assert frame.pts_s == Fraction(index, 25)
        assert np.array_equal(frame.image_bgr, shown[index])
    while reader.read() is not None:  # to the end and back, which a drained decoder has to survive
        pass
    reader.seek(Fraction(0))
    frame = reader.read()
    reader.close()
    assert frame is not None
    assert np.array_equal(frame.image_bgr, shown[0])


@pytest.mark.parametrize("transfer", [16, 18])
def test_colours_hidden_in_hdr_are_black(tmp_path: Path, transfer: int) -> None:
    source = tmp_path / "in.mkv"
    image = np.full((64, 96, 4), 40_000, np.uint16)
    image[:, :48, 3], image[:, 48:, 3] = 0, 65535
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva444p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, transfer, 9
        container.mux(
            stream.encode(av.VideoFrame.from_ndarray(image, format="rgba64le").reformat(format="yuva444p10le"))
        )
        container.mux(stream.encode(None))
    reader = VideoReader(source)
    assert reader.conversion.curve
    reader.close()
    (shown,) = _frames(source)
    assert shown[:, :48].max() == 0
    assert shown[:, 48:].min() > 100


def test_without_libvpx_it_is_said_that_alpha_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _with_alpha(tmp_path / "in.webm", "libvpx-vp9", frames=2)

    def unknown(*_: object) -> av.CodecContext:
        raise av.codec.codec.UnknownCodecError("libvpx-vp9")

    monkeypatch.setattr(av.CodecContext, "create", unknown)
    reader = VideoReader(source)
    assert reader.read() is not None
    assert "in.webm: its alpha cannot be decoded here; transparent parts are shown as opaque." in reader.take_notes()
    reader.close()


def test_a_real_file_with_alpha() -> None:
    shown = _frames(shared("cases/alpha9.webm"))
    assert len(shown) == 15
    assert all(frame[:, :152].max() < 16 and frame[:, 168:].max() > 128 for frame in shown)


# -- a size that changes midway ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes", [((160, 120), (320, 240)), ((320, 240), (160, 120)), ((160, 120), (320, 180), (160, 120))]
)
def test_frames_keep_the_size_of_the_first(tmp_path: Path, sizes: tuple[tuple[int, int], ...]) -> None:
    source = make_changing_video(tmp_path / "in.ts", *sizes)
    shown = _frames(source)
    assert [read_frame_index(frame) for frame in shown] == list(range(8)) * len(sizes)
    width, height = sizes[0]
    reader = VideoReader(source)
    while reader.read() is not None:
        pass
    says = f"The video changes its size; frames are scaled to {width} x {height}."
    assert [note for note in reader.take_notes() if "size" in note] == [says]
    assert reader.take_notes() == ()
    reader.close()


def test_a_real_file_that_changes_its_size() -> None:
    shown = _frames(shared("cases/reschange.ts"))
    assert {frame.shape for frame in shown} == {(240, 320, 3)}
    assert len(shown) == 66
