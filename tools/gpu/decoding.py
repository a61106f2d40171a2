"""Part of ``tools.gpu.first_run``: a video decoded by the card, its frames staying there, beside the processor's."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.gpu.support import Bench

if TYPE_CHECKING:
    from app.core.export.request import ExportProgress

_NEEDED = ("av", "platformdirs")
_FRAMES = 6000  # of a file, so that the second half, which is timed, is worth a second or two


def measure_decoding(bench: Bench, name: str) -> dict[str, Any]:
    """Measures decoding both ways, and whole analyses: by the processor's frames, and as the program chooses."""
    try:
        for package in _NEEDED:
            importlib.import_module(package)
    except ImportError as error:
        print(f"  left out: {error}", flush=True)
        return {"left out": str(error)}
    found: dict[str, Any] = {}
    with _video(bench) as source:
        if bench.on_cuda:
            found["trial"] = _trial(bench, source)
            print(f"  {found['trial']}", flush=True)
            bench.keep(found)
        found["rows"] = rows = list[dict[str, Any]]()
        for device in ("cpu", "cuda") if bench.on_cuda else ("cpu",):
            rows.append({"frames_by": device, **_analysis(bench, name, source, device)})
            print(f"  {rows[-1]}", flush=True)
            bench.keep(found)
    return found | {"failures": _failures(found)}


def _failures(found: dict[str, Any]) -> list[str]:
    """Lists what went wrong; that the processor is faster is no fault."""
    refusal = found.get("trial", {}).get("refusal", "")
    wrong = [] if refusal in ("", "the processor is faster") else [refusal]
    counts = {row["frames"] for row in found["rows"]}
    return wrong + ([f"frames differ: {counts}"] if len(counts) > 1 else [])


@contextmanager
def _video(bench: Bench) -> Iterator[Path]:
    """A drawn film, H.264, of the size on which speed is measured."""
    import av

    height, width = bench.sizes.frames[0]
    images = bench.frames(8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "28"})
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            frames = [av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p") for image in images]
            for number in range(_FRAMES if bench.on_cuda else 12):
                frame = frames[number % len(frames)]
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        yield path


def _trial(bench: Bench, source: Path) -> dict[str, Any]:
    """Returns what the program finds when it chooses between card and processor, as ``CardTrial``."""
    from app.core.export.card_trial import try_card
    from app.core.sources.card import Card

    return {
        key: round(value, 2) if key != "refusal" else value
        for key, value in asdict(try_card(source, Card(bench.place))).items()
    }


def _analysis(bench: Bench, name: str, source: Path, device: str) -> dict[str, Any]:
    """Frames, detections and frames a second of an analysis; with ``device`` "cpu" the processor decodes anyway."""
    from app.core.export.analysis import analysis_of
    from app.core.export.job import ExportJob
    from app.core.muxing.video_options import VideoOptions
    from app.core.settings import DetectionSettings, ModelSettings

    ticks: list[tuple[float, int]] = []

    def note(progress: ExportProgress) -> None:
        ticks.append((time.monotonic(), progress.frames_done))

    with tempfile.TemporaryDirectory() as folder:
        request = analysis_of(
            source, Path(folder), ModelSettings(name, device=device), DetectionSettings(), VideoOptions()
        )
        precision = bench.sizes.precisions[0]
        report = ExportJob(request, note, open_detector=lambda _model: bench.open(name, precision)).run()
    return {
        "frames": report.frames,
        "detections": report.detections,
        "frames_per_s": round(_pace(ticks, report.frames), 1),
        "notes": list(report.notes),
    }


def _pace(ticks: list[tuple[float, int]], frames: int) -> float:
    """Frames a second of the second half, when graphs are made and algorithms picked; of all where it is too short."""
    end_s = next(at_s for at_s, done in ticks if done == frames)
    begun_s, before = next((tick for tick in ticks if frames / 2 <= tick[1] < frames), ticks[0])
    return (frames - before) / max(end_s - begun_s, 1e-6)
