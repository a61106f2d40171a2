"""How long a GPU takes for a piece of work, without the gaps in which it waits for the host. On the caller's thread."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch

from detector.runtime.cuda_support import CAPTURING, new_stream


def graph_ms(work: Callable[[], object], runs: int = 30) -> float:
    """Returns the median milliseconds that the current NVIDIA GPU takes for what ``work`` queues, as a graph.

    Raises:
        RuntimeError: It cannot be captured.
    """
    stream = new_stream(torch.device("cuda", torch.cuda.current_device()))
    event: Any = torch.cuda.Event  # written without types
    torch.cuda.synchronize()  # what ``work`` reads was made on another stream
    with torch.inference_mode(), torch.cuda.stream(stream):
        for _ in range(3):
            work()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with CAPTURING, torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            held = work()
        taken: list[float] = []
        for number in range(3 + runs):
            start, end = event(enable_timing=True), event(enable_timing=True)
            start.record()
            graph.replay()
            end.record()
            end.synchronize()
            if number >= 3:
                taken.append(start.elapsed_time(end))
    graph.reset()
    del held
    return statistics.median(taken)
