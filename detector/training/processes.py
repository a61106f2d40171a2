"""One training shared by several processes: who is who, and what they must tell each other.

Each process learns from its share of every batch; gradients are averaged by torch, the loss is divided by what all
found (see ``MultiBoxLoss``), and batch normalisation takes its statistics over all. So the result is one process's.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from detector.errors import DetectorError


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: Its number; 0 writes files and reports.
        count: How many there are.
        local_rank: Its number on this computer, which is its GPU's.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0


@contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Meet the others that ``torchrun`` started; alone, there is nothing to do.

    Raises:
        DetectorError: The environment is half set.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    try:
        processes = Processes(int(os.environ["RANK"]), count, int(os.environ["LOCAL_RANK"]))
    except (KeyError, ValueError) as error:
        raise DetectorError("WORLD_SIZE is set, but RANK or LOCAL_RANK is not.", "Start by torchrun.") from error
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield processes
    finally:
        distributed.destroy_process_group()


def parallel(network: nn.Module, processes: Processes, device: torch.device) -> nn.Module:
    """Returns the module to call in place of ``network``, whose batch normalisation must be shared already."""
    if processes.count == 1:
        return network
    ids = [device.index] if device.type == "cuda" else None
    # Buffers are equal by themselves. torch 2.15 calls the same wish by another name, and warns at the old one.
    known = inspect.signature(DistributedDataParallel).parameters
    wish: dict[str, Any] = {"forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False}
    return DistributedDataParallel(network, device_ids=ids, **wish)


def any_of(flag: bool, processes: Processes, device: torch.device) -> bool:
    """Returns whether any process says so; all must ask."""
    if processes.count == 1:
        return flag
    votes = torch.tensor(int(flag), device=device)
    distributed.all_reduce(votes)
    return bool(votes.item())


def mean_of(values: Tensor, processes: Processes) -> Tensor:
    """The mean over the processes; all must ask."""
    if processes.count == 1:
        return values
    total = values.clone()
    distributed.all_reduce(total)
    return total / processes.count


def share_batch_norm(network: nn.Module, processes: Processes, device: torch.device) -> None:
    """Make every batch normalisation of ``network`` take its statistics over all processes, in place."""
    if processes.count == 1:
        return
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, _shared(child, device))


def _shared(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    kind = nn.SyncBatchNorm if device.type == "cuda" else SharedBatchNorm2d
    result: nn.Module = kind(norm.num_features, norm.eps, norm.momentum).to(norm.weight)
    result.load_state_dict(norm.state_dict())
    return result


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes; torch's own ``SyncBatchNorm`` is for GPUs only.

    Every process must bring as many images as the others.
    """

    def forward(self, input: Tensor) -> Tensor:  # the base class's name
        """Float[B, C, H, W] -> Float[B, C, H, W]."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        wide = input.to(torch.promote_types(input.dtype, torch.float32))
        mean = _mean(wide)
        variance = _mean((wide - mean[:, None, None]).square())
        with torch.no_grad():
            count = input.numel() // input.shape[1] * distributed.get_world_size()
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)
        factor = torch.rsqrt(variance + self.eps) * self.weight
        normal = wide * factor[:, None, None] + (self.bias - mean * factor)[:, None, None]
        return normal.to(input.dtype)


def _mean(values: Tensor) -> Tensor:
    """Float32[C]: the mean of Float32[B, C, H, W] over everything but the channels, and over the processes."""
    total: Tensor = _Sum.apply(values.mean(dim=(0, 2, 3)))
    return total / distributed.get_world_size()


class _Sum(torch.autograd.Function):
    """The sum over the processes; what one gives reaches all, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        """The sum of every process's ``values``."""
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        """The sum of every process's gradient."""
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total
