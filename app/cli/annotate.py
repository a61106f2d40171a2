"""``ssd-viewer annotate``: videos to annotated videos and data. Main thread; the work runs on the export's threads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, UsageError
from app.cli.interrupt import cancel_on_interrupt
from app.cli.options import add_detection_flags, add_result_flags, detection_settings, find_model, say_if_demo
from app.core.errors import AppError, ExplainedError

if TYPE_CHECKING:
    from app.core.export.request import DataFile, ExportProgress, ExportReport, ExportRequest


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Paint what is found into a copy of the video; sound and timing stay. "
        "The copy is NAME.annotated.mp4 beside the video, numbered where that exists; "
        "a file named with -o or --data is replaced when the work is done."
    )
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("-o", "--output", metavar="FILE|DIR", help="the annotated video, or the folder for several")
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FILE",
        help="write the detections: .jsonl or .csv; just the ending (.csv) names the file like the video; repeatable",
    )
    parser.add_argument("--data-format", metavar="jsonl|csv", help="format of --data, where the ending does not say")
    parser.add_argument("--no-video", action="store_true", help="data files only")
    add_detection_flags(parser)
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Annotate each video; one that fails is reported, and the rest goes on."""
    _check(options)
    model, detection = detection_settings(options)
    say_if_demo(find_model(model, detection), console)
    console.check_json_apart(options.videos)
    reports: list[dict[str, Any]] = []
    last: ExportReport | None = None
    for video in options.videos:
        try:
            last = _export(_request(options, video, model, detection), console)
        except ExplainedError as error:
            named = len(options.videos) == 1 or video.name in error.message
            console.error(str(error) if named else f"{video.name}: {error}")
            reports.append({"path": str(video), "error": error.message})
        else:
            reports.append(last.as_dict())
            _tell(console, last)
    console.give(
        {
            "model": model.name if last is None else last.model,
            "device": None if last is None else last.device,
            "precision": None if last is None else last.precision,
            "videos": reports,
        }
    )
    return 1 if any("error" in report for report in reports) else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what can be seen to be wrong before any work.

    Raises:
        UsageError: With the reason.
    """
    from app.core.export.targets import VIDEO_SUFFIXES
    from app.core.records.open import format_of

    if options.no_video and not options.data:
        raise UsageError("--no-video leaves nothing to write.", "Add --data FILE.")
    try:
        for name in options.data:
            format_of(Path(name), options.data_format)
    except AppError as error:
        raise UsageError(error.message, error.hint) from error
    if len(options.videos) > 1:
        if options.output is not None and not _is_folder(options.output):
            raise UsageError("With several videos -o must be a folder.", "End it with a slash, or leave it out.")
        if any(not _is_ending(name) for name in options.data):
            raise UsageError("With several videos --data must be an ending.", "Write --data .jsonl or --data .csv.")
    elif options.output is not None and not _is_folder(options.output) and not options.no_video:
        suffix = Path(options.output).suffix
        if suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(f"Annotated videos are MP4 files, not {suffix}.", "Choose a name that ends in .mp4.")


def _is_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or Path(output).is_dir() or not Path(output).suffix


def _is_ending(name: str) -> bool:
    return name.startswith(".") and "/" not in name and not Path(name).suffix


def _request(options: argparse.Namespace, video: Path, model: Any, detection: Any) -> ExportRequest:
    from app.core.export.request import DataFile, ExportRequest
    from app.core.export.targets import default_output
    from app.core.records.open import format_of

    output = _output(options.output, video, default_output)
    data: list[DataFile] = []
    for name in options.data:
        path = output.with_name(output.stem + name) if _is_ending(name) else Path(name)
        data.append(DataFile(path, format_of(path, options.data_format)))
    return ExportRequest(video, None if options.no_video else output, tuple(data), model, detection)


def _output(asked: str | None, video: Path, default: Callable[..., Path]) -> Path:
    if asked is None:
        return default(video)
    return default(video, Path(asked)) if _is_folder(asked) else Path(asked)


def _export(request: ExportRequest, console: Console) -> ExportReport:
    from app.core.export.job import ExportJob
    from app.core.export.request import ExportCancelledError

    with _Bar(request.source.name, console.shows_progress) as bar:
        job = ExportJob(request, bar.show)
        with cancel_on_interrupt(job.cancel):
            try:
                return job.run()
            except ExportCancelledError:
                raise KeyboardInterrupt from None


class _Bar:
    """A progress bar on stderr; fed from the export's writing thread only."""

    def __init__(self, name: str, shown: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=name, unit="frame", file=sys.stderr, dynamic_ncols=True, leave=False, disable=not shown)

    def show(self, progress: ExportProgress) -> None:
        """Take over the newest state."""
        if self._bar.disable:
            return
        self._bar.total = progress.frames_total
        self._bar.update(progress.frames_done - self._bar.n)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _tell(console: Console, report: ExportReport) -> None:
    found = ", ".join(f"{count} {name}" for name, count in report.counts.items()) or "no objects"
    rate = report.frames / report.seconds if report.seconds > 0 else 0.0
    console.say(
        f"{report.source.name}: {report.frames} frames in {report.seconds:.1f} s ({rate:.1f} per second), {found}; "
        f"{report.model} on {report.device}, {report.precision}"
    )
    for path in (report.output, *report.data):
        if path is not None:
            console.say(f"  {path}" + (f" ({report.encoder})" if path == report.output else ""))
    for note in report.notes:
        console.note(note if note.startswith(report.source.name) else f"{report.source.name}: {note}")
