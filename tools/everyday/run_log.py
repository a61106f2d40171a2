"""The course of a run: lines on the terminal now and then, and a JSON Lines file for later. On the trainer's thread."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from detector.training.fit import TrainingProgress

_LINE_EVERY_S = 30.0


class RunLog:
    """Watches a training; a ``Watcher`` for ``Fit``.

    Args:
        path: The file; added to.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._stage = ""
        self._said_s = -_LINE_EVERY_S
        self.flops_per_image = 0.0
        self.peak_flops = 0.0

    def begin(self, stage: str, flops_per_image: float = 0.0, peak_flops: float = 0.0) -> None:
        """Begin ``stage``, with the cost of an image's forward and backward pass, and the device's peak.

        Both numbers are 0 where they are not known.
        """
        self._stage, self.flops_per_image, self.peak_flops = stage, flops_per_image, peak_flops
        self._said_s = -_LINE_EVERY_S

    def progress(self, progress: TrainingProgress) -> None:
        """Some steps are done."""
        if not self._is_time(last=progress.step == progress.steps):
            return
        numbers: dict[str, Any] = {
            "epoch": round(progress.epoch, 3),
            "localisation": round(progress.localisation, 4),
            "confidence": round(progress.confidence, 4),
            "rate": progress.rate,
            "images_per_s": round(progress.images_per_s, 2),
            "spent_s": round(progress.spent_s, 1),
            "shares": {part: round(share, 4) for part, share in progress.shares.items()},
        }
        speed = f"{progress.images_per_s:.1f} images/s"
        if self.flops_per_image:
            numbers["tflops"] = round(progress.images_per_s * self.flops_per_image / 1e12, 3)
            speed += f", {numbers['tflops']} TFLOP/s"
        if self.flops_per_image and self.peak_flops:
            numbers["of_peak"] = round(progress.images_per_s * self.flops_per_image / self.peak_flops, 4)
            speed += f" ({numbers['of_peak']:.1%} of the bf16 peak)"
        parts = ", ".join(f"{part} {share:.0%}" for part, share in progress.shares.items())
        self._say(
            f"step {progress.step} of {progress.steps}, epoch {progress.epoch:.2f}: loss {progress.localisation:.3f} + "
            f"{progress.confidence:.3f}, {speed}, {progress.remaining_s / 60:.0f} min left; {parts}"
        )
        self._write({"step": progress.step, "steps": progress.steps, **numbers})

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """The network was measured."""
        self._say(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
        self._write({"step": step, "scores": scores})

    def note(self, line: str) -> None:
        """Something to know."""
        self._say(line)

    def _is_time(self, *, last: bool) -> bool:
        now = time.monotonic()
        if not last and now - self._said_s < _LINE_EVERY_S:
            return False
        self._said_s = now
        return True

    def _say(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {self._stage}: {line}" if self._stage else line, flush=True)

    def _write(self, numbers: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 1), "stage": self._stage, **numbers}) + "\n")
