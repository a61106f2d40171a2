"""TensorFlow's SSDs on MobileNet: what is imported answers as TensorFlow's definitions, and as its own graph, do."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from detector.boxes import cxcywh_to_xyxy
from detector.config import tensorflow_config
from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.conversion import convert_weights
from detector.importers.layouts import layout_named
from detector.importers.model_writer import import_model, preview_model
from detector.importers.tensorflow_ssd import import_tensorflow
from detector.labels import COCO80, TORCHVISION_COCO91
from detector.model_file import open_file
from detector.models.build import build_network
from detector.plans.tables import TF_NETWORKS
from detector.runtime.base import ImageBGR
from detector.runtime.open import open_detector
from detector.runtime.openvino_graph import build_graph
from detector.runtime.openvino_runtime import compile_for_latency, load_openvino
from detector.safetensors_file import Arrays
from detector.weights import as_tensors, load_spec, load_strict
from tests.support.one_thread import one_thread
from tests.support.shared_data import shared
from tests.support.tfjs_graph import Graph, load_graph
from tools.fixtures.tensorflow_networks import PIPELINES, anchors, predictions, random_variables
from tools.fixtures.tfjs_writer import Norm, Quantisation, as_converted, dequantised, write_tfjs

Floats = npt.NDArray[np.float32]
YXHW = [1, 0, 3, 2]
"""Our (tx, ty, tw, th) as TensorFlow's (ty, tx, th, tw), and the other way round."""
COCO_COLUMNS = [number for number, label in enumerate(TORCHVISION_COCO91) if label != "N/A"]
"""The background and the 80 ids that COCO uses, of 91."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def by_torch(imported: Imported, images: Floats) -> tuple[Floats, Floats]:
    """locs and logits of the imported network."""
    network = build_network(imported.spec)
    load_strict(network, as_tensors(imported.tensors), "test")
    with torch.inference_mode():
        locs, logits = network(torch.from_numpy(images))
    return locs.numpy(), logits.numpy()


def by_openvino(imported: Imported, images: Floats) -> tuple[Floats, Floats]:
    openvino = load_openvino()
    graph = build_graph(openvino, imported.spec, dict(imported.tensors), "test")
    answers = compile_for_latency(openvino.Core(), graph, "fp32")(images)
    return answers[0], answers[1]


def test_every_architecture_has_its_published_definition() -> None:
    assert set(PIPELINES) == set(TF_NETWORKS)


@pytest.mark.parametrize(
    ("architecture", "norm", "quantisation", "outputs"),
    [
        ("ssdlite-mobilenetv2-tf", "mixed", None, 91),
        ("ssd-mobilenetv2-tf", "whole", "float16", 4),
        ("ssd-mobilenetv2-tf-pointwise", "whole", "uint8", 4),
        ("ssdlite-mobilenetv1-tf", "offset in place", None, 2),
        ("ssd-mobilenetv1-tf", "merged", None, 21),
    ],
)
def test_it_answers_as_tensorflows_definition(
    tmp_path: Path, architecture: str, norm: Norm, quantisation: Quantisation | None, outputs: int
) -> None:
    pipeline = PIPELINES[architecture]
    # What is stored is rounded, so the definition shall have it rounded.
    variables = {k: dequantised(v, quantisation) for k, v in random_variables(pipeline, outputs).items()}
    imported = convert_weights(write_tfjs(tmp_path, as_converted(variables, norm), quantisation))
    assert imported.spec.architecture == architecture
    images = np.random.default_rng(1).uniform(-1, 1, (1, 3, 300, 300)).astype(np.float32)
    codes, logits = (tensor.numpy() for tensor in predictions(pipeline, variables, torch.from_numpy(images)))
    kept = COCO_COLUMNS if outputs == 91 else list(range(outputs))
    assert len(imported.spec.labels) == len(kept) - 1
    for locs, scores in (by_torch(imported, images), by_openvino(imported, images)):
        assert_alike(locs, codes[..., YXHW])
        assert_alike(scores, logits[..., kept])


def assert_alike(ours: Floats, theirs: Floats) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 1  # something is predicted
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("norm", ["merged", "half", "offset", "offset in place", "mixed"])
@pytest.mark.parametrize("architecture", ["ssd-mobilenetv1-tf", "ssdlite-mobilenetv2-tf"])
def test_batch_normalisation_is_the_same_in_every_form(architecture: str, norm: Norm) -> None:
    variables = random_variables(PIPELINES[architecture], 3)
    whole, folded = (imported_from(as_converted(variables, form)).tensors for form in ("whole", norm))
    assert whole.keys() == folded.keys()
    for name, tensor in whole.items():
        np.testing.assert_allclose(folded[name], tensor, rtol=1e-5, atol=1e-6)


def imported_from(constants: Arrays, overrides: Overrides | None = None) -> Imported:
    return import_tensorflow(constants, SourceFile("model.json", "0" * 64), overrides or Overrides())


@pytest.fixture(scope="module")
def constants() -> Arrays:
    """A small-headed SSD on MobileNet 1 of three classes and the background."""
    return as_converted(random_variables(PIPELINES["ssd-mobilenetv1-tf"], 4), "half")


def test_the_boxes_are_told_by_the_file_or_assumed(constants: Arrays) -> None:
    told = imported_from(constants)
    assert told.spec.config == tensorflow_config()
    bare = {name: value for name, value in constants.items() if not name.startswith(("Pre", "Post"))}
    assumed = imported_from(bare)
    assert assumed.spec == told.spec
    assert len(assumed.notes) == len(told.notes) + 2  # size of the input and boxes


def test_another_size_of_the_input_is_read_from_the_graph() -> None:
    variables = random_variables(PIPELINES["ssd-mobilenetv1-tf"], 2)
    spec = imported_from(as_converted(variables, "half", side=320)).spec
    assert (spec.input.height, spec.input.width) == (320, 320)
    assert spec.config == tensorflow_config(320)


def test_labels_and_channels_are_the_users(constants: Arrays) -> None:
    overrides = Overrides(labels=("nut", "bolt", "screw"), channels="bgr")
    spec = imported_from(constants, overrides).spec
    assert spec.labels == ("nut", "bolt", "screw")
    assert spec.input.channels == "bgr"
    assert imported_from(constants).spec.input.channels == "rgb"


def test_all_91_outputs_can_be_kept_by_naming_them() -> None:
    constants = as_converted(random_variables(PIPELINES["ssd-mobilenetv1-tf"], 91), "half")
    names = tuple(f"id {number}" for number in range(1, 91))
    assert imported_from(constants, Overrides(labels=names)).spec.labels == names
    assert imported_from(constants).spec.labels == COCO80


def test_a_file_goes_in_the_library_and_detects(tmp_path: Path) -> None:
    constants = as_converted(random_variables(PIPELINES["ssdlite-mobilenetv2-tf"], 4), "mixed")
    source = write_tfjs(tmp_path, constants)
    before = preview_model(source)
    target = import_model(source, "nuts", tmp_path / "library").path
    spec = load_spec(target)
    assert spec.golden is not None
    assert replace(spec, name=before.spec.name, golden=None) == before.spec
    assert convert_weights(tmp_path).spec == before.spec  # by its folder
    image: ImageBGR = np.random.default_rng(0).integers(0, 256, (200, 320, 3), np.uint8)
    with open_detector(open_file(target), "cpu") as detector:
        assert len(detector.detect(image).scores) <= spec.postprocess.max_detections


Change = Callable[[dict[str, Any]], object]


def changed(name: str, value: Callable[[Any], Any]) -> Change:
    def change(constants: dict[str, Any]) -> None:
        constants[name] = value(constants[name])

    return change


STEM = "FeatureExtractor/MobilenetV1/Conv2d_0/weights"
NORM = "FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_0/BatchNorm/batchnorm"
HEAD = "BoxPredictor_0/ClassPredictor/weights"
ANCHORS = "Postprocessor/ExpandDims"
SIZE = "Preprocessor/map/while/ResizeImage/stack"

FAULTS: list[tuple[Change, str]] = [
    (lambda c: c.pop(STEM), "Conv2d_0/weights [3, 3, 3, 32] is missing"),
    (changed(STEM, lambda w: w[..., :24]), "Conv2d_0/weights is [3, 3, 3, 24] instead of [3, 3, 3, 32]"),
    (changed(STEM, lambda w: w.astype(np.int32)), "holds int32 instead of floating point numbers"),
    (lambda c: c.update({name: c[name] * np.float32(1e25) for name in (STEM, f"{NORM}/mul")}), "beyond float32"),
    (lambda c: c.pop(f"{NORM}/sub"), "BatchNorm/gamma [32] is missing"),
    (lambda c: c.update({f"{STEM}_2": c[STEM]}), "Conv2d_0/weights_2 [3, 3, 3, 32] is unexpected"),
    (lambda c: c.pop(HEAD), "has 0 class outputs"),
    (changed(HEAD, lambda w: w[..., :11]), "has 11 class outputs, which 3 boxes cannot share"),
    (changed(HEAD, lambda w: w[..., :3]), "0 classes besides the background"),
    (changed(HEAD, lambda w: w[0, 0]), "has 0 class outputs"),
    (changed(HEAD, lambda w: np.zeros((3, 3, *w.shape[2:]), np.float32)), "no separable feature layers and full"),
    (changed(ANCHORS, lambda a: a + np.float32(0.01)), "other default boxes"),
    (changed(ANCHORS, lambda a: a[:, :-1]), "other default boxes"),
    (changed(ANCHORS, lambda a: np.repeat(a, 2, axis=1)), "other default boxes"),
    (changed(SIZE, lambda _: np.array([300, 400], np.int32)), "takes images of 400 x 300 pixels"),
    (changed(SIZE, lambda _: np.array([16, 16], np.int32)), "takes images of 16 x 16 pixels"),
    (changed(SIZE, lambda _: np.array([2**20, 2**20], np.int32)), "takes images of 1048576 x 1048576 pixels"),
    (changed(SIZE, lambda _: np.array([512, 512], np.int32)), "other default boxes"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_what_does_not_fit_is_named_in_one_line(constants: Arrays, change: Change, message: str) -> None:
    constants = dict(constants)
    change(constants)
    with pytest.raises(DetectorError) as caught:
        imported_from(constants)
    assert message in caught.value.message
    assert "\n" not in str(caught.value)


def test_anchors_may_come_once_for_each_picture_of_a_batch(constants: Arrays) -> None:
    twice = {**constants, ANCHORS: np.repeat(constants[ANCHORS], 2, axis=0)}
    assert imported_from(twice).spec == imported_from(constants).spec


def test_negative_variances_are_refused() -> None:
    variables = random_variables(PIPELINES["ssd-mobilenetv1-tf"], 2)
    variables["FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/moving_variance"][3] = -1
    with pytest.raises(DetectorError, match="negative variances"):
        imported_from(as_converted(variables, "whole"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("FeatureExtractor/MobilenetV3/Conv/weights", HEAD), "MobileNet V3"),
        (("FeatureExtractor/MobilenetV2/Conv/weights", HEAD), "is missing"),
        (("something/else", HEAD), "is missing"),
    ],
)
def test_other_networks_by_the_same_program_are_refused(names: tuple[str, ...], message: str) -> None:
    state = dict.fromkeys(names, np.zeros((1, 1, 3, 6), np.float32))
    with pytest.raises(DetectorError, match=message):
        imported_from(state)


def test_priors_do_not_apply(constants: Arrays) -> None:
    with pytest.raises(DetectorError, match="one set of default boxes"):
        imported_from(constants, Overrides(priors="coco"))


def test_the_chosen_layout_is_this_one(tmp_path: Path, constants: Arrays) -> None:
    path = write_tfjs(tmp_path, constants)
    assert layout_named("tensorflow-ssd").load() is import_tensorflow
    assert convert_weights(path, Overrides(layout="tensorflow-ssd")).spec == convert_weights(path).spec
    with pytest.raises(DetectorError):
        convert_weights(path, Overrides(layout="nvidia-ssd300"))


def test_nan_and_files_of_tensorflow_2_are_refused(tmp_path: Path, constants: Arrays) -> None:
    constants = dict(constants)
    constants[STEM] = np.full_like(constants[STEM], np.nan)
    with pytest.raises(DetectorError, match="contains NaN or infinity"):
        convert_weights(write_tfjs(tmp_path, constants))
    keras = "StatefulPartitionedCall/ssd_mobile_net_v2_keras_feature_extractor/model/Conv1/Conv2D/ReadVariableOp"
    with pytest.raises(DetectorError, match="No SSD layout known here has tensors like StatefulPartitionedCall"):
        convert_weights(write_tfjs(tmp_path, {keras: np.zeros((3, 3, 3, 32), np.float32)}))


# -- the published file -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> tuple[Imported, Graph]:
    """ssdlite_mobilenet_v2_coco, imported and as its own graph."""
    path = shared("weights/ssdlite-mobilenetv2-coco-tfjs/model.json")
    return convert_weights(path), load_graph(path)


def photos() -> list[Floats]:
    """Two photographs as the network sees them, Float32[300, 300, 3] RGB in -1..1."""
    found = []
    with tarfile.open(shared("images/voc2007-original-40.tar")) as archive:
        members = sorted((m for m in archive if m.name.endswith(".jpg")), key=lambda member: member.name)
        for member in (members[3], members[20]):
            file = archive.extractfile(member)
            assert file is not None
            image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            small = cv2.resize(image, (300, 300), interpolation=cv2.INTER_LINEAR)
            found.append(small[..., ::-1].astype(np.float32) / np.float32(127.5) - 1)
    return found


def test_the_published_file_answers_as_its_own_graph(published: tuple[Imported, Graph]) -> None:
    imported, graph = published
    assert imported.spec.architecture == "ssdlite-mobilenetv2-tf"
    assert imported.spec.labels == COCO80
    assert "Apache-2.0" in imported.spec.licence
    for photo in photos():
        theirs = graph.run(photo, ["Squeeze", "concat_1"], at="Preprocessor/sub")
        images = np.ascontiguousarray(photo.transpose(2, 0, 1))[None]
        for locs, logits in (by_torch(imported, images), by_openvino(imported, images)):
            assert_alike(locs, theirs["Squeeze"][..., YXHW])
            assert_alike(logits, theirs["concat_1"][..., COCO_COLUMNS])
            # What TensorFlow scores by, one class apart from the other.
            np.testing.assert_allclose(
                sigmoid(logits), sigmoid(theirs["concat_1"][..., COCO_COLUMNS]), rtol=0, atol=1e-5
            )


def sigmoid(logits: Floats) -> Floats:
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def test_the_published_boxes_are_ours(published: tuple[Imported, Graph]) -> None:
    imported, graph = published
    assert imported.spec.config is not None
    corners = cxcywh_to_xyxy(default_boxes(imported.spec.config))[:, YXHW]
    np.testing.assert_allclose(corners, graph.weights[ANCHORS][0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(corners, anchors(), rtol=0, atol=1e-6)
