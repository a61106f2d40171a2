"""torchvision's Faster R-CNN as a model: it answers as torchvision does with the same weights, and says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models import WeightsEnum
from torchvision.models.detection import (
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
    FasterRCNN_ResNet50_FPN_Weights,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_resnet50_fpn,
)

from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.models.faster_rcnn import build_faster_rcnn
from detector.plans.architectures import ARCHITECTURES, TwoStage, single_stage
from detector.registry import MODELS
from detector.runtime.faster_rcnn import FasterRcnnDetector
from detector.runtime.open import needs_torch, open_detector
from detector.spec import ModelSpec
from detector.spec_json import spec_from_json, spec_to_json
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture

RESNET = MODELS["fasterrcnn-resnet50-fpn-coco"]
MOBILENET = MODELS["fasterrcnn-mobilenetv3-320-fpn-coco"]
NINETY = tuple(f"class {number}" for number in range(1, 91))
FRAME = picture(90, 120)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def small(spec: ModelSpec) -> ModelSpec:
    """For thumbnails; with all outputs of the published file."""
    return replace(spec, labels=NINETY, input=replace(spec.input, height=64, width=96))


def random_state(spec: ModelSpec) -> dict[str, Tensor]:
    """Weights with which some classes are likely, and each box thinks otherwise."""
    torch.manual_seed(3)
    state = build_faster_rcnn(spec).state_dict()
    state["roi_heads.box_predictor.cls_score.bias"].normal_(0.0, 2.0)
    state["roi_heads.box_predictor.cls_score.weight"].normal_(0.0, 0.05)
    state["roi_heads.box_predictor.bbox_pred.weight"].normal_(0.0, 0.05)
    return state


def with_old_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns them as the published files have them."""
    return {
        name.replace("conv.0.0.", "conv.").replace(".0.weight", ".weight").replace(".0.bias", ".bias")
        if name.startswith(("rpn.head.conv", "backbone.fpn"))
        else name: tensor
        for name, tensor in state.items()
    }


def published(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> None:
    """From here on torchvision takes ``state`` for what it would download."""
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: with_old_names(state))


def check_same(found: Any, expected: dict[str, Tensor]) -> None:
    assert len(found) == len(expected["scores"]) > 5
    np.testing.assert_allclose(found.scores, expected["scores"].numpy(), rtol=1e-4)
    np.testing.assert_allclose(found.boxes_xyxy, expected["boxes"].numpy(), atol=0.01)
    np.testing.assert_array_equal(found.class_ids, expected["labels"].numpy() - 1)


def as_torchvision_wants(frame: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(frame[..., ::-1].copy()).permute(2, 0, 1).float() / 255]


def test_a_published_file_answers_as_torchvision_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(MOBILENET, labels=NINETY)
    state = random_state(spec)
    published(monkeypatch, state)
    theirs = fasterrcnn_mobilenet_v3_large_320_fpn(weights=FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1).eval()
    with torch.inference_mode():
        expected = theirs(as_torchvision_wants(FRAME))[0]
    torch.save(with_old_names(state), tmp_path / "theirs.pth")
    library = ModelLibrary(tmp_path / "library", tmp_path / "box")
    entry = library.import_file(tmp_path / "theirs.pth", "rival", Overrides(labels=NINETY)).entry
    assert entry.spec.title == "Faster R-CNN, for comparison: 90 classes, MobileNetV3"
    assert entry.spec.golden is None
    with open_detector(entry, "cpu", "bf16") as ours:
        assert (ours.engine, ours.device, ours.precision) == ("torchvision_cpu", "cpu", "fp32")
        assert ours.notes == ("Faster R-CNN runs in fp32 only, not in bf16.",)
        (found,) = ours.candidates_batch([FRAME])
        check_same(found, expected)
        assert found.kept is not None
        assert found.kept.all()  # torchvision has suppressed already, at the same overlap
        (fewer,) = ours.candidates_batch([FRAME], 0.01)
        assert fewer.kept is not None
        assert fewer.kept.sum() < len(found)
        check_same(ours.detect(FRAME), expected)
    by_file = library.find("rival").path
    assert by_file is not None
    again = library.import_file(by_file, "again").entry  # a file of ours is checked like theirs
    assert again.spec.labels == NINETY


def test_with_resnet50_it_answers_as_torchvision_does(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = small(RESNET)
    state = random_state(spec)
    for name, tensor in state.items():  # the published weights are used without any term beside the variance
        if name.endswith("running_var"):
            tensor.uniform_(1e-5, 2.0)
        elif name.endswith("bn3.weight"):
            tensor.fill_(0.1)
    published(monkeypatch, state)
    theirs = fasterrcnn_resnet50_fpn(weights=FasterRCNN_ResNet50_FPN_Weights.COCO_V1, min_size=64, max_size=96).eval()
    ours = build_faster_rcnn(spec)
    ours.load_state_dict(state)
    with torch.inference_mode():
        expected, found = (network(as_torchvision_wants(FRAME))[0] for network in (theirs, ours))
    assert len(expected["scores"]) > 5
    for key, tensor in expected.items():
        torch.testing.assert_close(found[key], tensor)


def test_of_cocos_outputs_the_unused_are_dropped(tmp_path: Path) -> None:
    state = random_state(replace(MOBILENET, labels=NINETY))
    state["some.num_batches_tracked"] = torch.zeros(1, dtype=torch.int64)  # of a training that normalised anew
    torch.save(state, tmp_path / "theirs.pth")
    entry = ModelLibrary(tmp_path / "library", tmp_path / "box").import_file(tmp_path / "theirs.pth", "rival").entry
    assert entry.spec.labels == MOBILENET.labels
    with open_detector(entry, "mps") as detector:
        assert detector.notes == (
            "The GPU is not used: Faster R-CNN runs on NVIDIA GPUs and CPUs only. Running on the CPU.",
        )
        assert detector.device == "cpu"
        with pytest.raises(DetectorError, match="no default boxes"):
            detector.raw(FRAME)  # type: ignore[attr-defined]  # every engine has it
    with pytest.raises(DetectorError, match="closed already"):
        detector.detect(FRAME)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    state = random_state(MOBILENET)
    library = ModelLibrary(tmp_path / "library", tmp_path / "box")
    torch.save({**state, "roi_heads.mask_head.0.weight": torch.zeros(1)}, tmp_path / "mask.pth")
    with pytest.raises(DetectorError, match=r"mask_head.0.weight \[1\] is unexpected"):
        library.import_file(tmp_path / "mask.pth", "mask")
    torch.save({**state, "roi_heads.box_head.fc6.weight": torch.zeros(2, 2)}, tmp_path / "small.pth")
    with pytest.raises(DetectorError, match=r"fc6.weight is \[2, 2\] instead of \[1024, 12544\]"):
        library.import_file(tmp_path / "small.pth", "small")
    with pytest.raises(DetectorError, match="brings its own anchors"):
        library.import_file(tmp_path / "small.pth", "small", Overrides(priors="voc"))
    assert library.list()[0].path is None  # nothing was put there


def test_it_is_no_ssd_and_says_so() -> None:
    assert {spec.architecture for spec in MODELS.values() if "for comparison" in spec.title} == {
        name for name, row in ARCHITECTURES.items() if isinstance(row, TwoStage)
    }
    for spec in (RESNET, MOBILENET):
        assert spec_from_json(spec_to_json(spec)) == spec
        with pytest.raises(DetectorError, match="is no SSD"):
            single_stage(spec)
        with pytest.raises(DetectorError, match="must be empty"):
            spec_from_json(spec_to_json(replace(spec, config=MODELS["ssd300-vgg16-coco"].config)))
        assert needs_torch(ModelEntry(spec.name, spec, None, False), "cpu")


def test_without_torchvision_it_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(DetectorError, match="needs torchvision, which is not installed"):
        open_detector(ModelEntry("rival", MOBILENET, tmp_path / "rival.safetensors", False), "cpu")


def test_on_a_gpu(tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    from detector.weights import save_model

    spec = small(MOBILENET)
    save_model(tmp_path / "rival.safetensors", spec, random_state(spec))
    entry = ModelEntry("rival", spec, tmp_path / "rival.safetensors", False)
    with open_detector(entry, "cuda") as there, FasterRcnnDetector(entry, torch.device("cpu")) as here:
        assert there.engine == "torchvision_cuda"
        assert abs(len(there.detect(FRAME)) - len(here.detect(FRAME))) <= 5
