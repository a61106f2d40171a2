"""Makes random weights that work as hard as trained ones, so that a benchmark needs no downloads.

Every layer is scaled so that its outputs have a standard deviation of one on the benchmark's own frames, so nothing
vanishes or overflows on the way. Then the bias of the background sets the number of candidates: a trained network sees
background nearly everywhere, a random one nearly nowhere, and the cost of post-processing depends on that.
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
"""Approximate candidates per frame: pairs of box and class above the model's floor score, before suppression."""

_SEED = 20161008
_LOGIT_SPREAD = 2.0
_CLASS_SPREAD = 1.5  # some classes are more frequent than others
_NOTHING = 60.0  # added to the background's logit, leaves no candidate
_FRAMES = 4

Floats = npt.NDArray[np.float32]


def write_random(spec: ModelSpec, frames: Sequence[ImageBGR], folder: Path, loads: Sequence[Load]) -> dict[Load, Path]:
    """Writes model files for ``spec`` into ``folder``, one for each load.

    Args:
        spec: A model with default boxes.
        frames: Frames of the benchmark; candidates are counted on the first few.
        folder: Must exist.
        loads: Which loads.

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
    """Returns the addition to the background's logit that leaves ``target`` candidates per frame on average.

    A class scores above the floor t as long as exp(background) < exp(class) / t - sum of exp(all classes). So every
    pair of box and class is a candidate up to some bias, and the bias to return is found among those.

    Args:
        logits: Float32[B, P, C], background first.
        rule: Sets the floor, and the maximum per class.
        target: 0 for no candidates; capped by what the rule lets through.
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
    """Returns the scaled network, and its class logits on ``frames``."""
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
    """Scales a layer so that its ``output`` has the standard deviation ``spread``."""
    factor = spread / max(float(output.std()), 1e-6)
    for parameter in module.parameters(recurse=False):
        parameter.mul_(factor)
    return output * factor


def _heads(network: nn.Module) -> dict[str, list[nn.Conv2d]]:
    """Returns the last convolution of every predictor, by what it predicts."""
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
