"""Turns a network of OpenVINO nodes into int8: the maps and filters of which a range is known. Used by one thread.

OpenVINO computes a convolution in int8 whose input has passed a ``FakeQuantize`` node and whose filters are whole
numbers with steps; its own transformations do the rest: sums and activations melt into the convolutions, and what goes
from one to the next stays in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.errors import DetectorError
from detector.plans.builder import Node
from detector.quantisation.filters import rounded_filters
from detector.quantisation.ranges import LEVELS, Range
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino, operations
from detector.weights import refuse_faults

Floats = npt.NDArray[np.float32]

FULL, NARROW = 127, 63
"""Largest whole numbers of filters; see ``largest_weight``."""


class Int8Maps:
    """Puts maps and filters into int8, where the range of the map is known.

    Args:
        operations: OpenVINO's operation set, a module.
        ranges: By the name of a map; empty for a network in floating point.

    Attributes:
        asked: Every map that int8 would need the range of, by name.
    """

    def __init__(self, operations: Any, ranges: Mapping[str, Range]) -> None:
        self.asked: dict[str, Node] = {}
        self._ops = operations
        self._ranges = ranges
        self._short: dict[str, Node] = {}
        self._most = largest_weight() if ranges else FULL

    def map(self, x: Node) -> Node:
        """``x`` as a convolution, a sum or a pooling takes it: the same node for all of them."""
        node = _node(x)
        if node.get_type_name() == "MaxPool":
            return x  # what it pools has been asked for already
        name = node.get_friendly_name()
        self.asked.setdefault(name, x)
        if name in self._ranges and name not in self._short:
            low, high = (self._ops.constant(np.float32(end)) for end in self._ranges[name])
            self._short[name] = self._ops.fake_quantize(x, low, high, low, high, LEVELS)
        return self._short.get(name, x)

    def filters(self, x: Node, filters: Floats) -> Node | None:
        """``filters`` of a convolution over ``x``, as ``map`` gave it; None where it computes in floating point.

        Args:
            x: The map.
            filters: Float32[O, C, K, K], or [O, 1, 1, K, K] of a depthwise convolution, whose sums never overflow.
        """
        node = _node(x)
        while node.get_type_name() == "MaxPool":
            node = node.input_value(0).get_node()
        if node.get_type_name() != "FakeQuantize":
            return None
        whole, steps = rounded_filters(filters, self._most if filters.ndim == 4 else FULL)
        ops = self._ops
        return ops.multiply(ops.convert(ops.constant(whole), np.float32), ops.constant(steps))

    def check(self, what: str) -> None:
        """Check that every range was used; called once, when the network is complete.

        Raises:
            DetectorError: A range is of no map of this network.
        """
        refuse_faults([f"the range of {name[:80]!r}" for name in self._ranges if name not in self.asked], what)


def name_of(x: Node) -> str:
    """The name a map is known by: that of the layer that makes it."""
    name: str = _node(x).get_friendly_name()
    return name


def _node(x: Node) -> Any:
    return x.get_node() if hasattr(x, "get_node") else x


@lru_cache(maxsize=1)
def largest_weight() -> int:
    """Returns how large the whole numbers of filters may be on this processor: 127, or 63.

    A processor without instructions for dot products of bytes (VNNI) adds two products in 16 bits, which overflow
    where both are large. Which kind this is shows in the answer of a network of one convolution. With 63 nothing
    overflows.

    Raises:
        DetectorError: OpenVINO cannot use this CPU.
    """
    openvino, ops = load_openvino(), operations()
    channels, largest = 64, 255.0
    images = ops.parameter([1, channels, 4, 4], np.float32, name="images")
    low, high = ops.constant(np.float32(0)), ops.constant(np.float32(largest))
    taken = ops.fake_quantize(images, low, high, low, high, LEVELS)
    ones = ops.constant(np.ones((16, 1, 1, 1), np.float32))
    whole = ops.convert(ops.constant(np.full((16, channels, 1, 1), FULL, np.int8)), np.float32)
    sums = ops.convolution(taken, ops.multiply(whole, ones), [1, 1], [0, 0], [0, 0], [1, 1])
    try:
        network = compile_for_latency(openvino.Core(), openvino.Model([sums], [images], "bytes"), "int8")
        answer = network(np.full((1, channels, 4, 4), largest, np.float32))[0]
    except RuntimeError as error:
        raise DetectorError("OpenVINO cannot use this CPU.", "Reinstall it: pip install openvino") from error
    return FULL if np.allclose(answer, channels * largest * FULL, rtol=1e-3) else NARROW
