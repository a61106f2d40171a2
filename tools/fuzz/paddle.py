"""Paddle's models as targets: the program, and the weights beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detector.importers.paddle_file import read_paddle
from tools.fixtures.paddle_writer import paddle_ssd
from tools.fuzz.mutations import damage, damage_fields
from tools.fuzz.run import Target

_PROGRAM, _WEIGHTS = paddle_ssd((8, 8), np.array([[0, 0, 1, 1], [1, 2, 3, 4], [2, 2, 3, 3]], np.float32))


def paddle_target() -> Target:
    """The reader of programs."""

    def read(path: Path) -> object:
        beside = path.with_suffix(".pdiparams")
        if not beside.exists():
            beside.write_bytes(_WEIGHTS)
        return read_paddle(path)

    return Target(".pdmodel", read, (_PROGRAM,), (damage_fields, damage))


def paddle_weights_target() -> Target:
    """The check of weights against a program."""

    def read(path: Path) -> object:
        program = path.with_suffix(".pdmodel")
        if not program.exists():
            program.write_bytes(_PROGRAM)
        return read_paddle(program)

    return Target(".pdiparams", read, (_WEIGHTS,), (damage,))
