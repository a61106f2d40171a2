"""The baselines to compare with, as a literal table. Imports nothing until one is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from app.core.errors import AppError
from app.lab.bench.rounds import Contestant
from detector.errors import DetectorError, Remedy
from detector.model_file import ModelEntry
from detector.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Baseline:
    """A detector from elsewhere to compare ours with.

    Attributes:
        title: Display name.
        shares_weights: Whether it runs the weights of the measured model, and so must find the same objects.
        check: Raises ``AppError`` if it is not installed or has no network like this model's. Needs torch.
        open: Opens the contestant from the model, with weights, on a place ("cpu", "cuda:0").
    """

    title: str
    shares_weights: bool
    check: Callable[[ModelSpec], None]
    open: Callable[[ModelEntry, str], Contestant]


def _check_torchvision(_spec: ModelSpec) -> None:
    if find_spec("torchvision") is None:
        raise AppError("torchvision is not installed.", "Install it: pip install torchvision")


def _check_twin(spec: ModelSpec) -> None:
    _check_torchvision(spec)
    from app.lab.bench.torchvision_models import check_twin

    check_twin(spec)


def _twin(entry: ModelEntry, place: str) -> Contestant:
    from app.lab.bench.torchvision_models import open_twin

    return open_twin(entry, place)


def _check_torch(spec: ModelSpec) -> None:
    from detector.plans.architectures import single_stage

    try:
        single_stage(spec)
    except DetectorError as error:
        raise AppError(
            f"PyTorch has no network like {spec.name}: {error.message}",
            "Leave out that comparison.",
            Remedy("versus", "torch", omit=True),
        ) from error


def _torch(entry: ModelEntry, place: str) -> Contestant:
    from app.lab.bench.contestants import EngineContestant
    from detector.runtime.torch_cpu import TorchCpuDetector

    if place != "cpu":
        raise AppError(
            "PyTorch in float32 is compared on the CPU only.", "Compare on the CPU.", Remedy("device", "cpu")
        )
    return EngineContestant(TorchCpuDetector(entry, "fp32"), "PyTorch cpu fp32")


def _faster_rcnn(entry: ModelEntry, place: str) -> Contestant:
    from app.lab.bench.torchvision_models import open_faster_rcnn

    return open_faster_rcnn(entry, place)


def _check_onnxruntime(spec: ModelSpec) -> None:
    if spec.graph is not None:
        from app.lab.bench.graph_models import ONNXRUNTIME, check_graph

        check_graph(ONNXRUNTIME, spec)
        return
    from app.lab.bench.onnx_models import check_onnx

    check_onnx("onnxruntime", spec)


def _onnxruntime(entry: ModelEntry, place: str) -> Contestant:
    if entry.spec.graph is not None:
        from app.lab.bench.graph_models import ONNXRUNTIME, open_graph

        return open_graph(ONNXRUNTIME, entry, place)
    from app.lab.bench.onnx_models import open_onnxruntime

    return open_onnxruntime(entry, place)


def _check_litert(spec: ModelSpec) -> None:
    from app.lab.bench.graph_models import LITERT, check_graph

    check_graph(LITERT, spec)


def _litert(entry: ModelEntry, place: str) -> Contestant:
    from app.lab.bench.graph_models import LITERT, open_graph

    return open_graph(LITERT, entry, place)


def _check_opencv(spec: ModelSpec) -> None:
    from app.lab.bench.onnx_models import check_onnx

    check_onnx("cv2", spec)


def _opencv(entry: ModelEntry, place: str) -> Contestant:
    from app.lab.bench.onnx_models import open_opencv

    return open_opencv(entry, place)


BASELINES: dict[str, Baseline] = {
    "torchvision": Baseline("the same network and weights by torchvision, eager", True, _check_twin, _twin),
    "torch": Baseline("the same network and weights by PyTorch in float32, eager", True, _check_torch, _torch),
    "onnxruntime": Baseline("the same network and weights by ONNX Runtime", True, _check_onnxruntime, _onnxruntime),
    "litert": Baseline(
        "the same TensorFlow Lite file by LiteRT, which gives its best ten", False, _check_litert, _litert
    ),
    "opencv-dnn": Baseline("the same network and weights by OpenCV's DNN module", True, _check_opencv, _opencv),
    "fasterrcnn": Baseline(
        "torchvision's Faster R-CNN ResNet-50 FPN, random weights", False, _check_torchvision, _faster_rcnn
    ),
}


def check_baseline(name: str, spec: ModelSpec) -> None:
    """Refuses, before any work, what ``open_baseline`` could not open. Needs torch.

    Raises:
        AppError: It is not installed or has no network like this model's.
    """
    BASELINES[name].check(spec)


def open_baseline(name: str, entry: ModelEntry, place: str) -> Contestant:
    """Opens the contestant ``name`` of ``BASELINES``.

    Raises:
        AppError: See ``check_baseline``.
        DetectorError: The weights are damaged.
    """
    check_baseline(name, entry.spec)
    return BASELINES[name].open(entry, place)
