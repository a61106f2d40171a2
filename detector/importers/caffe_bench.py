"""What layers of Caffe are built with: OpenVINO's operations on ports of known shape. In the process that may die."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.importers.caffe_network import NetLayer
from detector.importers.protobuf_wire import Message, last_of
from detector.runtime.openvino_runtime import operations

Port = Any
_MOST_NUMBERS = 2**27


class LayerError(ValueError):
    """A layer is not one that can be run; the text goes on after its name."""


class Bench:
    """OpenVINO's operations on ports of known shape.

    Args:
        image: (height, width) of the network's input, pixels.
    """

    def __init__(self, image: tuple[int, int]) -> None:
        self.ops = operations()
        self.image = image

    def constant(self, values: npt.NDArray[Any]) -> Port:
        """Puts an array into the network."""
        return self.ops.constant(np.require(values, requirements=("C", "W"))).output(0)

    def whole(self, *values: int) -> Port:
        """Puts whole numbers into the network."""
        return self.constant(np.array(values, np.int64))

    def shape(self, x: Port) -> list[int]:
        """Returns a port's shape.

        Raises:
            LayerError: It has more numbers than a detector needs.
        """
        shape = [int(side.get_length()) for side in x.get_partial_shape()]
        if math.prod(shape) > _MOST_NUMBERS:
            raise LayerError(f"gives {str(shape)[:80]}, which is more than a detector needs")
        return shape

    def reshaped(self, x: Port, shape: Sequence[int]) -> Port:
        """Gives a port another shape of as many numbers."""
        if math.prod(shape) != math.prod(self.shape(x)):
            raise LayerError(f"makes {str(list(shape))[:80]} of {str(self.shape(x))[:80]}")
        return self.ops.reshape(x, self.whole(*shape), False).output(0)

    def per_channel(self, values: npt.NDArray[np.float32], x: Port, axis: int = 1) -> Port:
        """Puts one number for each channel of ``x`` into the network, shaped to meet it."""
        shape = self.shape(x)
        if values.size not in (1, shape[axis] if axis < len(shape) else 0):
            raise LayerError(f"has {values.size} weights for {str(shape)[:80]}")
        return self.constant(values.reshape([-1 if place == axis else 1 for place in range(len(shape))]))


def blobs(layer: NetLayer, least: int) -> tuple[npt.NDArray[np.float32], ...]:
    """Returns the layer's weights.

    Raises:
        LayerError: There are fewer than it needs.
    """
    if len(layer.blobs) < least:
        raise LayerError("has no weights in the file" if not layer.blobs else f"needs {least} blobs of weights")
    return layer.blobs


def axis_of(settings: Message, key: str, usual: int, rank: int) -> int:
    """Returns an axis, counted from the front.

    Raises:
        LayerError: There is none such.
    """
    axis = int(last_of(settings, key, usual))
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank:
        raise LayerError(f"has no axis {axis} in {rank}")
    return axis


Make = Callable[[Bench, NetLayer, Sequence[Port]], list[Port]]
"""A layer's outputs, from the layer and its inputs. Raises ``LayerError``."""
