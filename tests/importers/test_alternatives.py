"""What a file of weights finds in an image, as it is understood and with each assumption made otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from detector.errors import DetectorError
from detector.importers.alternatives import compare_alternatives, looks, said
from detector.importers.base import Overrides
from detector.importers.conversion import convert_weights
from detector.runtime.base import ImageBGR
from tests.support.shared_data import shared
from tests.support.tiny_models import random_spec, random_state

GREY = np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An UltraFace network, whose file tells neither size nor channel order."""
    path = tmp_path_factory.mktemp("weights") / "faces-320.pth"
    torch.save(random_state(random_spec("ultraface-slim")), path)
    return path


def _ways(path: Path, overrides: Overrides) -> set[tuple[str, str]]:
    return {(way.option, way.value) for way in compare_alternatives(path, overrides, GREY)}


def test_what_weights_leave_open_is_tried_otherwise(faces: Path) -> None:
    everything = {("", ""), ("size", "640x480"), ("channels", "bgr")}
    assert _ways(faces, Overrides()) == everything
    assert _ways(faces, Overrides(channels="rgb", size=(320, 240))) == {("", "")}


def test_a_size_that_is_not_told_is_tried_in_the_usual_ones(faces: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "faces.pth"
    nameless.write_bytes(faces.read_bytes())
    assert _ways(nameless, Overrides()) == {("size", "320x240"), ("size", "640x480")}
    assert _ways(nameless, Overrides(size=(160, 120))) == {("", ""), ("channels", "bgr")}


def test_looks_come_one_by_one_as_understood_first(faces: Path) -> None:
    seen = looks(faces, Overrides(), GREY)
    first = next(seen)
    assert (first.way.option, first.spec.input.width) == ("", 320)
    assert [look.spec.input.width for look in seen if look.way.option == "size"] == [640]


def test_a_way_is_said_as_the_user_would(faces: Path) -> None:
    assert said(Overrides(layout="x"), "size", "640x480") == Overrides(layout="x", size=(640, 480))
    assert said(Overrides(), "channels", "bgr") == Overrides(channels="bgr")
    with pytest.raises(DetectorError):
        next(looks(faces, Overrides(scale="0-1"), GREY))


def test_real_files_are_put_in_question_as_far_as_they_are_unknown(people: ImageBGR) -> None:
    found = compare_alternatives(shared("weights/ultraface/version-RFB-640.pth"), Overrides(), people)
    assert [way.option for way in found] == [""], "the published file is known by its hash"
    masked = compare_alternatives(shared("weights/ultraface/RFB-320-masked_face-v2.pth"), Overrides(), people)
    assert {way.option for way in masked} == {"", "size", "channels"}
    assert all(way.objects > 5 for way in masked)


@pytest.mark.parametrize(
    ("size", "title"), [(None, "Faces, UltraFace RFB, 320 x 240"), ((640, 480), "UltraFace rfb, 640 x 480")]
)
def test_a_published_file_at_another_size_is_called_by_that(size: tuple[int, int] | None, title: str) -> None:
    file = shared("weights/ultraface/version-RFB-320.pth")
    assert convert_weights(file, Overrides(size=size)).spec.title == title


@pytest.fixture
def people() -> ImageBGR:
    from app.core.sources.images import read_image

    return read_image(shared("coco-val2017-32/val2017/000000005001.jpg"))
