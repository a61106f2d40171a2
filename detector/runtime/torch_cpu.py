"""SSD by torch on the CPU: OpenCV resize, network in float32 or bfloat16, post-processing in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from detector.default_boxes import default_boxes
from detector.detections import Candidates
from detector.golden import Floats, log_softmax
from detector.model_file import ModelEntry
from detector.postprocess import postprocess
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.network import load_network
from detector.spec import PostprocessSpec


def has_native_bf16() -> bool:
    """Returns whether this CPU multiplies bfloat16 itself; emulated, it is several times slower than float32."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)


class TorchCpuDetector(Engine):
    """See ``Detector``.

    Args:
        entry: The model, with weights.
        precision: "fp32" or "bf16".
        notes: Passed on.
    """

    def __init__(self, entry: ModelEntry, precision: str, notes: Sequence[str] = ()) -> None:
        super().__init__(entry.spec, "torch_cpu", "cpu", precision, notes)
        assert entry.spec.config is not None  # load_network refuses specs without
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._network = load_network(entry).to(self._dtype).to(memory_format=torch.channels_last)
        self._inputs = InputBuilder(entry.spec.input)
        self._defaults = default_boxes(entry.spec.config)
        self._variances = entry.spec.config.variances

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        locs, logits = self._forward(frames)
        found = postprocess(
            locs,
            logits,
            self._defaults,
            rule,
            [frame.shape[:2] for frame in frames],
            variances=self._variances,
        )
        self.on_stage("postprocess")
        return found

    def _forward(self, frames: Sequence[ImageBGR]) -> tuple[Floats, Floats]:
        images = torch.from_numpy(self._inputs(frames)).to(dtype=self._dtype, memory_format=torch.channels_last)
        self.on_stage("preprocess")
        with torch.inference_mode():
            locs, logits = self._network(images)
        outputs = _host(locs), _host(logits)
        self.on_stage("network")
        return outputs

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        locs, logits = self._forward([frame])
        return locs[0], log_softmax(logits[0])

    def _release(self) -> None:
        del self._network


def _host(tensor: torch.Tensor) -> Floats:
    array: Floats = tensor.float().numpy()
    return array
