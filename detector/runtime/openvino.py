"""SSD by OpenVINO on the CPU: our torch network converted once, then torch has no part in it.

OpenCV resize, compiled network, post-processing in numpy; frames of a batch run one after the other, which on a CPU
costs nothing against a true batch and keeps the compiled shape fixed.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detector.default_boxes import default_boxes
from detector.detections import Candidates
from detector.errors import DetectorError
from detector.postprocess import postprocess
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.converted import read_converted
from detector.runtime.engine import Engine
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from detector.runtime.torch_package import load_torch
from detector.shelf import ShelfEntry
from detector.spec import InputSpec

# Tracing uses tables that the whole process shares, and they are emptied after it: one at a time (window and export).
_tracing = threading.Lock()


class OpenVinoDetector(Engine):
    """See ``Detector``.

    Args:
        entry: The model, with weights.
        precision: "fp32" or "bf16".
        notes: Passed on.
        cache_dir: Where converted networks are kept and other processes convert them; None converts here, every time.

    Raises:
        DetectorError: OpenVINO is missing or cannot convert or compile the network.
    """

    def __init__(
        self, entry: ShelfEntry, precision: str, notes: Sequence[str] = (), cache_dir: Path | None = None
    ) -> None:
        super().__init__(entry.spec, "openvino", "cpu", precision, notes)
        assert entry.spec.config is not None  # load_network refuses specs without
        openvino = load_openvino()
        model = read_converted(openvino, entry, cache_dir) if cache_dir else convert_network(openvino, entry)
        try:
            compiled = compile_for_latency(openvino.Core(), model, precision)
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot compile {entry.name}: {_line(error)}.") from error
        self._request = compiled.create_infer_request()
        self._inputs = InputBuilder(entry.spec.input)
        self._defaults = default_boxes(entry.spec.config)
        self._variances = entry.spec.config.variances

    def _run(self, frames: Sequence[ImageBGR], iou_threshold: float) -> list[Candidates]:
        results = []
        for frame in frames:
            outputs = self._request.infer({0: self._inputs([frame])}, share_inputs=True, share_outputs=True)
            found = postprocess(
                outputs[0],
                outputs[1],
                self._defaults,
                self.spec.postprocess,
                [frame.shape[:2]],
                iou_threshold,
                self._variances,
            )
            results += found
        return results

    def _release(self) -> None:
        del self._request


def convert_network(openvino: Any, entry: ShelfEntry) -> Any:
    """Our network of ``entry`` as an ``openvino.Model`` for one image.

    Raises:
        DetectorError: The weights are damaged, or OpenVINO cannot convert the network.
    """
    load_torch()
    import torch

    from detector.runtime.network import load_network

    network = load_network(entry)
    shape = input_shape(entry.spec.input)
    with _tracing, warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch calls its own tracer deprecated; OpenVINO builds on it
        try:
            # Traced here: left to OpenVINO, torch would run the network three times more to check its own trace.
            trace: Any = torch.jit.trace  # carries no types
            traced = trace(network, torch.zeros(shape), check_trace=False)
            return openvino.convert_model(traced, input=[shape], share_weights=False)
        except (RuntimeError, ValueError) as error:
            raise DetectorError(f"OpenVINO cannot convert {entry.name}: {_line(error)}.") from error
        finally:
            _forget_traces(torch)


def _forget_traces(torch: Any) -> None:
    """Drop the types and methods torch keeps for ever of every module it traced: megabytes for each model opened.

    Nothing else here uses TorchScript. Where a later torch has no such things, opening a model costs that memory.
    """
    forget = getattr(torch._C, "_jit_clear_class_registry", None)
    if forget is not None:
        forget()
    store = getattr(torch.jit._recursive, "concrete_type_store", None)
    if store is not None:
        store.type_store.clear()
        store.methods_compiled.clear()


def input_shape(spec: InputSpec) -> tuple[int, int, int, int]:
    """[1, 3, H, W]."""
    return (1, 3, spec.height, spec.width)


def _line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else type(error).__name__
