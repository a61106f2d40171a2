"""torchvision's SSDs, saved by torchvision and imported, find what torchvision finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large
from torchvision.models.detection import ssdlite as torchvision_ssdlite

from detector.detections import DetectionFilter
from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides
from detector.importers.model_writer import WrittenModel, import_model
from detector.labels import COCO80, COCO_SPARSE_IDS
from detector.models.build import build_network
from detector.registry import MODELS
from detector.spec import ModelSpec
from detector.weights import load_spec, load_state
from tests.support.notes import remedies_of
from tests.support.torchvision_parity import assert_same, by_numpy, by_torch, network_input
from tests.support.torchvision_twins import as_floats, randomise, their_ssd300, their_ssdlite

NEVER_USED = sorted(set(range(1, 91)) - set(COCO_SPARSE_IDS))
NETWORKS = {"ssd300-vgg16-coco": their_ssd300, "ssdlite320-mobilenetv3-coco": their_ssdlite}


@dataclass(frozen=True)
class Pair:
    theirs: Any
    spec: ModelSpec
    ours: nn.Module
    written: WrittenModel
    known: ModelSpec
    """What the registry says of the published file."""


@pytest.fixture(scope="module", params=NETWORKS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A network of theirs that sees background nearly everywhere, and never what COCO has no name for."""
    theirs: Any = NETWORKS[request.param](seed=3)
    for module in theirs.head.classification_head.module_list:
        bias = (module[-1] if isinstance(module, nn.Sequential) else module).bias.data
        bias[0::91] += 21
        for number in NEVER_USED:
            bias[number::91] = -1000
    folder = tmp_path_factory.mktemp("torchvision")
    torch.save(theirs.state_dict(), folder / "x.pth")
    return Pair(theirs, *imported(folder), MODELS[request.param])


def imported(folder: Path) -> tuple[ModelSpec, nn.Module, WrittenModel]:
    """``x.pth`` in ``folder`` as a network of ours."""
    written = import_model(folder / "x.pth", "x", folder)
    spec = load_spec(written.path)
    network = build_network(spec)
    network.load_state_dict(load_state(written.path, spec), strict=True)
    return spec, network, written


def image() -> Tensor:
    """UInt8[3, 240, 333]."""
    return torch.randint(0, 256, (3, 240, 333), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def raw(theirs: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Their boxes and logits for a prepared input."""
    outputs = theirs.head(list(theirs.backbone(images).values()))
    return outputs["bbox_regression"], outputs["cls_logits"]


def test_the_raw_outputs_are_theirs_without_the_unused_columns(pair: Pair) -> None:
    with torch.inference_mode():
        prepared = network_input(image(), pair.spec)
        boxes, logits = raw(pair.theirs, prepared)
        locs, ours = pair.ours(prepared)
    kept = [0, *COCO_SPARSE_IDS]
    assert ours.shape[-1] == 81
    torch.testing.assert_close(locs, boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(ours, logits[..., kept], rtol=1e-4, atol=2e-3)


def test_the_detections_are_theirs(pair: Pair) -> None:
    picture, rule = image(), pair.spec.postprocess
    pair.theirs.score_thresh = rule.score_floor
    pair.theirs.detections_per_img = rule.max_detections
    with torch.inference_mode():
        (wanted,) = pair.theirs([as_floats(picture)])
        locs, logits = pair.ours(network_input(picture, pair.spec))
    contiguous = {number: index + 1 for index, number in enumerate(COCO_SPARSE_IDS)}
    wanted["labels"] = torch.tensor([contiguous[int(number)] for number in wanted["labels"]])
    assert len(wanted["labels"]) > 20
    chosen = DetectionFilter(0.0, rule.iou_threshold, None, rule.max_detections)
    for way in (by_numpy, by_torch):
        assert_same(way(locs, logits, pair.spec, (240, 333)).detections(chosen), wanted)


def test_the_conventions_are_those_the_registry_states(pair: Pair) -> None:
    assert pair.spec.labels == COCO80
    for part in ("architecture", "input", "config", "postprocess"):
        assert getattr(pair.spec, part) == getattr(pair.known, part)
    assert (pair.spec.accuracy, pair.spec.weights) == ({}, None)  # random weights have no published accuracy
    assert "91 outputs" in pair.written.notes[1].text


@pytest.mark.parametrize("wide", [False, True])
def test_an_ssdlite_of_ones_own_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    """Its last stage has full width where a training starts from ImageNet weights, which is torchvision's default."""

    def backbone(**options: Any) -> nn.Module:
        return mobilenet_v3_large(**{**options, "reduced_tail": not wide})

    monkeypatch.setattr(torchvision_ssdlite, "mobilenet_v3_large", backbone)
    theirs = torchvision_ssdlite.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=4)
    randomise(theirs.eval())
    torch.save({"model": theirs.state_dict(), "epoch": 12}, tmp_path / "x.pth")
    spec, ours, written = imported(tmp_path)
    assert spec.labels == ("class 1", "class 2", "class 3")
    assert spec.architecture.endswith("-wide") is wide
    assert Remedy("labels", "FILE") in remedies_of(written.notes)
    with torch.inference_mode():
        prepared = network_input(image(), spec)
        for found, wanted in zip(ours(prepared), raw(theirs, prepared), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=2e-3)


def test_faults_of_an_ssdlite_are_listed_under_its_own_names(tmp_path: Path) -> None:
    state = torchvision_ssdlite.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=4
    ).state_dict()
    del state["backbone.features.1.0.2.fc1.bias"]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(DetectorError) as caught:
        import_model(tmp_path / "x.pth", "x", tmp_path / "library")
    assert caught.value.message == ("x.pth does not fit its layout: backbone.features.1.0.2.fc1.bias [168] is missing.")
    state["head.classification_head.module_list.0.1.weight"] = torch.zeros(23, 672, 1, 1)
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="has 23 outputs, no multiple of its 6 default boxes"):
        import_model(tmp_path / "x.pth", "x", tmp_path / "library")
    with pytest.raises(DetectorError) as refused:
        import_model(tmp_path / "x.pth", "x", tmp_path / "library", Overrides(priors="voc"))
    assert refused.value.remedies == (Remedy("priors", omit=True),)
