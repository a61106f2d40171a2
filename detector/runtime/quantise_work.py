"""The other process of ``quantise``: measures ranges, or has NNCF calibrate; compares and times the number formats.

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
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detector.detections import FLOOR
from detector.errors import DetectorError
from detector.graph_input import input_builder
from detector.model_file import ModelEntry
from detector.plans.architectures import has_own_graph
from detector.quantisation.ranges import METHOD, Range
from detector.runtime.base import ImageBGR
from detector.runtime.calibrate import Frames, agreements, describe_int8, known, measure_ranges
from detector.runtime.engine import Engine
from detector.runtime.format_measurements import MeasuredFormat, Optimised
from detector.runtime.network_cache import file_sha256
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.openvino_graph import network_of
from detector.runtime.openvino_runtime import cpu_capabilities, last_line, load_nncf, load_openvino
from detector.runtime.other_process import Messages
from detector.spec import Int8
from detector.weights import load_arrays

FRAMES, GRAPH, WEIGHTS = "frames.npy", "network.xml", "network.bin"
_NICE = 10
_ROUNDS, _REHEARSALS = 15, 3
_SIZE = (1280, 720)  # pixels, of the frame that is timed


@dataclass(frozen=True, slots=True)
class Task:
    """An optimisation to be done.

    Attributes:
        entry: The model, with weights.
        folder: Where ``FRAMES`` lies, and a network made by NNCF goes.
        held_out: How many of the images are for comparing.
        source: Where the images come from, in words.
        keep_ranges: Only time the formats: the model's file says the rest.
    """

    entry: ModelEntry
    folder: Path
    held_out: int
    source: str
    keep_ranges: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of an optimisation.

    Attributes:
        measured: On this computer.
        int8: For the model's file; None of a network in OpenVINO's format.
        made_files: In the task's folder: a network made by NNCF.
    """

    measured: Optimised
    int8: Int8 | None
    made_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Short:
    """A network in int8, and how it was made; see ``Outcome``."""

    network: Any
    made_with: str
    ranges: dict[str, Range]
    made_files: tuple[str, ...] = ()


def quantise_here(task: Task, messages: Messages) -> None:
    """Make the network, measure, answer with an ``Outcome``."""
    noise = io.StringIO()  # NNCF talks, and so does what it brings
    with warnings.catch_warnings(), contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
        warnings.simplefilter("ignore")
        messages.report("prepare", 0, 1)
        if hasattr(os, "nice"):  # the window comes first
            os.nice(max(0, _NICE - os.nice(0)))
        openvino = load_openvino()
        exact = exact_network(openvino, task.entry)
        frames = Frames(np.load(task.folder / FRAMES, mmap_mode="r", allow_pickle=False), task.held_out, task.source)
        if has_own_graph(task.entry.spec):
            short = _by_nncf(openvino, exact.clone(), frames, task, messages)
        else:
            short = _by_ranges(openvino, frames, task, messages)
        networks = {"fp32": exact, "bf16": exact, "int8": short.network}
        if "BF16" not in cpu_capabilities(openvino.Core()):
            del networks["bf16"]
        outcome = _measured(task, frames, networks, short, messages)
    messages.answer(outcome)


def exact_network(openvino: Any, entry: ModelEntry) -> Any:
    """The model's network in fp32 as an ``openvino.Model``.

    Raises:
        DetectorError: It is damaged.
    """
    if has_own_graph(entry.spec):
        from detector.runtime.ir import read_ir

        return read_ir(openvino.Core(), entry)
    return network_of(openvino, entry)


def _by_ranges(openvino: Any, frames: Frames, task: Task, messages: Messages) -> _Short:
    """The network in int8 of ranges measured now, or of those in the model's file."""
    entry = task.entry
    assert entry.path is not None  # quantise refuses entries without weights
    if task.keep_ranges:
        assert entry.spec.int8 is not None  # or there were none to keep
        ranges, made_with = entry.spec.int8.ranges, entry.spec.int8.method
    else:
        arrays = load_arrays(entry.path, entry.spec)
        ranges, made_with = measure_ranges(entry.spec, arrays, frames.parted()[0], messages.report), METHOD
    return _Short(network_of(openvino, entry, ranges), made_with, ranges)


def _by_nncf(openvino: Any, network: Any, frames: Frames, task: Task, messages: Messages) -> _Short:
    """``network`` with its convolutions in int8, saved in the task's folder.

    Weights are symmetric per channel, activations asymmetric ("mixed"), which suits more than ReLU.
    """
    nncf, name = load_nncf(), task.entry.name
    images, inputs = frames.parted()[0], input_builder(task.entry.spec)
    seen = iter(range(1, len(images) + 1))

    def given(number: int) -> Any:
        done = next(seen, len(images))
        messages.report("calibrate" if done < len(images) else "correct", done, len(images))
        return inputs([images[number]]).copy()

    try:
        short = nncf.quantize(
            network,
            nncf.Dataset(range(len(images)), given),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(images),
        )
    except (RuntimeError, ValueError, nncf.NNCFError) as error:
        raise DetectorError(f"NNCF cannot optimise {name}: {last_line(error)}.") from error
    try:
        openvino.save_model(short, str(task.folder / GRAPH), compress_to_fp16=False)
    except RuntimeError as error:
        raise DetectorError(
            f"The optimised {name} cannot be saved: {last_line(error)}", "Check the free disk space."
        ) from error
    file_sha256(task.folder / WEIGHTS)  # a graph without weights is of no use
    return _Short(short, f"NNCF {nncf.__version__}", {}, (GRAPH, WEIGHTS))


def _measured(task: Task, frames: Frames, networks: dict[str, Any], short: _Short, messages: Messages) -> Outcome:
    """Returns how far each format agrees with fp32, and its frames a second."""
    entry, held_out = task.entry, frames.parted()[1]
    with contextlib.ExitStack() as closing:
        engines = {name: closing.enter_context(_engine(entry, name, net)) for name, net in networks.items()}
        if task.keep_ranges:
            assert entry.spec.int8 is not None  # as above
            found, int8 = {}, entry.spec.int8
        else:
            found = agreements(engines, held_out, messages.report)
            int8 = describe_int8(entry.spec, short.ranges, frames, found["int8"], engines["int8"])
        speeds = dict(_speeds(engines, held_out, messages))
    compared = {name: known(each) for name, each in found.items()}
    compared["int8"] = (int8.agreement, int8.score_difference)
    measured = Optimised(
        made=date.today().isoformat(),
        made_with=short.made_with,
        calibration=int8.pictures,
        calibrated=int8.measured,
        compared=int8.compared,
        objects=int8.objects,
        least_score=int8.least_score,
        formats=tuple(MeasuredFormat(name, speeds[name], *compared.get(name, (None, None))) for name in networks),
    )
    return Outcome(measured, int8 if short.ranges else None, short.made_files)


def _engine(entry: ModelEntry, precision: str, network: Any) -> Engine:
    if has_own_graph(entry.spec):
        from detector.runtime.ir import IrDetector

        return IrDetector(entry, precision, network=network)
    return OpenVinoDetector(entry, precision, network=network)


def _speeds(engines: dict[str, Engine], frames: Sequence[ImageBGR], messages: Messages) -> Iterator[tuple[str, float]]:
    """Frames a second, medians; the formats take turns, so that what disturbs the computer disturbs all alike.

    The first run of a turn does not count: it finds cold caches, and threads still busy with the one before.
    """
    took: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(_REHEARSALS + _ROUNDS):
        messages.report("time", turn, _REHEARSALS + _ROUNDS)
        frame = np.asarray(cv2.resize(np.asarray(frames[turn % len(frames)]), _SIZE), np.uint8)
        for name, engine in engines.items():
            engine.candidates_batch([frame], None, FLOOR)
            start = time.perf_counter()
            engine.candidates_batch([frame], None, FLOOR)
            took[name].append(time.perf_counter() - start)
    for name, seconds in took.items():
        yield name, 1 / statistics.median(seconds[_REHEARSALS:])
