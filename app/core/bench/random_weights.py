"""A network with weights out of thin air that works as hard as a trained one: measuring needs no weights.

Every layer is scaled so that its outputs have a deviation of one on the very frames of the measurement, so nothing dies
or overflows on the way. Then the bias of the background decides how many candidates there are: a trained network finds
background nearly everywhere, a random one nearly nowhere, and post-processing lives on the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from app.core.frames import ImageBGR
from detector.spec import ModelSpec, PostprocessSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

Load = Literal["empty", "typical", "worst"]
LOADS: dict[Load, int] = {"empty": 0, "typical": 200, "worst": 2000}
"""Candidates in a frame, about: pairs of box and class above the model's floor score, before suppression."""

_SEED = 20161008
_LOGIT_SPREAD = 2.0
_CLASS_SPREAD = 1.5  # some classes are seen more than others
_NOTHING = 60.0  # added to the background's logit, this leaves no candidate at all
_FRAMES = 4

Floats = npt.NDArray[np.float32]


def write_random(spec: ModelSpec, frames: Sequence[ImageBGR], folder: Path, loads: Sequence[Load]) -> dict[Load, Path]:
    """Model files of ours for ``spec``, one for each load, in ``folder``.

    Args:
        spec: With default boxes of its own.
        frames: What will be measured on; the candidates are counted on the first few.
        folder: Exists.
        loads: Which.

    Raises:
        DetectorError: The architecture brings its own network, or the files cannot be written.
    """
    from detector.weights import save_model

    network, logits = _tuned(spec, frames[:_FRAMES])
    plain = replace(spec, golden=None, int8=None, weights=None, accuracy={}, provenance="random weights")
    files: dict[Load, Path] = {}
    before = 0.0
    for load in loads:
        bias = background_bias(logits, spec.postprocess, LOADS[load])
        _shift_background(network, bias - before, len(spec.labels) + 1)
        before = bias
        files[load] = folder / f"{load}.safetensors"
        save_model(files[load], plain, network.state_dict())
    return files


def background_bias(logits: Floats, rule: PostprocessSpec, target: int) -> float:
    """What to add to the background's logit for ``target`` candidates in a frame on average.

    A class scores more than the floor t as long as exp(background) < exp(class) / t - sum of exp(all classes): every
    pair of box and class has a bias of its own up to which it is a candidate, and the right one lies among them.

    Args:
        logits: Float32[B, P, C], background first.
        rule: Gives the floor, and the most of one class.
        target: 0 for none at all; more than the rule lets through: as many as it does.
    """
    if target == 0:
        return _NOTHING
    classes = logits[..., 1:].astype(np.float64)
    top = classes.max(axis=2, keepdims=True)
    odds = np.exp(classes - top)
    room = odds / max(rule.score_floor, 1e-6) - odds.sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        limits = np.where(room > 0, np.log(room) + top - logits[..., :1], -np.inf)  # [B, P, C - 1]
    limits = -np.sort(-limits, axis=1)[:, : rule.top_k]
    ordered = np.sort(limits[np.isfinite(limits)])[::-1]
    return float(ordered[min(target * len(logits), len(ordered) - 1)])


def _tuned(spec: ModelSpec, frames: Sequence[ImageBGR]) -> tuple[nn.Module, Floats]:
    """The network, and what its class predictors say of ``frames``."""
    import torch
    from torch import nn

    from detector.models.build import build_network
    from detector.preprocess import InputBuilder

    generator = torch.Generator().manual_seed(_SEED)
    network = build_network(spec).requires_grad_(False)
    spread = {id(head): _LOGIT_SPREAD for head in _heads(network)["conf"]}
    hooks = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(0.0, 1.0, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            hooks.append(module.register_forward_hook(partial(_settle, spread.get(id(module), 1.0))))
    images = torch.from_numpy(InputBuilder(spec.input)(frames))
    with torch.inference_mode():
        network(images)
        for hook in hooks:
            hook.remove()
        classes = len(spec.labels) + 1
        taste = torch.empty(classes).normal_(0.0, _CLASS_SPREAD, generator=generator)
        for head in _heads(network)["conf"]:
            assert head.bias is not None
            head.bias.add_(taste.repeat(len(head.bias) // classes))
        _, logits = network(images)
    return network, logits.numpy()


def _settle(spread: float, module: nn.Conv2d | nn.BatchNorm2d, _inputs: object, output: Tensor) -> Tensor:
    """Scale a layer so that its ``output`` has the deviation ``spread``."""
    factor = spread / max(float(output.std()), 1e-6)
    for parameter in module.parameters(recurse=False):
        parameter.mul_(factor)
    return output * factor


def _heads(network: nn.Module) -> dict[str, list[nn.Conv2d]]:
    """The last convolution of every predictor, by what it predicts."""
    from torch import nn

    heads: dict[str, list[nn.Conv2d]] = {}
    for kind, published in (("conf", "classification_headers"), ("loc", "regression_headers")):
        predictors = getattr(network, kind, None) or getattr(network, published)
        heads[kind] = [[m for m in each.modules() if isinstance(m, nn.Conv2d)][-1] for each in predictors]
    return heads


def _shift_background(network: nn.Module, amount: float, classes: int) -> None:
    for head in _heads(network)["conf"]:
        assert head.bias is not None
        head.bias.view(-1, classes)[:, 0] += amount
