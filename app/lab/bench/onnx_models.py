"""ONNX Runtime and OpenCV's DNN module as contestants: they run our network, in float32 on the CPU.

Pre- and post-processing are ours for all of them, so that only the networks are compared. PyTorch writes the ONNX
file with the packages ``onnx`` and ``onnxscript``, needed for nothing else. On the thread that opens.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from app.core.errors import AppError
from app.core.frames import ImageBGR
from app.lab.bench.contestants import EngineContestant
from detector.default_boxes import default_boxes
from detector.detections import Candidates
from detector.errors import Remedy
from detector.golden import Floats, log_softmax
from detector.model_file import ModelEntry
from detector.postprocess import postprocess
from detector.preprocess import InputBuilder
from detector.runtime.engine import Engine
from detector.spec import ModelSpec, PostprocessSpec

_INPUT, _OUTPUTS = "images", ("locs", "logits")

Network = Callable[[Floats], Sequence[Floats]]
"""Float32[1, 3, H, W] to locs Float32[1, P, 4] and logits Float32[1, P, C]."""


def check_onnx(package: str, spec: ModelSpec) -> None:
    """Raises ``AppError`` unless ``package`` is installed, ONNX can be written and ``spec`` has a network of ours."""
    missing = [name for name in (package, "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        *others, last = missing
        named = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        raise AppError(f"{named} not installed.", 'Install what is needed: pip install "ssd-viewer[bench]"')
    if spec.config is None:
        raise AppError(f"{spec.name} brings its own network, which is not there as ONNX.")


def open_onnxruntime(entry: ModelEntry, place: str) -> EngineContestant:
    """Opens ONNX Runtime with graph optimisations, all cores, and no threads spinning during the turns of others.

    Raises:
        AppError: ``place`` is not the CPU.
        DetectorError: The weights are damaged.
    """
    _check_place("ONNX Runtime", place)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory(prefix="ssd-viewer-bench-", ignore_cleanup_errors=True) as folder:
        path = write_onnx(entry, Path(folder))
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return _contestant("onnxruntime", entry, lambda images: session.run(list(_OUTPUTS), {_INPUT: images}))


def open_opencv(entry: ModelEntry, place: str) -> EngineContestant:
    """Opens OpenCV's DNN module with its classic engine, the faster of its two.

    Raises:
        AppError: ``place`` is not the CPU, or OpenCV cannot read this network.
        DetectorError: The weights are damaged.
    """
    _check_place("OpenCV's DNN module", place)
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it cannot read is told in our words
    try:
        with tempfile.TemporaryDirectory(prefix="ssd-viewer-bench-", ignore_cleanup_errors=True) as folder:
            path = write_onnx(entry, Path(folder))
            network = cv2.dnn.readNetFromONNX(str(path), cv2.dnn.ENGINE_CLASSIC)
    except cv2.error as error:
        raise AppError(
            f"OpenCV's DNN module cannot read the network of {entry.name}.",
            "Leave out that comparison.",
            Remedy("versus", "opencv-dnn", omit=True),
        ) from error
    finally:
        cv2.utils.logging.setLogLevel(level)

    def run(images: Floats) -> Sequence[Floats]:
        network.setInput(images)
        return [np.asarray(output, np.float32) for output in network.forward(_OUTPUTS)]

    return _contestant("opencv-dnn", entry, run)


def write_onnx(entry: ModelEntry, folder: Path) -> Path:
    """Writes the network of ``entry`` for one frame as an ONNX file in ``folder``, with PyTorch's exporter.

    Raises:
        DetectorError: The weights are damaged.
    """
    import torch

    from detector.runtime.network import load_network

    size = entry.spec.input
    path = folder / "network.onnx"
    with warnings.catch_warnings(action="ignore"):  # about the exporter's own insides
        torch.onnx.export(
            load_network(entry),
            (torch.zeros(1, 3, size.height, size.width),),
            str(path),
            input_names=[_INPUT],
            output_names=list(_OUTPUTS),
            external_data=False,
            verbose=False,
        )
    return path


def _check_place(what: str, place: str) -> None:
    if place != "cpu":
        raise AppError(
            f"{what} is compared on the CPU only, not on {place}.",
            "Compare on the CPU, or leave it out.",
            Remedy("device", "cpu"),
        )


def _contestant(name: str, entry: ModelEntry, network: Network) -> EngineContestant:
    return EngineContestant(_ForeignEngine(name, entry, network), f"{name} cpu fp32")


class _ForeignEngine(Engine):
    """Our pre- and post-processing around another library that runs the network.

    Args:
        name: Name of the library.
        entry: The model.
        network: Runs the network.
    """

    def __init__(self, name: str, entry: ModelEntry, network: Network) -> None:
        super().__init__(entry.spec, name, "cpu", "fp32")
        assert entry.spec.config is not None  # ``check_onnx`` refuses specs without
        self._network: Any = network
        self._inputs = InputBuilder(entry.spec.input)
        self._defaults = default_boxes(entry.spec.config)
        self._variances = entry.spec.config.variances

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        found: list[Candidates] = []
        for frame in frames:
            images = self._inputs([frame])
            self.on_stage("preprocess")
            locs, logits = self._network(images)
            self.on_stage("network")
            sizes = [frame.shape[:2]]
            found += postprocess(locs, logits, self._defaults, rule, sizes, variances=self._variances)
            self.on_stage("postprocess")
        return found

    def _raw(self, frame: ImageBGR) -> tuple[Floats, Floats]:
        locs, logits = self._network(self._inputs([frame]))
        return locs[0], log_softmax(logits[0])

    def _release(self) -> None:
        del self._network
