"""The language of a network's plan: layers by name and size. Each engine has a ``Builder`` of its own.

A plan is a function that asks a builder for one layer after the other, in the order of the torch twin's ``forward``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

Node = Any
"""A map of features, as a builder holds it; only the builder looks inside."""

Activation = Literal["relu", "relu6", "hardswish", "none"]


class Builder(Protocol):
    """Makes the layers of one network. Maps are Float[B, C, H, W]."""

    def channels(self, x: Node) -> int:
        """C of a map."""
        ...

    def conv(
        self,
        x: Node,
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
    ) -> Node:
        """Convolution, its bias or batch normalisation, its activation.

        Args:
            x: The map.
            name: ``NAME.weight`` and ``NAME.bias`` are its tensors.
            out: Channels out.
            kernel: Side.
            stride: Both ways.
            padding: On each side; None keeps the size of odd kernels.
            dilation: Both ways.
            same: Padded as TensorFlow's "SAME" does, in place of ``padding``: where an odd number of cells is missing,
                the one more is on the right and below.
            depthwise: Each channel by itself.
            norm: Name and eps of the batch normalisation that stands in for the bias.
            activation: Applied last.
        """
        ...

    def activate(self, x: Node, activation: Activation) -> Node:
        """Element by element."""
        ...

    def max_pool(self, x: Node, kernel: int, *, stride: int, padding: int = 0, ceil: bool = False) -> Node:
        """The largest of each window."""
        ...

    def l2_norm(self, x: Node, name: str) -> Node:
        """Each location's vector at a learned length per channel, ``NAME.scale``. ParseNet; paper section 3.1."""
        ...

    def affine(self, x: Node, name: str) -> Node:
        """Each channel times ``NAME.scale`` plus ``NAME.shift``."""
        ...

    def squeeze_excitation(self, x: Node, name: str, middle: int) -> Node:
        """Each channel times a number in [0, 1] from the means of all. arXiv 1709.01507."""
        ...

    def add(self, a: Node, b: Node) -> Node:
        """Element by element."""
        ...

    def concat(self, parts: Sequence[Node]) -> Node:
        """The channels of maps of one size, one after the other."""
        ...
