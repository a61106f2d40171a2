"""What the machine of the camera lab reads in its camera's frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.camera_lab.clock_text import ClockText
from tools.fixtures.coded_images import ImageBGR

_DIGITS = np.random.default_rng(1).random((10, 16, 8)) < 0.4
_TOP, _LEFT = 16, 16


def frame(number: int, noise: int = 0) -> ImageBGR:
    """Green, with a text such as `` 00:00:00:000 12`` of which hour and number are there."""
    image = np.full((180, 320, 3), (0, 255, 0), np.uint8)
    image[_TOP : _TOP + 16, _LEFT : _LEFT + 8 * 22] = 0
    for place, digit in ((1, 0), *((14 + i, int(each)) for i, each in enumerate(str(number)))):
        left = _LEFT + 8 * place
        image[_TOP : _TOP + 16, left : left + 8][_DIGITS[digit]] = 255
    change = np.random.default_rng(number).integers(-noise, noise + 1, image.shape)
    return np.clip(image.astype(np.int16) + change, 0, 255).astype(np.uint8)


def test_numbers_are_read_by_digits_learnt_from_the_first_frames(tmp_path: Path) -> None:
    ClockText.learn([frame(number) for number in range(1, 13)]).save(tmp_path / "digits.npy")
    text = ClockText.load(tmp_path / "digits.npy")
    assert [text.number(frame(number, noise=60)) for number in (1, 47, 380, 98_765)] == [1, 47, 380, 98_765]
    assert text.number(np.full((180, 320, 3), (0, 255, 0), np.uint8)) == -1


def test_frames_that_do_not_follow_each_other_teach_nothing() -> None:
    with pytest.raises(ValueError, match="count"):
        ClockText.learn([frame(number) for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13)])
