"""The trial of a card: the beginning of a video both ways, and why a card is not used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
import torch
from av.codec.hwaccel import HWAccel

from app.core.export import card_trial
from app.core.export.card_trial import FRAMES, CardTrial, try_card
from app.core.sources.card import Card
from tests.support.fake_card import FakeCard
from tests.support.media import make_video
from tests.support.one_thread import one_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("film") / "in.mp4", frames=FRAMES + 5)


def at_pace(monkeypatch: pytest.MonkeyPatch, host_s: float, card_s: float) -> None:
    """Makes the clock of a trial say that the beginning took so long each way."""
    times = iter((0.0, 0.0, host_s, 0.0, 0.0, card_s))
    monkeypatch.setattr(card_trial, "time", SimpleNamespace(perf_counter=lambda: next(times)))


def test_the_faster_way_is_taken(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_pace(monkeypatch, 2.0, 1.0)
    assert try_card(source, FakeCard()) == CardTrial((FRAMES - 1) / 2, FRAMES - 1, 0.0)
    at_pace(monkeypatch, 1.0, 2.0)
    assert try_card(source, FakeCard()).refusal == "the processor is faster"


class Shifted(FakeCard):
    """As a card that knows nothing of an edge which the coded frames have and the shown ones have not."""

    def planes(self, frame: av.VideoFrame) -> tuple[torch.Tensor, torch.Tensor]:
        luma, chroma = super().planes(frame)
        return luma.roll(8, dims=1), chroma


class Hasty(FakeCard):
    """Gives, once, what was there before the frame."""

    _last: tuple[torch.Tensor, torch.Tensor] | None = None

    def planes(self, frame: av.VideoFrame) -> tuple[torch.Tensor, torch.Tensor]:
        last, self._last = self._last, super().planes(frame)
        return last if self.count == 77 and last is not None else self._last


class Refusing(FakeCard):
    def accelerator(self) -> None:
        raise RuntimeError("no NVDEC")


@pytest.mark.parametrize(
    ("card", "refusal"),
    [
        (FakeCard(elsewhere=range(FRAMES)), "frames do not stay on the card"),
        (FakeCard(refused={FRAMES // 2}), "frames do not stay on the card"),
        (FakeCard(lost={3}), "CardLostError: the card fell off"),
        (Refusing(), "RuntimeError: no NVDEC"),
        (Shifted(), "frames look different from the card"),
        (Hasty(), "frames look different from the card"),
    ],
)
def test_a_card_that_decodes_otherwise_is_not_used(
    source: Path, monkeypatch: pytest.MonkeyPatch, card: FakeCard, refusal: str
) -> None:
    at_pace(monkeypatch, 2.0, 1.0)
    assert try_card(source, card).refusal == refusal


class Other(Card):
    """Asks FFmpeg for a kind of device that has no decoder for the film, or for NVDEC where there is no card."""

    def __init__(self, kind: str) -> None:
        super().__init__(torch.device("cpu"))
        self._kind = kind

    def accelerator(self) -> HWAccel | None:
        context: dict[str, object] = {"primary_ctx": "0", "current_ctx": "1"}
        return HWAccel(self._kind, options=context, is_hw_owned=True)


def test_what_ffmpeg_decodes_by_itself_after_all_is_told_apart(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_pace(monkeypatch, 2.0, 1.0)
    assert try_card(source, Other("qsv")).refusal == "frames do not stay on the card"


def test_a_file_that_ffmpeg_cannot_open_for_a_card_is_left_to_the_processor(source: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    assert try_card(source, Other("cuda")).refusal.startswith("AppError: ")
