"""Which images make up which step: computed from the step's number, so there is nothing to save and nothing to lose.

Pure; the same on every process and after every interruption.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

_ORDER, _NOISE = 0, 1  # keep the streams of random numbers apart


@dataclass(frozen=True, slots=True)
class Pick:
    """One image at one time.

    Attributes:
        epoch: How often the set was gone through before.
        index: Place in the set.
    """

    epoch: int
    index: int


@dataclass(frozen=True, slots=True)
class Order:
    """The shuffled set, gone through again and again; a batch may reach from one time into the next.

    Attributes:
        count: Images in the set.
        batch: Images of a step, of all processes together; a multiple of ``processes``.
        seed: Of everything random.
        rank: This process.
        processes: How many share each batch.
    """

    count: int
    batch: int
    seed: int
    rank: int = 0
    processes: int = 1

    def picks(self, step: int) -> list[Pick]:
        """This process's share of step number ``step``, counted from 0."""
        share = self.batch // self.processes
        first = step * self.batch + self.rank * share
        return [self._pick(position) for position in range(first, first + share)]

    def _pick(self, position: int) -> Pick:
        epoch, place = divmod(position, self.count)
        return Pick(epoch, int(_shuffled(self.seed, epoch, self.count)[place]))


def noise(seed: int, pick: Pick, size: int) -> npt.NDArray[np.float32]:
    """Float32[size] in [0, 1): the random numbers of one image at one time."""
    return np.random.default_rng((seed, _NOISE, pick.epoch, pick.index)).random(size, dtype=np.float32)


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, _ORDER, epoch)).permutation(count)
