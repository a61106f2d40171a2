"""Networks that their files bring along, kept in OpenVINO's format and run by it; ``GraphSpec`` says how.

What a network puts out is read by ``detector.graph_output``; here it is only run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detector.detections import Candidates
from detector.errors import DetectorError
from detector.golden import Floats, fixed_image
from detector.graph_input import input_builder
from detector.graph_output import read_candidates, read_dense, read_table
from detector.graph_spec import NONE
from detector.ir_file import check_ir
from detector.model_file import IR_XML, ModelEntry
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.graph_trial import GraphFormat, remember_survival, require_survival
from detector.runtime.network_cache import version_text
from detector.runtime.openvino_requests import Requests
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from detector.runtime.pixel_input import with_pixels
from detector.spec import PostprocessSpec

_TABLES = ("detection-output", "nms-inside")
_SSD = "DetectionOutput"


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
        openvino = load_openvino()
        core = openvino.Core()
        self._model = read_ir(core, entry) if network is None else network
        try:
            model, described = with_pixels(openvino, self._model, entry.spec, precision)
            self._requests = Requests(core, model, precision, partial(input_builder, described), for_batches)
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot compile {entry.name}; the model may be damaged.") from error
        self.preferred_batch = self._requests.preferred_batch
        self._core = core

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        results = []
        outputs = self._requests.outputs(frames, self.on_stage)
        for frame, given in zip(frames, outputs, strict=True):
            height, width = frame.shape[:2]
            results.append(read_candidates(self.spec, given, rule, (height, width)))
            self.on_stage("postprocess")
        return results

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        graph = self.spec.graph
        assert graph is not None  # the table of engines brings no other model here
        if graph.rule not in _TABLES:
            dense = read_dense(self.spec, self._requests.first(frame))
            return dense.boxes, _log(np.concatenate([dense.background[:, None], dense.scores], axis=1))
        last = _suppression(self._model)
        probe = compile_for_latency(self._core, _with_raw_outputs(self._model, last), self.precision)
        outputs = probe.create_infer_request().infer({0: input_builder(self.spec)([frame])})
        answers = [np.asarray(outputs[index], np.float32) for index in range(len(outputs))]
        if last == _SSD:
            locs = answers[-2].reshape(-1, 4)
            scores = answers[-1].reshape(len(locs), -1)
            if graph.background not in (NONE, 0):
                first = scores[:, [graph.background]]
                scores = np.concatenate([first, np.delete(scores, graph.background, axis=1)], axis=1)
            return locs, _log(scores)
        if last is not None and answers[-1].shape[::2] == (1, answers[-2].shape[1]) and _are_scores(answers[-1]):
            scores = answers[-1][0].T
            return answers[-2][0], _log(np.concatenate([np.ones((len(scores), 1), np.float32), scores], axis=1))
        return self._of_table(answers)

    def _of_table(self, answers: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Returns what a network's own table says: the score of each row at its class, the rest for the background."""
        boxes, scores, labels = read_table(self.spec, answers)
        rows = np.flatnonzero(np.isfinite(boxes).all(axis=1) & np.isfinite(scores))
        rows = rows[(labels[rows] >= 0) & (labels[rows] < len(self.spec.labels))]
        dense = np.zeros((len(rows), len(self.spec.labels) + 1), np.float32)
        dense[:, 0] = 1 - np.clip(scores[rows], 0, 1)
        dense[np.arange(len(rows)), labels[rows] + 1] = scores[rows]
        return boxes[rows], _log(dense)

    def _release(self) -> None:
        del self._requests, self._core, self._model


def _log(scores: Floats) -> Floats:
    return np.log(np.maximum(scores, np.finfo(np.float32).tiny))


def read_ir(core: Any, entry: ModelEntry) -> Any:
    """The network of ``entry``, an IR folder of the library or an ``.xml`` with its ``.bin`` beside it.

    Raises:
        DetectorError: It is not here, or damaged.
    """
    if entry.path is None:
        raise DetectorError(f"The files of {entry.name} are not on this computer.")
    return _read(core, xml_of(entry.path))


def _suppression(model: Any) -> str | None:
    """The kind of layer that suppresses overlaps inside a network, if one does."""
    kinds = {op.get_type_name() for op in model.get_ops()}
    return next((kind for kind in (_SSD, "NonMaxSuppression") if kind in kinds), None)


def _with_raw_outputs(model: Any, kind: str | None) -> Any:
    """A copy of ``model`` that also gives out what goes into its layer of this kind: boxes, and scores."""
    if kind is None:
        return model
    probe = model.clone()
    last = next(op for op in probe.get_ops() if op.get_type_name() == kind)
    probe.add_outputs([last.input_value(0), last.input_value(1)])
    return probe


def _are_scores(values: Floats) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


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
    core = load_openvino().Core()
    model = _read(core, xml_path)
    try:
        compiled = compile_for_latency(core, _with_raw_outputs(model, _suppression(model)), "fp32")
        port = compiled.inputs[0]
        shape = tuple(port.shape)
        rows, columns = shape[2:] if shape[1] == 3 else shape[1:3]
        image = fixed_image(rows, columns)
        images = image.transpose(2, 0, 1) if shape[1] == 3 else image
        compiled({0: np.ascontiguousarray(images[None]).astype(port.element_type.to_dtype())})
    except RuntimeError as error:
        raise DetectorError(f"OpenVINO cannot compile {xml_path.name}; the model may be damaged.") from error


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
