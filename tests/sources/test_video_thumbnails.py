"""Small pictures out of a video: of the very moment, of the part asked for, upright."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.sources.picture_crop import window_around
from app.core.sources.video_thumbnails import VideoThumbnails
from tests.support.media import make_video
from tools.fixtures.coded_images import read_frame_index

_FPS = Fraction(10)


@pytest.fixture(scope="module", params=[0, 90])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    return make_video(folder / "a.mp4", frames=40, fps=_FPS, rotation=request.param)


def test_each_moment_has_its_own_picture_in_any_order(video: Path) -> None:
    reader = VideoThumbnails(video)
    try:
        for index in (30, 3, 3, 39, 0, 17):
            image = reader.read(index / _FPS, None, (160, 120))
            assert image.shape == (120, 160, 4)
            assert (image[..., 3] == 255).all()
            assert read_frame_index(np.ascontiguousarray(image[..., :3])) == index
        assert reader.read(Fraction(0), None, (40, 40)).shape[:2] == (30, 40)
        assert reader.read(Fraction(0), (0, 0, 60, 60), (48, 32)).shape[:2] == (32, 48)
    finally:
        reader.close()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(AppError):
        VideoThumbnails(tmp_path / "a.mp4")


@given(
    st.tuples(*[st.floats(-50, 3000)] * 4),
    st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    st.sampled_from([0.5, 1.0, 1.5, 3.0]),
)
def test_the_part_that_is_shown_lies_in_the_frame_and_has_the_shape_wanted(
    box: tuple[float, float, float, float], frame: tuple[int, int], aspect: float
) -> None:
    box = (min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3]))
    x1, y1, x2, y2 = window_around(box, frame, aspect)
    assert 0 <= x1 < x2 <= frame[0]
    assert 0 <= y1 < y2 <= frame[1]
    if x2 - x1 < frame[0] and y2 - y1 < frame[1]:
        assert abs((x2 - x1) - aspect * (y2 - y1)) <= 2 + 2 * aspect
    inside = box[0] >= 0 and box[1] >= 0 and box[2] <= frame[0] and box[3] <= frame[1]
    if inside:
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        assert x1 <= middle[0] <= x2
        assert y1 <= middle[1] <= y2
