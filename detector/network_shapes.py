"""Names and shapes of the tensors a network takes, from its plan alone; no torch (but for Faster R-CNN)."""

from __future__ import annotations

from collections.abc import Sequence

from detector.plans.architectures import is_two_stage
from detector.plans.builder import Activation
from detector.plans.plan import predictions
from detector.spec import ModelSpec

Shape = tuple[int, ...]

_NORM = ("weight", "bias", "running_mean", "running_var")


def network_shapes(spec: ModelSpec) -> dict[str, Shape]:
    """Name and shape of every tensor the network of ``spec`` takes.

    Raises:
        DetectorError: The architecture brings its own network, or the default boxes do not fit it.
    """
    if is_two_stage(spec):
        from detector.models.faster_rcnn import faster_rcnn_shapes

        return faster_rcnn_shapes(spec)
    noted = _Noting()
    predictions(noted, 3, spec)
    return noted.shapes


class _Noting:
    """A ``Builder`` whose maps are their number of channels, and which writes down what is asked for."""

    def __init__(self) -> None:
        self.shapes: dict[str, Shape] = {}

    def channels(self, x: int) -> int:
        return x

    def conv(
        self,
        x: int,
        name: str,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        same: bool = False,
        depthwise: bool = False,
        norm: tuple[str, float] | None = None,
        activation: Activation = "none",
    ) -> int:
        self.shapes[f"{name}.weight"] = (out, 1 if depthwise else x, kernel, kernel)
        if norm is None:
            self.shapes[f"{name}.bias"] = (out,)
        else:
            self.shapes |= {f"{norm[0]}.{part}": (out,) for part in _NORM}
            self.shapes[f"{norm[0]}.num_batches_tracked"] = ()
        return out

    def activate(self, x: int, activation: Activation) -> int:
        return x

    def max_pool(self, x: int, kernel: int, *, stride: int, padding: int = 0, ceil: bool = False) -> int:
        return x

    def l2_norm(self, x: int, name: str) -> int:
        self.shapes[f"{name}.scale"] = (x,)
        return x

    def affine(self, x: int, name: str) -> int:
        self.shapes |= {f"{name}.scale": (x,), f"{name}.shift": (x,)}
        return x

    def squeeze_excitation(self, x: int, name: str, middle: int) -> int:
        self.conv(self.conv(x, f"{name}.fc1", middle, 1), f"{name}.fc2", x, 1)
        return x

    def add(self, a: int, b: int) -> int:
        return a

    def concat(self, parts: Sequence[int]) -> int:
        return sum(parts)
