"""The whole way of a batch on a device: bytes of frames, input, network, post-processing, one buffer of results.

Only queues work: no step waits, and no shape depends on what the frames show, so that a CUDA graph can hold all of it;
without one the same code runs step by step, on any device torch knows. On the engine's thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from detector.default_boxes import default_boxes
from detector.kernels.kernel_set import Kernels
from detector.model_file import ModelEntry
from detector.models.conv_fusion import fuse
from detector.models.head_merging import merge_heads, widen_input
from detector.postprocess_fixed import postprocess_fixed, result_shape
from detector.preprocess_torch import DeviceInput, ResizePlan
from detector.runtime.kernel_trial import kernels_for
from detector.runtime.network import load_network

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_TRIED = 32  # algorithms of cuDNN's for each convolution; torch's own limit of 10 leaves out some of the best


class DevicePass:
    """A loaded network with everything around it.

    Args:
        entry: The model, with weights.
        device: Where it runs.
        precision: "fp32", "fp16" or "bf16", for the network; boxes are always decoded in float32.
        kernels: What does parts of it faster; None for those that pass on the device.

    Attributes:
        limit: Float32[] on the device, the overlap limit; filled before a run.
        floor: Float32[] on the device, the floor score; likewise.
        kernels: In use.
        result_shape: Of one image's part of the result, (1 + K, 7).
    """

    def __init__(
        self,
        entry: ModelEntry,
        device: torch.device,
        precision: str,
        *,
        kernels: Kernels | None = None,
    ) -> None:
        assert entry.spec.config is not None  # load_network refuses specs without
        dtype = DTYPES[precision]
        network = load_network(entry)
        merge_heads(network)
        channels = widen_input(network) if device.type == "cuda" else 3
        self.kernels = kernels_for(device, dtype) if kernels is None else kernels
        fuse(network, self.kernels.rectify, self.kernels.normalise)
        self.network: nn.Module = network.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
        self.input = DeviceInput(entry.spec.input, device, dtype, channels, self.kernels.mix)
        self.defaults = torch.from_numpy(default_boxes(entry.spec.config)).to(device)
        self.variances = entry.spec.config.variances
        self.limit = torch.zeros((), device=device)
        self.floor = torch.full((), entry.spec.postprocess.score_floor, device=device)
        self.result_shape = result_shape(len(self.defaults), len(entry.spec.labels))
        self._rule = entry.spec.postprocess
        self._exact = precision == "fp32"

    def __call__(self, frames: Tensor, plan: ResizePlan, on_stage: Callable[[str], object] | None = None) -> Tensor:
        """UInt8[B, rows, w, 3] on the device, of frames that ``plan`` is for -> ``postprocess_fixed``'s buffer."""
        with self._convolutions():
            images = self.input(frames, plan)
            if on_stage is not None:
                on_stage("preprocess")
            locs, logits = self.network(images)
            if on_stage is not None:
                on_stage("network")
            work = self.kernels.postprocess or partial(postprocess_fixed, suppress=self.kernels.suppress)
            return work(
                locs,
                logits,
                self.defaults,
                self._rule,
                plan.extent,
                self.limit,
                floor=self.floor,
                variances=self.variances,
            )

    def predictions(self, frames: Tensor, plan: ResizePlan) -> tuple[Tensor, Tensor]:
        """Returns the network's own output: locs Float[B, P, 4] and logits Float[B, P, C]."""
        with self._convolutions():
            locs, logits = self.network(self.input(frames, plan))
            return locs, logits

    @contextlib.contextmanager
    def _convolutions(self) -> Iterator[None]:
        """Sets how cuDNN works meanwhile; these switches are the whole process's, so they are put back.

        It picks algorithms by trying them, from the first call of a shape: what it ran untuned once it goes on running
        untuned. Who asks for float32 gets float32, not products of 10 bits ("TF32").
        """
        cudnn = torch.backends.cudnn
        before = cudnn.benchmark, cudnn.benchmark_limit, cudnn.allow_tf32
        cudnn.benchmark, cudnn.benchmark_limit, cudnn.allow_tf32 = True, _TRIED, not self._exact
        try:
            yield
        finally:
            cudnn.benchmark, cudnn.benchmark_limit, cudnn.allow_tf32 = before
