"""Small models made on the spot: random UltraFace networks as checkpoints or files of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from detector.config import tensorflow_config
from detector.models.build import build_network
from detector.plans.tables import TF_NETWORKS
from detector.registry import MODELS
from detector.runtime.base import ImageBGR
from detector.spec import InputSpec, ModelSpec
from detector.weights import save_model

_LOC, _CONF = ("loc", "regression_headers"), ("conf", "classification_headers")

_TENSORFLOWS = [
    ModelSpec("", architecture, ("a", "b"), InputSpec(300, 300, "rgb", (127.5,) * 3, (127.5,) * 3), tensorflow_config())
    for architecture in TF_NETWORKS
]
"""They come from files only, so no published one is known."""


def random_spec(architecture: str = "ultraface-slim", name: str = "random") -> ModelSpec:
    """A small spec with a rule that keeps random weights from flooding the tests."""
    known = [*MODELS.values(), *_TENSORFLOWS]
    spec = next(spec for spec in known if spec.architecture == architecture)
    rule = replace(spec.postprocess, top_k=1000, max_detections=1000, score_floor=0.3)
    width = 0.125 if architecture == "ssd-vgg16" else 1.0
    return replace(spec, name=name, labels=spec.labels[:2], postprocess=rule, width=width, weights=None, accuracy={})


def random_state(spec: ModelSpec, seed: int = 0) -> dict[str, Tensor]:
    """Weights that follow the picture through every layer and leave sane boxes and scores of every size."""
    torch.manual_seed(seed)
    network = build_network(spec)
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.dim() == 4:
            torch.nn.init.kaiming_normal_(tensor, nonlinearity="relu")
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    with torch.no_grad():
        grey = 255 * torch.rand(1, 3, spec.input.height, spec.input.width)
        locs, logits = network((grey - spec.input.mean[0]) / spec.input.std[0])
    for heads, predictions, spread in ((_LOC, locs, 1.0), (_CONF, logits, 2.0)):
        for name in _last_weights(state, heads):
            state[name].mul_(spread / predictions.std())
    return state


def _last_weights(state: dict[str, Tensor], heads: tuple[str, ...]) -> list[str]:
    """The final convolution of each predictor under the names ``heads``."""
    last: dict[str, str] = {}
    for name, tensor in state.items():
        head, level = name.split(".")[:2]
        if head in heads and tensor.dim() == 4:
            last[level] = name
    return list(last.values())


def save_random(path: Path, spec: ModelSpec | None = None, seed: int = 0) -> ModelSpec:
    """A model file of ours with random weights."""
    spec = spec or random_spec(name=path.stem)
    save_model(path, spec, random_state(spec, seed))
    return spec


def save_checkpoint(
    path: Path, *, rfb: bool = False, seed: int = 0, wrap: str = "", prefix: str = ""
) -> dict[str, Tensor]:
    """An UltraFace ``.pth`` as its authors would write it."""
    state = random_state(random_spec("ultraface-rfb" if rfb else "ultraface-slim"), seed)
    content: object = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({wrap: content, "optimizer": {"state": {}}} if wrap else content, path)
    return state


def picture(height: int = 240, width: int = 320, seed: int = 0) -> ImageBGR:
    """Blocks of colour under noise."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 3))
    image = np.kron(small, np.ones((-(-height // 8), -(-width // 8), 1)))[:height, :width]
    return (image * 0.8 + rng.integers(0, 50, image.shape)).astype(np.uint8)
