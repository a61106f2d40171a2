"""First weights from elsewhere: the base network's, trained on ImageNet, or a whole detector's of other classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from detector.class_names import key, meaning
from detector.errors import DetectorError
from detector.training.networks import BaseWeights

_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's numbers of VGG-16's convolutions
_HEADS = ("conf.", "classification_headers.")  # the second are UltraFace's
_NAMES = tuple(f"conv{b}_{i}" for b, n in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3)) for i in range(1, n + 1))


def transfer_detector(
    network: nn.Module, labels: Sequence[str], state: Mapping[str, Tensor], source_labels: Sequence[str]
) -> tuple[str, ...]:
    """Start ``network`` from a detector of the same architecture, whatever its classes.

    Classes that both know, by name, keep their predictors; those of the others stay as they are.

    Args:
        network: Takes the weights; the last parameters under ``_HEADS`` predict the classes, background first.
        labels: Its classes.
        state: Of the detector.
        source_labels: Its classes.

    Returns:
        The labels whose predictors were taken over.

    Raises:
        DetectorError: It is another architecture.
    """
    own, taken = network.state_dict(), {}
    heads = _class_heads(own)
    pairs = _common(labels, source_labels)
    for name, tensor in own.items():
        source = state.get(name)
        if source is None:
            raise DetectorError(f"The pretrained detector has no {name}.", "It must be of the architecture trained.")
        if name in heads:
            source = _regrouped(tensor, source, len(labels) + 1, len(source_labels) + 1, pairs)
        if source is None or source.shape != tensor.shape:
            raise DetectorError(f"The pretrained detector's {name} has another shape.", "It must be of the same width.")
        taken[name] = source
    network.load_state_dict(taken)
    return tuple(labels[new - 1] for new, _ in pairs[1:])


def vgg16_source(state: Mapping[str, Tensor]) -> BaseWeights:
    """Finds out who trained these weights of VGG-16, which says how images must be normalised for them.

    torchvision's own classify. Its port of the authors' holds nothing but NaN in place of the classifier, and the
    "reducedfc" file, theirs as well, has none.
    """
    classifier = state.get("classifier.0.weight")
    return "torchvision" if classifier is not None and bool(torch.isfinite(classifier[:1]).all()) else "caffe"


def transfer_vgg16(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Start the base network from VGG-16 trained on ImageNet.

    Args:
        network: An ``SSD`` of full width.
        state: torchvision's ``vgg16`` (fc6 and fc7 are thinned out as in section 3 of the paper), or the
            "reducedfc" file that SSD programs use, whose fc6 and fc7 are convolutions already. Where a file has
            neither, as torchvision's port of the authors' weights, these two stay as they are.

    Raises:
        DetectorError: It is neither, or the network is narrower.
    """
    found = {name.removeprefix("features."): tensor for name, tensor in state.items()}
    taken: dict[str, Tensor] = {}
    for name, number in zip(_NAMES, _FEATURES, strict=True):
        for leaf in ("weight", "bias"):
            taken[f"{name}.{leaf}"] = _needed(found, f"{number}.{leaf}")
    if "31.weight" in found:
        for layer, place in (("fc6", "31"), ("fc7", "33")):
            taken |= {f"{layer}.{leaf}": _needed(found, f"{place}.{leaf}") for leaf in ("weight", "bias")}
    elif vgg16_source(found) == "torchvision":
        taken |= _thinned(found)
    own = network.state_dict()
    for name, tensor in taken.items():
        place = f"backbone.{name}"
        if place not in own or own[place].shape != tensor.shape:
            raise DetectorError(
                "VGG-16's weights do not fit this network.",
                "They need the network ssd300-vgg16 or ssd512-vgg16, width 1.",
            )
        own[place] = tensor
    network.load_state_dict(own)


def _thinned(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """fc6 and fc7 of classification as smaller convolutions: every third row and column, every fourth channel."""
    first = _needed(found, "classifier.0.weight").reshape(4096, 512, 7, 7)
    second = _needed(found, "classifier.3.weight").reshape(4096, 4096, 1, 1)
    return {
        "fc6.weight": first[::4, :, ::3, ::3].contiguous(),
        "fc6.bias": _needed(found, "classifier.0.bias")[::4].contiguous(),
        "fc7.weight": second[::4, ::4].contiguous(),
        "fc7.bias": _needed(found, "classifier.3.bias")[::4].contiguous(),
    }


def _needed(found: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in found:
        raise DetectorError(
            f"These are not the weights of VGG-16: {name} is missing.",
            "Use torchvision's vgg16 or vgg16_reducedfc; a detector comes in by ssd-viewer models import first.",
        )
    return found[name].float()


def _class_heads(state: Mapping[str, Tensor]) -> frozenset[str]:
    """The parameters whose rows belong to classes: the last of each predictor under one of ``_HEADS``."""
    last: dict[str, str] = {}
    for name in state:
        if name.startswith(_HEADS) and name.endswith(".weight"):
            last[name.split(".")[1]] = name.removesuffix("weight")
    return frozenset(prefix + leaf for prefix in last.values() for leaf in ("weight", "bias") if prefix + leaf in state)


def _common(labels: Sequence[str], source_labels: Sequence[str]) -> list[tuple[int, int]]:
    """Outputs that mean the same in both, background first."""
    spelled = {key(name): number for number, name in enumerate(source_labels, start=1)}
    meant = {meaning(name): number for number, name in enumerate(source_labels, start=1)}
    places = [spelled.get(key(name), meant.get(meaning(name), 0)) for name in labels]
    return [(0, 0), *((number, place) for number, place in enumerate(places, start=1) if place)]


def _regrouped(
    own: Tensor, source: Tensor, classes: int, source_classes: int, pairs: Sequence[tuple[int, int]]
) -> Tensor | None:
    """``own``, [A * classes, ...], with the rows of the classes in ``pairs`` from [A * source_classes, ...]."""
    boxes = own.shape[0] // classes
    if source.shape[0] != boxes * source_classes or source.shape[1:] != own.shape[1:]:
        return None
    result = own.clone().reshape(boxes, classes, *own.shape[1:])
    new, old = np.array(pairs).T
    rows = source.reshape(boxes, source_classes, *own.shape[1:])
    result[:, torch.from_numpy(new)] = rows[:, torch.from_numpy(old)].to(result.dtype)
    return result.reshape(own.shape)
