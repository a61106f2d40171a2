"""What two processes do together, in one start of them: ``torch.distributed.run ... two_processes FOLDER``.

Leaves the checkpoint of a small training, pairs of batch normalisation, and what each said of a cost that is no number.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import torch

from detector.training.fit import Fit, FitPlan
from detector.training.processes import Processes, joined_processes
from detector.training.trainer import DivergedError
from tests.support.shared_norm import write_pairs
from tests.support.training_process import PLAIN_RECIPE, PLAIN_SPEC, Watching, make_source, make_trainer


def main(folder: Path) -> None:
    """Run it all."""
    torch.set_num_threads(1)
    with joined_processes("cpu") as processes:
        trainer = make_trainer(PLAIN_RECIPE, processes, PLAIN_SPEC)
        source = make_source(folder / str(processes.rank), PLAIN_RECIPE, processes, PLAIN_SPEC)
        Fit(trainer, source, FitPlan(folder / "checkpoint.pt"), Watching()).run(threading.Event())
        write_pairs(folder / "norm.pt", processes)
        _diverge(folder, processes)


def _diverge(folder: Path, processes: Processes) -> None:
    """Process 1 alone meets a cost that is no number."""
    trainer = make_trainer(processes=processes)
    # A cost that is no number comes out of a network by chance only: it is put where the last step leaves its own.
    trainer._unseen.append(((), torch.tensor([1.0, torch.nan if processes.rank == 1 else 1.0])))
    trainer.step = 1
    try:
        trainer.settle()
    except DivergedError as error:
        (folder / f"diverged{processes.rank}.txt").write_text(error.message)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
