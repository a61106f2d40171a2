"""A frame to the input of somebody else's network: fitted, in its channel order, scale, layout and type. On the CPU.

Used by the one thread that owns the detector. Where the rule is that of our own networks, ``InputBuilder`` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from detector.graph_spec import GraphSpec
from detector.preprocess import ImageBGR, InputBuilder, check_frame
from detector.spec import InputSpec, ModelSpec

Floats = npt.NDArray[np.float32]
BuildInput = Callable[[Sequence[ImageBGR]], npt.NDArray[Any]]
"""Frames to a network's input; the result is overwritten by the next call."""

_TYPES: dict[str, Any] = {"f32": np.float32, "f16": np.float16, "u8": np.uint8, "i8": np.int8}


def input_builder(spec: ModelSpec) -> BuildInput:
    """Returns what makes the input of the network of ``spec``; it keeps a buffer."""
    graph = spec.graph
    if graph is None or (graph.layout, graph.element, graph.fit) == ("nchw", "f32", "warp"):
        return InputBuilder(spec.input)
    return GraphInput(spec.input, graph)


class Placement:
    """The place of a frame in a network's input.

    Args:
        graph: Says how it is fitted.
        inside: (height, width) of the input, pixels.
        frame: (height, width) of the frame, pixels.

    Attributes:
        width: Of the frame inside the input, pixels.
        height: Likewise.
        left: Of its first column.
        top: Of its first row.
    """

    def __init__(self, graph: GraphSpec, inside: tuple[int, int], frame: tuple[int, int]) -> None:
        self._frame = frame
        self.height, self.width = inside
        self.left = self.top = 0
        if graph.fit != "warp":
            scale = min(inside[0] / frame[0], inside[1] / frame[1])
            self.height = min(inside[0], max(1, round(frame[0] * scale)))
            self.width = min(inside[1], max(1, round(frame[1] * scale)))
        if graph.fit == "letterbox":
            self.left, self.top = (inside[1] - self.width) // 2, (inside[0] - self.height) // 2

    def to_frame(self, boxes_xyxy: Floats) -> Floats:
        """Float32[N, 4], pixels of the input, to pixels of the frame."""
        height, width = self._frame
        scale = np.array([width / self.width, height / self.height] * 2, np.float32)
        return (boxes_xyxy - np.array([self.left, self.top] * 2, np.float32)) * scale


class GraphInput:
    """Frames to an array [B, 3, H, W] or [B, H, W, 3] of the network's type.

    Args:
        spec: Size, channel order and scale.
        graph: Layout, type and fit.
    """

    def __init__(self, spec: InputSpec, graph: GraphSpec) -> None:
        self._spec, self._graph = spec, graph
        self._mean = np.asarray(spec.mean, np.float32)
        self._scale = 1.0 / np.asarray(spec.std, np.float32)
        self._plain = not self._mean.any() and bool((self._scale == 1.0).all())
        self._canvas = np.empty((spec.height, spec.width, 3), np.uint8)
        shape = (spec.height, spec.width, 3) if graph.layout == "nhwc" else (3, spec.height, spec.width)
        self._batch: npt.NDArray[Any] = np.empty((0, *shape), _TYPES[graph.element])

    def __call__(self, frames: Sequence[ImageBGR]) -> npt.NDArray[Any]:
        """The input for all frames; overwritten by the next call."""
        if len(self._batch) < len(frames):
            self._batch = np.empty((len(frames), *self._batch.shape[1:]), self._batch.dtype)
        batch = self._batch[: len(frames)]
        for row, frame in zip(batch, frames, strict=True):
            check_frame(frame)
            target = row if self._graph.layout == "nhwc" else row.transpose(1, 2, 0)
            np.copyto(target, self._scaled(self._fitted(frame)), casting="unsafe")
        return batch

    def _fitted(self, frame: ImageBGR) -> ImageBGR:
        """UInt8[H, W, 3] in the network's channel order; overwritten by the next call."""
        spec, canvas = self._spec, self._canvas
        place = Placement(self._graph, (spec.height, spec.width), frame.shape[:2])
        if (place.height, place.width) != (spec.height, spec.width):
            canvas[:] = self._graph.pad
        inside = canvas[place.top : place.top + place.height, place.left : place.left + place.width]
        if spec.channels == "rgb":
            inside[:] = cv2.resize(frame, (place.width, place.height), interpolation=cv2.INTER_LINEAR)[:, :, ::-1]
        else:
            inside[:] = cv2.resize(frame, (place.width, place.height), interpolation=cv2.INTER_LINEAR)
        return canvas

    def _scaled(self, image: ImageBGR) -> npt.NDArray[Any]:
        if self._plain and self._graph.element != "i8":
            return image
        scaled = (image - self._mean) * self._scale
        if self._graph.element in ("u8", "i8"):
            ends = np.iinfo(_TYPES[self._graph.element])
            return np.clip(np.rint(scaled), ends.min, ends.max)
        return scaled
