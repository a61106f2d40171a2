"""Real graphs against their own runtimes on real photographs: every detection from 0.45 on has its partner.

Images are prepared and outputs decoded here once more, literally, as the networks' authors do it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from detector.library import ModelLibrary
from detector.model_file import ModelEntry
from detector.runtime.open import open_detector
from detector.runtime.openvino_runtime import load_openvino
from tests.support.detection_parity import Found, Parity, of_candidates, photographs
from tests.support.shared_data import shared

Image = npt.NDArray[np.uint8]


def _imported(file: str, folder: Path) -> ModelEntry:
    return ModelLibrary(folder / "user", folder / "none").import_file(shared(f"weights/{file}"), "real").entry


def _suppressed(boxes: npt.NDArray[Any], scores: npt.NDArray[Any], labels: npt.NDArray[Any], limit: float) -> Found:
    """What greedy suppression within each class leaves; one box at a time."""
    order = np.argsort(-scores, kind="stable")
    kept: list[tuple[int, float, list[float]]] = []
    for i in order[scores[order] > 0.3]:
        box = boxes[i]
        mine = [np.asarray(b) for label, _, b in kept if label == labels[i]]
        if all(_overlap(box, other) <= limit for other in mine):
            kept.append((int(labels[i]), float(scores[i]), [float(v) for v in box]))
    return kept


def _overlap(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common)


def _compared(entry: ModelEntry, theirs: Any) -> Parity:
    parity = Parity()
    with open_detector(entry, "cpu", "fp32") as detector:
        for name, image in photographs():
            (found,) = detector.candidates_batch([image])
            parity.add(name, of_candidates(found), theirs(image))
    return parity


@pytest.mark.parametrize("file", ["version-RFB-320", "version-RFB-640"])
def test_ultraface_finds_what_onnx_runtime_finds(file: str, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    entry = _imported(f"ultraface/{file}.onnx", tmp_path)
    session = ort.InferenceSession(str(shared(f"weights/ultraface/{file}.onnx")), providers=["CPUExecutionProvider"])
    height, width = session.get_inputs()[0].shape[2:]

    def theirs(image: Image) -> Found:
        small = cv2.resize(image, (width, height))[:, :, ::-1]
        blob = ((small.astype(np.float32) - 127) / 128).transpose(2, 0, 1)[None]
        scores, boxes = session.run(None, {"input": blob})
        rows, columns = image.shape[:2]
        return _suppressed(boxes[0] * [columns, rows, columns, rows], scores[0, :, 1], np.zeros(len(boxes[0])), 0.3)

    parity = _compared(entry, theirs)
    assert parity.compared > 10
    assert parity.missing == []


def test_yolox_finds_what_onnx_runtime_finds(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    entry = _imported("onnx/yolox_nano.onnx", tmp_path)
    session = ort.InferenceSession(str(shared("weights/onnx/yolox_nano.onnx")), providers=["CPUExecutionProvider"])

    def theirs(image: Image) -> Found:
        ratio = min(416 / image.shape[0], 416 / image.shape[1])
        size = round(image.shape[1] * ratio), round(image.shape[0] * ratio)
        padded = np.full((416, 416, 3), 114, np.uint8)
        padded[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        (table,) = session.run(None, {"images": padded.transpose(2, 0, 1)[None].astype(np.float32)})[0]
        place = 0
        for stride in (8, 16, 32):
            for y in range(416 // stride):
                for x in range(416 // stride):
                    table[place, :2] = (table[place, :2] + [x, y]) * stride
                    table[place, 2:4] = np.exp(table[place, 2:4]) * stride
                    place += 1
        scores = table[:, 4:5] * table[:, 5:]
        corners = np.concatenate([table[:, :2] - table[:, 2:4] / 2, table[:, :2] + table[:, 2:4] / 2], axis=1) / ratio
        rows, classes = np.nonzero(scores > 0.3)
        return _suppressed(corners[rows], scores[rows, classes], classes, 0.45)

    parity = _compared(entry, theirs)
    assert parity.compared > 50
    assert parity.missing == []


class _Lite:
    """A file with ``TFLite_Detection_PostProcess`` in LiteRT: what goes into that operator, and what comes out."""

    def __init__(self, file: Path, *, reference: bool = False) -> None:
        litert = pytest.importorskip("ai_edge_litert.interpreter")
        kinds = litert.OpResolverType
        kernels = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if reference else kinds.AUTO
        self._lite = litert.Interpreter(str(file), experimental_op_resolver_type=kernels)
        self._lite.allocate_tensors()
        self._details = {each["name"]: each for each in self._lite.get_tensor_details()}
        self._outputs = [each["index"] for each in self._lite.get_output_details()]
        self._anchors = self._real("anchors")

    def _real(self, name: str) -> npt.NDArray[Any]:
        step, zero = self._details[name]["quantization"]
        values: npt.NDArray[Any] = (
            self._lite.get_tensor(self._details[name]["index"]).astype(np.float32) - zero
        ) * step
        return values

    def _run(self, image: Image) -> npt.NDArray[Any]:
        pixels = cv2.resize(image, (300, 300))[None, :, :, ::-1]
        self._lite.set_tensor(self._lite.get_input_details()[0]["index"], pixels)
        self._lite.invoke()
        rows, columns = image.shape[:2]
        return np.array([columns, rows, columns, rows], np.float32)

    def before(self, image: Image) -> Found:
        """All that the network finds, decoded and suppressed class by class."""
        extent, anchors = self._run(image), self._anchors
        encoded, scores = self._real("Squeeze")[0], self._real("convert_scores")[0, :, 1:]
        centre = encoded[:, :2] / 10 * anchors[:, 2:] + anchors[:, :2]
        half = np.exp(encoded[:, 2:] / 5) * anchors[:, 2:] / 2
        corners = np.concatenate([centre - half, centre + half], axis=1)[:, [1, 0, 3, 2]] * extent
        rows, classes = np.nonzero(scores > 0.3)
        return _suppressed(corners[rows], scores[rows, classes], classes, 0.6)

    def after(self, image: Image) -> Found:
        """What the operator gives: ten boxes at most, whatever their classes, each of one class."""
        extent = self._run(image)
        boxes, classes, scores, count = (self._lite.get_tensor(index)[0] for index in self._outputs[:4])
        rows = zip(classes, scores, boxes[:, [1, 0, 3, 2]] * extent, strict=True)
        return [(int(label), float(score), box.tolist()) for label, score, box in rows][: int(count)]


def test_a_quantised_tflite_ssd_finds_what_litert_finds(tmp_path: Path) -> None:
    """LiteRT's two sets of kernels round differently, and agree with each other less than the first does with us."""
    file = "tflite/coco_ssd_mobilenet_v1_uint8.tflite"
    lite, reference = _Lite(shared(f"weights/{file}")), _Lite(shared(f"weights/{file}"), reference=True)
    entry = _imported(file, tmp_path)
    whole, ends, among_themselves = _compared(entry, lite.before), Parity(), Parity()
    with open_detector(entry, "cpu", "fp32") as detector:
        for name, image in photographs():
            (found,) = detector.candidates_batch([image])
            ends.add(name, of_candidates(found), lite.after(image), both=False)
            among_themselves.add(name, reference.before(image), lite.before(image))
    assert whole.compared > 300
    assert ends.compared > 100
    assert whole.matched >= max(0.97, among_themselves.matched), whole.missing
    assert ends.matched >= 0.95, ends.missing


def _lite_outputs(file: Path, pixels: npt.NDArray[np.float32], interpreters: dict[Path, Any]) -> list[Any]:
    """LiteRT's outputs without their first axis: those with the most columns first."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    if file not in interpreters:
        lite = interpreters[file] = litert.Interpreter(str(file))
        shape = lite.get_input_details()[0]["shape"]
        lite.resize_tensor_input(lite.get_input_details()[0]["index"], [1, *shape[1:]])
        lite.allocate_tensors()
    lite = interpreters[file]
    lite.set_tensor(lite.get_input_details()[0]["index"], pixels[None])
    lite.invoke()
    outputs = [lite.get_tensor(each["index"])[0] for each in lite.get_output_details()]
    return sorted(outputs, key=lambda values: -int(values.shape[-1]))


@pytest.mark.parametrize(
    ("name", "side", "layers"),
    [("short_range", 128, ((8, 2), (16, 2), (16, 2), (16, 2))), ("full_range_sparse", 192, ((4, 1),))],
)
def test_blazeface_finds_what_litert_finds(
    name: str, side: int, layers: tuple[tuple[int, int], ...], tmp_path: Path
) -> None:
    """MediaPipe's layers of one stride share their cells: there, all boxes of a cell follow each other."""
    pytest.importorskip("ai_edge_litert.interpreter")
    file = f"tflite/face_detection_{name}.tflite"
    entry, interpreters = _imported(file, tmp_path), dict[Path, Any]()
    centres = []
    for stride in dict.fromkeys(stride for stride, _ in layers):
        for y in range(side // stride):
            for x in range(side // stride):
                of_cell = sum(boxes for other, boxes in layers if other == stride)
                centres += [((x + 0.5) / (side // stride), (y + 0.5) / (side // stride))] * of_cell

    def theirs(image: Image) -> Found:
        rows, columns = image.shape[:2]
        scale = min(side / rows, side / columns)
        height, width = round(rows * scale), round(columns * scale)
        top, left = (side - height) // 2, (side - width) // 2
        square = np.zeros((side, side, 3), np.uint8)
        square[top : top + height, left : left + width] = cv2.resize(image, (width, height))[:, :, ::-1]
        raw, logits = _lite_outputs(shared(f"weights/{file}"), square.astype(np.float32) / 127.5 - 1, interpreters)
        middle = raw[:, :2] / side + np.array(centres)
        half = raw[:, 2:4] / side / 2
        corners = np.concatenate([middle - half, middle + half], axis=1) * side - [left, top, left, top]
        corners = corners * np.array([columns / width, rows / height] * 2)
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100, 100)))
        return _suppressed(corners, scores, np.zeros(len(corners)), 0.3)

    parity = _compared(entry, theirs)
    assert parity.compared > 10
    assert parity.missing == []


def test_ultraface_without_its_decoding_finds_what_litert_finds(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert.interpreter")
    file = "ultraface/version-RFB-320_without_postprocessing.tflite"
    entry, interpreters = _imported(file, tmp_path), dict[Path, Any]()
    priors = []
    sizes, grids = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256)), ((30, 40), (15, 20), (8, 10), (4, 5))
    for boxes, (rows, columns) in zip(sizes, grids, strict=True):
        priors += [
            ((x + 0.5) / columns, (y + 0.5) / rows, size / 320, size / 240)
            for y in range(rows)
            for x in range(columns)
            for size in boxes
        ]
    prior = np.clip(np.array(priors), 0, 1)

    def theirs(image: Image) -> Found:
        small = (cv2.resize(image, (320, 240))[:, :, ::-1].astype(np.float32) - 127) / 128
        encoded, scores = _lite_outputs(shared(f"weights/{file}"), small, interpreters)
        middle = prior[:, :2] + encoded[:, :2] * 0.1 * prior[:, 2:]
        half = np.exp(encoded[:, 2:] * 0.2) * prior[:, 2:] / 2
        height, width = image.shape[:2]
        corners = np.concatenate([middle - half, middle + half], axis=1) * [width, height, width, height]
        return _suppressed(corners, scores[:, 1], np.zeros(len(corners)), 0.3)

    parity = _compared(entry, theirs)
    assert parity.compared > 10
    assert parity.missing == []


@pytest.mark.parametrize(
    "name",
    ["face-detection-0200", "person-vehicle-bike-detection-2000", "vehicle-license-plate-detection-barrier-0106"],
)
def test_a_network_with_its_own_detection_output_finds_what_openvino_says(name: str, tmp_path: Path) -> None:
    entry = _imported(f"openvino-ssd/{name}.xml", tmp_path)
    compiled = (
        load_openvino()
        .Core()
        .compile_model(str(shared(f"weights/openvino-ssd/{name}.xml")), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    )
    shape = list(compiled.inputs[0].shape)
    is_first = shape[1] == 3
    height, width = shape[2:] if is_first else shape[1:3]
    first = 1 if "0106" in name else 0  # the background is the last class of the other two

    def theirs(image: Image) -> Found:
        small = cv2.resize(image, (width, height)).astype(np.float32)
        table = compiled(small.transpose(2, 0, 1)[None] if is_first else small[None])[0].reshape(-1, 7)
        rows, columns = image.shape[:2]
        return [
            (int(row[1]) - first, float(row[2]), list(row[3:] * [columns, rows, columns, rows]))
            for row in table
            if row[0] == 0
        ]

    parity = _compared(entry, theirs)
    assert parity.missing == []
