"""Whether a model on the shelf still is what it was, on every engine of this computer. Blocks; for workers and the CLI.

Each engine is asked for its answers to the fixed picture, which are compared with those kept in the model's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.core.models import open_entry
from detector.errors import ExplainedError
from detector.golden import prove
from detector.runtime import openvino_runtime
from detector.runtime.engine import Engine
from detector.runtime.open import available_devices
from detector.shelf import ShelfEntry

NOTHING_KEPT = "keeps no answers to compare with; import it again from its original file"


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One model on one engine.

    Attributes:
        model: Its name.
        engine: E.g. "openvino, fp32"; empty where none was asked.
        ok: It answers as it should; None where that cannot be told.
        detail: What was seen.
        box_difference: Largest, as a fraction of a default box's size; None where nothing was compared.
        score_difference: Largest, 0..1.
    """

    model: str
    engine: str
    ok: bool | None
    detail: str
    box_difference: float | None = None
    score_difference: float | None = None


def check_model(entry: ShelfEntry) -> Iterator[ModelCheck]:
    """One result for each engine; a model from before there were kept answers has a single one, undecided."""
    if entry.spec.golden is None:
        yield ModelCheck(entry.name, "", None, NOTHING_KEPT)
        return
    seen: set[tuple[str, str, str]] = set()
    for asked, opened in _engines(entry):
        try:
            with opened() as engine:
                kind = (engine.engine, engine.device, engine.precision)
                if kind in seen:  # a format this computer lacks was replaced by one that was asked already
                    continue
                seen.add(kind)
                yield _asked(entry, engine)
        except ExplainedError as error:
            yield ModelCheck(entry.name, asked, False, str(error))


def _asked(entry: ShelfEntry, engine: Engine) -> ModelCheck:
    where = "" if engine.device == "cpu" else f" on {engine.device}"
    name = f"{engine.engine}{where}, {engine.precision}"
    result = prove(entry.spec, engine.raw, engine.precision)
    assert result is not None  # check_model has looked
    detail = (
        f"boxes within {result.box_difference:.2%} of their size, scores within {result.score_difference:.4f}"
        if result.ok
        else f"answers otherwise than when it was put on the shelf: boxes off by up to {result.box_difference:.0%} of "
        f"their size, scores by {result.score_difference:.2f}"
    )
    return ModelCheck(entry.name, name, result.ok, detail, result.box_difference, result.score_difference)


def _engines(entry: ShelfEntry) -> Iterator[tuple[str, Callable[[], Engine]]]:
    """Every engine and number format this computer can run the model in."""

    def usual(device: str, precision: str) -> Callable[[], Engine]:
        def opened() -> Engine:
            detector = open_entry(entry, device, precision)
            assert isinstance(detector, Engine)
            return detector

        return opened

    for precision in ("fp32", "bf16"):
        yield f"cpu, {precision}", usual("cpu", precision)
    if entry.spec.architecture != "openvino-ir":
        if openvino_runtime.is_installed():
            yield "torch_cpu, fp32", lambda: _torch_cpu(entry)
        for device, _ in available_devices():
            if device != "cpu":
                yield f"{device}, fp32", usual(device, "fp32")
                yield f"{device}, fp16", usual(device, "fp16")


def _torch_cpu(entry: ShelfEntry) -> Engine:
    from detector.runtime.torch_cpu import TorchCpuDetector

    return TorchCpuDetector(entry, "fp32")
