"""The file that an import begins with: what kind it is, and its hash."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

from detector.errors import DetectorError
from detector.importers.base import SourceFile
from detector.importers.caffe_network import brings_its_graph
from detector.importers.paddle_names import is_paddle, program_beside, refuse_relatives
from detector.importers.tensorflow_file import SAVED_MODEL, constant_names, is_tensorflow
from detector.importers.tflite_file import IDENTIFIER
from detector.importers.torch_graph import is_torch_graph

GraphKind = Literal["openvino", "onnx", "tflite", "caffe", "tensorflow", "torch", "paddle"]

_SUFFIXES: dict[str, GraphKind] = {".xml": "openvino", ".onnx": "onnx", ".tflite": "tflite"}
"""For what is not told by its content: it is damaged then, and the reader of its kind says how."""
_IN_FOLDERS = ("model.json", SAVED_MODEL, "model.pdmodel", "inference.pdmodel", "__model__")
_TENSORFLOW_SSD = ("FeatureExtractor/Mobilenet", "BoxPredictor_0/ClassPredictor/")
"""Beginnings of the names that weights of TensorFlow's Object Detection API have, in its SSDs on MobileNet."""
_ENOUGH = 512
_TORCH = b"PK\x03\x04", b"\x80"
_ONNX_VERSION = b"\x08"
_ONNX_NEXT = frozenset((0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72))  # of ModelProto, the fields that may follow
_XML_NET = re.compile(rb"\s*(\xef\xbb\xbf)?(<\?xml[^>]*\?>)?\s*(<!--.*?-->\s*)*<net\b", re.DOTALL)


def main_file(path: Path) -> Path:
    """Returns the file that describes a model, where ``path`` is the folder of one: TensorFlow's or Paddle's."""
    try:
        return next((path / name for name in _IN_FOLDERS if (path / name).is_file()), path)
    except OSError:  # a name that is too long
        return path


def graph_file(path: Path) -> tuple[Path, GraphKind] | None:
    """Returns the file and format of the graph that ``path`` is a file of, told by its content; None for other models.

    Raises:
        DetectorError: There is no such file, or a part of the graph is missing.
    """
    try:
        if not path.is_file():
            raise DetectorError(f"{path} is not a file." if path.exists() else f"There is no file {path}.")
        with path.open("rb") as file:
            start = file.read(_ENOUGH)
        xml = path.with_suffix(".xml")
        if path.suffix.lower() == ".bin" and not start.startswith(_TORCH):
            if xml.is_file():
                return xml, "openvino"
            raise DetectorError(
                f"{path.name} holds the weights of an OpenVINO network, whose {xml.name} is missing beside it.",
                "Both files make up the model.",
            )
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise DetectorError(f"Cannot read {str(path)[:200]}: {error.strerror or error}.") from error
    refuse_relatives(start, path)
    program = program_beside(path)
    if program is not None or is_paddle(start, path):
        return program or path, "paddle"
    if path.suffix.lower() == ".caffemodel":
        return (path, "caffe") if brings_its_graph(path) else None
    if is_tensorflow(start, path):
        return None if _is_known_ssd(path) else (path, "tensorflow")
    kind = _graph_kind(start) or _SUFFIXES.get(path.suffix.lower())
    if kind is None and start.startswith(_TORCH):
        return (path, "torch") if is_torch_graph(path) else None
    return None if kind is None else (path, kind)


def _graph_kind(start: bytes) -> GraphKind | None:
    """The format of a graph, by its first bytes."""
    if start[4:8] == IDENTIFIER:
        return "tflite"
    if start[:1] == _ONNX_VERSION and len(start) > 2 and 1 <= start[1] < 32 and start[2] in _ONNX_NEXT:
        return "onnx"
    return "openvino" if _XML_NET.match(start) else None


def _is_known_ssd(path: Path) -> bool:
    """Returns whether a graph of TensorFlow's holds the weights of a network of ours, by the names of its constants."""
    names = constant_names(path)
    return all(any(name.startswith(word) for name in names) for word in _TENSORFLOW_SSD)


def hashed(path: Path) -> SourceFile:
    """Reads the whole file for its hash.

    Raises:
        DetectorError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return SourceFile(path.name, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
