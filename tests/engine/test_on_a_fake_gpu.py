"""The whole pass on tensors of ``cuda:0`` that hold no values: no step asks for one, none leaves the device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from detector.kernels.kernel_set import Kernels
from detector.model_file import open_file
from detector.models.build import build_network
from detector.models.conv_fusion import rectify
from detector.models.ssd import l2norm
from detector.preprocess_torch import mix
from detector.runtime import device_pass
from detector.runtime.device_pass import DevicePass
from tests.support.tiny_models import random_spec, save_random

GPU = torch.device("cuda", 0)


class Watch(TorchDispatchMode):
    """Notes every operation: where its results are, and the form of what is convolved."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.convolved: list[tuple[torch.dtype, int, bool]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else (result,):
            if isinstance(each, torch.Tensor):
                self.places.add(str(each.device))
        if func in (torch.ops.aten.conv2d.default, torch.ops.aten.convolution.default):
            images, weight = args[:2]
            last = all(each.is_contiguous(memory_format=torch.channels_last) for each in (images, weight, result))
            self.convolved.append((images.dtype, images.shape[1], last))
        return result


def to(network: nn.Module, device: Any = None, dtype: Any = None, memory_format: Any = None) -> nn.Module:
    """``nn.Module.to``, which cannot move parameters without values."""
    for module in network.modules():
        for name, value in list(module._parameters.items()):
            if value is not None:
                form = memory_format if memory_format is not None and value.dim() == 4 else torch.preserve_format
                moved = value.detach().to(device=device, dtype=dtype, memory_format=form)
                module._parameters[name] = nn.Parameter(moved, requires_grad=False)
    return network


@pytest.mark.parametrize("kernels", [Kernels(), Kernels(mix=mix, rectify=rectify, normalise=l2norm)])
def test_nothing_waits_and_everything_stays_in_form(
    kernels: Kernels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_random(tmp_path / "a.safetensors", random_spec("ssd-vgg16"))
    entry = open_file(tmp_path / "a.safetensors")
    made: Callable[[Any], nn.Module] = lambda entry: build_network(entry.spec).requires_grad_(False).eval()  # noqa: E731 - read once
    monkeypatch.setattr(device_pass, "load_network", made)
    monkeypatch.setattr(nn.Module, "to", to)
    with FakeTensorMode(allow_non_fake_inputs=True):
        whole = DevicePass(entry, GPU, "fp16", kernels=kernels)
        plan = whole.input.plan(720, 1280)
        frames = torch.empty((8, plan.uploaded_rows, 1280, 3), dtype=torch.uint8, device=GPU)
        with torch.inference_mode(), Watch() as watch:
            rows = whole(frames, plan)
        with pytest.raises(DataDependentOutputException):  # what asks for a value is told
            rows.sum().item()
    assert (rows.shape, rows.dtype, rows.device) == ((8, *whole.result_shape), torch.float32, GPU)
    assert watch.places == {"cuda:0"}
    assert len(watch.convolved) == 29
    assert all(found[0] == torch.float16 and found[1] % 8 == 0 and found[2] for found in watch.convolved)
