"""Opens the contestants of one place. On the thread that will run them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.lab.bench.baselines import BASELINES, open_baseline
from app.lab.bench.bench_report import Skipped
from app.lab.bench.bench_request import ALL
from app.lab.bench.contestants import OurDetector
from app.lab.bench.memory import MemoryMeter
from app.lab.bench.rounds import Contestant
from detector.errors import DetectorError, Remedy
from detector.model_file import ModelEntry
from detector.runtime.base import PRECISIONS, Detector

_REHEARSALS = 2


@dataclass(slots=True)
class Lineup:
    """The contestants that run against each other, open.

    Attributes:
        place: "cpu", "cuda:0", "mps", "xpu".
        baselines: By name, in the order requested.
        ours: Our engines.
        memory_mib: Memory by contestant name.
        skipped: What "all" would include but this computer lacks.
    """

    place: str
    baselines: dict[str, Contestant] = field(default_factory=dict)
    ours: list[OurDetector] = field(default_factory=list)
    memory_mib: dict[str, float | None] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def all(self) -> list[Contestant]:
        """Lists the baselines, then ours."""
        return [*self.baselines.values(), *self.ours]

    def same_network(self) -> list[Contestant]:
        """Lists the contestants with the model's own network and weights, baselines first."""
        return [*(each for name, each in self.baselines.items() if BASELINES[name].shares_weights), *self.ours]

    def close(self) -> None:
        """Close all of them."""
        with ExitStack() as closing:
            for each in self.all():
                closing.callback(each.close)


def places(devices: Sequence[str]) -> tuple[str, ...]:
    """Resolves ``devices``, with "auto" and "all", into the names of devices here, without duplicates.

    Raises:
        AppError: A device asked for by name is not here.
    """
    from detector.runtime.devices import available_devices, untested_devices

    found: list[str] = []
    for device in devices:
        here = [name for name, _ in available_devices()] if device in (ALL, "auto") else []
        if device == "auto":  # a GPU is listed after the CPU; Apple's is never taken unasked
            here = [next((name for name in here if name.startswith("cuda")), "cpu")]
        if device == ALL:  # includes those that "auto" does not look for
            here += [name for name, _ in untested_devices()]
        found += here or [_here("cuda:0" if device == "cuda" else device)]
    return tuple(dict.fromkeys(found))


def _here(place: str) -> str:
    """Returns ``place`` if it is here."""
    from detector.runtime.cuda_support import why_not_cuda
    from detector.runtime.devices import UNTESTED, untested_devices
    from detector.runtime.openvino_devices import is_openvino_device, openvino_devices

    reason = why_not_cuda(int(place.partition(":")[2])) if place.startswith("cuda") else ""
    if place in UNTESTED and place not in dict(untested_devices()):
        reason = f"there is no {UNTESTED[place]} GPU, or this PyTorch has no support for it"
    if is_openvino_device(place) and place not in dict(openvino_devices()):
        reason = "OpenVINO finds none on this computer"
    if reason:
        raise AppError(
            f"{place} cannot be used: {reason}.", "Measure what is here instead.", Remedy("device", omit=True)
        )
    return place


@dataclass(frozen=True, slots=True)
class Opening:
    """Options for opening contestants.

    Attributes:
        precisions: As requested.
        versus: Names of ``BASELINES``.
        cache_dir: Folder of int8 networks.
        for_batches: Whether ours are opened as for an export.
    """

    precisions: Sequence[str]
    versus: Sequence[str]
    cache_dir: Path | None
    for_batches: bool = False


def open_lineup(entry: ModelEntry, place: str, how: Opening, rehearsal: Sequence[ImageBGR]) -> Lineup:
    """Opens all contestants and runs each once, so that its memory is known.

    Args:
        entry: The model, with weights.
        place: From ``places``.
        how: Which contestants, and for what.
        rehearsal: A batch of the largest size.

    Raises:
        AppError: The device, or a precision or baseline asked for by name, is not here.
        DetectorError: The model cannot be used.
    """
    opened = Lineup(place)
    try:
        for precision in formats(how.precisions):
            meter = MemoryMeter(place)
            try:
                ours = OurDetector(open_exactly(entry, place, precision, how), place)
            except (AppError, DetectorError) as error:
                if ALL not in how.precisions:
                    raise
                opened.skipped.append(Skipped(f"ssd-viewer {place} {precision}", str(error)))
                continue
            if ours.name in opened.memory_mib:  # what "auto" chose was named as well
                ours.close()
                continue
            opened.ours.append(ours)
            opened.memory_mib[ours.name] = _memory(meter, ours, rehearsal)
        for name in how.versus:
            meter = MemoryMeter(place)
            opened.baselines[name] = contestant = open_baseline(name, entry, place)
            opened.memory_mib[contestant.name] = _memory(meter, contestant, rehearsal)
    except BaseException:
        opened.close()
        raise
    if not opened.ours:
        raise AppError(f"{entry.name} cannot be measured on {place}.", opened.skipped[0].reason)
    return opened


def formats(precisions: Sequence[str]) -> list[str]:
    """Resolves ``precisions``, with "all", into the names of number formats, without duplicates."""
    every = [name for name in PRECISIONS if name != "auto"]
    return list(dict.fromkeys(name for asked in precisions for name in (every if asked == ALL else [asked])))


def open_exactly(entry: ModelEntry, place: str, precision: str, how: Opening) -> Detector:
    """Opens our engine exactly as requested.

    Raises:
        AppError: The device or the number format is not here.
    """
    from detector.runtime.open import open_detector

    detector = open_detector(entry, place, precision, cache_dir=how.cache_dir, for_batches=how.for_batches)
    if detector.device.startswith(place) and precision in ("auto", detector.precision):
        return detector
    detector.close()
    reason = detector.notes[0] if detector.notes else f"It runs on {detector.device} in {detector.precision}."
    raise AppError(f"{entry.name} does not run on {place} in {precision}.", reason)


def _memory(meter: MemoryMeter, contestant: Contestant, rehearsal: Sequence[ImageBGR]) -> float | None:
    meter.settle()
    for _ in range(_REHEARSALS):
        contestant.run(rehearsal)
    return meter.peak_mib()
