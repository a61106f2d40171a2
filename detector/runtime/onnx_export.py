"""Our networks as ONNX for other programs: frames in as RGB, 0..255; boxes and scores out, or the raw outputs.

PyTorch writes the file with the packages ``onnx`` and ``onnxscript``, which only this and the benchmark need.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import torch

from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.plans.architectures import has_own_graph, is_two_stage
from detector.runtime.network import load_network
from detector.safetensors_file import atomic_file
from detector.spec import ModelSpec

_INPUT, _DECODED, _RAW = "images", ("scores", "boxes"), ("locs", "logits")


def export_onnx(entry: ModelEntry, target: Path, *, raw: bool = False) -> None:
    """Write the model's network to ``target``, whole or not at all.

    The decoded outputs are scores Float32[1, P, C] after softmax, background first, and boxes Float32[1, P, 4] as
    corners in fractions of the image; nothing is suppressed.

    Args:
        entry: The model, with weights.
        target: Replaced where it is there.
        raw: Put out encoded boxes and logits instead.

    Raises:
        DetectorError: A package is missing, the network is not ours or damaged, or ``target`` cannot be written.
    """
    spec = entry.spec
    if has_own_graph(spec) or is_two_stage(spec):
        raise DetectorError(f"{entry.name} brings its own network, which cannot be written as ONNX.")
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise DetectorError(
            f"Writing ONNX needs {' and '.join(missing)}.", 'Install what is needed: pip install "ssd-viewer[bench]"'
        )
    network = _Network(load_network(entry), spec, raw=raw).eval()
    with warnings.catch_warnings(action="ignore"):  # about the exporter's own insides
        program: Any = torch.onnx.export(
            network,
            (torch.zeros(1, 3, spec.input.height, spec.input.width),),
            input_names=[_INPUT],
            output_names=list(_RAW if raw else _DECODED),
            dynamo=True,
            verbose=False,
        )
    try:
        with atomic_file(target) as part:
            part.write(program.model_proto.SerializeToString())
    except OSError as error:
        raise DetectorError(f"Cannot write {target}: {error.strerror or error}.") from error


class _Network(torch.nn.Module):
    """The network with its input's scale before it and, unless raw, softmax and decoding behind it."""

    mean: torch.Tensor
    std: torch.Tensor
    defaults: torch.Tensor
    variances: torch.Tensor

    def __init__(self, network: torch.nn.Module, spec: ModelSpec, *, raw: bool) -> None:
        super().__init__()
        assert spec.config is not None  # a network of ours
        self._network, self._raw = network, raw
        self._swaps, self._most = spec.input.channels == "bgr", spec.postprocess.max_log_size
        self.register_buffer("mean", torch.tensor(spec.input.mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(spec.input.std).reshape(1, 3, 1, 1))
        self.register_buffer("defaults", torch.from_numpy(default_boxes(spec.config)))
        self.register_buffer("variances", torch.tensor(spec.config.variances))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float32[1, 3, H, W], RGB, 0..255, to the two outputs."""
        if self._swaps:
            images = images.flip(1)
        locs, logits = self._network((images - self.mean) / self.std)
        if self._raw:
            return locs, logits
        deltas = locs * self.variances
        sides = deltas[..., 2:] if self._most is None else deltas[..., 2:].clamp(max=self._most)
        half = sides.exp() * self.defaults[:, 2:] / 2
        centre = deltas[..., :2] * self.defaults[:, 2:] + self.defaults[:, :2]
        return logits.softmax(-1), torch.cat([centre - half, centre + half], -1)
