"""Facts about a model in words, and finding models by what they detect."""

from __future__ import annotations

from datetime import date

from app.core.model_cards import ModelCard
from app.core.speeds import MeasuredSpeed
from app.ui.models.model_text import matching, origin, speed_text
from tests.support.model_files import described


def test_speed_in_text() -> None:
    on_cpu = MeasuredSpeed(34.4, "openvino", "cpu", "fp32", "2026-11-22")
    on_gpu = MeasuredSpeed(1412.3, "torch_cuda", "cuda:0 (NVIDIA H100)", "fp16", "2025-02-03")
    today = date(2026, 12, 1)
    assert speed_text(on_cpu, today) == "34 frames/s on OpenVINO fp32, measured 22 Nov"
    assert speed_text(on_gpu, today) == "1412 frames/s on NVIDIA H100 fp16, measured 3 Feb 2025"
    slow = MeasuredSpeed(0.42, "torch_cpu", "cpu", "fp32", "long ago")
    assert speed_text(slow, today) == "0.4 frames/s on PyTorch fp32, measured some time ago"


def test_search_by_name_title_status_and_class() -> None:
    card = ModelCard("ssd300-voc", "imported", described("x", ("hot dog", "dog", "cat"), title="Pets by night"))
    assert matching(card, "") == (True, ())
    assert matching(card, " DOG ") == (True, ("dog", "hot dog"))
    assert matching(card, "night pets") == (True, ())
    assert matching(card, "voc dog") == (True, ("dog", "hot dog"))
    assert matching(card, "hot cat")[0] is False, "not one class"
    assert matching(card, "night bird")[0] is False
    assert matching(card, "imported")[0] is True


def test_the_recipe_is_told_apart_from_where_a_model_comes_from() -> None:
    trained = 'Trained by v1.2 on 9 scenes. Recipe: {"steps": 4}. Stored as float16.'
    assert origin(trained) == ("Trained by v1.2 on 9 scenes.", 'Recipe: {"steps": 4}. Stored as float16.')
    assert origin("torchvision COCO_V1; ten ids dropped") == ("torchvision COCO_V1; ten ids dropped", "")
    assert origin('{"steps": 4}') == ("", '{"steps": 4}')
