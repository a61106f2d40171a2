"""Which kernels are used, what they replace in a network, and the whole way with replacements in their place."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from detector.kernels.kernel_set import Kernels
from detector.model_file import open_file
from detector.models.build import build_network
from detector.models.conv_fusion import FusedConv, FusedL2Norm, Pooling, fuse, pooled_size, rectify
from detector.models.layers import Conv, Separable
from detector.models.ssd import l2norm
from detector.postprocess_fixed import postprocess_fixed
from detector.preprocess_torch import mix
from detector.runtime.device_pass import DevicePass
from detector.runtime.kernel_trial import choose, kernels_for
from tests.support.one_thread import one_thread
from tests.support.tiny_models import random_spec, save_random
from tools.gpu import pieces
from tools.gpu.support import Bench, sizes_of

CPU = torch.device("cpu")


def trial(part: str, ours: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    cases = pytest.importorskip("detector.runtime.kernel_cases", reason="Triton comes with torch on Linux only")
    ones = torch.ones(3)
    return cases.Trial(
        part, ours, torch.neg, lambda form: iter([form(ones)]), lambda form, _frames: lambda: form, off=1e-6
    )


def refuse(_given: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("no C compiler\nand more")


def test_a_kernel_is_used_where_it_is_right_and_no_slower() -> None:
    right = torch.ones(3).__class__.negative
    slow: Callable[[torch.Tensor], torch.Tensor] = lambda given: -given  # noqa: E731 - a form by itself
    tried = [trial("mix", right), trial("rectify", torch.abs), trial("normalise", slow), trial("suppress", refuse)]
    found = choose(tried, lambda work: 2.0 if work() is slow else 1.0)
    assert (found.mix, found.rectify, found.normalise, found.suppress, found.postprocess) == (right, *[None] * 4)
    assert [note.split()[2] for note in found.notes] == ["rectify", "suppress"]  # slower is no fault
    assert "no C compiler" in found.notes[1]
    assert "\n" not in found.notes[1]


def test_the_cpu_has_no_kernels() -> None:
    assert kernels_for(CPU, torch.float32) == Kernels()


POOLINGS = (Pooling(2, 2, 0, ceil=False), Pooling(2, 2, 0, ceil=True), Pooling(3, 1, 1, False), Pooling(3, 2, 1, True))


def test_the_size_after_pooling_is_torchs() -> None:
    for size, pooling in itertools.product(range(2, 14), POOLINGS):
        maps = torch.zeros(1, 1, size, size)
        wanted = functional.max_pool2d(maps, pooling.kernel, pooling.stride, pooling.padding, ceil_mode=pooling.ceil)
        assert pooled_size(size, pooling) == wanted.shape[-1]


@pytest.mark.parametrize(
    ("architecture", "fused", "norms", "poolings"),
    [("ssd-vgg16", 23, 1, 4), ("layers", 3, 0, 0), ("ultraface-slim", 0, 0, 0)],
)
def test_a_fused_network_answers_the_same(architecture: str, fused: int, norms: int, poolings: int) -> None:
    torch.manual_seed(0)
    if architecture == "layers":  # two of which are not what is fused
        spec = random_spec()
        odd = Conv(16, 8, 3, stride=2, same=True), Conv(8, 4, 1, activation="relu6")
        network: nn.Module = nn.Sequential(Conv(3, 8, 3, stride=2), Separable(8, 16), *odd)
    else:
        spec = random_spec(architecture)
        network = build_network(spec)
    network.eval().requires_grad_(False).double()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.2, 0.2)
    images = torch.randn(1, 3, spec.input.height, spec.input.width, dtype=torch.float64)
    with one_thread(), torch.inference_mode():
        wanted = network(images)
        fuse(network, rectify, l2norm)
        found = network(images)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)  # L2Norm works in float32
    convs = [module for module in network.modules() if isinstance(module, FusedConv)]
    assert len(convs) == fused
    assert sum(isinstance(module, FusedL2Norm) for module in network.modules()) == norms
    assert sum(module._pooling is not None for module in convs) == poolings


def test_without_kernels_a_network_is_left_alone() -> None:
    network = build_network(random_spec("ssd-vgg16"))
    before = list(network.modules())
    fuse(network, None, None)
    assert list(network.modules()) == before


def test_the_whole_way_is_the_same_with_every_part_replaced(tmp_path: Path) -> None:
    save_random(tmp_path / "a.safetensors", random_spec("ssd-vgg16"))
    entry = open_file(tmp_path / "a.safetensors")
    seen: list[str] = []

    def noted(name: str, form: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def call(*given: Any, **named: Any) -> torch.Tensor:
            seen.append(name)
            return form(*given, **named)

        return call

    forms = {"mix": mix, "rectify": rectify, "normalise": l2norm, "postprocess": postprocess_fixed}
    rows = []
    with one_thread(), torch.inference_mode():
        for kernels in (Kernels(), Kernels(**{name: noted(name, form) for name, form in forms.items()})):  # type: ignore[arg-type]  # by name
            made = DevicePass(entry, CPU, "fp32", kernels=kernels)
            made.limit.fill_(0.45)
            plan = made.input.plan(60, 50)
            frames = torch.randint(0, 255, (2, plan.uploaded_rows, 50, 3), generator=torch.Generator().manual_seed(0))
            rows.append(made(frames.byte(), plan))
    torch.testing.assert_close(rows[0], rows[1])
    assert set(seen) == set(forms)


def test_the_clock_of_pieces_is_asked_for_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a card, where Triton refuses: on the CPU it does, outside its interpreter."""
    pytest.importorskip("triton", reason="Triton comes with torch on Linux only")

    def clock(work: Callable[[], object]) -> float:
        work()
        return 1.0

    save_random(tmp_path / "a.safetensors", random_spec())
    bench = Bench("cpu", sizes_of("cpu", quick=True), {"a": open_file(tmp_path / "a.safetensors")})
    monkeypatch.setattr(pieces, "graph_ms", clock)
    with one_thread():
        rows = list(pieces._kernels(bench, torch.float32, 1))
        assert [row["part"] for row in rows] == ["mix", "rectify", "normalise", "suppress", "postprocess"]
        assert all(row["torch_ms"] == 1.0 and isinstance(row["triton_ms"], str) for row in rows)
        assert pieces._whole(bench, "a", 2) == {"part": "whole pass", "batch": 2, "torch_ms": 1.0, "triton_ms": 1.0}
