"""A model as data: architecture, labels, input convention, default boxes, provenance. No torch.

A spec travels inside our ``.safetensors`` files as JSON; ``detector.spec_json`` reads and writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from detector.config import SSDConfig
from detector.graph_spec import GraphSpec

Architecture = Literal[
    "ssd-vgg16",
    "ssd-vgg16-affine",
    "ssd-resnet50",
    "ssd-mobilenetv1",
    "ssd-mobilenetv1-pointwise",
    "ssdlite-mobilenetv1",
    "ssdlite-mobilenetv2",
    "ssdlite-mobilenetv2-narrow",
    "ssdlite-mobilenetv2-tf",
    "ssd-mobilenetv2-tf",
    "ssd-mobilenetv2-tf-pointwise",
    "ssdlite-mobilenetv1-tf",
    "ssd-mobilenetv1-tf",
    "ssdlite320-mobilenetv3",
    "ssdlite320-mobilenetv3-wide",
    "ultraface-rfb",
    "ultraface-slim",
    "fasterrcnn-resnet50-fpn",
    "fasterrcnn-mobilenetv3-320-fpn",
    "graph",
]
"""The name of an architecture; ``detector.plans.architectures`` says what each is."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The way from a frame to the network's input: warp to size (bilinear, no letterbox), then (x - mean) / std.

    Attributes:
        height: Network input height, pixels.
        width: Network input width, pixels.
        channels: Channel order the weights were trained with; frames are BGR.
        mean: Subtracted per channel, in ``channels`` order, on the 0..255 scale.
        std: Divided by per channel, on the 0..255 scale.
        smooth: Shrinking averages over all that a target pixel covers (PIL, DALI), not over four neighbours (OpenCV).
    """

    height: int
    width: int
    channels: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (123.0, 117.0, 104.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    smooth: bool = False


@dataclass(frozen=True, slots=True)
class PostprocessSpec:
    """The way from raw outputs to candidates; the rule the checkpoint was evaluated with.

    Attributes:
        score_floor: Candidates score more than this.
        iou_threshold: Default NMS limit.
        top_k: Per class, at most this many of the best enter NMS.
        max_detections: Kept per image after NMS.
        clip: Clip boxes to the image before NMS (torchvision); Caffe does not.
        max_log_size: Upper bound of the decoded dw, dh; None for none. torchvision: log(1000 / 16).
    """

    score_floor: float = 0.01
    iou_threshold: float = 0.45
    top_k: int = 400
    max_detections: int = 200
    clip: bool = False
    max_log_size: float | None = None


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The origin of published weights.

    Attributes:
        url: Their address.
        sha256: Of the file; a prefix where only that was published, "" where nothing was.
        size_bytes: Of the file, as exactly as it was published; 0 where it was not.
    """

    url: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Golden:
    """The network's answers to a fixed image; ``detector.golden`` takes and compares it.

    Attributes:
        boxes: Numbers of the default boxes looked at.
        classes: Of each box the same number of classes, background 0.
        locs: Encoded boxes, four numbers each.
        log_scores: Logarithms of the scores, one for each of ``classes``.
        weights: SHA-256 of the weights that answered, whatever the file around them; empty where it was not kept.
    """

    boxes: tuple[int, ...]
    classes: tuple[int, ...]
    locs: tuple[float, ...]
    log_scores: tuple[float, ...]
    weights: str = ""


@dataclass(frozen=True, slots=True)
class Int8:
    """The ranges a network needs to run in int8, and what was measured when they were found.

    Attributes:
        ranges: Of a map, by the name of the layer that makes it: the lowest and the highest value told apart.
        method: How the ranges were chosen, in words.
        pictures: What they were measured on, in words.
        measured: How many images.
        compared: On how many others int8 was compared with fp32.
        objects: What fp32 found in those; see ``detector.evaluation.agreement`` for this and the rest.
        least_score: The weakest of these objects scored so much.
        agreement: 0..1, with fp32; None where that found nothing.
        score_difference: Mean, 0..1, of objects both found; None where there were none.
        golden: What the network must answer in int8; None where its answers were no numbers.
    """

    ranges: dict[str, tuple[float, float]]
    method: str
    pictures: str
    measured: int
    compared: int
    objects: int
    least_score: float
    agreement: float | None = None
    score_difference: float | None = None
    golden: Golden | None = None

    def text(self) -> str:
        """Returns how far int8 agrees, for people; also fit after a colon."""
        if self.agreement is None:
            return "Not compared with fp32"
        return f"{self.agreement:.1%} in agreement with fp32 on {self.compared} images ({self.pictures})"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model.

    Attributes:
        name: Unique, as typed on the command line.
        architecture: Which network the weights belong to.
        labels: Class names, background excluded; ``Detections.class_ids`` index them.
        input: Input convention.
        config: Default boxes; None for a network that its file brings along.
        postprocess: Candidate rule.
        width: Channel multiplier of a VGG network.
        title: A line for people.
        demo: True for weights that only know drawn shapes; shown wherever the model is.
        licence: Licence of the weights.
        provenance: Where the weights come from: file, hash, recipe.
        accuracy: Measured scores by name, e.g. {"AP50 on drawn scenes": 0.93}.
        weights: Published file, where there is one.
        golden: What it must answer to the fixed image of the self-test; None in files written before there was one.
        threshold: Score from which a detection is worth showing, chosen on validation data; None where nobody chose.
        int8: How it runs in int8; None where nobody has measured that.
        graph: How a network that its file brings along is fed and read; None for ours.
    """

    name: str
    architecture: Architecture
    labels: tuple[str, ...]
    input: InputSpec
    config: SSDConfig | None = None
    postprocess: PostprocessSpec = field(default_factory=PostprocessSpec)
    width: float = 1.0
    title: str = ""
    demo: bool = False
    licence: str = ""
    provenance: str = ""
    accuracy: dict[str, float] = field(default_factory=dict)
    weights: WeightsFile | None = None
    golden: Golden | None = None
    threshold: float | None = None
    int8: Int8 | None = None
    graph: GraphSpec | None = None
