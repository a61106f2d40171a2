"""LiteRT and ONNX Runtime as contestants for networks with their own graph: each runs the file that ours came from.

Images are prepared by our rule for all of them. What ONNX Runtime answers is read by our rule as well; LiteRT runs the
whole file, its own post-processing included, which gives a few detections only. On the thread that opens.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.lab.bench.contestants import EngineContestant
from detector.detections import Candidates
from detector.errors import Remedy
from detector.golden import Floats
from detector.graph_input import input_builder
from detector.graph_output import read_candidates
from detector.model_file import ModelEntry
from detector.runtime.engine import Engine
from detector.spec import ModelSpec, PostprocessSpec

LITERT, ONNXRUNTIME = "litert", "onnxruntime"
_PACKAGES = {LITERT: "ai_edge_litert", ONNXRUNTIME: "onnxruntime"}
_PIP = {LITERT: "ai-edge-litert", ONNXRUNTIME: "onnxruntime"}
_SUFFIXES = {LITERT: ".tflite", ONNXRUNTIME: ".onnx"}
_RULES = {LITERT: ("tflite-ssd",), ONNXRUNTIME: ("ssd-decoded", "grid", "queries", "detection-output", "nms-inside")}


def check_graph(name: str, spec: ModelSpec) -> None:
    """Raises ``AppError`` unless the library is installed, and ``spec`` has a graph whose answers can be compared."""
    if find_spec(_PACKAGES[name]) is None:
        raise AppError(f"{_PIP[name]} is not installed.", f"Install it: pip install {_PIP[name]}")
    if spec.graph is None or spec.graph.rule not in _RULES[name]:
        raise AppError(
            f"{name} has no network like {spec.name}.", "Leave out that comparison.", Remedy("versus", name, omit=True)
        )


def open_graph(name: str, entry: ModelEntry, place: str) -> EngineContestant:
    """Opens ``LITERT`` or ``ONNXRUNTIME`` on the file that ``entry`` was opened from, with all cores.

    Raises:
        AppError: ``place`` is not the CPU, or there is no such file.
    """
    if place != "cpu":
        raise AppError(f"{name} is compared on the CPU only.", "Compare on the CPU.", Remedy("device", "cpu"))
    original = entry.original
    if original is None or original.suffix.lower() != _SUFFIXES[name]:
        raise AppError(
            f"{name} runs the {_SUFFIXES[name]} file itself, which an imported model no longer has.",
            "Name the file as the model.",
            Remedy("model", f"FILE{_SUFFIXES[name]}"),
        )
    engine = _LiteRT(entry, original) if name == LITERT else _OnnxRuntime(entry, original)
    return EngineContestant(engine, f"{name} cpu {engine.precision}")


class _LiteRT(Engine):
    """A network of rule "tflite-ssd" with its own ``TFLite_Detection_PostProcess``."""

    def __init__(self, entry: ModelEntry, file: Path) -> None:
        assert entry.spec.graph is not None  # ``check_graph`` refuses others
        whole = entry.spec.graph.element in ("u8", "i8")
        super().__init__(entry.spec, LITERT, "cpu", "int8" if whole else "fp32")
        from ai_edge_litert.interpreter import Interpreter

        self._lite: Any = Interpreter(str(file), num_threads=os.cpu_count())
        self._lite.allocate_tensors()
        self._input = self._lite.get_input_details()[0]["index"]
        self._outputs = [each["index"] for each in self._lite.get_output_details()[:4]]
        self._build = input_builder(entry.spec)

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        results = []
        for frame in frames:
            self._lite.set_tensor(self._input, self._build([frame]))
            self.on_stage("preprocess")
            self._lite.invoke()
            boxes, classes, scores, count = (self._lite.get_tensor(index)[0] for index in self._outputs)
            self.on_stage("network")
            found = np.flatnonzero(scores[: int(count)] > rule.score_floor)  # what follows was never written
            extent = np.array([frame.shape[1], frame.shape[0]] * 2, np.float32)
            corners = np.ascontiguousarray(boxes[found][:, [1, 0, 3, 2]] * extent)
            kept = np.ones(len(found), np.bool_)
            results.append(
                Candidates(corners, scores[found], classes[found].astype(np.int32), kept, rule.iou_threshold)
            )
            self.on_stage("postprocess")
        return results

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        raise AppError("LiteRT does not give what its own post-processing takes.")

    def _release(self) -> None:
        del self._lite


class _OnnxRuntime(Engine):
    """A network whose answers are read by our rule."""

    def __init__(self, entry: ModelEntry, file: Path) -> None:
        super().__init__(entry.spec, ONNXRUNTIME, "cpu", "fp32")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._build = input_builder(entry.spec)

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        results = []
        for frame in frames:
            image = self._build([frame])
            self.on_stage("preprocess")
            outputs = self._session.run(None, {self._input: image})
            self.on_stage("network")
            results.append(read_candidates(self.spec, outputs, rule, frame.shape[:2]))
            self.on_stage("postprocess")
        return results

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        raise AppError("What ONNX Runtime answers is compared by its detections only.")

    def _release(self) -> None:
        del self._session
