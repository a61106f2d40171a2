"""Triton's kernels without a GPU: its interpreter finds what the plain forms find, and its compiler takes them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton comes with torch on Linux only")

# Each in a process of its own: whether kernels are interpreted is settled when Triton is imported.
_ALIKE = """
import torch
from unittest import mock
from detector.runtime.kernel_cases import trials

memory, sign, beside = [], 77, 64
plain_empty = torch.empty

def empty(size, dtype=torch.float32, device=None):  # between two strips that nobody may write to
    shape = (size,) if isinstance(size, int) else tuple(size)
    count = torch.Size(shape).numel()
    memory.append(plain_empty(count + 2 * beside, dtype=dtype).fill_(sign))
    return memory[-1][beside : beside + count].view(shape)

def empty_like(other):
    if other.dim() < 4:
        return empty(other.shape, other.dtype)
    return empty(other.permute(0, 2, 3, 1).shape, other.dtype).permute(0, 3, 1, 2)

def guarded(work):
    zeros = lambda *given, **named: empty(*given, **named).zero_()
    with mock.patch.multiple(torch, empty=empty, empty_like=empty_like, zeros=zeros):
        return list(work)

for dtype in (torch.float32, torch.float16, torch.bfloat16):
    for trial in trials(torch.device("cpu"), dtype):
        answers = 0
        for ours, plain in zip(guarded(trial.small(trial.ours)), trial.small(trial.plain), strict=True):
            assert ours.shape == plain.shape and ours.dtype == plain.dtype, trial
            assert ours.dim() < 4 or ours.is_contiguous(memory_format=torch.channels_last), trial
            torch.testing.assert_close(ours, plain, rtol=trial.off, atol=trial.off, equal_nan=True)
            answers += 1
        assert answers > 1
assert len(memory) > 100
for each in memory:
    assert (each[:beside] == sign).all() and (each[-beside:] == sign).all(), "written beside its place"
"""

_CROWDS = """
import torch
from detector.kernels.postprocess import postprocess_by_kernels
from detector.kernels.suppress import suppress_by_kernels
from detector.postprocess_fixed import postprocess_fixed, suppress_by_rounds, unpack
from detector.spec import PostprocessSpec

generator = torch.Generator().manual_seed(1)
seen = set()
for count in (1, 2, 63, 64, 65):
    corners, sizes = (torch.rand(2, count, 2, generator=generator) * size for size in (300, 150))
    boxes = torch.cat((corners, corners + sizes), dim=-1)
    classes = torch.randint(0, 3, (2, count), generator=generator)
    valid = torch.arange(count) < torch.tensor([[count], [count // 2]])
    for limit, top_k in ((0.0, 400), (0.45, 5), (1.0, 20)):
        found = suppress_by_kernels(boxes, classes, valid, torch.tensor(limit), top_k)
        wanted = suppress_by_rounds(boxes, classes, valid, torch.tensor(limit), top_k)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True)), (count, limit, top_k)
        seen.add(int(wanted[1].sum()))
assert len(seen) > 6

chain = torch.arange(20.0)[:, None] * 3 + torch.tensor([0.0, 0.0, 10.0, 0.0])
chain[:, 1], chain[:, 3] = 0, 10
found = suppress_by_kernels(chain[None], torch.zeros(1, 20).long(), torch.ones(1, 20).bool(), torch.tensor(0.45), 400)
assert not found[2].any()  # longer than the rounds: said so

def both(logits, locs, capacity):
    defaults = torch.rand(logits.shape[1], 4, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.1
    extent, limit, floor = torch.tensor([640.0, 360.0, 640.0, 360.0]), torch.tensor(0.45), torch.tensor(0.01)
    given = (locs, logits, defaults, PostprocessSpec(), extent, limit)
    return [form(*given, floor=floor, capacity=capacity) for form in (postprocess_by_kernels, postprocess_fixed)]

ties = torch.zeros(1, 12, 4)  # all scores the same: by class, then by box
ours, plain = both(ties, torch.zeros(1, 12, 4), 64)
torch.testing.assert_close(ours, plain)
assert plain[0, 0, 0] == 36 and plain[0, 1:, 5].tolist() == [0.0] * 12 + [1.0] * 12 + [2.0] * 12

ours, plain = both(ties, torch.zeros(1, 12, 4), 10)  # more than fit: said so, and nothing is written beside its place
assert ours.shape == plain.shape == (1, 11, 7)
assert ours[0, 0, 0] == plain[0, 0, 0] == 36
assert unpack(ours.numpy(), 0.45, 10) == unpack(plain.numpy(), 0.45, 10) == [None]

ours, plain = both(ties * torch.nan, torch.zeros(1, 12, 4), 64)
assert ours[0, :, :5].abs().sum() == plain[0, 0, 0] + 1 == 1  # no pair, settled
"""

_COMPILED = """
import torch
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from detector.kernels import network_input, normalise, postprocess, rectify, suppress

half, single, byte, long, whole = "*fp16", "*fp32", "*u8", "*i64", "*i32"
pointers = {
    network_input._mix: {"frames": byte, "rows": long, "values": long, "out": half}
    | dict.fromkeys(("down", "across", "mean", "scale"), single),
    rectify._rectify: {"maps": half, "bias": half},
    rectify._rectify_pool: {"maps": half, "bias": half, "out": half},
    normalise._l2norm: {"maps": half, "scale": half, "out": half},
    postprocess._choose: {"logits": half, "floor": single, "keys": long, "passing": whole},
    postprocess._decode: {"keys": long, "locs": half, "class_ids": whole}
    | dict.fromkeys(("defaults", "extent", "out", "scores"), single)
    | dict.fromkeys(("max_log_size", "v0", "v1", "v2", "v3"), "fp32"),
    postprocess._gather: {"boxes": single, "scores": single, "rows": single}
    | dict.fromkeys(("passing", "class_ids", "stay", "kept", "before"), whole),
    suppress._cut: dict.fromkeys(("classes", "used", "stay"), whole),
    suppress._round: {"boxes": single, "limit": single}
    | dict.fromkeys(("classes", "used", "stay", "kept", "after"), whole),
}
sizes = {"ROWS": 32, "COLUMNS": 128, "BOXES": 8, "CLASSES": 128, "KERNEL": 3, "STRIDE": 1, "PADDING": 1, "CLIP": True}
sizes |= {"LISTED": True}
of_kernel = {
    network_input._mix: {"CHANNELS": 8, "BLOCK": 8},
    normalise._l2norm: {"CHANNELS": 512, "ROWS": 4},
    postprocess._decode: {"BLOCK": 128},
    postprocess._gather: {"BLOCK": 1024},
}
for kernel, types in pointers.items():
    names = kernel.arg_names
    given = {"CHANNELS": 64, "BLOCK": 64} | sizes | of_kernel.get(kernel, {})
    signature = {name: types.get(name, "constexpr" if name.isupper() else "i32") for name in names}
    constants = {(names.index(name),): given[name] for name in names if name.isupper()}
    for architecture in (80, 90, 120):
        source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
        made = compile(source, target=GPUTarget("cuda", architecture, 32), options={"enable_fp_fusion": False})
        assert made.asm["cubin"]
        assert "st.local" not in made.asm["ptx"], kernel  # all in registers
        assert kernel not in (suppress._cut, suppress._round) or "fma.rn.f32" not in made.asm["ptx"]  # rounds as torch
"""


def _run(program: str, repository: Path, **settings: str) -> None:
    program = "import warnings\nwarnings.simplefilter('ignore')  # numpy, of 0 / 0\n" + program + "\nprint('done')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | settings,
        capture_output=True,
        text=True,
        timeout=590,
    )
    assert done.stdout.strip().endswith("done"), done.stdout + done.stderr


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", [_ALIKE, _CROWDS], ids=["alike", "crowds"])
def test_the_interpreter_finds_what_torch_finds(program: str, repository: Path) -> None:
    _run(program, repository, TRITON_INTERPRET="1")


@pytest.mark.timeout(600)
def test_the_compiler_takes_them_for_every_generation_of_cards(repository: Path, tmp_path: Path) -> None:
    _run(_COMPILED, repository, TRITON_CACHE_DIR=str(tmp_path))
