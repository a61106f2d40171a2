"""Small pictures are made one video at a time, the newest wish first, and kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.core.errors import AppError
from app.core.frames import ImageBGRA
from app.ui.services.background import Background
from app.ui.services.video_thumbnails import Box, ThumbnailKey, VideoThumbnailMaker

A, B, BROKEN = Path("a.mp4"), Path("b.mp4"), Path("broken.mp4")


@dataclass
class Shelf:
    """Videos whose frames show their time as a grey; reading waits for ``go``."""

    go: threading.Event = field(default_factory=threading.Event)
    reading: threading.Event = field(default_factory=threading.Event)
    calls: list[tuple[str, object]] = field(default_factory=list)

    def open(self, video: Path) -> Reader:
        self.calls.append(("open", video))
        if video == BROKEN:
            raise AppError("It is broken.")
        return Reader(self)


@dataclass
class Reader:
    shelf: Shelf

    def read(self, pts_s: Fraction, box: Box | None, size: tuple[int, int]) -> ImageBGRA:
        self.shelf.reading.set()
        assert self.shelf.go.wait(60)
        self.shelf.calls.append(("read", int(pts_s)))
        if pts_s == 99:
            raise AppError("No frame is there.")
        return np.full((size[1], size[0], 4), int(pts_s), np.uint8)

    def close(self) -> None:
        self.shelf.calls.append(("close", None))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def maker(qtbot: QtBot, shelf: Shelf) -> Iterator[VideoThumbnailMaker]:
    background = Background()
    made = VideoThumbnailMaker(background, shelf.open)
    yield made
    shelf.go.set()
    made.close()
    background.close(5.0)


def key(second: int, video: Path = A) -> ThumbnailKey:
    return ThumbnailKey(video, Fraction(second), None, (8, 4))


def test_the_newest_wish_of_the_open_video_is_met_first(maker: VideoThumbnailMaker, shelf: Shelf, qtbot: QtBot) -> None:
    assert maker.get(key(1)) is None
    assert shelf.reading.wait(60)
    for wish in (key(2), key(3), key(4, B), key(2)):
        assert maker.get(wish) is None
    shelf.go.set()
    qtbot.waitUntil(lambda: all(maker.get(wish) is not None for wish in (key(1), key(2), key(3), key(4, B))))
    opened_a, opened_b = ("open", A), ("open", B)
    reads = [("read", 1), ("read", 2), ("read", 3)]
    assert shelf.calls[:7] == [opened_a, *reads, ("close", None), opened_b, ("read", 4)]
    image = maker.get(key(3))
    assert image is not None
    assert (image.width(), image.height(), image.pixelColor(0, 0).red()) == (8, 4, 3)


def test_what_cannot_be_made_is_not_tried_again(maker: VideoThumbnailMaker, shelf: Shelf, qtbot: QtBot) -> None:
    shelf.go.set()
    for wish in (key(1, BROKEN), key(99), key(5)):
        with qtbot.waitSignal(maker.made):
            maker.get(wish)
    qtbot.waitUntil(lambda: maker.get(key(5)) is not None)
    calls = list(shelf.calls)
    assert maker.get(key(1, BROKEN)) is maker.get(key(99)) is None
    assert shelf.calls == calls


def test_wishes_that_are_forgotten_are_not_met(maker: VideoThumbnailMaker, shelf: Shelf, qtbot: QtBot) -> None:
    maker.get(key(1))
    assert shelf.reading.wait(60)
    for second in range(2, 150):
        maker.get(key(second))
    maker.forget_wishes()
    maker.get(key(250))
    shelf.go.set()
    qtbot.waitUntil(lambda: maker.get(key(250)) is not None)
    assert [second for call, second in shelf.calls if call == "read"] == [1, 250]
