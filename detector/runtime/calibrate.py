"""The ranges a network needs to run in int8, measured on images by OpenVINO: ``with_ranges`` is the door. No torch.

The ranges go into the model's file, so a network in int8 is built of that alone, wherever the file is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from detector.detections import Detections
from detector.errors import DetectorError
from detector.evaluation.agreement import Agreement, compare
from detector.golden import golden_of
from detector.model_file import ModelEntry
from detector.preprocess import InputBuilder
from detector.quantisation.ranges import METHOD, MapValues, Range
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.openvino_graph import build_graph, build_taps
from detector.runtime.openvino_runtime import compile_for_latency, last_line, load_openvino
from detector.safetensors_file import Arrays
from detector.spec import Int8, ModelSpec

MOST = 240
"""More images than this change little."""
HELD_OUT = 3
"""One image in this many is compared on."""

OnStep = Callable[[str, int, int], object]
"""Told the stage ("calibrate", "compare"), steps done and steps in all."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Images to calibrate on.

    Attributes:
        images: UInt8[H, W, 3] each, BGR.
        held_out: How many of them, spread evenly, are not calibrated on but compared on.
        source: What they are, in words.
    """

    images: Sequence[ImageBGR] | npt.NDArray[np.uint8]
    held_out: int
    source: str

    def parted(self) -> tuple[list[ImageBGR], list[ImageBGR]]:
        """Those to calibrate on, and those to compare on."""
        apart = set(np.linspace(0, len(self.images) - 1, self.held_out).round().astype(int).tolist())
        rest = [image for number, image in enumerate(self.images) if number not in apart]
        return rest, [self.images[number] for number in sorted(apart)]


def with_ranges(
    spec: ModelSpec,
    arrays: Arrays,
    images: Iterable[ImageBGR],
    source: str,
    on_step: OnStep = lambda _stage, _done, _total: None,
) -> ModelSpec:
    """``spec`` with what its network needs to run in int8, and how far it then agrees with fp32.

    Args:
        spec: The model, its input convention settled.
        arrays: Tensors under the names of our network.
        images: Photographs like those it will see, none that it is evaluated on; the first ``MOST`` are looked at. Two
            thirds are measured on, the others compared on.
        source: What they are, in words, such as "photographs of VOC2007 trainval".
        on_step: Told how far it is.

    Raises:
        DetectorError: OpenVINO is missing, the tensors do not fit the network, or there are fewer than three images.
    """
    kept = list(islice(images, MOST))
    if len(kept) < HELD_OUT:
        raise DetectorError(f"{len(kept)} images are too few to measure the ranges of {spec.name} on.")
    frames = Frames(kept, max(1, len(kept) // HELD_OUT), source)
    measured, held_out = frames.parted()
    ranges = measure_ranges(spec, arrays, measured, on_step)
    openvino = load_openvino()
    networks = {
        "fp32": build_graph(openvino, spec, dict(arrays), spec.name),
        "int8": build_graph(openvino, spec, dict(arrays), spec.name, ranges),
    }
    entry = ModelEntry(spec.name, spec, None, False)
    with ExitStack() as closing:
        engines = {
            name: closing.enter_context(OpenVinoDetector(entry, name, network=net)) for name, net in networks.items()
        }
        found = agreements(engines, held_out, on_step)["int8"]
        return replace(spec, int8=describe_int8(spec, ranges, frames, found, engines["int8"]))


def measure_ranges(
    spec: ModelSpec,
    arrays: Arrays,
    images: Sequence[ImageBGR],
    on_step: OnStep = lambda _stage, _done, _total: None,
) -> dict[str, Range]:
    """The range of every map that int8 needs one of, by name.

    Args:
        spec: The model.
        arrays: Tensors under the names of our network.
        images: Images to run it on.
        on_step: Told how far it is.

    Raises:
        DetectorError: OpenVINO is missing, or the tensors do not fit the network.
    """
    openvino = load_openvino()
    network, names = build_taps(openvino, spec, dict(arrays), spec.name)
    inputs, seen = InputBuilder(spec.input), {name: MapValues(len(images)) for name in names}
    try:
        request = compile_for_latency(openvino.Core(), network, "fp32").create_infer_request()
        for done, image in enumerate(images, start=1):
            maps = request.infer({0: inputs([image])}, share_inputs=True, share_outputs=True)
            for number, name in enumerate(names):
                seen[name].add(np.asarray(maps[number]))
            on_step("calibrate", done, len(images))
    except RuntimeError as error:
        raise DetectorError(f"OpenVINO cannot run {spec.name}: {last_line(error)}.") from error
    if not all(values.is_sane for values in seen.values()):
        raise DetectorError(f"{spec.name} computes no numbers, or huge ones; its weights may be damaged.")
    return {name: values.range() for name, values in seen.items()}


def agreements(engines: Mapping[str, Engine], images: Sequence[ImageBGR], on_step: OnStep) -> dict[str, Agreement]:
    """Returns how far each engine but fp32's finds in ``images`` what that finds, by number format."""
    found: dict[str, list[Detections]] = {name: [] for name in engines}
    for done, image in enumerate(images, start=1):
        for name, engine in engines.items():
            found[name].append(engine.detect(image))
        on_step("compare", done, len(images))
    return {name: compare(found["fp32"], mine) for name, mine in found.items() if name != "fp32"}


def describe_int8(spec: ModelSpec, ranges: dict[str, Range], frames: Frames, found: Agreement, engine: Engine) -> Int8:
    """Describes int8 for a model's file.

    Args:
        spec: The model.
        ranges: Of its maps.
        frames: What they were measured, and the agreement, on.
        found: The agreement.
        engine: The network in int8.
    """
    ap, difference = known(found)
    return Int8(
        ranges=ranges,
        method=METHOD,
        pictures=frames.source,
        measured=len(frames.images) - frames.held_out,
        compared=frames.held_out,
        objects=found.objects,
        least_score=found.min_score,
        agreement=ap,
        score_difference=difference,
        golden=golden_of(spec, engine.raw, spec.golden.weights if spec.golden is not None else ""),
    )


def known(found: Agreement) -> tuple[float | None, float | None]:
    """Average precision and mean difference of scores; None where there was nothing to compare."""
    ap, difference = (None if np.isnan(value) else value for value in (found.ap, found.score_difference))
    return ap, difference
