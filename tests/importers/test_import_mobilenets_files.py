"""Files of SSDs on ResNet-50 and MobileNets, from the download to detections: conventions, overrides, faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from detector.config import SSD300_VOC_CLAMPED
from detector.detections import DetectionFilter
from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides, SourceFile
from detector.importers.folding import folded
from detector.importers.label_file import read_labels
from detector.importers.layouts import layout_named
from detector.importers.mobilenet_ssd_caffe import map_layers
from detector.importers.model_writer import import_model
from detector.labels import COCO80
from detector.model_file import open_file
from detector.models.build import build_network
from detector.preprocess import ImageBGR, InputBuilder
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector
from detector.spec import ModelSpec, PostprocessSpec
from detector.weights import as_arrays, as_tensors, load_spec, load_state, save_model
from tests.support.foreign_caffe import blobs, caffe_mobilenet_layers
from tests.support.foreign_networks import LufficcMobileNetV2, Mb1LiteSSD, Mb1SSD, Mb2LiteSSD, NvidiaSSD, randomise
from tests.support.notes import remedies_of
from tests.support.tiny_models import picture

SOURCE = SourceFile("weights.pth", "0" * 64)
State = dict[str, Tensor]


@dataclass(frozen=True)
class File:
    """How a layout's files look: its network, its classes, and what is wrapped around its tensors."""

    layout: str
    network: Callable[[int], nn.Module]
    classes: int
    wrap: str = ""
    prefix: str = ""
    variant: str = ""

    @property
    def name(self) -> str:
        return self.layout + self.variant


FILES = (
    File("nvidia-ssd300", NvidiaSSD, 81, "model", "module.1."),
    File("qfgaohao-mb1", Mb1SSD, 4),
    File("qfgaohao-mb1", Mb1LiteSSD, 5, variant="-lite"),
    File("qfgaohao-mb2-lite", Mb2LiteSSD, 3),
    File("lufficc-mobilenetv2", LufficcMobileNetV2, 21, "model"),
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def states() -> dict[str, State]:
    return {file.name: dict(randomise(file.network(file.classes)).state_dict()) for file in FILES}


def write(path: Path, state: State, *, wrap: str = "", prefix: str = "") -> Path:
    content: object = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({wrap: content, "iteration": 7} if wrap else content, path)
    return path


def imported_as(layout: str, state: State, **overrides: object) -> ModelSpec:
    return layout_named(layout).load()(as_arrays(state), SOURCE, replace(Overrides(), **overrides)).spec  # type: ignore[arg-type]  # replace() checks names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_becomes_a_model_that_is_read_back_as_it_was_made(
    tmp_path: Path, states: dict[str, State], file: File
) -> None:
    path = write(tmp_path / "x.pth", states[file.name], wrap=file.wrap, prefix=file.prefix)
    written = import_model(path, "mine", tmp_path / "out")
    spec = load_spec(written.path)
    direct = layout_named(file.layout).load()(as_arrays(states[file.name]), SOURCE, Overrides())
    same = replace(direct.spec, name="mine", provenance="")
    assert replace(spec, provenance="", golden=None) == same
    stored = load_state(written.path, spec)
    assert stored.keys() == direct.tensors.keys()
    assert all(torch.equal(stored[name], tensor) for name, tensor in as_tensors(direct.tensors).items())
    assert written.notes[0].text.startswith("Recognised as ")
    assert Remedy("channels", "bgr") in remedies_of(written.notes)


# As each program's own evaluation calls its suppression.
RULES = {
    "nvidia-ssd300": PostprocessSpec(0.05, 0.5, top_k=200, max_detections=200),
    "qfgaohao-mb1": PostprocessSpec(0.01, 0.45, top_k=200),
    "qfgaohao-mb2-lite": PostprocessSpec(0.01, 0.45, top_k=200),
    "lufficc-mobilenetv2": PostprocessSpec(0.01, 0.45, top_k=10_000, max_detections=100),
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_scores_and_suppression_follow_the_authors(states: dict[str, State], file: File) -> None:
    assert imported_as(file.layout, states[file.name]).postprocess == RULES[file.layout]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_engines_find_the_same(tmp_path: Path, states: dict[str, State], file: File) -> None:
    result = layout_named(file.layout).load()(as_arrays(states[file.name]), SOURCE, Overrides())
    assert_engines_agree(tmp_path / "x.safetensors", result.spec, as_tensors(result.tensors))


def test_the_engines_find_the_same_with_the_caffe_network(tmp_path: Path) -> None:
    result = map_layers(blobs(caffe_mobilenet_layers(21, merged=False)), SOURCE, Overrides())
    assert_engines_agree(tmp_path / "x.safetensors", result.spec, as_tensors(result.tensors))


def assert_engines_agree(path: Path, spec: ModelSpec, tensors: State) -> None:
    """The hundred best of a picture of the network's own size, box by box."""
    rule = replace(spec.postprocess, score_floor=0.05)
    frame = picture(spec.input.height, spec.input.width)
    save_model(path, replace(spec, postprocess=rule), calmed(spec, tensors, frame))
    entry = open_file(path)
    wanted = DetectionFilter(0.1, 0.45, None, 100)
    with TorchCpuDetector(entry, "fp32") as reference:
        theirs = reference.detect(frame, wanted)
    assert len(theirs) > 20
    for opener in (OpenVinoDetector, lambda e, p: TorchDeviceDetector(e, torch.device("cpu"), p)):
        with opener(entry, "fp32") as engine:
            ours = engine.detect(frame, wanted)
        near = np.abs(ours.boxes_xyxy[:, None] - theirs.boxes_xyxy[None]).max(-1) < 0.5
        near &= np.abs(ours.scores[:, None] - theirs.scores[None]) < 5e-3
        near &= ours.class_ids[:, None] == theirs.class_ids[None]
        # Two boxes of nearly one score may suppress each other either way.
        assert near.any(axis=1).mean() > 0.95


def calmed(spec: ModelSpec, tensors: State, frame: ImageBGR) -> State:
    """Predictors that move boxes little and leave scores of every size, as trained ones do."""
    network = build_network(spec)
    network.load_state_dict(tensors)
    with torch.inference_mode():
        predictions = network(torch.from_numpy(InputBuilder(spec.input)([frame])))
    result = dict(tensors)
    for head, prediction, spread in zip(("loc.", "conf."), predictions, (0.5, 2.0), strict=True):
        for name in tensors:
            if name.startswith(head) and "depthwise" not in name:
                result[name] = tensors[name] * (spread / prediction.std())
    return result


class TestConventions:
    def test_of_nvidia(self, states: dict[str, State]) -> None:
        spec = imported_as("nvidia-ssd300", states["nvidia-ssd300"])
        assert spec.labels == COCO80
        assert spec.input.smooth  # its training and evaluation shrink pictures as DALI and PIL do
        frame = np.full((300, 300, 3), (10, 100, 250), np.uint8)  # blue, green, red
        wanted = [(250 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (10 / 255 - 0.406) / 0.225]
        np.testing.assert_allclose(InputBuilder(spec.input)([frame])[0, :, 7, 7], wanted, rtol=1e-5)

    def test_of_nvidia_trained_otherwise(self, states: dict[str, State]) -> None:
        spec = imported_as("nvidia-ssd300", states["nvidia-ssd300"], priors="voc", channels="bgr")
        assert spec.config == SSD300_VOC_CLAMPED
        frame = np.full((300, 300, 3), (10, 100, 250), np.uint8)
        wanted = [(10 / 255 - 0.406) / 0.225, (100 / 255 - 0.456) / 0.224, (250 / 255 - 0.485) / 0.229]
        np.testing.assert_allclose(InputBuilder(spec.input)([frame])[0, :, 7, 7], wanted, rtol=1e-5)

    @pytest.mark.parametrize("layout", ["qfgaohao-mb1", "qfgaohao-mb2-lite"])
    def test_of_jetson_inference(self, tmp_path: Path, states: dict[str, State], layout: str) -> None:
        count = next(file.classes for file in FILES if file.layout == layout)
        (tmp_path / "labels.txt").write_text("\n".join(["BACKGROUND", "apple", "pear", "fig"][:count]) + "\n")
        labels = read_labels(tmp_path / "labels.txt")
        spec = imported_as(layout, states[layout], labels=labels)
        assert spec.labels == ("apple", "pear", "fig")[: count - 1]
        assert imported_as(layout, states[layout]).labels[0] == "class 1"
        frame = np.full((300, 300, 3), (10, 100, 250), np.uint8)
        wanted = [(250 - 127) / 128, (100 - 127) / 128, (10 - 127) / 128]
        np.testing.assert_allclose(InputBuilder(spec.input)([frame])[0, :, 7, 7], wanted, rtol=1e-5)

    def test_of_caffe(self) -> None:
        spec = map_layers(blobs(caffe_mobilenet_layers(3, merged=True)), SOURCE, Overrides()).spec
        frame = np.full((300, 300, 3), (10, 100, 250), np.uint8)
        wanted = [(10 - 127.5) * 0.007843, (100 - 127.5) * 0.007843, (250 - 127.5) * 0.007843]
        np.testing.assert_allclose(InputBuilder(spec.input)([frame])[0, :, 7, 7], wanted, rtol=1e-5)

    @pytest.mark.parametrize("layout", ["qfgaohao-mb1", "qfgaohao-mb2-lite", "lufficc-mobilenetv2"])
    def test_other_default_boxes_exist_for_none_of_the_mobilenets(self, states: dict[str, State], layout: str) -> None:
        with pytest.raises(DetectorError, match="one set of default boxes"):
            imported_as(layout, states[layout], priors="coco")

    def test_the_wrong_number_of_names_is_told(self, states: dict[str, State]) -> None:
        with pytest.raises(DetectorError, match="has 3 classes, but 1 labels"):
            imported_as("qfgaohao-mb1", states["qfgaohao-mb1"], labels=("apple",))


class TestFaults:
    def test_what_is_missing_extra_or_misshapen_is_listed_under_the_files_names(self, states: dict[str, State]) -> None:
        state = dict(states["qfgaohao-mb2-lite"])
        del state["base_net.14.conv.4.running_mean"]
        state["extras.0.conv.1.weight"] = torch.ones(1)
        state["head.weight"] = torch.ones(2, 3)
        state["base_net.18.0.weight"] = torch.ones(1280, 320, 1, 1, dtype=torch.int32)
        state["base_net.18.1.running_var"] = torch.full((1280,), -1.0)
        with pytest.raises(DetectorError) as caught:
            imported_as("qfgaohao-mb2-lite", state)
        for fault in (
            "base_net.14.conv.4.running_mean [576] is missing",
            "extras.0.conv.1.weight is [1] instead of [256]",
            "head.weight [2, 3] is unexpected",
            "base_net.18.0.weight holds int32",
            "base_net.18.1.running_var has negative variances",
        ):
            assert fault in caught.value.message

    def test_ten_faults_are_named_and_the_rest_counted(self, states: dict[str, State]) -> None:
        state = {name: t for name, t in states["nvidia-ssd300"].items() if ".6." not in name}
        with pytest.raises(DetectorError) as caught:
            imported_as("nvidia-ssd300", state)
        assert caught.value.message.count("is missing") == 10
        assert "; and " in caught.value.message

    def test_a_predictor_that_is_no_whole_number_of_classes_is_told(self, states: dict[str, State]) -> None:
        state = states["nvidia-ssd300"] | {"conf.0.weight": torch.ones(7, 1024, 3, 3)}
        with pytest.raises(DetectorError, match=r"conf\.0 has 7 class outputs, which 4 boxes cannot share"):
            imported_as("nvidia-ssd300", state)
        del state["conf.0.weight"]
        with pytest.raises(DetectorError, match=r"conf\.0\.weight is missing"):
            imported_as("nvidia-ssd300", state)

    def test_caffe_layers_that_do_not_belong_are_named(self) -> None:
        layers = caffe_mobilenet_layers(3, merged=False)
        del layers["conv3/scale"]
        layers["conv18"] = [torch.ones(2, 2, 1, 1)]
        with pytest.raises(DetectorError) as caught:
            map_layers(blobs(layers), SOURCE, Overrides())
        assert "conv3/norm.weight [128] is missing" in caught.value.message
        assert "conv18.weight [2, 2, 1, 1] is unexpected" in caught.value.message
        for broken in ({"conv0": [torch.ones(1)] * 3}, {"conv0/bn": [torch.ones(1)] * 2}):
            with pytest.raises(DetectorError, match="layer conv0"):
                map_layers(blobs(layers | broken), SOURCE, Overrides())


@pytest.mark.parametrize("groups", [1, 6])
def test_folding_is_the_normalisation_itself(groups: int) -> None:
    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64)

    torch.manual_seed(1)
    weight, bias, image = draw(6, 6 // groups, 3, 3), draw(6), draw(2, 6, 9, 9)
    gamma, beta, mean, variance = draw(6), draw(6), draw(6), draw(6).square()
    wanted = functional.batch_norm(
        functional.conv2d(image, weight, bias, groups=groups), mean, variance, gamma, beta, eps=1e-5
    )
    merged, shift = folded(*(tensor.numpy() for tensor in (weight, bias, gamma, beta, mean, variance)))
    assert merged.dtype == shift.dtype == np.float32
    found = functional.conv2d(image, torch.from_numpy(merged).double(), torch.from_numpy(shift).double(), groups=groups)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
