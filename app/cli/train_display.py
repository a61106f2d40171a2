"""How a training is shown while it runs: a progress bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.cli.console import Console

if TYPE_CHECKING:
    from detector.training.fit import TrainingProgress

_LINE_EVERY_S = 30.0


class TrainingDisplay:
    """Shows a training on a console.

    Args:
        console: None to show nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._bar: Any = None
        self._said_s = 0.0

    def progress(self, progress: TrainingProgress) -> None:
        """Shows how far it is."""
        if self._console is None:
            return
        loss = f"loss {progress.localisation:.3f} + {progress.confidence:.3f}"
        pace = f"{progress.images_per_s:.1f} images/s"
        if self._console.shows_progress:
            if self._bar is None:
                from tqdm import tqdm

                self._bar = tqdm(total=progress.steps, initial=progress.step, unit="step", dynamic_ncols=True)
            self._bar.set_postfix_str(f"{loss}, rate {progress.rate:.2g}, {pace}", refresh=False)
            self._bar.update(progress.step - self._bar.n)
        elif progress.spent_s - self._said_s >= _LINE_EVERY_S or progress.step == progress.steps:
            self._said_s = progress.spent_s
            left = f"{progress.remaining_s / 60:.0f} min left"
            where = f"step {progress.step} of {progress.steps}, epoch {progress.epoch:.2f}"
            self._console.note(f"{where}: {loss}, rate {progress.rate:.2g}, {pace}, {left}")

    def note(self, line: str) -> None:
        """Shows a line that is worth knowing."""
        if self._console is None:
            return
        if self._bar is not None:
            self._bar.clear()
        self._console.note(line)

    def close(self) -> None:
        """Leaves the terminal as it was."""
        if self._bar is not None:
            self._bar.close()
