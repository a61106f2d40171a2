"""Foreign convolutions with batch normalisation behind them, read into convolutions with a bias.

With running statistics a normalisation is a fixed scale and shift per channel, so it merges into the convolution before
it: W x + b becomes (W x + b - mean) * g + beta, with g = gamma / sqrt(variance + eps). It is computed in float64, which
leaves one rounding to float32. Our networks then have fewer operations, and one serves files merged and unmerged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from detector.errors import DetectorError
from detector.importers.base import SourceFile
from detector.network_shapes import network_shapes
from detector.safetensors_file import Array
from detector.spec import ModelSpec
from detector.weights import fault_of, refuse_faults

BATCH_NORM_EPS = 1e-5
"""PyTorch's and Caffe's default, which every layout read here was trained with."""

_NORM = ("weight", "bias", "running_mean", "running_var")


class FoldingReader:
    """A file being read into the network of ``spec``: every tensor is checked, and named as the file names it.

    Args:
        state: The file's tensors.
        spec: Describes our network.
        source: For messages.
    """

    def __init__(self, state: Mapping[str, Array], spec: ModelSpec, source: SourceFile) -> None:
        self._state, self._source = state, source
        self._shapes = network_shapes(spec)
        self._used: set[str] = set()
        self._faults: list[str] = []
        self._tensors: dict[str, Array] = {}

    def conv(
        self,
        ours: str,
        theirs: str,
        norm: str | None = None,
        *,
        bias: bool = True,
        reorder: Callable[[Array], Array] | None = None,
    ) -> None:
        """Take one convolution.

        Args:
            ours: Its name in our network.
            theirs: Its name in the file.
            norm: Name of the normalisation behind it, if there is one.
            bias: The file's convolution has a bias of its own.
            reorder: Brings output channels into our order; applied to weight and bias.
        """
        shape = self._shapes[f"{ours}.weight"]
        weight = self._take(f"{theirs}.weight", shape)
        shift = self._take(f"{theirs}.bias", shape[:1]) if bias else np.zeros(shape[0], np.float32)
        if norm is not None:
            gamma, beta, mean, variance = (self._take(f"{norm}.{part}", shape[:1]) for part in _NORM)
            self._used.add(f"{norm}.num_batches_tracked")  # not in files from before PyTorch 0.4.1, and of no use here
            weight, shift = folded(weight, shift, gamma, beta, mean, variance)
        if reorder is not None:
            weight, shift = reorder(weight), reorder(shift)
        self._tensors[f"{ours}.weight"], self._tensors[f"{ours}.bias"] = _single(weight), _single(shift)

    def finish(self) -> dict[str, Array]:
        """The tensors of our network.

        Raises:
            DetectorError: Lists the first ten that are missing, extra, or not as they should be.
        """
        extra = [
            f"{name[:80]} {list(tensor.shape)} is unexpected"
            for name, tensor in self._state.items()
            if name not in self._used
        ]
        refuse_faults(self._faults + extra, self._source.name, "its layout")
        return self._tensors

    def _take(self, name: str, shape: tuple[int, ...]) -> Array:
        """The tensor ``name``; where it is at fault, that is noted and zeros stand in for it."""
        self._used.add(name)
        tensor = self._state.get(name)
        fault = fault_of(name, tensor, shape)
        if not fault and tensor is not None:
            if not name.endswith(".running_var") or not bool((tensor < 0).any()):
                return tensor
            fault = f"{name} has negative variances"
        self._faults.append(fault)
        return np.zeros(shape, np.float32)


def folded(weight: Array, bias: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
    """A convolution and the normalisation behind it as one convolution.

    Args:
        weight: Float[O, I, k, k].
        bias: Float[O], like all that follow.
        gamma: Scale of the normalisation.
        beta: Its shift.
        mean: Its running mean.
        variance: Its running variance.

    Returns:
        Weight Float32[O, I, k, k] and bias Float32[O].
    """
    factor = gamma / np.sqrt(variance.astype(np.float64) + BATCH_NORM_EPS)
    shift = (bias.astype(np.float64) - mean) * factor + beta
    return _single(weight * factor[:, None, None, None]), _single(shift)


def _single(array: Array) -> Array:
    return array.astype(np.float32, copy=False)


def class_outputs(state: Mapping[str, Array], name: str, boxes: int, source: SourceFile) -> int:
    """Classes, background included, told by the rows of a class predictor.

    Args:
        state: The file's tensors.
        name: The predictor's last convolution, without ``.weight``.
        boxes: Default boxes in each cell of its level.
        source: For messages.

    Raises:
        DetectorError: The predictor is missing, or its rows are no whole number of classes.
    """
    weight = state.get(f"{name}.weight")
    if weight is None:
        raise DetectorError(f"{source.name} does not fit its layout: {name}.weight is missing.")
    rows = weight.shape[0] if weight.ndim else 0
    if rows == 0 or rows % boxes:
        raise DetectorError(f"{source.name}: {name} has {rows} class outputs, which {boxes} boxes cannot share.")
    return rows // boxes
