"""Batch normalisation over two processes against one.

In float64, where nothing but the formula can differ.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from detector.training.processes import Processes, parallel, share_batch_norm

_CPU = torch.device("cpu")


def write_pairs(out: Path, processes: Processes) -> None:
    """Write pairs (shared, alone) of everything a training step can see."""
    torch.manual_seed(0)
    alone = nn.Sequential(nn.BatchNorm2d(3)).double()
    nn.init.normal_(alone[0].weight)
    images, wanted = torch.randn(2, 4, 3, 5, 5).double()
    shared = nn.Sequential(nn.BatchNorm2d(3)).double()
    shared.load_state_dict(alone.state_dict())
    share_batch_norm(shared, processes, _CPU)
    both = parallel(shared.double(), processes, _CPU)
    assert isinstance(both, DistributedDataParallel)
    mine = slice(2 * processes.rank, 2 * processes.rank + 2)
    own, whole = images[mine].clone().requires_grad_(), images.clone().requires_grad_()
    output = both(own)
    # Each process's loss times their number, as the mean over the processes is taken of the gradients.
    torch.autograd.backward((output * wanted[mine]).sum() * processes.count)
    expected = alone(whole)
    torch.autograd.backward((expected * wanted).sum())
    assert own.grad is not None
    assert whole.grad is not None
    pairs: dict[str, tuple[Tensor, Tensor]] = {
        "output": (_gathered(output.detach()), expected.detach()),
        "images": (_gathered(own.grad / processes.count), whole.grad),
    }
    for name, tensor in alone.named_parameters():
        pairs[name.removeprefix("0.")] = (_grad(shared.get_parameter(name)), _grad(tensor))
    for name, tensor in alone.named_buffers():
        pairs[name.removeprefix("0.")] = (shared.get_buffer(name), tensor)
    if processes.rank == 0:
        torch.save(pairs, out)


def _gathered(values: Tensor) -> Tensor:
    parts = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, values)
    return torch.cat(parts)


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
