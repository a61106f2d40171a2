"""Triton's kernels without a GPU: its interpreter finds what the plain form finds, and its compiler takes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton comes with torch on Linux only")

# Each in a process of its own: whether kernels are interpreted is settled when Triton is imported.
_INTERPRETED = """
import os, warnings
os.environ["TRITON_INTERPRET"] = "1"
warnings.simplefilter("ignore")  # numpy, of 0 / 0
import torch
torch.set_num_threads(1)
from detector.postprocess_fixed import suppress_by_rounds
from detector.postprocess_triton import suppress_by_kernels, triton_suppress

assert triton_suppress(torch.device("cpu")) is suppress_by_kernels
generator = torch.Generator().manual_seed(1)
seen = set()
for count in (1, 2, 63, 64, 65, 150):
    corners, sizes = (torch.rand(3, count, 2, generator=generator) * size for size in (300, 150))
    boxes = torch.cat((corners, corners + sizes), dim=-1)
    classes = torch.randint(0, 3, (3, count), generator=generator)
    valid = torch.arange(count) < torch.tensor([[count], [count // 2], [0]])
    for limit, top_k in ((0.0, 400), (0.45, 5), (0.45, 400), (1.0, 20)):
        limits = torch.tensor(limit)
        found = suppress_by_kernels(boxes, classes, valid, limits, top_k)
        wanted = suppress_by_rounds(boxes, classes, valid, limits, top_k)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True)), (count, limit, top_k)
        seen.add(int(wanted[1].sum()))
assert len(seen) > 8
chain = torch.arange(40.0)[:, None] * 3 + torch.tensor([0.0, 0.0, 10.0, 0.0])
chain[:, 1], chain[:, 3] = 0, 10
found = suppress_by_kernels(chain[None], torch.zeros(1, 40).long(), torch.ones(1, 40).bool(), torch.tensor(0.45), 400)
assert not found[2].any()  # longer than the rounds: said so
print("same")
"""

_COMPILED = """
import torch
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from detector.postprocess_triton import _cut, _round

given = {"boxes": "*fp32", "classes": "*i32", "used": "*i32", "stay": "*i32", "limit": "*fp32", "kept": "*i32"}
given |= {"after": "*i32", "count": "i32", "top_k": "i32", "BLOCK": "constexpr"}
for kernel in (_cut, _round):
    signature = {name: given[name] for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=signature, constexprs={(kernel.arg_names.index("BLOCK"),): 64})
    made = compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False})
    code = made.asm["ptx"]
    assert made.asm["cubin"]
    assert "fma.rn.f32" not in code and "st.local" not in code  # rounds as the plain form; all in registers
assert "div.rn.f32" in code
print("compiled")
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("program", "said"), [(_INTERPRETED, "same"), (_COMPILED, "compiled")])
def test_without_a_gpu(program: str, said: str, repository: Path) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=280)
    assert done.stdout.strip().endswith(said), done.stdout + done.stderr
