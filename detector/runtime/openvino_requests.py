"""Frames through a compiled OpenVINO network, one at a time or several side by side. Used by the detector's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from detector.golden import Floats
from detector.graph_input import BuildInput
from detector.runtime.base import ImageBGR
from detector.runtime.openvino_runtime import compile_for_batches, compile_for_latency

_ROUNDS_EACH = 2  # frames of a batch for each request: only at a batch's end do some of them idle


class Requests:
    """A network ready to run.

    Args:
        core: ``openvino.Core``.
        network: ``openvino.Model``.
        precision: As ``compile_for_latency``.
        build: Returns a builder of the network's input, with a buffer of its own.
        for_batches: As many frames a second as possible, several side by side; otherwise each as soon as possible.
        place: OpenVINO's name of the device.

    Attributes:
        preferred_batch: How many frames to hand over at once.
    """

    def __init__(
        self,
        core: Any,
        network: Any,
        precision: str,
        build: Callable[[], BuildInput],
        for_batches: bool,
        place: str = "CPU",
    ) -> None:
        compiled = (compile_for_batches if for_batches else compile_for_latency)(core, network, precision, place)
        count = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) if for_batches else 1
        self._requests = [compiled.create_infer_request() for _ in range(max(count, 1))]
        self._inputs = [build() for _ in self._requests]  # each keeps the buffer its request reads
        self._results = len(compiled.outputs)
        self.preferred_batch = 1 if len(self._requests) == 1 else _ROUNDS_EACH * len(self._requests)

    def first(self, frame: ImageBGR) -> list[Floats]:
        """The outputs for one frame, copied."""
        outputs = self._requests[0].infer({0: self._inputs[0]([frame])})
        return [np.asarray(outputs[index]) for index in range(self._results)]

    def outputs(self, frames: Sequence[ImageBGR], on_stage: Callable[[str], object]) -> Iterator[list[Floats]]:
        """The network's outputs for each frame, in order; those of one are valid until the next are asked for.

        While the caller works on them, other frames are computed.
        """
        waiting: deque[int] = deque()
        try:
            for number, frame in enumerate(frames):
                which = number % len(self._requests)
                if len(waiting) == len(self._requests):
                    yield self._done(waiting.popleft(), on_stage)
                images = self._inputs[which]([frame])
                on_stage("preprocess")
                if len(self._requests) == 1:  # without a second thread it answers sooner
                    outputs = self._requests[0].infer({0: images}, share_inputs=True, share_outputs=True)
                    on_stage("network")
                    yield [outputs[index] for index in range(self._results)]
                    continue
                self._requests[which].start_async({0: images}, share_inputs=True)
                waiting.append(which)
            while waiting:
                yield self._done(waiting.popleft(), on_stage)
        finally:
            for which in waiting:  # a frame was no frame: what runs still reads its buffer
                self._requests[which].wait()

    def _done(self, which: int, on_stage: Callable[[str], object]) -> list[Floats]:
        request = self._requests[which]
        request.wait()
        on_stage("network")
        return [request.get_output_tensor(index).data for index in range(self._results)]
