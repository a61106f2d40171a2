"""SSDs in OpenVINO IR with their own DetectionOutput: boxes come out of the graph decoded and suppressed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.detections import Candidates
from detector.errors import DetectorError
from detector.golden import Floats, fixed_image
from detector.ir_file import check_ir, describe_ir
from detector.model_file import IR_XML, ModelEntry
from detector.nms import batched_nms
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.graph_trial import GraphFormat, remember_survival, require_survival
from detector.runtime.network_cache import version_text
from detector.runtime.openvino_requests import Requests
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from detector.spec import PostprocessSpec


class IrDetector(Engine):
    """See ``Detector``.

    Args:
        entry: The model: a folder of the library, or an ``.xml`` with its ``.bin`` beside it.
        precision: "fp32", "bf16" or "int8".
        notes: Passed on.
        network: The network as an ``openvino.Model``, where it is at hand; for "int8" it must be.
        for_batches: Opened for many frames a second rather than for each as soon as possible.

    Raises:
        DetectorError: OpenVINO is missing or cannot load the model.
    """

    def __init__(
        self,
        entry: ModelEntry,
        precision: str,
        notes: Sequence[str] = (),
        *,
        network: Any = None,
        for_batches: bool = False,
    ) -> None:
        super().__init__(entry.spec, "openvino", "cpu", precision, notes)
        core = load_openvino().Core()
        self._model = read_ir(core, entry) if network is None else network
        try:
            self._requests = Requests(core, self._model, precision, entry.spec.input, for_batches)
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot compile {entry.name}; the model may be damaged.") from error
        self.preferred_batch = self._requests.preferred_batch
        self._core = core

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        results = []
        outputs = self._requests.outputs(frames, self.on_stage)
        for frame, (rows,) in zip(frames, outputs, strict=True):
            height, width = frame.shape[:2]
            results.append(read_detection_output(rows, len(self.spec.labels), rule, (height, width)))
            self.on_stage("postprocess")
        return results

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        probe = compile_for_latency(self._core, _with_raw_outputs(self._model), self.precision)
        outputs = probe.create_infer_request().infer({0: InputBuilder(self.spec.input)([frame])})
        locs = np.asarray(outputs[1], np.float32).reshape(-1, 4)
        scores = np.asarray(outputs[2], np.float32).reshape(len(locs), -1)
        return locs, np.log(np.maximum(scores, np.finfo(np.float32).tiny))

    def _release(self) -> None:
        del self._requests, self._core, self._model


def read_ir(core: Any, entry: ModelEntry) -> Any:
    """The network of ``entry``, an IR folder of the library or an ``.xml`` with its ``.bin`` beside it.

    Raises:
        DetectorError: It is not here, or damaged.
    """
    if entry.path is None:
        raise DetectorError(f"The files of {entry.name} are not on this computer.")
    return _read(core, xml_of(entry.path))


def read_detection_output(
    rows: npt.NDArray[np.float32], classes: int, rule: PostprocessSpec, size: tuple[int, int]
) -> Candidates:
    """Turn the graph's table into candidates.

    Args:
        rows: Float32[1, 1, N, 7]: image, class with background 0, score, then x1, y1, x2, y2 as fractions; a
            negative image number ends the list.
        classes: How many the model has, background excluded.
        rule: Floor, and the limit for ``Candidates.kept``; the graph's own suppression has already happened.
        size: (height, width) of the frame, pixels.
    """
    table = rows.reshape(-1, 7)
    ended = np.flatnonzero(table[:, 0] < 0)
    table = table[: ended[0]] if len(ended) else table
    labels = table[:, 1].astype(np.int32) - 1
    usable = (labels >= 0) & (labels < classes) & (table[:, 2] > rule.score_floor)
    usable &= np.isfinite(table).all(axis=1)
    table, labels = table[usable], labels[usable]
    order = np.argsort(-table[:, 2], kind="stable")
    height, width = size
    boxes = table[order, 3:] * np.array([width, height, width, height], np.float32)
    kept = batched_nms(boxes, labels[order], rule.iou_threshold)
    return Candidates(boxes, table[order, 2], labels[order], kept, rule.iou_threshold)


def _with_raw_outputs(model: Any) -> Any:
    """A copy of ``model`` that also gives out what goes into its DetectionOutput: encoded boxes, and scores."""
    probe = model.clone()
    last = next(op for op in probe.get_ops() if op.get_type_name() == "DetectionOutput")
    probe.add_outputs([last.input_value(0), last.input_value(1)])
    return probe


def require_ir_survival(path: Path, marks: Path | None = None) -> None:
    """Make sure that this process may open a network: see ``graph_trial.require_survival``."""
    require_survival(xml_of(path), IR_FORMAT, marks)


def remember_ir_survival(path: Path, marks: Path) -> None:
    """Note in ``marks`` that a network survived in this process: see ``graph_trial.remember_survival``."""
    remember_survival(xml_of(path), IR_FORMAT, marks)


def xml_of(path: Path) -> Path:
    """The ``.xml`` of an IR folder, or the file itself."""
    return path / IR_XML if path.is_dir() else path


def _run_once(xml_path: Path) -> None:
    """Everything this program ever does with a network, once, on a fixed image."""
    spec = describe_ir(xml_path)
    image = fixed_image(spec.input.height, spec.input.width)
    with IrDetector(ModelEntry(spec.name, spec, xml_path, False), "fp32") as detector:
        detector.candidates_batch([image])
        detector.raw(image)


def _engine_version() -> str:
    return f"openvino-{version_text(load_openvino())}"


IR_FORMAT = GraphFormat(check_ir, _run_once, _engine_version)
"""Networks in OpenVINO's format, as ``graph_trial`` tries them."""


def _read(core: Any, xml_path: Path) -> Any:
    require_ir_survival(xml_path)
    try:
        return core.read_model(str(xml_path))
    except RuntimeError as error:
        raise DetectorError(
            f"OpenVINO cannot read {xml_path.name}; the model is damaged.", "Fetch it again."
        ) from error
