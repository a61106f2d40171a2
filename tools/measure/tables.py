"""Measures everything docs/performance.md shows and writes its tables: `python -m tools.measure.tables`.

Each table stands between two comments of the page that name it; the rest of the page is left alone. A table is the
result of one command, run in a process of its own and printed above it so that anyone can repeat it. A table that fails
or takes too long says so, and the others are still made. Takes about half an hour on an otherwise idle computer.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.core.files.atomic_file import write_atomically

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
VIDEO_S, VIDEO_FPS = 30, 30
MAX_S = 900  # for one table
_TOO_LONG = f"it takes longer than {MAX_S // 60} minutes here."
_CPU = ("--device", "cpu")
_OTHERS = ("torchvision", "onnxruntime", "opencv-dnn", "fasterrcnn")
_FORMATS = ("--precision", "fp32", "bf16", "int8")
_EXPORT = (*_CPU, "--precision", "int8", "--source", "{video}", "--export", "{seconds}", "--seconds", "2")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page.

    Attributes:
        name: Name in its two comments.
        options: Options of ``ssd-viewer bench``; "{video}" stands for the video, "{seconds}" for the length to export.
        kind: "speeds" compares contestants, "export" has the steps of an export.
    """

    name: str
    options: tuple[str, ...]
    kind: str = "speeds"


TABLES = (
    Table("ssd300", (*_CPU, *_FORMATS, "--versus", *_OTHERS, "--seconds", "60")),
    Table(
        "ssdlite320",
        ("--model", "ssdlite320-mobilenetv3-coco", *_CPU, *_FORMATS, "--versus", "torchvision", "onnxruntime"),
    ),
    Table("ssd512", ("--model", "ssd512-vgg16-coco", *_CPU, *_FORMATS, "--versus", "onnxruntime", "opencv-dnn")),
    Table("everyday", ("--model", "everyday", *_CPU, *_FORMATS, "--versus", "torch", "onnxruntime")),
    Table("loads", (*_CPU, "--precision", "fp32", "--load", "all", "--versus", "torchvision", "--seconds", "10")),
    Table("batches", (*_CPU, *_FORMATS, "--batch", "1", "8")),
    Table("export", ("--model", "everyday", "--load", "typical", *_EXPORT), "export"),
    Table("export-ssd300", _EXPORT, "export"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the requested tables, and writes the page after each, so that nothing is lost."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure.tables", description=__doc__)
    names = [table.name for table in TABLES] + ["parts"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these tables (default: all)")
    parser.add_argument("--video", type=Path, help=f"the video to export (default: {VIDEO_S} s of 720p, drawn)")
    parser.add_argument("--export-seconds", type=int, default=VIDEO_S, help=f"how much of it (default: {VIDEO_S})")
    parser.add_argument("--seconds", help="for each case of every table, to try them out (default: as the table says)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page (default: docs/performance.md)")
    options = parser.parse_args(arguments)
    made = True
    with tempfile.TemporaryDirectory(prefix="ssd-viewer-tables-") as folder:
        for name in options.only:
            say(f"{name} ...")
            begun = time.monotonic()
            try:
                put(options.page, name, table_lines(name, options, Path(folder)))
            except Exception as error:  # a failing table must not stop the others
                made = False
                say(f"  {type(error).__name__}: {error}")
            say(f"  {time.monotonic() - begun:.0f} s")
    return 0 if made else 1


def table_lines(name: str, options: argparse.Namespace, folder: Path) -> list[str]:
    """Measures the table of that name; returns the lines between its comments."""
    if name == "parts":
        return parts()
    table = next(table for table in TABLES if table.name == name)
    video = options.video or (drawn_video(folder) if table.kind == "export" else None)
    typed = [each.format(video=video, seconds=options.export_seconds) for each in table.options]
    if options.seconds is not None:
        typed += ["--seconds", options.seconds]
    return measured(table, typed, folder, options.video is None)


def say(text: str) -> None:
    """Prints at once."""
    print(text, flush=True)


def put(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replaces the text of ``page`` between the two comments of table ``name``.

    Raises:
        ValueError: There is no such pair of comments.
    """
    text = page.read_text(encoding="utf-8")
    between = re.compile(rf"(<!-- table {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"{page.name} has no place for the table {name}.")
    content = "\n".join(lines)
    write_atomically(page, between.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text, count=1).encode())


def measured(table: Table, typed: Sequence[str], folder: Path, drawn: bool) -> list[str]:
    """Runs the table's command; returns its lines: command, machine, figures."""
    shown = shlex.join(["VIDEO" if each.startswith(str(folder)) or Path(each).is_file() else each for each in typed])
    answer = folder / f"{table.name}.json"
    command = [sys.executable, "-m", "app", "bench", *typed, "--json", str(answer)]
    why = failure(command)
    if why:
        return [f"`ssd-viewer bench {shown}`", "", f"Not measured: {why.removeprefix('ssd-viewer: ')}"]
    content = json.loads(answer.read_text(encoding="utf-8"))
    where = [f"`ssd-viewer bench {shown}`", "", machine_text(content)]
    if table.kind == "export":
        source = f"a drawn video of {VIDEO_S} s" if drawn else "a video"
        return [*where, "", *export_lines(content["export"], source)]
    return [*where, "", *speed_lines(content), "", *stage_lines(content)]


def machine_text(content: dict[str, Any]) -> str:
    """Describes the computer, and whether it was idle."""
    machine = content["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    peaks = "; ".join(
        f"{place} {', '.join(f'{name} {peak:,.0f}' for name, peak in found.items())}"
        for place, found in content["peaks_gflops"].items()
    )
    share = machine["busy_share"]
    busy = f" **Other programs took {share:.0%} of the processors.**" if share is not None and share >= 0.1 else ""
    return (
        f"{date.today().isoformat()}, {machine['cpu']}, {machine['cores']} cores; {machine['system']}; {packages}. "
        f"{content['model']}, {content['weights']} weights. Peak, GFLOP/s: {peaks}.{busy}"
    )


def speed_lines(content: dict[str, Any]) -> Iterator[str]:
    """Yields the contestants as Markdown, one per row."""
    yield "| contestant | load | batch | frames/s | p50 ms | p95 ms | x baseline | of peak | MiB | agrees |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in content["results"]:
        cells = (
            row["name"],
            row["load"],
            row["batch"],
            f"{row['frames_per_s']:,.1f}",
            f"{row['latency_ms']['p50']:.2f}",
            f"{row['latency_ms']['p95']:.2f}",
            f"{row['ratio_to_baseline']:.2f}",
            _or_dash(row["peak_share"], ".0%"),
            _or_dash(row["memory_mib"], ",.0f"),
            _or_dash(row["agreement"], ".1%"),
        )
        yield f"| {' | '.join(str(each) for each in cells)} |"


def stage_lines(content: dict[str, Any]) -> Iterator[str]:
    """Yields stage times in milliseconds of contestants with the usual three stages, at the smallest batch."""
    usual = ("preprocess", "network", "postprocess")
    least = min(row["batch"] for row in content["results"])
    yield f"| stage, ms | load | {' | '.join(usual)} |"
    yield "|---|---|---|---|---|"
    for row in content["results"]:
        if row["batch"] == least and set(usual) <= set(row["stages_ms"]):
            times = " | ".join(f"{row['stages_ms'][stage]:.2f}" for stage in usual)
            yield f"| {row['name']} | {row['load']} | {times} |"


def export_lines(export: dict[str, Any], source: str) -> Iterator[str]:
    """Yields the steps of an export, and the whole."""
    yield (
        f"{export['frames']} frames of {export['width']} x {export['height']} ({export['video_s']:.0f} s of {source}), "
        f"{export['precision']} on {export['device']}, {export['encoder']}: done in "
        f"{export['frames'] / export['frames_per_s']:,.0f} s."
    )
    yield ""
    spent = export["cpu_ms_per_frame"]
    yield "| alone | frames/s | CPU ms a frame |"
    yield "|---|---|---|"
    for step, rate in export["steps_frames_per_s"].items():
        yield f"| {'paint and encode' if step == 'write' else step} | {rate:,.1f} | {spent[step]:,.1f} |"
    yield f"| **the export, all at once** | **{export['frames_per_s']:,.1f}** | {spent['whole']:,.1f} |"
    yield f"| of its slowest step | {export['share_of_slowest_step']:.0%} | |"
    yield f"| of what these processors can do at all | {export['share_of_possible']:.0%} | |"


def parts() -> list[str]:
    """Returns the output of ``tools.measure.parts``."""
    command = [sys.executable, "-m", "tools.measure.parts"]
    place = dict(os.environ)
    if sys.platform == "linux" and not place.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
        place["QT_QPA_PLATFORM"] = "offscreen"
    try:
        done = _run(command, place)
    except subprocess.TimeoutExpired:
        return ["`python -m tools.measure.parts`", "", f"Not measured: {_TOO_LONG}"]
    if done.returncode != 0:
        return ["`python -m tools.measure.parts`", "", f"Not measured: {_last_line(done)}"]
    return ["`python -m tools.measure.parts`", "", "```", *done.stdout.rstrip().splitlines(), "```"]


def failure(command: Sequence[str]) -> str:
    """Runs a command; returns why it failed, or an empty string."""
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        return _TOO_LONG
    return _last_line(done) if done.returncode != 0 else ""


def _run(command: Sequence[str], place: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=PAGE.parents[1], env=place, timeout=MAX_S
    )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]


def drawn_video(folder: Path, seconds: int = VIDEO_S, draw: Callable[[], Any] | None = None) -> Path:
    """Writes a video of 1280 x 720 at 30 frames per second in H.264: a scene that moves back and forth."""
    import av

    from app.lab.bench.sample_frames import drawn_frames

    frames = draw() if draw is not None else drawn_frames()
    path = folder / "drawn.mp4"
    if path.exists():
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(VIDEO_FPS), options={"preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for index in range(seconds * VIDEO_FPS):
            place = index % (2 * len(frames))
            image = frames[place] if place < len(frames) else frames[2 * len(frames) - 1 - place]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    sys.exit(main())
