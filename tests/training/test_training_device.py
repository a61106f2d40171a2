"""What a GPU would be asked to do, without one: tensors that know shape, type and device, but hold no numbers.

Such a tensor refuses to mix with one of another device, and to say what is in it: a step that waits for the device to
learn a number fails here. Gradients are the device's own business and are taken as given.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from detector.spec import ModelSpec
from detector.training import trainer as trainer_module
from detector.training.augment_gpu import augment_batch
from detector.training.batches import Batch
from detector.training.networks import new_spec
from detector.training.policy import PAPER
from detector.training.recipe import OptimiserName, Recipe
from detector.training.trainer import Trainer, fill_colour, new_network

_GPU = torch.device("cuda", 0)
_LABELS = ("red", "green", "blue")
_BATCH = 2


class NoClock:
    """Events are made by a real GPU only."""

    def __init__(self, _device: torch.device) -> None: ...

    def mark(self, _part: str) -> None: ...


def make_trainer(spec: ModelSpec, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    def backward(loss: Tensor) -> None:
        assert (loss.device, loss.dtype, loss.shape) == (_GPU, torch.float32, ())
        for parameter in trainer.network.parameters():
            parameter.grad = torch.empty_like(parameter)

    monkeypatch.setattr(trainer_module, "StepClock", NoClock)
    monkeypatch.setattr(torch.autograd, "backward", backward)
    with _GPU:
        network = new_network(spec, recipe)
    monkeypatch.setattr(nn.Module, "to", lambda module, *_, **__: module)  # it is there already
    trainer = Trainer(spec, network, recipe, _GPU)
    return trainer


def on_device(objects: int, spec: ModelSpec) -> Batch:
    """Two images with so many objects, cut from a set that lies on the device."""
    images = torch.empty((_BATCH, 64, 64, 3), dtype=torch.uint8, device=_GPU)
    boxes = torch.empty((_BATCH, objects, 4), device=_GPU)
    ids = torch.empty((_BATCH, objects), dtype=torch.int64, device=_GPU)
    noise = torch.empty((_BATCH, PAPER.noise_size), device=_GPU)
    size = (spec.input.height, spec.input.width)
    fill = torch.empty(len(fill_colour(spec.input)), device=_GPU)
    images, boxes, ids = augment_batch(images, boxes, ids, policy=PAPER, noise=noise, size=size, fill_bgr=fill)
    assert {part.device for part in (images, boxes, ids)} == {_GPU}
    return Batch(images, boxes, ids, [])


def from_host(objects: int, spec: ModelSpec) -> Batch:
    """Two images as the loading threads bring them."""
    images = torch.empty((_BATCH, spec.input.height, spec.input.width, 3), dtype=torch.uint8, device=_GPU)
    ids = torch.empty((_BATCH, objects), dtype=torch.int64, device=_GPU)
    return Batch(images.permute(0, 3, 1, 2), torch.empty((_BATCH, objects, 4), device=_GPU), ids, [])


@pytest.mark.parametrize(("optimiser", "make_batch"), [("adamw", on_device), ("sgd", from_host)])
def test_a_step_on_a_gpu_stays_there_and_waits_for_nothing(
    optimiser: OptimiserName, make_batch: Callable[[int, ModelSpec], Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = new_spec("x", "ssd300-vgg16", _LABELS, 0.0625)
    recipe = Recipe(batch=_BATCH, optimiser=optimiser, ema=0.9, clip_norm=1.0, batch_norm=True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        trainer = make_trainer(spec, recipe, monkeypatch)
        for objects in (3, 0):
            trainer.advance(make_batch(objects, spec))
        assert trainer.ema is not None
        assert {value.device for value in trainer.ema.values.values()} == {_GPU}
        with pytest.raises(DataDependentOutputException):  # looking is what waits
            trainer.settle()
