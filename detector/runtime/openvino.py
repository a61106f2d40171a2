"""SSD by OpenVINO on the CPU: our torch network converted once, then torch has no part in it.

OpenCV resize, compiled network, post-processing in numpy; frames of a batch run one after the other, which on a CPU
costs nothing against a true batch and keeps the compiled shape fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detector.default_boxes import default_boxes
from detector.detections import Candidates
from detector.errors import DetectorError
from detector.golden import Floats, log_softmax
from detector.postprocess import postprocess
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.conversion import convert_network
from detector.runtime.converted import read_converted
from detector.runtime.engine import Engine
from detector.runtime.openvino_runtime import compile_for_latency, last_line, load_openvino
from detector.shelf import ShelfEntry


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
            raise DetectorError(f"OpenVINO cannot compile {entry.name}: {last_line(error)}.") from error
        self._request = compiled.create_infer_request()
        self._inputs = InputBuilder(entry.spec.input)
        self._defaults = default_boxes(entry.spec.config)
        self._variances = entry.spec.config.variances

    def _run(self, frames: Sequence[ImageBGR], iou_threshold: float) -> list[Candidates]:
        results = []
        for frame in frames:
            images = self._inputs([frame])
            self.on_stage("preprocess")
            outputs = self._request.infer({0: images}, share_inputs=True, share_outputs=True)
            self.on_stage("network")
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
            self.on_stage("postprocess")
        return results

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        outputs = self._request.infer({0: self._inputs([frame])})
        return outputs[0][0], log_softmax(outputs[1][0])

    def _release(self) -> None:
        del self._request
