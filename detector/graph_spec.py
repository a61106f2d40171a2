"""How somebody else's network is fed and read: a model of architecture "graph" carries a ``GraphSpec`` in its spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Rule = Literal["detection-output", "ssd-decoded", "ssd-raw", "tflite-ssd", "grid", "queries", "nms-inside"]
Layout = Literal["nchw", "nhwc"]
Element = Literal["f32", "f16", "u8", "i8"]
Fit = Literal["warp", "letterbox", "corner"]
BoxForm = Literal["xyxy", "yxyx", "cxcywh", "cycxhw"]
BoxUnit = Literal["fraction", "pixels"]
Activation = Literal["none", "sigmoid", "softmax"]

NONE = -1
"""For a class or an output: there is none."""


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """The input rule and the decoding rule of a network that its file brings along.

    The rules:

    * "detection-output": one table [..., N, 7] of image, class, score, x1, y1, x2, y2; a negative image ends it.
    * "ssd-decoded": boxes [1, N, 4] and scores [1, N, C].
    * "ssd-raw", "tflite-ssd": encoded boxes, scores, and default boxes (cx, cy, w, h) as a third output.
    * "grid": one tensor [1, N, 4 + C] or, with objectness, [1, N, 5 + C]; with ``strides``, boxes are relative to
      the cells of grids with these strides, and their sizes logarithms (YOLOX).
    * "queries": boxes and logits of a fixed number of queries; as "ssd-decoded", but nothing suppresses overlaps.
    * "nms-inside": one table [..., N, 6] of a box, score and class, or [N, 7] of an image, box, class and score,
      suppressed by the network itself; or boxes, classes and scores apart.

    Attributes:
        rule: As above.
        layout: Order of the input's axes.
        element: Type of the input's numbers; pixels are rounded to whole numbers where it has no others.
        fit: "warp" stretches a frame to the input; "letterbox" keeps its shape and centres it; "corner" keeps its
            shape and puts it at the top left.
        pad: Grey level, 0..255, of what a letterbox leaves empty.
        boxes: Number of the output with boxes, or of the only one.
        scores: Number of the output with scores, or ``NONE``.
        third: Number of the output with default boxes, or with classes where the network suppresses; or ``NONE``.
        form: Order of a box's four numbers.
        unit: What boxes are measured in: fractions of the input, or its pixels.
        activation: What turns the network's scores into probabilities; "none" where they are already.
        background: Number of the background class among the scores, or ``NONE``.
        first_label: Number that a table gives the first class, where it has no background.
        objectness: Scores are to be multiplied by that of any object, which lies before them.
        transposed: The tensor is [1, 4 + C, N].
        scales: Encoded boxes are divided by these, in the order of ``form``: centre and centre, size and size.
        linear: Encoded sizes are fractions of the default box, not logarithms.
        strides: Of the grids whose cells boxes are relative to, pixels; () where the network decodes them.
    """

    rule: Rule
    layout: Layout = "nchw"
    element: Element = "f32"
    fit: Fit = "warp"
    pad: int = 114
    boxes: int = 0
    scores: int = NONE
    third: int = NONE
    form: BoxForm = "xyxy"
    unit: BoxUnit = "fraction"
    activation: Activation = "none"
    background: int = NONE
    first_label: int = 0
    objectness: bool = False
    transposed: bool = False
    scales: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    linear: bool = False
    strides: tuple[int, ...] = ()
