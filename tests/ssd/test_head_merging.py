"""A network rewritten for a GPU answers what it answered before."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from detector.models.build import build_network
from detector.models.head_merging import merge_heads, widen_input
from detector.models.heads import JointHeads
from detector.plans.architectures import ARCHITECTURES, TwoStage
from detector.spec import Architecture
from tests.support.one_thread import one_thread
from tests.support.tiny_models import random_spec, random_state

_PLAIN = {
    "ssd-vgg16",
    "ssd-vgg16-affine",
    "ssd-resnet50",
    "ssd-mobilenetv1",
    "ssd-mobilenetv1-pointwise",
    "ssd-mobilenetv1-tf",
    "ssd-mobilenetv2-tf",
    "ssd-mobilenetv2-tf-pointwise",
}
"""Architectures whose predictors are plain convolutions."""


def network_of(architecture: Architecture) -> nn.Module:
    spec = random_spec(architecture)
    network = build_network(spec)
    network.load_state_dict(random_state(spec))
    return network.requires_grad_(False).eval()


def _known() -> list[Architecture]:
    known = []
    for architecture in (name for name, row in ARCHITECTURES.items() if not isinstance(row, TwoStage)):
        try:
            random_spec(architecture)
        except StopIteration:  # no published model of that kind to take the numbers from
            continue
        known.append(architecture)
    return known


@pytest.mark.parametrize("architecture", _known())
def test_the_same_answers(architecture: Architecture) -> None:
    network = network_of(architecture)
    spec = random_spec(architecture)
    images = torch.randn(1, 3, spec.input.height, spec.input.width)
    with one_thread(), torch.inference_mode():
        before = network(images)
        assert merge_heads(network) == (architecture in _PLAIN)
        assert widen_input(network) == 8
        wide = torch.cat((images, torch.zeros(1, 5, *images.shape[2:])), dim=1)
        after = network(wide)
    for old, new in zip(before, after, strict=True):
        assert old.shape == new.shape
        torch.testing.assert_close(new, old, rtol=1e-4, atol=1e-4 * float(old.abs().max()))


@pytest.mark.parametrize("classes", [1, 20, 80, 90])
def test_channels_come_in_round_numbers(classes: int) -> None:
    from detector.models.ssd import SSD

    network = SSD(300, classes + 1, (4, 6, 6, 6, 4, 4), width=0.125)
    assert merge_heads(network)
    assert isinstance(network.loc, JointHeads)
    assert [head.out_channels % 8 for head in network.loc] == [0] * 6
    assert len(network.conf) == 0


def test_predictors_that_differ_stay_apart() -> None:
    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.num_classes = 3
            self.loc = nn.ModuleList([nn.Conv2d(8, 16, 3, padding=1)])
            self.conf = nn.ModuleList([nn.Conv2d(8, 12, 1)])

    network = Other()
    assert not merge_heads(network)
    assert len(network.conf) == 1
    assert widen_input(network) == 3  # nothing takes an image
