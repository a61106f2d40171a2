"""One captured pass: everything a batch of one shape takes on an NVIDIA GPU, started by a single call.

On the engine's thread and stream. A graph reads and writes fixed memory: frames are copied into ``frames``, it is
replayed, and ``result`` holds the answer until the next replay of any graph that shares its memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from detector.preprocess_torch import ResizePlan
from detector.runtime.cuda_support import CAPTURING
from detector.runtime.device_pass import DevicePass

_WARM_UPS = 2  # the first loads kernels and tries algorithms, the second shows that nothing is left to load


class FrameGraph:
    """A captured pass over ``batch`` frames that ``plan`` is for.

    Args:
        work: What to capture. It and what it holds must outlive the graph, which knows their memory by address.
        batch: Frames.
        plan: For their size.
        stream: The engine's; not the default one.
        pool: Whose memory to work in: a graph's that never runs at the same time. None for some of its own.

    Raises:
        RuntimeError: Something in the pass cannot be captured, or there is no memory.
    """

    def __init__(
        self,
        work: DevicePass,
        batch: int,
        plan: ResizePlan,
        stream: torch.cuda.Stream,
        pool: Any = None,
    ) -> None:
        shape = (batch, plan.uploaded_rows, plan.width, 3)
        self._held, self._stream = (work, plan), stream
        self.batch = batch
        self.frames = torch.zeros(shape, dtype=torch.uint8, device=work.limit.device)
        self._graph = torch.cuda.CUDAGraph()
        for _ in range(_WARM_UPS):
            work(self.frames, plan)
        stream.synchronize()
        # Other threads go on using the GPU meanwhile (another engine, a training): only this one keeps the rules.
        with CAPTURING, torch.cuda.graph(self._graph, pool, stream, capture_error_mode="thread_local"):
            self.result: Tensor = work(self.frames, plan)

    @property
    def pool(self) -> Any:
        """torch's name for the memory it works in, which lives as long as a graph that uses it."""
        return self._graph.pool()

    def replay(self, frames: Tensor) -> Tensor:
        """Run on UInt8[b, rows, w, 3], b up to ``batch``; Float32[b, 1 + K, 7], valid until the next replay."""
        count = len(frames)
        self.frames[:count].copy_(frames, non_blocking=True)
        self._graph.replay()
        return self.result[:count]

    def free(self) -> None:
        """Give the graph and its memory up, once it has run."""
        self._stream.synchronize()
        self._graph.reset()
        del self.frames, self.result, self._held
