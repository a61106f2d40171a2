"""Which kernels a device runs. Needs no Triton."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from detector.models.conv_fusion import Normalise, Rectify
from detector.postprocess_fixed import Suppress
from detector.preprocess_torch import Mix


@dataclass(frozen=True, slots=True)
class Kernels:
    """Kernels in use; None where torch's own do the work.

    Attributes:
        mix: Frames' bytes to the network's input.
        rectify: Bias, ReLU and pooling after a convolution.
        normalise: L2Norm.
        postprocess: All of ``postprocess_fixed``.
        suppress: Suppression alone, where ``postprocess`` is not used.
        notes: Why one is not, where somebody should know.
    """

    mix: Mix | None = None
    rectify: Rectify | None = None
    normalise: Normalise | None = None
    postprocess: Callable[..., Tensor] | None = None
    suppress: Suppress | None = None
    notes: tuple[str, ...] = ()
