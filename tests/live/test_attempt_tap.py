"""What one opening of a source passes on."""

from __future__ import annotations

import threading
from fractions import Fraction

from app.core.frames import Frame
from app.core.live.attempt_tap import AttemptTap
from app.core.media.packets import VIDEO, MediaFormat, MediaPacket
from app.core.sources.base import frame_from_bgr
from tools.fixtures.coded_images import coded_image

MEDIA = MediaFormat(b"")
PACKET = MediaPacket(VIDEO, b"x", None, None, Fraction(0), True, 0)


class Heard:
    """A tap that remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, media: MediaFormat) -> None:
        self.said.append("begin")

    def packet(self, packet: MediaPacket) -> None:
        self.said.append("packet")

    def frame(self, frame: Frame) -> None:
        self.said.append("frame")

    def ended(self) -> None:
        self.said.append("ended")


def frame() -> Frame:
    return frame_from_bgr(coded_image(1), 1, None, 1)


def test_frames_of_a_source_with_packets_are_left_out() -> None:
    heard = Heard()
    tap = AttemptTap(heard, threading.Event())
    tap.frame(frame())
    tap.begin(MEDIA)
    tap.packet(PACKET)
    tap.frame(frame())
    assert heard.said == ["frame", "begin", "packet"]


def test_nothing_comes_of_an_opening_that_was_given_up() -> None:
    heard, given_up = Heard(), threading.Event()
    tap = AttemptTap(heard, given_up)
    given_up.set()
    tap.begin(MEDIA)
    tap.packet(PACKET)
    tap.frame(frame())
    tap.ended()
    assert heard.said == ["ended"]
