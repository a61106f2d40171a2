"""The other process of ``quantise``: NNCF calibrates, then the number formats are compared and timed beside each other.

Runs in a process of its own, on its main thread; importing this module loads neither NNCF nor OpenVINO.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detector.detections import FLOOR, Detections
from detector.errors import DetectorError
from detector.evaluation.agreement import Agreement, compare
from detector.preprocess import InputBuilder
from detector.runtime.base import ImageBGR
from detector.runtime.engine import Engine
from detector.runtime.network_cache import file_sha256
from detector.runtime.openvino_runtime import cpu_capabilities, last_line, load_nncf, load_openvino
from detector.runtime.optimised import MeasuredFormat
from detector.runtime.other_process import Messages
from detector.shelf import ShelfEntry

FRAMES, GRAPH, WEIGHTS = "frames.npy", "network.xml", "network.bin"
_NICE = 10
_ROUNDS, _REHEARSALS = 15, 3
_SIZE = (1280, 720)  # pixels, of the picture that is timed


@dataclass(frozen=True, slots=True)
class Task:
    """What to do.

    Attributes:
        entry: The model, with weights.
        folder: Where ``FRAMES`` lies, and the network goes.
        held_out: How many of the pictures are for comparing.
    """

    entry: ShelfEntry
    folder: Path
    held_out: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; see ``optimised.Optimised``."""

    made_with: str
    objects: int
    least_score: float
    formats: tuple[MeasuredFormat, ...]


def quantise_here(task: Task, messages: Messages) -> None:
    """Make the network, measure, answer with an ``Outcome``."""
    noise = io.StringIO()  # NNCF talks, and so does what it brings
    with warnings.catch_warnings(), contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
        warnings.simplefilter("ignore")
        messages.report("prepare", 0, 1)
        if hasattr(os, "nice"):  # the window's picture comes first
            os.nice(max(0, _NICE - os.nice(0)))
        openvino = load_openvino()
        exact = exact_network(openvino, task.entry)
        nncf = load_nncf()
        frames = np.load(task.folder / FRAMES, mmap_mode="r", allow_pickle=False)
        held_out = np.linspace(0, len(frames) - 1, task.held_out).round().astype(int)
        rest = np.setdiff1d(np.arange(len(frames)), held_out)
        short = _quantised(nncf, exact.clone(), [frames[i] for i in rest], task.entry, messages)
        try:
            openvino.save_model(short, str(task.folder / GRAPH), compress_to_fp16=False)
        except RuntimeError as error:
            raise DetectorError(
                f"The optimised {task.entry.name} cannot be saved: {last_line(error)}", "Check the free disk space."
            ) from error
        file_sha256(task.folder / WEIGHTS)  # a graph without weights is of no use
        networks = {"fp32": exact, "bf16": exact, "int8": short}
        if "BF16" not in cpu_capabilities(openvino.Core()):
            del networks["bf16"]
        measured = _measured(task.entry, networks, [frames[i] for i in held_out], messages)
    agreements, speeds = measured
    formats = tuple(_format(name, speeds[name], agreements.get(name)) for name in networks)
    judged = agreements["int8"]
    messages.answer(Outcome(f"NNCF {nncf.__version__}", judged.objects, judged.least_score, formats))


def exact_network(openvino: Any, entry: ShelfEntry) -> Any:
    """The model's network in fp32 as an ``openvino.Model``.

    Raises:
        DetectorError: It is damaged.
    """
    if entry.spec.architecture == "openvino-ir":
        from detector.runtime.ir import read_ir

        return read_ir(openvino.Core(), entry)
    from detector.runtime.openvino_graph import network_of

    return network_of(openvino, entry)


def _quantised(nncf: Any, network: Any, frames: Sequence[ImageBGR], entry: ShelfEntry, messages: Messages) -> Any:
    """``network`` with its convolutions in int8.

    Weights are symmetric per channel, activations asymmetric ("mixed"), which suits more than ReLU.
    """
    inputs = InputBuilder(entry.spec.input)
    seen = iter(range(1, len(frames) + 1))

    def given(number: int) -> Any:
        done = next(seen, len(frames))
        messages.report("calibrate" if done < len(frames) else "correct", done, len(frames))
        return inputs([frames[number]]).copy()

    try:
        return nncf.quantize(
            network,
            nncf.Dataset(range(len(frames)), given),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(frames),
        )
    except (RuntimeError, ValueError, nncf.NNCFError) as error:
        raise DetectorError(f"NNCF cannot optimise {entry.name}: {last_line(error)}.") from error


def _measured(
    entry: ShelfEntry, networks: dict[str, Any], frames: Sequence[ImageBGR], messages: Messages
) -> tuple[dict[str, Agreement], dict[str, float]]:
    """How far each format agrees with fp32, and pictures a second of each."""
    with contextlib.ExitStack() as closing:
        engines = {name: closing.enter_context(_engine(entry, name, net)) for name, net in networks.items()}
        found: dict[str, list[Detections]] = {name: [] for name in engines}
        for done, frame in enumerate(frames):
            messages.report("compare", done, len(frames))
            for name, engine in engines.items():
                found[name].append(engine.detect(frame))
        agreements = {name: compare(found["fp32"], mine) for name, mine in found.items() if name != "fp32"}
        return agreements, dict(_speeds(engines, frames, messages))


def _engine(entry: ShelfEntry, precision: str, network: Any) -> Engine:
    if entry.spec.architecture == "openvino-ir":
        from detector.runtime.ir import IrDetector

        return IrDetector(entry, precision, network=network)
    from detector.runtime.openvino import OpenVinoDetector

    return OpenVinoDetector(entry, precision, network=network)


def _speeds(engines: dict[str, Engine], frames: Sequence[ImageBGR], messages: Messages) -> Iterator[tuple[str, float]]:
    """Pictures a second, medians; the formats take turns, so that what disturbs the computer disturbs all alike.

    The first run of a turn does not count: it finds cold caches, and threads still busy with the one before.
    """
    took: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(_REHEARSALS + _ROUNDS):
        messages.report("time", turn, _REHEARSALS + _ROUNDS)
        picture = np.asarray(cv2.resize(np.asarray(frames[turn % len(frames)]), _SIZE), np.uint8)
        for name, engine in engines.items():
            engine.candidates_batch([picture], None, FLOOR)
            begun = time.perf_counter()
            engine.candidates_batch([picture], None, FLOOR)
            took[name].append(time.perf_counter() - begun)
    for name, seconds in took.items():
        yield name, 1 / statistics.median(seconds[_REHEARSALS:])


def _format(name: str, frames_per_s: float, found: Agreement | None) -> MeasuredFormat:
    if found is None:
        return MeasuredFormat(name, frames_per_s)
    known = [None if np.isnan(value) else value for value in (found.ap, found.score_difference)]
    return MeasuredFormat(name, frames_per_s, *known)
