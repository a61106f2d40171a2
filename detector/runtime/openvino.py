"""SSD by OpenVINO, on the CPU unless told otherwise: the network built from its plan and weights, without torch.

OpenCV resize, compiled network, post-processing in numpy. Frames of a batch run one after the other or, where the
detector was opened for batches, several side by side on the cores; the compiled shape stays that of one frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detector.default_boxes import default_boxes
from detector.detections import Candidates
from detector.errors import DetectorError
from detector.golden import Floats, log_softmax
from detector.model_file import ModelEntry
from detector.postprocess import postprocess
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.openvino_graph import network_of
from detector.runtime.openvino_requests import Requests
from detector.runtime.openvino_runtime import last_line, load_openvino
from detector.spec import PostprocessSpec


class OpenVinoDetector(Engine):
    """See ``Detector``.

    Args:
        entry: The model, with weights.
        precision: "fp32", "bf16" or "int8"; not on the CPU, "fp16" too.
        notes: Passed on.
        network: The network as an ``openvino.Model``, where it is at hand; for "int8" it must be. None builds it.
        for_batches: Opened for many frames a second rather than for each as soon as possible.
        core: ``openvino.Core``, where there is one already.
        place: OpenVINO's name of the device.

    Raises:
        DetectorError: OpenVINO is missing or cannot build or compile the network.
    """

    def __init__(
        self,
        entry: ModelEntry,
        precision: str,
        notes: Sequence[str] = (),
        *,
        network: Any = None,
        for_batches: bool = False,
        core: Any = None,
        place: str = "CPU",
    ) -> None:
        super().__init__(entry.spec, "openvino", "cpu", precision, notes)
        assert entry.spec.config is not None  # load_network refuses specs without
        openvino = load_openvino()
        if network is None:
            network = network_of(openvino, entry)
        try:
            self._requests = Requests(
                core or openvino.Core(), network, precision, lambda: InputBuilder(entry.spec.input), for_batches, place
            )
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot compile {entry.name}: {last_line(error)}.") from error
        self.preferred_batch = self._requests.preferred_batch
        self._defaults = default_boxes(entry.spec.config)
        self._variances = entry.spec.config.variances

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        results = []
        outputs = self._requests.outputs(frames, self.on_stage)
        for frame, (locs, logits) in zip(frames, outputs, strict=True):
            results += postprocess(
                locs,
                logits,
                self._defaults,
                rule,
                [frame.shape[:2]],
                variances=self._variances,
            )
            self.on_stage("postprocess")
        return results

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        locs, logits = self._requests.first(frame)
        return locs[0], log_softmax(logits[0])

    def _release(self) -> None:
        del self._requests
