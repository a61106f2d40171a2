"""Given the same weights, our SSD300 and SSDLite320 find what torchvision's find, by both post-processings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.detections import DetectionFilter
from detector.spec import ModelSpec
from tests.support.shared_data import shared
from tests.support.torchvision_parity import assert_same, by_numpy, by_torch, network_input
from tests.support.torchvision_twins import SSD300_SPEC, SSDLITE_SPEC, as_floats, ssd300_twins, ssdlite_twins


@dataclass(frozen=True)
class Twins:
    theirs: Any
    ours: nn.Module
    spec: ModelSpec


@pytest.fixture(scope="module", params=["ssd300", "ssdlite320"])
def twins(request: pytest.FixtureRequest) -> Twins:
    if request.param == "ssd300":
        return Twins(*ssd300_twins(seed=0), SSD300_SPEC)
    return Twins(*ssdlite_twins(seed=0), SSDLITE_SPEC)


@pytest.fixture
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def drawn_image() -> Tensor:
    """UInt8[3, 240, 333]: soft gradients, hard edges and grain, as in a photo."""
    generator = np.random.default_rng(7)
    soft = cv2.resize(generator.uniform(0, 255, (9, 12, 3)), (333, 240), interpolation=cv2.INTER_CUBIC)
    for _ in range(20):
        x, y = (int(v) for v in generator.integers(0, 300, 2))
        w, h = (int(v) for v in generator.integers(8, 120, 2))
        cv2.rectangle(soft, (x, y), (x + w, y + h), [float(v) for v in generator.uniform(0, 255, 3)], -1)
    grainy = np.clip(soft + generator.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)
    return torch.from_numpy(grainy).permute(2, 0, 1)


def photo(name: str) -> Tensor:
    """UInt8[3, H, W] RGB."""
    bgr = cv2.imread(str(shared(f"coco-val2017-32/val2017/{name}.jpg")))
    assert bgr is not None
    return torch.from_numpy(bgr[..., ::-1].copy()).permute(2, 0, 1)


def theirs_at(twins: Twins, image: Tensor, thresholds: tuple[float, ...]) -> list[dict[str, Tensor]]:
    """torchvision's detections at each threshold; its backbone, which knows no threshold, runs once."""
    model, features, results = twins.theirs, [], []
    model.detections_per_img = twins.spec.postprocess.max_detections
    forward = model.backbone.forward

    def once(images: Tensor) -> Any:
        if not features:
            features.append(forward(images))
        return features[0]

    model.backbone.forward = once
    for threshold in thresholds:
        model.score_thresh = threshold
        results.append(model([as_floats(image)])[0])
    model.backbone.forward = forward
    return results


def compare(twins: Twins, image: Tensor, thresholds: tuple[float, ...]) -> list[int]:
    """Compare at each score threshold; returns how many candidates passed each."""
    size = (image.shape[1], image.shape[2])
    locs, logits = twins.ours(network_input(image, twins.spec))
    passed = []
    for threshold, theirs in zip(thresholds, theirs_at(twins, image, thresholds), strict=True):
        rule = replace(twins.spec.postprocess, score_floor=threshold)
        spec = replace(twins.spec, postprocess=rule)
        wanted = DetectionFilter(0.0, rule.iou_threshold, None, rule.max_detections)
        for way in (by_numpy, by_torch):
            candidates = way(locs, logits, spec, size)
            assert_same(candidates.detections(wanted), theirs)
        passed.append(len(by_numpy(locs, logits, spec, size)))
    return passed


@contextmanager
def more_of(twins: Twins, class_id: int, by: float) -> Iterator[None]:
    """Both networks see more of one class everywhere; of 0, the background, for as few candidates as trained ones."""
    theirs = [m[-1] if isinstance(m, nn.Sequential) else m for m in twins.theirs.head.classification_head.module_list]
    ours = [m[-1] if isinstance(m, nn.Sequential) else m for m in cast(nn.ModuleList, twins.ours.get_submodule("conf"))]
    biases = [cast(Tensor, m.bias) for m in (*theirs, *ours)]
    for bias in biases:
        bias.data[class_id::91] += by
    yield
    for bias in biases:
        bias.data[class_id::91] -= by


@pytest.mark.usefixtures("no_gradients")
class TestSameDetections:
    def test_on_a_drawn_image_with_thousands_of_candidates(self, twins: Twins) -> None:
        many, fewer = compare(twins, drawn_image(), (0.01, 0.5))
        assert many > 10_000
        assert fewer > 200

    def test_on_a_photo_with_thousands_of_candidates(self, twins: Twins) -> None:
        many, fewer = compare(twins, photo("000000005001"), (0.01, 0.5))
        assert many > 10_000
        assert fewer > 200

    @pytest.mark.parametrize("name", ["drawn", "000000047112", "000000199681"])
    def test_with_as_many_candidates_as_trained_weights_leave(self, twins: Twins, name: str) -> None:
        image = drawn_image() if name == "drawn" else photo(name)
        with more_of(twins, 0, 21.0):
            at_floor, at_half = compare(twins, image, (0.01, 0.5))
        assert 10 < at_half < 200 < at_floor < 1500

    def test_where_one_class_passes_more_than_its_share(self, twins: Twins) -> None:
        """The best of each class by number, not of all: a crowd of one may not crowd out the others, nor grow."""
        everything = replace(twins.spec, postprocess=replace(twins.spec.postprocess, max_detections=2000))
        with more_of(twins, 17, 10.0), more_of(twins, 0, 14.0):
            compare(replace(twins, spec=everything), drawn_image(), (0.1,))
            _locs, logits = twins.ours(network_input(drawn_image(), twins.spec))
        assert int((logits.softmax(-1)[..., 17] > 0.1).sum()) > 2 * twins.spec.postprocess.top_k
