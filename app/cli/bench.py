"""``ssd-viewer bench``: how fast a model runs here, beside others in the same rounds. Main thread."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.cli.addresses import check_files
from app.cli.console import Console, UsageError, table
from app.cli.options import PRECISIONS, add_result_flags
from app.cli.progress_bar import ProgressBar
from detector.errors import DetectorError

if TYPE_CHECKING:
    from app.lab.bench.bench_report import BenchReport
    from app.lab.bench.bench_request import BenchRequest
    from app.lab.bench.random_weights import Load
    from detector.model_file import ModelEntry

_MODEL = "ssd300-vgg16-coco"
LOADS: tuple[Load, ...] = ("empty", "typical", "worst")  # as ``app.lab.bench.random_weights.LOADS``
VERSUS = (
    "torchvision",
    "torch",
    "onnxruntime",
    "litert",
    "opencv-dnn",
    "fasterrcnn",
)  # as ``app.lab.bench.baselines.BASELINES``
CHARTS = (".html", ".png", ".svg")  # as ``app.lab.bench.chart.FORMATS``
_ALL = "all"
_MAX_BATCH = 256
_T = TypeVar("_T")


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Measure speed from a decoded frame in memory to detections in memory, and by stage. Contestants take turns in "
        "rounds, so what disturbs the computer disturbs all alike. No weights are needed: without, random ones are "
        "used that find as much as trained ones do."
    )
    parser.add_argument("--model", metavar="NAME|FILE", default=_MODEL, help=f"the detector (default: {_MODEL})")
    _add_cases(parser)
    parser.add_argument("--source", type=Path, metavar="VIDEO", help="frames from it (default: drawn, 1280 x 720)")
    parser.add_argument(
        "--export",
        nargs="?",
        type=_video_seconds,
        const=20.0,
        metavar="S",
        help="also export the first S seconds of --source, each step alone and all at once (default: 20)",
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=20.0, metavar="S", help="how long about each case runs (default: 20)"
    )
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write a page or image: .html, .png or .svg")
    add_result_flags(parser)
    return run


def _add_cases(parser: argparse.ArgumentParser) -> None:
    """Adds the options that each multiply the cases measured."""
    parser.add_argument(
        "--device",
        nargs="+",
        action="extend",
        metavar="auto|all|cpu|cuda[:N]|gpu|npu|mps|xpu",
        help="where (default: auto)",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        action="extend",
        choices=(*PRECISIONS, _ALL),
        help="number formats of the network (default: auto)",
    )
    parser.add_argument(
        "--batch", nargs="+", action="extend", type=_batch, metavar="N", help="frames in one run (default: 1)"
    )
    parser.add_argument(
        "--load",
        nargs="+",
        action="extend",
        choices=(*LOADS, _ALL),
        help="random weights that find nothing, about 200 or about 2000 candidates in a frame "
        "(default: the model's own weights, or typical where it has none)",
    )
    parser.add_argument(
        "--versus",
        nargs="+",
        action="extend",
        choices=VERSUS,
        help="others that run in the same rounds: the same network and weights by torchvision (eager), PyTorch (eager, "
        "float32), ONNX Runtime or OpenCV's DNN module; with --model FILE.onnx or FILE.tflite that file by ONNX "
        "Runtime or LiteRT; torchvision's Faster R-CNN ResNet-50 FPN. Ratios refer to the first (default: to our "
        "first)",
    )


def _batch(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_BATCH:
        raise argparse.ArgumentTypeError(f"a batch is a number from 1 to {_MAX_BATCH}, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 3600.0:  # refuses NaN, too
        raise argparse.ArgumentTypeError(f"the time must be a number of seconds from 0 to 3600, not {text!r}")
    return value


def _video_seconds(text: str) -> float:
    value = _seconds(text)
    if value < 1.0:
        raise argparse.ArgumentTypeError("an export takes one second of video at least")
    return value


def run(options: argparse.Namespace, console: Console) -> int:
    """Check, measure, tell."""
    _check(options, console)
    request = _request(options)
    from app.lab.bench.bench_report import as_json
    from app.lab.bench.benchmark import run_bench
    from app.lab.bench.chart import write_chart

    with _Bar("", console.shows_progress, unit="round") as bar:
        report = run_bench(request, bar.show)
    for note in (*report.notes, *(f"{each.name} is skipped: {each.reason}" for each in report.skipped)):
        console.note(note)
    for line in lines(report):
        console.say(line)
    if options.chart is not None:
        write_chart(report, options.chart)
        console.say(f"Chart: {options.chart}")
    console.give(as_json(report))
    return 0


def _check(options: argparse.Namespace, console: Console) -> None:
    """Refuse what can be seen to be wrong before any work.

    Raises:
        UsageError: With the reason.
    """
    from detector.runtime.devices import check_device

    for device in options.device or ():
        if device != _ALL:
            try:
                check_device(device)
            except DetectorError as error:
                raise UsageError(error.message, "Use auto, all, cpu, cuda, cuda:N, mps or xpu.") from error
    if options.chart is not None:
        if options.chart.suffix.lower() not in CHARTS:
            raise UsageError(f"--chart writes {', '.join(CHARTS)}, not {options.chart.name}.")
        if not options.chart.parent.is_dir():
            raise UsageError(f"The folder {options.chart.parent} does not exist.", "Create it, or choose another.")
    if options.export is not None and options.source is None:
        raise UsageError("--export needs the video to export.", "Add --source VIDEO.")
    if options.source is not None:
        check_files([options.source], "bench")
        if not options.source.exists():
            raise UsageError(f"{options.source} does not exist.")
        console.check_json_apart([options.source])
        if options.chart is not None:
            from app.core.export.targets import check_apart

            check_apart([options.chart], [options.source])


def _request(options: argparse.Namespace) -> BenchRequest:
    from app.lab.bench.bench_request import BenchRequest
    from app.lab.bench.rounds import RoundPlan

    loads = LOADS if _ALL in (options.load or ()) else options.load or ()
    return BenchRequest(
        entry=_entry(options.model),
        devices=_each(options.device or ("auto",)),
        precisions=_each(options.precision or ("auto",)),
        batches=_each(options.batch or (1,)),
        loads=_each(loads),
        versus=_each(options.versus or ()),
        source=options.source,
        export_s=options.export,
        plan=RoundPlan.lasting(options.seconds),
    )


def _each(values: Sequence[_T]) -> tuple[_T, ...]:
    """``values`` without repetitions."""
    return tuple(dict.fromkeys(values))


def _entry(name: str) -> ModelEntry:
    """The model; one that is only known by name comes without weights.

    Raises:
        UsageError: There is none.
        DetectorError: Its file is broken.
    """
    from app.core.models import user_library

    library = user_library()
    entries = {entry.name: entry for entry in library.list()}
    if name in entries:
        return entries[name]
    broken = {each.name for each in library.broken()}
    if name not in broken and not Path(name).exists():
        raise UsageError(f"There is no model {name!r}.", f"Known: {', '.join(sorted({*entries, *broken}))}.")
    return library.find(name)


def lines(report: BenchReport) -> list[str]:
    """The report for people."""
    from app.lab.bench.chart import cases
    from app.lab.bench.report_text import HEADS, export_rows, export_text, figures, stage_rows

    weights = "random" if report.weights == "random" else "its own"
    out = [f"{report.model}, {weights} weights; {report.frames}; candidates above a score of {report.score_floor:g}"]
    out += [report.machine.text()]
    for place, peaks in report.peaks_gflops.items():
        shown = ", ".join(f"{name} {peak:,.0f}" for name, peak in peaks.items())
        out.append(f"Peak of {place} in GFLOP/s: {shown}")
    out += ["", *table([HEADS, *(figures(each) for each in report.results)])]
    for case in cases(report):
        rows = stage_rows(case)
        if len(rows) > 1:
            out += ["", f"{case[0].place}, {case[0].load}, batch {case[0].batch}", *table(rows)]
    if report.export is not None:
        out += ["", export_text(report.export), *table(export_rows(report.export))]
    return [*out, "", f"Ratios refer to {report.baseline}, in the same rounds."]


class _Bar(ProgressBar):
    """Counts rounds."""

    def show(self, what: str, done: int, total: int) -> None:
        """Take over what is going on."""
        self._bar.set_description(what, refresh=False)
        self._bar.total, self._bar.n = total or None, done
        self._bar.refresh()
