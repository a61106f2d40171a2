"""Whether a model in the library is what it was, on every engine of this computer. Blocks; for workers and the CLI.

The weights are compared, bit for bit, with those that were imported; then each engine is asked for its answers
to the fixed image, which are compared with those kept in the model's file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.core.models import open_entry
from app.core.paths import optimised_dir
from detector.errors import ExplainedError
from detector.golden import prove
from detector.model_file import IR_XML, ModelEntry
from detector.plans.architectures import has_own_graph
from detector.runtime import openvino_runtime
from detector.runtime.devices import available_devices
from detector.runtime.engine import Engine
from detector.runtime.format_measurements import read_optimised
from detector.runtime.openvino_devices import is_openvino_device
from detector.runtime.openvino_int8 import FULL, largest_weight
from detector.runtime.torch_package import has_torch

NOTHING_KEPT = "keeps no answers to compare with; import it again from its original file"


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One model on one engine, or its weights.

    Attributes:
        model: Its name.
        engine: E.g. "openvino, fp32"; empty for the weights, and where none was asked.
        ok: It answers as it should; None where that cannot be told.
        detail: What was seen.
        box_difference: Largest, as a fraction of a default box's size; None where nothing was compared.
        score_difference: Largest, 0..1; likewise.
    """

    model: str
    engine: str
    ok: bool | None
    detail: str
    box_difference: float | None = None
    score_difference: float | None = None


def check_model(entry: ModelEntry) -> Iterator[ModelCheck]:
    """One result for the weights, then one for each engine; without kept answers a single one, undecided."""
    golden = entry.spec.golden
    if golden is None:
        yield ModelCheck(entry.name, "", None, NOTHING_KEPT)
        return
    if golden.weights:
        yield _weights(entry, golden.weights)
    seen: set[tuple[str, str, str]] = set()
    for asked, expected, place, opened in _engines(entry):
        try:
            with opened() as engine:
                if engine.engine != expected or not engine.device.startswith(place):
                    yield ModelCheck(entry.name, asked, False, " ".join(engine.notes).rstrip("."))
                    continue
                kind = (engine.engine, engine.device, engine.precision)
                if kind in seen:  # a format this computer lacks was replaced by one that was asked already
                    continue
                seen.add(kind)
                yield _asked(entry, engine)
        except ExplainedError as error:
            yield ModelCheck(entry.name, asked, False, str(error).rstrip("."))


def _weights(entry: ModelEntry, kept: str) -> ModelCheck:
    from detector.golden import ir_hash, weights_hash
    from detector.weights import load_arrays

    assert entry.path is not None  # only models that are here keep answers
    try:
        if entry.path.is_dir():
            found = ir_hash(entry.path / IR_XML)
        else:
            found = weights_hash(load_arrays(entry.path, entry.spec))
    except ExplainedError as error:
        return ModelCheck(entry.name, "", False, str(error).rstrip("."))
    detail = "the weights are bit for bit those that were imported"
    if found != kept:
        detail = "the weights are not those that were imported: the file changed or is damaged"
    return ModelCheck(entry.name, "", found == kept, detail)


def _asked(entry: ModelEntry, engine: Engine) -> ModelCheck:
    where = "" if engine.device == "cpu" else f" on {engine.device}"
    name = f"{engine.engine}{where}, {engine.precision}"
    narrow = engine.precision == "int8" and largest_weight() < FULL
    result = prove(entry.spec, engine.raw, engine.precision, narrow=narrow)
    if result is None:  # of a network that suppresses by itself
        return ModelCheck(entry.name, name, None, "rows of its table change places with the format; fp32 is compared")
    if not math.isfinite(result.error):
        return ModelCheck(entry.name, name, False, "gives no numbers, or answers of another shape")
    detail = (
        f"boxes within {result.box_difference:.2%} of their size, scores within {result.score_difference:.4f}"
        if result.ok
        else f"answers otherwise than when it was imported: boxes off by up to {result.box_difference:.0%} of "
        f"their size, scores by {result.score_difference:.2f}"
    )
    if not result.ok and engine.precision != "fp32":
        detail += f"; if fp32 is right, {engine.precision} is too coarse for this model"
    return ModelCheck(entry.name, name, result.ok, detail, result.box_difference, result.score_difference)


def _engines(entry: ModelEntry) -> Iterator[tuple[str, str, str, Callable[[], Engine]]]:
    """Lists the engines that should run the model here: name for people, id, device, and how to open it.

    Opening puts another engine in the place of one that does not work; id and device tell.
    """

    def usual(device: str, precision: str) -> Callable[[], Engine]:
        def opened() -> Engine:
            detector = open_entry(entry, device, precision)
            assert isinstance(detector, Engine)
            return detector

        return opened

    graph = has_own_graph(entry.spec)
    main = "openvino" if graph or openvino_runtime.is_installed() else "torch_cpu"
    short = ("int8",) if _has_int8(entry) else ()
    for precision in ("fp32", "bf16", *short):
        yield f"{main}, {precision}", main, "cpu", usual("cpu", precision)
    if not graph:
        if main != "torch_cpu" and has_torch():
            yield "torch_cpu, fp32", "torch_cpu", "cpu", lambda: _torch_cpu(entry)
        for device, _ in available_devices():
            if device != "cpu":
                kind = "openvino" if is_openvino_device(device) else f"torch_{device.partition(':')[0]}"
                for precision in ("fp32", "fp16"):
                    yield f"{device}, {precision}", kind, device, usual(device, precision)


def _has_int8(entry: ModelEntry) -> bool:
    if entry.spec.int8 is not None:
        return openvino_runtime.is_installed()
    return entry.path is not None and entry.path.is_dir() and read_optimised(entry.path, optimised_dir()) is not None


def _torch_cpu(entry: ModelEntry) -> Engine:
    from detector.runtime.torch_cpu import TorchCpuDetector

    return TorchCpuDetector(entry, "fp32")
