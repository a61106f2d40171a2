"""PyTorch networks that are run as graphs: they answer as their authors' forward rules, real files and made ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.source_file import graph_file
from detector.importers.torch_graph import Kind, build_torch, default_boxes_of
from detector.library import ImportResult, ModelLibrary
from detector.runtime.open import open_detector
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from tests.support.detection_parity import of_candidates, photographs
from tests.support.foreign_networks import randomise
from tests.support.shared_data import shared
from tests.support.torch_cousins import FaceBoxes, MobileNetSSD, Slim

QUARTER = [8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256]
PRUNED = [7, 12, 30, 31, 60, 61, 99, 98, 97, 96, 95, 94, 201, 203]


def _import(path: Path, folder: Path, **said: Any) -> ImportResult:
    return ModelLibrary(folder / "user", folder / "none").import_file(path, "net", Overrides(**said))


def _assert_alike(path: Path, kind: Kind, network: nn.Module, size: tuple[int, int]) -> None:
    images = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network.eval()(images)
    core = load_openvino().Core()
    found = compile_for_latency(core, build_torch(path, kind, size), "fp32")({0: images.numpy()})
    for index, theirs in enumerate(expected):
        scale = float(theirs.abs().max())
        np.testing.assert_allclose(found[index], theirs.numpy(), rtol=0, atol=3e-5 * scale)


@pytest.mark.parametrize(("widths", "lite"), [(QUARTER, True), (QUARTER, False), (PRUNED, True)])
def test_a_mobilenet_of_any_width_answers_as_its_authors_rule(widths: list[int], lite: bool, tmp_path: Path) -> None:
    network = randomise(MobileNetSSD(widths, 4, lite=lite))
    path = tmp_path / "net.pth"
    torch.save(network.state_dict(), path)
    _assert_alike(path, "mb1", network, (300, 300))
    spec = _import(path, tmp_path).entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, len(spec.labels)) == ("ssd-raw", 3)
    assert ("a quarter of" in spec.title) == (widths == QUARTER)
    assert ("lite" in spec.title) == lite


def test_the_usual_width_stays_a_network_of_ours(tmp_path: Path) -> None:
    usual = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    path = tmp_path / "net.pth"
    torch.save(MobileNetSSD(usual, 2, lite=True).state_dict(), path)
    assert graph_file(path) is None


@pytest.mark.parametrize(("kind", "network"), [("faceboxes", FaceBoxes), ("face1mb", Slim)])
def test_the_default_boxes_are_the_published_ones(kind: Kind, network: Any) -> None:
    for height, width in ((480, 640), (250, 333)):
        found = default_boxes_of(kind, (height, width))
        np.testing.assert_allclose(found, network.priors(height, width).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("file", "kind", "network"), [("FaceBoxes", "faceboxes", FaceBoxes), ("face1mb_slim_Final", "face1mb", Slim)]
)
def test_a_real_face_detector_answers_as_its_authors_rule(file: str, kind: Kind, network: Any, tmp_path: Path) -> None:
    """The file's weights in their network, and then its detections beside UltraFace's, which sees the same faces."""
    path = shared(f"weights/pytorch/{file}.pth")
    theirs = network()
    state = torch.load(path, map_location="cpu", weights_only=True)
    theirs.load_state_dict({name.removeprefix("module."): tensor for name, tensor in state.items()}, strict=True)
    _assert_alike(path, kind, theirs, (256, 320))
    entry = _import(path, tmp_path).entry
    assert entry.spec.labels == ("face",)
    assert (entry.spec.input.channels, entry.spec.input.mean) == ("bgr", (104.0, 117.0, 123.0))
    other = _import(shared("weights/ultraface/version-RFB-640.pth"), tmp_path / "other").entry
    seen = both = 0
    with open_detector(entry, "cpu", "fp32") as detector, open_detector(other, "cpu", "fp32") as judge:
        for _, image in photographs():
            (found,), (known,) = detector.candidates_batch([image]), judge.candidates_batch([image])
            certain = [box for _, score, box in of_candidates(known) if score > 0.9 and box[3] - box[1] > 30]
            boxes = [box for _, score, box in of_candidates(found) if score > 0.5]
            seen += len(certain)
            both += sum(any(_near(box, other_box) for other_box in boxes) for box in certain)
    assert seen >= 5
    assert both >= 0.7 * seen, (both, seen)


def _near(box: Any, other: Any) -> bool:
    centre = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return bool(box[0] < centre[0] < box[2] and box[1] < centre[1] < box[3])


def test_a_real_quarter_width_network_is_called_that(tmp_path: Path) -> None:
    entry = _import(shared("weights/pytorch/mb1-ssd-lite-025extra.pth"), tmp_path).entry
    assert "a quarter of the usual width" in entry.spec.title
    assert entry.spec.labels == ("person",)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("conf.1.bias"),
        lambda state: state.update(more=torch.zeros(3)),
        lambda state: state.update({"conv3_1.conv.weight": torch.zeros(128, 7, 1, 1)}),
        lambda state: state.update({"conv3_1.bn.bias": torch.zeros(5)}),
        lambda state: state["conv3_1.conv.weight"].fill_(float("nan")),
        lambda state: state.update({"conf.2.weight": torch.zeros(3, 256, 3, 3)}),
    ],
)
def test_what_does_not_fit_is_one_line(change: Any, tmp_path: Path) -> None:
    state = FaceBoxes().state_dict()
    change(state)
    path = tmp_path / "net.pth"
    torch.save(state, path)
    with pytest.raises(DetectorError) as caught:
        _import(path, tmp_path)
    assert "\n" not in caught.value.message
    assert not list((tmp_path / "user").glob("*"))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("base.0.weight", "Norm.branch0.0.conv.weight", "loc.0.weight"), "RFBNet"),
        (("base.0.weight", "ft_module.0.0.conv.weight", "pyramid_ext.0.0.conv.weight", "loc.0.weight"), "FSSD"),
        (("vgg.0.weight", "arm_loc.0.weight", "odm_loc.0.weight"), "RefineDet"),
        (("body.stage1.0.0.weight", "fpn.output1.0.weight", "ClassHead.0.conv1x1.weight"), "RetinaFace"),
    ],
)
def test_neighbours_that_are_not_run_are_called_by_their_name(
    names: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.pth"
    torch.save({name: torch.zeros(4, 3, 3, 3) for name in names}, path)
    with pytest.raises(DetectorError, match=words):
        _import(path, tmp_path)
