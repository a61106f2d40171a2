"""Frames that a card keeps, without a card: the same as the processor's, at the same times, upright and cropped."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.codec.hwaccel import HWAccel

from app.core.frames import DecodedFrame, ImageBGR
from app.core.motion.cuts import CutFinder
from app.core.motion.likeness import small_copy
from app.core.sources.card import Card, CardReader
from app.core.sources.conversion import FrameConverter
from app.core.sources.video import VideoReader
from detector.runtime.base import DeviceFrame
from detector.runtime.device_pixels import PlaneColours, bgr_of
from tests.support.fake_card import FakeCard
from tests.support.media import make_changing_video, make_video, truncate
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture
from tools.fixtures.cropped_video import with_clap
from tools.fixtures.rich_media import Rich, make_rich

MATRICES = {"BT.709": 1, "unspecified": 2, "BT.601": 5, "BT.601, 525 lines": 6, "BT.2020": 9}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def never_again(index: int, _pts_s: Fraction) -> ImageBGR:
    raise AssertionError(f"frame {index} was read again")


def read_all(reader: VideoReader) -> list[DecodedFrame]:
    try:
        return list(iter(reader.read_frame, None))
    finally:
        reader.close()


def check_same(path: Path, card: FakeCard, off: float = 0.0) -> list[DecodedFrame]:
    """Returns the frames from ``card``, which must be those of the processor."""
    wanted, found = read_all(VideoReader(path)), read_all(CardReader(path, card, never_again))
    assert [(frame.index, frame.pts_s, frame.size) for frame in found] == [
        (frame.index, frame.pts_s, frame.size) for frame in wanted
    ]
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.abs(ours.image_bgr.astype(int) - theirs.image_bgr).mean() <= off
        assert ours.image_bgr.flags.c_contiguous
    return found


def on_card(frames: list[DecodedFrame]) -> list[int]:
    return [frame.index for frame in frames if isinstance(frame.image, DeviceFrame)]


# -- colours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_eight_bits_are_converted_as_swscale_does(matrix: int, full: bool) -> None:
    frame = av.VideoFrame.from_ndarray(picture(144, 176), format="bgr24").reformat(format="yuv420p")
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    found = bgr_of(*FakeCard().planes(frame), PlaneColours(matrix, full)).numpy()
    off = np.abs(found.astype(int) - frame.to_ndarray(format="bgr24"))
    assert off.max() <= 3  # 0 by swscale's code for PCs; that for other processors rounds otherwise
    assert off.mean() <= 1


@pytest.mark.parametrize("name", ["nv12", "p010le"])
def test_pyav_hands_planes_over_as_they_lie(name: str) -> None:
    frame = av.VideoFrame.from_ndarray(picture(144, 176), format="bgr24").reformat(format=name)
    luma, chroma = Card(torch.device("cpu")).planes(frame)
    assert (luma.shape, chroma.shape) == ((144, 176), (72, 88, 2))
    assert luma.dtype == chroma.dtype == (torch.uint8 if name == "nv12" else torch.uint16)
    first = np.frombuffer(frame.planes[1], np.uint8 if name == "nv12" else np.uint16)[: 2 * 88]
    assert chroma[0].flatten().tolist() == first.tolist()


def test_planes_that_do_not_fit_are_refused() -> None:
    luma, chroma = torch.zeros((8, 8), dtype=torch.uint8), torch.zeros((4, 3, 2), dtype=torch.uint8)
    with pytest.raises(ValueError, match="planes of"):
        bgr_of(luma, chroma, PlaneColours(1, full=False))


# -- whole videos ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_all_frames_stay_on_the_card_upright_and_in_time(tmp_path: Path, rotation: int) -> None:
    times = [Fraction(i * i, 900) for i in range(12)]  # of a variable rate
    source = make_video(tmp_path / "in.mp4", frames=12, pts=times, rotation=rotation)
    assert on_card(check_same(source, FakeCard())) == list(range(12))


def test_frames_on_the_card_are_cropped(tmp_path: Path) -> None:
    made = make_video(tmp_path / "plain.mp4", frames=4, size=(320, 240))
    source = tmp_path / "in.mp4"
    source.write_bytes(with_clap(made.read_bytes(), 320, 240, (10, 20, 31, 41)))
    found = check_same(source, FakeCard())
    assert on_card(found) == [0, 1, 2, 3]
    assert found[0].size == (320 - 41, 240 - 61)


@pytest.mark.parametrize(
    "card", [FakeCard(refused={2, 5}), FakeCard(elsewhere={2, 5})], ids=["not handed over", "decoded elsewhere"]
)
def test_a_frame_that_the_card_does_not_give_comes_by_the_host_at_its_place(tmp_path: Path, card: FakeCard) -> None:
    found = check_same(make_video(tmp_path / "in.mp4", frames=8), card)
    assert on_card(found) == [0, 1, 3, 4, 6, 7]


def test_frames_of_another_size_than_the_first_come_by_the_host(tmp_path: Path) -> None:
    found = check_same(make_changing_video(tmp_path / "in.ts", (160, 120), (80, 60)), FakeCard())
    assert on_card(found) == list(range(8))


def make_deep(path: Path, transfer: int, matrix: int, color_range: int) -> Path:
    """A film of ten bits: blocks of colour under noise, whose edges lie between pairs of pixels and on them."""
    quiet = {"preset": "ultrafast", "x265-params": "log-level=none"}
    images = [np.roll(picture(120, 160, seed), seed, axis=1) for seed in range(4)]
    colour = (9, transfer, matrix, color_range)
    what = Rich(frames=4, codec="libx265", options=quiet, pix_fmt="yuv420p10le", colour=colour)
    return make_rich(path, what, images)


@pytest.mark.parametrize("color_range", [1, 2], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["BT.709", "BT.601", "BT.2020"])
def test_ten_bits_stay_on_the_card_almost_as_swscale_converts_them(
    tmp_path: Path, matrix: int, color_range: int
) -> None:
    found = check_same(make_deep(tmp_path / "in.mp4", 14, matrix, color_range), FakeCard(), off=1.0)
    assert on_card(found) == [0, 1, 2, 3]


def test_hdr_comes_by_the_host(tmp_path: Path) -> None:
    assert on_card(check_same(make_deep(tmp_path / "in.mp4", 16, 9, 1), FakeCard())) == []


def test_other_kinds_of_frames_come_by_the_host(tmp_path: Path) -> None:
    assert on_card(check_same(make_video(tmp_path / "in.mkv", frames=3, codec="ffv1"), FakeCard())) == []


def test_a_file_that_is_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=60, faststart=True)
    assert len(on_card(check_same(truncate(whole, tmp_path / "in.mp4", 0.8), FakeCard()))) > 12


# -- a card's order of work --------------------------------------------------------------------------------------------


class Stream:
    """Notes what is asked of it."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def wait_stream(self, other: str) -> None:
        self._said.append(f"waits for {other}")

    def synchronize(self) -> None:
        self._said.append("done")


class NotingCard(FakeCard):
    """A card's own code, with streams that are none."""

    def __init__(self, said: list[str], refused: Collection[int] = ()) -> None:
        super().__init__(refused)
        self._said, self._device = said, torch.device("cuda", 1)
        self._stream = Stream(said)  # type: ignore[assignment] # stands for torch's

    def accelerator(self) -> HWAccel | None:
        return Card.accelerator(self)

    def planes(self, frame: av.VideoFrame) -> tuple[torch.Tensor, torch.Tensor]:
        self._said.append("reads")
        return super().planes(frame)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of torch's CUDA, which is not there."""
    heard: list[str] = []
    for name in ("set_device", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, lambda device, name=name: heard.append(f"{name} {device}"))
    for name in ("device", "stream"):
        monkeypatch.setattr(torch.cuda, name, lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "default_stream", lambda device: f"FFmpeg on {device}")
    return heard


def test_planes_are_read_behind_the_decoder_and_let_go_when_that_is_done(tmp_path: Path, said: list[str]) -> None:
    with av.open(str(make_video(tmp_path / "in.mp4", frames=2))) as container:
        frame = next(container.decode(video=0))
    converter = FrameConverter(frame, field_order=1)
    NotingCard(said).pixels(frame, converter)
    assert said == ["waits for FFmpeg on cuda:1", "reads", "done"]
    said.clear()
    with pytest.raises(NotImplementedError):
        NotingCard(said, refused={-1}).pixels(frame, converter)
    assert said == ["waits for FFmpeg on cuda:1", "reads", "done"]


def test_ffmpeg_joins_the_context_of_torch(said: list[str]) -> None:
    accelerator = NotingCard(said).accelerator()
    assert accelerator is not None
    assert said == ["set_device cuda:1", "synchronize cuda:1"]
    assert accelerator.options == {"primary_ctx": "0", "current_ctx": "1"}
    assert (accelerator.device_id, accelerator.is_hw_owned, accelerator.allow_software_fallback) == (1, True, True)


# -- what comes to the host --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(720, 1280), (1080, 1920), (333, 501), (576, 1024), (10, 2000), (240, 320), (90, 160)]
)
def test_the_small_grey_copy_is_that_of_the_host(size: tuple[int, int]) -> None:
    image = picture(*size)
    there = DeviceFrame(torch.from_numpy(image), lambda: image)
    off = np.abs(small_copy(there).astype(int) - small_copy(image))
    assert off.max() <= 1
    assert off.mean() < 0.05


def test_cuts_are_found_without_a_frame_on_the_host() -> None:
    scenes = [picture(360, 640, seed) for seed in (0, 0, 1, 1)]
    frames = [DeviceFrame(torch.from_numpy(image), lambda: pytest.fail("fetched")) for image in scenes]
    ours, theirs = CutFinder(), CutFinder()
    assert [ours.update(frame) for frame in frames] == [theirs.update(image) for image in scenes]


def test_a_frame_that_the_card_lost_since_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_video(tmp_path / "in.mp4", frames=3)
    wanted = read_all(VideoReader(source))

    def again(index: int, pts_s: Fraction) -> ImageBGR:
        assert pts_s == wanted[index].pts_s
        return wanted[index].image_bgr

    def dead(_pixels: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: unspecified launch failure")

    found = read_all(CardReader(source, FakeCard(), again))
    monkeypatch.setattr(torch.Tensor, "cpu", dead)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.image_bgr is theirs.image_bgr
        assert np.array_equal(small_copy(ours.image), small_copy(theirs.image))
