"""SSD by torch with every stage on the device: upload of the bytes, resize, normalise, network, decode, NMS.

On an NVIDIA GPU all of it is one CUDA graph per shape of batch, started by one call; the host waits once per graph, for
the one copy that comes back. Elsewhere (Apple's and Intel's GPUs, the CPU in tests) the same functions run one by one.
Used by the thread that opened it, on a stream of its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from detector.detections import Candidates
from detector.errors import DetectorError, DeviceFailedError, Remedy
from detector.golden import Floats, log_softmax
from detector.model_file import ModelEntry
from detector.nms import float32_limit
from detector.postprocess_fixed import unpack
from detector.postprocess_torch import Packed, postprocess
from detector.runtime.base import AnyFrame, DeviceFrame, ImageBGR
from detector.runtime.cuda_graph import FrameGraph
from detector.runtime.cuda_support import empty_cache, first_line, new_stream, preferred_batch, shown
from detector.runtime.device_pass import DevicePass
from detector.runtime.engine import Engine
from detector.runtime.shape_cache import ShapeCache
from detector.runtime.uploads import PinnedUploads, PlainUploads, Uploads, taken_from, use_frames
from detector.spec import PostprocessSpec

_GRAPHS = 4  # shapes of batch kept ready
_PLANS = 16  # sizes of frames
_CHUNK = 8  # frames in a graph: the next are uploaded meanwhile, and the first soon
_AT_A_TIME = " frames at a time."

_Shape = tuple[int, int, int]  # frames, height, width
_log = logging.getLogger(__name__)


class TorchDeviceDetector(Engine):
    """See ``Detector``.

    Args:
        entry: The model, with weights.
        device: Where everything runs.
        precision: "fp32", "fp16" or "bf16", for the network; boxes are always decoded in float32.
        notes: Passed on.

    Attributes:
        device_pass: The loaded network with everything around it.

    Raises:
        DetectorError: The weights are damaged, or the device cannot run them.
    """

    def __init__(self, entry: ModelEntry, device: torch.device, precision: str, notes: Sequence[str] = ()) -> None:
        super().__init__(entry.spec, f"torch_{device.type}", shown(device), precision, notes)
        self._place = device
        self._silent = self.on_stage
        self._chunk = _CHUNK
        self._rule: PostprocessSpec | None = None
        self._fetched: Tensor | None = None
        self._stream: torch.cuda.Stream | None = None
        self._graphs: ShapeCache[_Shape, FrameGraph] | None = None
        try:
            if device.type == "cuda":
                self._stream = new_stream(device)
            with self._here():
                self.device_pass = DevicePass(entry, device, precision)
                self.notes = (*self.notes, *self.device_pass.kernels.notes)
                self._plan = lru_cache(maxsize=_PLANS)(self.device_pass.input.plan)
                self._uploads = self._new_uploads()
            # The first run loads kernels and picks algorithms; better now than on the first frame.
            self._run(
                [np.zeros((entry.spec.input.height, entry.spec.input.width, 3), np.uint8)], entry.spec.postprocess
            )
            if self._stream is not None:
                self._graphs = ShapeCache(self._captured, _GRAPHS, FrameGraph.free)
                self.preferred_batch = preferred_batch(device)
        except DetectorError:
            self.close()
            raise
        except (RuntimeError, AssertionError, NotImplementedError) as error:  # of a PyTorch built without the device
            self.close()
            raise DetectorError(f"{self.device} cannot run {entry.name}: {first_line(error)}.") from error

    # -- a call -----------------------------------------------------------------------------------------------------

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        return self._run_any(frames, rule)

    def _run_any(self, frames: Sequence[AnyFrame], rule: PostprocessSpec) -> list[Candidates]:
        taken = [taken_from(frame, self._place) for frame in frames]
        with self._explained():
            relieved = False
            while (found := self._tried(taken, rule)) is None:
                if not relieved:
                    self._drop_buffers()
                elif not self._fewer(len(frames)):
                    raise DeviceFailedError(
                        f"{self.device} has too little free memory for {self.spec.name}.",
                        "Close other programs that use it, choose a smaller model, or run on the CPU.",
                        Remedy("device", "cpu"),
                    )
                relieved = True
        return found

    def _tried(self, frames: Sequence[AnyFrame], rule: PostprocessSpec) -> list[Candidates] | None:
        """None where the memory does not suffice; what the attempt held is free again then."""
        try:
            with self._here():
                return self._found(frames, rule)
        except (torch.OutOfMemoryError, torch.AcceleratorError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
                raise
            _log.info("%s is short of memory: %s", self.device, first_line(error))
            return None

    def _found(self, frames: Sequence[AnyFrame], rule: PostprocessSpec) -> list[Candidates]:
        """Queue everything, then look at each chunk as it comes, while the device works on the next."""
        if rule != self._rule:  # numbers that a graph reads, so that it need not be captured anew
            self.device_pass.limit.fill_(float(float32_limit(rule.iou_threshold)))
            self.device_pass.floor.fill_(rule.score_floor)
            self._rule = rule
        fetched, done = self._buffer(len(frames)), 0
        coming: list[tuple[Tensor, torch.cuda.Event | None]] = []
        for chunk in self._chunks(frames):
            rows = fetched[done : done + len(chunk)]
            rows.copy_(self._queue(chunk), non_blocking=self._stream is not None)
            coming.append((rows, None if self._stream is None else self._stream.record_event()))
            done += len(chunk)
        found: list[Candidates | None] = []
        for rows, there in coming:
            if there is not None:
                there.synchronize()
            if rows is coming[-1][0]:
                self.on_stage("copy")
            found += unpack(rows.numpy(), rule.iou_threshold)
        return [self._at_length(frame, rule) if one is None else one for frame, one in zip(frames, found, strict=True)]

    def _chunks(self, frames: Sequence[AnyFrame]) -> Iterator[list[AnyFrame]]:
        """Neighbours of one size and in one place, not too many at a time."""
        for _, group in groupby(frames, key=lambda frame: (frame.shape, isinstance(frame, DeviceFrame))):
            alike = list(group)
            for low in range(0, len(alike), self._chunk):
                yield alike[low : low + self._chunk]

    def _queue(self, chunk: Sequence[AnyFrame]) -> Tensor:
        """Float32[B, 1 + K, 7] on the device, valid until the next one."""
        height, width = chunk[0].shape[:2]
        plan = self._plan(height, width)
        listening = self.on_stage is not self._silent  # a graph has no stages to tell of
        graph = None if listening else self._graph(len(chunk), height, width)

        def step_by_step(images: Tensor) -> Tensor:
            rows = self.device_pass(images, plan, self.on_stage)
            self.on_stage("postprocess")
            return rows

        return use_frames(chunk, plan, step_by_step if graph is None else graph.replay, self._uploads)

    def _buffer(self, count: int) -> Tensor:
        """Float32[count, 1 + K, 7] on the host, page-locked beside an NVIDIA GPU."""
        if self._fetched is None or len(self._fetched) < count:
            self._fetched = None
            shape = (count, *self.device_pass.result_shape)
            self._fetched = torch.empty(shape, dtype=torch.float32, pin_memory=self._stream is not None)
        return self._fetched[:count]

    def _at_length(self, frame: AnyFrame, rule: PostprocessSpec) -> Candidates:
        """One frame with more candidates than the short way has room for: untrained weights, or a floor near zero."""
        plan = self._plan(*frame.shape[:2])

        def work(images: Tensor) -> Tensor:
            locs, logits = self.device_pass.predictions(images, plan)
            return postprocess(
                locs,
                logits,
                self.device_pass.defaults,
                rule,
                plan.extent[:2].flip(0)[None],
                variances=self.device_pass.variances,
            ).rows

        return Packed(use_frames([frame], plan, work, self._uploads), rule.iou_threshold).candidates()[0]

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        with self._explained(), self._here():
            plan = self._plan(*frame.shape[:2])

            def work(images: Tensor) -> Tensor:
                return torch.cat([each[0].float() for each in self.device_pass.predictions(images, plan)], dim=-1)

            both: Floats = self._uploads.use([frame], plan, work).cpu().numpy()
        return both[:, :4], log_softmax(both[:, 4:])

    # -- graphs -----------------------------------------------------------------------------------------------------

    def _graph(self, count: int, height: int, width: int) -> FrameGraph | None:
        """For that many frames; until there is one, a graph for more of them, the rest of which is left idle."""
        if self._graphs is None:
            return None
        exact = self._graphs.get((count, height, width))
        if exact is not None:
            return exact
        larger = (graph for (most, *size), graph in self._graphs.items() if most > count and size == [height, width])
        return next(larger, None)

    def _captured(self, shape: _Shape) -> FrameGraph | None:
        """None where it cannot be done, which is noted once: step by step it goes on, slower."""
        count, height, width = shape
        assert self._stream is not None
        assert self._graphs is not None
        shared = next((graph.pool for _, graph in self._graphs.items()), None)
        try:
            return FrameGraph(self.device_pass, count, self._plan(height, width), self._stream, shared)
        except RuntimeError as error:
            _log.info("no graph of %s on %s: %s", shape, self.device, first_line(error))
            if not isinstance(error, torch.OutOfMemoryError) and not any("CUDA graph" in note for note in self.notes):
                self.notes = (*self.notes, f"{self.device} does not take CUDA graphs ({first_line(error)}): slower.")
            return None

    # -- when it fails ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Faults of the device and its libraries as a ``DeviceFailedError``; on the CPU they are ours, and stay."""
        try:
            yield
        except RuntimeError as error:
            if self._place.type == "cpu" and not isinstance(error, torch.AcceleratorError):
                raise
            _log.info("%s failed", self.device, exc_info=error)
            raise DeviceFailedError(
                f"{self.device} failed: {first_line(error)}.",
                "Start the program again, or run on the CPU.",
                Remedy("device", "cpu"),
            ) from error

    def _fewer(self, count: int) -> bool:
        """From now on half as many at a time as have just failed; False where it was one."""
        count = min(count, self._chunk)
        if count > 1:
            self._chunk = count // 2
            self.preferred_batch = min(self.preferred_batch, self._chunk)
            told = tuple(note for note in self.notes if not note.endswith(_AT_A_TIME))
            self.notes = (*told, f"{self.device} is short of memory: {self._chunk}{_AT_A_TIME}")
        return count > 1

    def _drop_buffers(self) -> None:
        """Free what makes runs faster; it is made again when it is needed."""
        with self._here():
            if self._stream is not None:
                self._stream.synchronize()
            if self._graphs is not None:
                self._graphs.clear()
            self._fetched = None
            self._uploads.close()
            self._uploads = self._new_uploads()
        empty_cache(self._place)

    def _new_uploads(self) -> Uploads:
        return PlainUploads(self._place) if self._stream is None else PinnedUploads(self._place, self._stream)

    def _release(self) -> None:
        try:
            if self._stream is not None:
                self._stream.synchronize()
            if self._graphs is not None:
                self._graphs.clear()
        except RuntimeError as error:  # after a fault every call fails; closing must not
            _log.info("%s: %s", self.device, first_line(error))
        if "_uploads" in self.__dict__:
            self._uploads.close()
        for held in ("_graphs", "_uploads", "_plan", "device_pass", "_fetched", "_stream"):
            self.__dict__.pop(held, None)  # some are missing where opening failed half way
        empty_cache(self._place)

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        """On the engine's device and stream: library handles and page-locked memory belong to the current device."""
        with torch.inference_mode():
            if self._stream is None:
                yield
                return
            with torch.cuda.device(self._place), torch.cuda.stream(self._stream):
                yield
