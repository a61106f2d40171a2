"""SSD by torch with every stage on the device: upload of the bytes, resize, normalise, network, decode, NMS.

One copy of a fixed size comes back. The code asks nothing of CUDA itself, so it also runs on Apple's GPUs and, in the
tests, on the CPU. Used by the thread that opened it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

import numpy as np
import torch

from detector.default_boxes import default_boxes
from detector.detections import Candidates
from detector.errors import DetectorError
from detector.golden import Floats, log_softmax
from detector.postprocess_torch import postprocess
from detector.preprocess import TorchInputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.network import load_network
from detector.shelf import ShelfEntry

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_log = logging.getLogger(__name__)


class TorchDeviceDetector(Engine):
    """See ``Detector``.

    Args:
        entry: The model, with weights.
        device: Where everything runs.
        precision: "fp32", "fp16" or "bf16", for the network; boxes are always decoded in float32.
        notes: Passed on.

    Raises:
        DetectorError: The weights are damaged, or the device cannot run them.
    """

    def __init__(self, entry: ShelfEntry, device: torch.device, precision: str, notes: Sequence[str] = ()) -> None:
        super().__init__(entry.spec, f"torch_{device.type}", _shown(device), precision, notes)
        assert entry.spec.config is not None  # load_network refuses specs without
        self._place = device
        self._sizes: tuple[tuple[int, int], ...] = ()
        if device.type == "cuda" and precision == "fp32":
            # By default cuDNN rounds to 10 bits ("TF32") on newer GPUs; who asks for float32 gets float32.
            torch.backends.cudnn.allow_tf32 = False
        self._network = load_network(entry)
        try:
            self._network.to(device=device, dtype=_DTYPES[precision]).to(memory_format=torch.channels_last)
            self._inputs = TorchInputBuilder(entry.spec.input, device, _DTYPES[precision])
            self._defaults = torch.from_numpy(default_boxes(entry.spec.config)).to(device)
            self._variances = entry.spec.config.variances
            # The first run loads kernels and picks algorithms; better now than on the first picture.
            self._run([np.zeros((entry.spec.input.height, entry.spec.input.width, 3), np.uint8)], 0.5)
        except DetectorError:
            self.close()
            raise
        except (RuntimeError, AssertionError) as error:  # the latter from a PyTorch built without CUDA
            self.close()
            raise DetectorError(f"{self.device} cannot run {entry.name}: {first_line(error)}.") from error

    def _run(self, frames: Sequence[ImageBGR], iou_threshold: float) -> list[Candidates]:
        try:
            with torch.inference_mode(), _current(self._place):
                images = self._inputs(frames)
                self.on_stage("preprocess")
                locs, logits = self._network(images)
                self.on_stage("network")
                sizes = self._sizes_of(frames)
                packed = postprocess(
                    locs,
                    logits,
                    self._defaults,
                    self.spec.postprocess,
                    sizes,
                    iou_threshold,
                    variances=self._variances,
                )
                self.on_stage("postprocess")
                found = packed.candidates()
                self.on_stage("copy")
                return found
        except torch.OutOfMemoryError as error:
            _empty_cache(self._place)
            raise DetectorError(
                f"{self.device} has too little free memory for {self.spec.name}.",
                "Close other programs that use it, choose a smaller model, or run on the CPU (--device cpu).",
            ) from error
        except torch.AcceleratorError as error:  # the driver gave the device up: it stays so until the program ends
            raise DetectorError(
                f"{self.device} failed: {first_line(error)}.",
                "Start the program again, or run on the CPU (--device cpu).",
            ) from error

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        with torch.inference_mode(), _current(self._place):
            locs, logits = self._network(self._inputs([frame]))
            return locs[0].float().cpu().numpy(), log_softmax(logits[0].float().cpu().numpy())

    def _sizes_of(self, frames: Sequence[ImageBGR]) -> torch.Tensor:
        """Float32[B, 2] on the device; the frames of one source all have one size, so it is uploaded once."""
        sizes = tuple((frame.shape[0], frame.shape[1]) for frame in frames)
        if sizes != self._sizes:
            self._sizes_tensor = torch.tensor(sizes, dtype=torch.float32, device=self._place)
            self._sizes = sizes
        return self._sizes_tensor

    def _release(self) -> None:
        for held in ("_network", "_inputs", "_defaults", "_sizes_tensor"):
            self.__dict__.pop(held, None)  # some are missing where opening failed half way
        _empty_cache(self._place)


def _current(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Page-locked memory and library handles belong to CUDA's current device, which need not be this one."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def _empty_cache(device: torch.device) -> None:
    """Give freed memory back to the other programs on the device, and page-locked memory back to the system.

    Never raises: after a fault every call to a GPU fails until the program ends, and closing must work even then.
    """
    try:
        if device.type == "cuda":
            torch.cuda.empty_cache()
            empty_host_cache = getattr(torch.accelerator, "empty_host_cache", None)  # not in torch 2.8
            if empty_host_cache is not None:
                empty_host_cache()
        elif device.type == "mps":
            torch.mps.empty_cache()
    except (RuntimeError, AssertionError) as error:  # as in ``why_not_cuda``
        _log.info("memory of %s is not given back: %s", device, first_line(error))


def _shown(device: torch.device) -> str:
    """For people, e.g. "cuda:0 (NVIDIA H100)"."""
    try:
        return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
    except (RuntimeError, AssertionError):  # told properly when the network is put there
        return str(device)


def why_not_cuda(index: int) -> str:
    """Empty where CUDA device ``index`` can be used, else the reason; runs one tiny kernel to be sure."""
    try:
        if not torch.cuda.is_available():
            return "no NVIDIA GPU with a working driver was found"
        if index >= torch.cuda.device_count():
            return f"there is no GPU number {index}"
        capability = torch.cuda.get_device_capability(index)
        if not is_covered(capability, torch.cuda.get_arch_list()):
            return f"this PyTorch has no code for the GPU's compute capability {capability[0]}.{capability[1]}"
        ones = torch.ones(8, device=f"cuda:{index}")
        if float((ones + ones).sum()) != 16.0:
            return "the GPU computed a wrong result"
    except (RuntimeError, AssertionError) as error:  # driver and library faults come as these
        _log.info("cuda:%d refused: %s", index, error)
        return first_line(error)
    return ""


def is_covered(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a PyTorch built for ``architectures`` ("sm_90", "compute_90"...) runs on a GPU of ``capability``.

    Binary code (sm) runs on the same major version from its minor version up; PTX (compute) on anything newer.
    """
    for name in architectures:
        kind, _, digits = name.partition("_")
        if not digits.isdecimal():  # "90a" and the like run on exactly that chip
            if digits[:-1].isdecimal() and divmod(int(digits[:-1]), 10) == capability:
                return True
            continue
        major, minor = divmod(int(digits), 10)
        if kind == "sm" and capability[0] == major and capability[1] >= minor:
            return True
        if kind == "compute" and capability >= (major, minor):
            return True
    return False


def first_line(error: BaseException) -> str:
    """The first line of a library's message, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".")[:200] if lines else type(error).__name__
