"""The card's table in docs/performance.md: each estimate beside what ``tools.gpu.first_run`` measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.measure.tables import put

COMMAND = "python -m tools.gpu.first_run --out FOLDER --page docs/performance.md"

Found = Mapping[str, Any]
"""Results by part."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        what: What is measured.
        estimate: By arithmetic, for an H200; empty for none.
        measured: (results) -> the figure; raises ``LookupError`` where there is none.
    """

    what: str
    estimate: str
    measured: Callable[[Found], object]


def _speed(key: str, batch: int) -> Callable[[Found], object]:
    return lambda found: next(row for row in found["speed"]["rows"] if row["batch"] == batch)[key]


def _common(height: int) -> Callable[[Found], object]:
    def least(found: Found) -> object:
        rows = [row for row in found["accuracy"]["rows"] if row["precision"] == "fp16" and row["size"][0] == height]
        return f"{min(row['in_common'] for row in rows):.1%}" if rows else ""

    return least


def _traffic(found: Found) -> object:
    row = next(row for row in found["traffic"]["rows"] if row["batch"] == 1)
    return f"{row['down']:g}, {row['waits']:g}"


def _training(batch: int) -> Callable[[Found], object]:
    return lambda found: next(row for row in found["training"]["rows"] if row["batch"] == batch)["steps_per_s"]


def _decoding(found: Found) -> object:
    trial = found["decoding"]["trial"]
    return f"{trial['host_fps']:g}, {trial['card_fps']:g}"


def _analysis(found: Found) -> object:
    paces = {row["frames_by"]: row["frames_per_s"] for row in found["decoding"]["rows"]}
    return f"{paces['cpu']:g}, {paces['cuda']:g}"


def _pieces(found: Found, part: str, batch: int) -> Mapping[str, Any]:
    rows: Iterator[Mapping[str, Any]] = iter(found["pieces"]["rows"])
    return next(row for row in rows if row["part"] == part and row["batch"] == batch)


def _whole(batch: int) -> Callable[[Found], object]:
    return lambda found: _pieces(found, "whole pass", batch)["torch_ms"]


def _piece(part: str) -> Callable[[Found], object]:
    def micros(found: Found) -> object:
        row = _pieces(found, part, 8)
        both = (row["torch_ms"], row["triton_ms"])
        return ", ".join(f"{ms * 125:.1f}" if isinstance(ms, float) else "refused" for ms in both)

    return micros


ROWS = (
    Row("detections in common with the CPU's float32, 720p", "over 93%", _common(720)),
    Row("detections in common with the CPU's float32, frames of 300 x 300", "over 93%", _common(300)),
    Row("copies back and waits for one frame", "1, 1", _traffic),
    Row("one frame, p50 ms", "0.45 to 0.5", _speed("p50", 1)),
    Row("one frame, p95 ms", "", _speed("p95", 1)),
    Row("of it the graph, ms", "0.32", _speed("graph_ms", 1)),
    Row("the same graph by torch's kernels alone, ms", "0.75 to 0.9", _whole(1)),
    Row("eight frames by torch's kernels alone, ms", "2.0", _whole(8)),
    Row("frames/s, 8 at a time", "", _speed("frames_per_s", 8)),
    Row("frames/s, 32 at a time", "5,500 to 6,200", _speed("frames_per_s", 32)),
    Row("frames/s, 128 at a time", "", _speed("frames_per_s", 128)),
    Row("memory reserved, 128 at a time, MiB", "", _speed("reserved_mib", 128)),
    Row("µs a frame, 8 at a time, torch and Triton: bytes to input", "25 to 30, 2", _piece("mix")),
    Row("bias, ReLU and pooling of VGG's second block", "20, 6", _piece("rectify")),
    Row("L2Norm", "7, 1", _piece("normalise")),
    Row("suppression alone", "", _piece("suppress")),
    Row("post-processing", "25, 4", _piece("postprocess")),
    Row("training steps/s, 32 images, full width", "", _training(32)),
    Row("training steps/s, 128 images, half width", "", _training(128)),
    Row("decoding H.264 into frames, frames/s: the processor, the card", "", _decoding),
    Row("a whole analysis, frames/s: frames by the processor, as chosen", "", _analysis),
)


def table_lines(found: Found) -> Iterator[str]:
    """Writes the table; cells without a figure stay empty."""
    machine = found.get("card", {})
    yield f"`{COMMAND}`"
    yield ""
    if "gpu" in machine:
        yield f"{machine['gpu']}, torch {machine['torch']}, CUDA {machine['cuda']}. SSD300-VGG16, random weights, fp16."
        yield ""
    yield "| SSD300-VGG16, 81 classes, fp16, frames of 1280 x 720 | estimate for an H200 | measured |"
    yield "|---|---|---|"
    for row in ROWS:
        try:
            figure = row.measured(found)
        except (LookupError, StopIteration):
            figure = ""
        yield f"| {row.what} | {row.estimate} | {figure} |"


def write_table(page: Path, found: Found) -> None:
    """Writes the table between its marks in ``page``."""
    put(page, "card", list(table_lines(found)))
