"""Sharing the processor: a training in the background takes one core while others work, and all when it is alone.

Threads that wait for each other at every layer lose most of their time where each gets a share of a core only: measured
on two busy cores, two threads learnt from 40 pictures per second of computing, one thread from 230.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import torch

from detector.training.batches import Batch, BatchSource

_CROWD = 0.6  # so much more load than our own means that others are at work


def share_cores(most: int) -> None:
    """Compute with ``most`` threads if nobody else does, else with one. On the thread that computes."""
    wanted = most if os.getloadavg()[0] < most + _CROWD else 1
    if wanted != torch.get_num_threads():
        torch.set_num_threads(wanted)


class SharedCores:
    """A ``BatchSource`` that shares the cores before each batch.

    Args:
        source: Gives the batches.
        most: Threads to compute with, when alone.
    """

    def __init__(self, source: BatchSource, most: int) -> None:
        self.order = source.order
        self.name = source.name
        self._source = source
        self._most = most

    def batches(self, first_step: int) -> Generator[Batch, None, None]:
        """See ``BatchSource``."""
        batches = self._source.batches(first_step)
        try:
            for batch in batches:
                share_cores(self._most)
                yield batch
        finally:
            batches.close()
