"""The networks: sizes, parameters, folding, half precision, gradients, and the published face detectors."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.box_coder import BoxCoder
from detector.boxes import cxcywh_to_xyxy
from detector.config import SSD300_COCO, SSD300_VOC, SSD512_COCO, SSD512_VOC, SSDLITE320, SSDConfig, ultraface_config
from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.models.build import build_network
from detector.models.ssd import SSD, L2Norm
from detector.models.ssdlite import SSDLite
from detector.spec import Architecture, InputSpec, ModelSpec
from tests.support.shared_data import shared


def spec_for(architecture: Architecture, config: SSDConfig, classes: int, width: float = 1.0) -> ModelSpec:
    labels = tuple(f"class {number}" for number in range(1, classes))
    return ModelSpec("test", architecture, labels, InputSpec(*config.image_size), config, width=width)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("architecture", "config", "classes", "width"),
    [
        ("ssd-vgg16", SSD300_VOC, 21, 0.125),
        ("ssd-vgg16", SSD300_COCO, 81, 0.25),
        ("ssd-vgg16", SSD512_COCO, 4, 0.125),
        ("ssd-vgg16-affine", SSD300_VOC, 21, 0.125),
        ("ssdlite320-mobilenetv3", SSDLITE320, 91, 1.0),
        ("ssdlite320-mobilenetv3-wide", SSDLITE320, 4, 1.0),
        ("ultraface-slim", ultraface_config(), 2, 1.0),
        ("ultraface-rfb", ultraface_config(480, 640), 2, 1.0),
    ],
)
def test_one_row_for_each_default_box(
    architecture: Architecture, config: SSDConfig, classes: int, width: float
) -> None:
    network = build_network(spec_for(architecture, config, classes, width))
    assert not network.training
    with torch.inference_mode():
        locs, logits = network(torch.randn(2, 3, *config.image_size))
    assert locs.shape == (2, config.num_boxes, 4)
    assert logits.shape == (2, config.num_boxes, classes)
    assert bool(logits.isfinite().all())


@pytest.mark.parametrize(
    ("config", "classes", "count"),
    [(SSD300_VOC, 21, 26_285_486), (SSD300_COCO, 81, 34_305_206), (SSD300_COCO, 91, 35_641_826)],
)
def test_ssd300_has_the_published_number_of_parameters(config: SSDConfig, classes: int, count: int) -> None:
    with torch.device("meta"):
        assert parameters(build_network(spec_for("ssd-vgg16", config, classes))) == count


def test_ssd512_is_ssd300_with_one_more_pair_of_layers() -> None:
    with torch.device("meta"):
        small = build_network(spec_for("ssd-vgg16", SSD300_VOC, 21))
        large = build_network(spec_for("ssd-vgg16", SSD512_VOC, 21))
    pair = (256 * 128 + 128) + (128 * 256 * 16 + 256)
    # One more map of 256 channels, and a fifth level of six boxes instead of four: 2 x (4 + 21) outputs more.
    heads = (256 * 9 + 1) * (4 * 25 + 2 * 25)
    assert parameters(large) - parameters(small) == pair + heads


def test_ssdlite_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = build_network(spec_for("ssdlite320-mobilenetv3", SSDLITE320, 91))
    assert parameters(network) == 3_440_060
    assert len(network.state_dict()) == 476
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {0.001}


@pytest.mark.parametrize("width", [0.125, 0.25, 0.5])
def test_the_width_multiplier_narrows_every_layer(width: float) -> None:
    with torch.device("meta"):
        wide, narrow = SSD(300, 21, (4, 6, 6, 6, 4, 4)), SSD(300, 21, (4, 6, 6, 6, 4, 4), width=width)
    predictors = ("loc.", "conf.")
    for name, tensor in wide.state_dict().items():
        mine = narrow.state_dict()[name]
        if not name.startswith(predictors):
            assert len(mine) == len(tensor) * width
        assert mine.ndim == tensor.ndim


def randomise_statistics(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)


def test_folding_batch_norm_changes_nothing_but_the_parameters() -> None:
    torch.manual_seed(1)
    network = SSD(300, 6, SSD300_VOC.boxes_per_cell, width=0.125, batch_norm=True).eval()
    randomise_statistics(network)
    images = torch.randn(2, 3, 300, 300)
    with torch.inference_mode():
        before = network(images)
        network.fold_batch_norm()
        after = network(images)
    for trained, folded in zip(before, after, strict=True):
        assert float(trained.std()) > 0.01
        torch.testing.assert_close(folded, trained, atol=1e-4, rtol=1e-4)
    plain = SSD(300, 6, SSD300_VOC.boxes_per_cell, width=0.125)
    assert {k: v.shape for k, v in network.state_dict().items()} == {k: v.shape for k, v in plain.state_dict().items()}


def test_l2norm_is_the_papers_and_survives_half_precision() -> None:
    norm = L2Norm(512)
    features = torch.rand(2, 512, 3, 3) * 60  # the sum of squares passes 65504, half precision's largest
    out = norm(features)
    torch.testing.assert_close(out.norm(dim=1), torch.full((2, 3, 3), 20.0))
    half = norm(features.half())
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), out, atol=2e-2, rtol=2e-3)


def test_l2norm_of_nothing_is_nothing_and_has_a_gradient() -> None:
    norm = L2Norm(8)
    features = torch.rand(1, 8, 2, 2)
    features[..., 0, 1] = 0
    features.requires_grad_()
    out = norm(features)
    out.pow(2).sum().backward()
    assert float(out[..., 0, 1].detach().abs().max()) == 0
    assert features.grad is not None
    assert norm.scale.grad is not None
    assert bool(features.grad.isfinite().all())
    assert bool(norm.scale.grad.isfinite().all())


def test_training_on_a_black_image_gives_finite_gradients() -> None:
    torch.manual_seed(2)
    network = SSD(300, 3, SSD300_VOC.boxes_per_cell, width=0.125, batch_norm=True)
    locs, logits = network(torch.zeros(2, 3, 300, 300))
    (locs.pow(2).mean() + logits.pow(2).mean()).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())


def test_ssdlite_taps_the_expansion_before_the_last_stride() -> None:
    network = SSDLite(5, SSDLITE320.boxes_per_cell).eval()
    seen: list[tuple[int, ...]] = []
    for head in network.loc:
        head.register_forward_hook(lambda _, given, __: seen.append(tuple(given[0].shape[1:])))
    with torch.inference_mode():
        network(torch.zeros(1, 3, 320, 320))
    assert seen == [(672, 20, 20), (480, 10, 10), (512, 5, 5), (256, 3, 3), (256, 2, 2), (128, 1, 1)]


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("ssd-vgg16", SSDLITE320),
        ("ssdlite320-mobilenetv3", SSD300_VOC),
        ("ultraface-rfb", SSD300_VOC),
        ("ssd-vgg16", replace(SSD300_VOC, image_size=(512, 512))),
    ],
)
def test_default_boxes_of_another_network_are_refused(architecture: Architecture, config: SSDConfig) -> None:
    with pytest.raises(DetectorError, match="default boxes"):
        build_network(spec_for(architecture, config, 5))


def test_a_model_that_is_its_own_network_is_refused() -> None:
    with pytest.raises(DetectorError, match="its own network"):
        build_network(ModelSpec("ir", "graph", ("car",), InputSpec(8, 8)))


class TestPublishedFaceDetectors:
    @staticmethod
    def published(name: str) -> dict[str, Tensor]:
        path = shared(f"weights/ultraface/{name}")
        return cast(dict[str, Tensor], torch.load(path, map_location="cpu", weights_only=True))

    @pytest.mark.parametrize(
        ("architecture", "name"),
        [("ultraface-rfb", "version-RFB-320.pth"), ("ultraface-slim", "version-slim-320.pth")],
    )
    def test_their_files_load_as_they_are(self, architecture: Architecture, name: str) -> None:
        network = build_network(spec_for(architecture, ultraface_config(), 2))
        network.load_state_dict(self.published(name), strict=True)

    def test_scores_and_boxes_equal_the_published_onnx(self) -> None:
        runtime = pytest.importorskip("onnxruntime")
        network = build_network(spec_for("ultraface-rfb", ultraface_config(), 2))
        network.load_state_dict(self.published("version-RFB-320.pth"))
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # it warns about its own initialisers, one line each
        path = shared("weights/ultraface/version-RFB-320.onnx")
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        images = np.random.default_rng(0).normal(0, 0.6, (1, 3, 240, 320)).astype(np.float32)
        scores, boxes = session.run(["scores", "boxes"], {session.get_inputs()[0].name: images})
        with torch.inference_mode():
            locs, logits = network(torch.from_numpy(images))
        np.testing.assert_allclose(logits.softmax(-1).numpy(), scores, atol=1e-5)
        decoded = cxcywh_to_xyxy(BoxCoder().decode(locs[0].numpy(), default_boxes(ultraface_config())))
        np.testing.assert_allclose(decoded, boxes[0], atol=1e-5)
