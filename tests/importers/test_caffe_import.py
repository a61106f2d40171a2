"""Caffe's SSDs: files written byte by byte import, and predict what Caffe's own layers compute one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detector.boxes import cxcywh_to_xyxy
from detector.config import SSD300_COCO, SSD300_VOC, SSD512_VOC, SSDConfig
from detector.default_boxes import default_boxes
from detector.errors import DetectorError, Remedy
from detector.importers.base import Imported, Overrides, SourceFile
from detector.importers.caffe import import_caffemodel
from detector.importers.model_writer import import_model
from detector.labels import COCO80, VOC20
from detector.models.build import build_network
from detector.weights import as_tensors, load_spec, load_state
from tests.support.caffe_reference import Weights, random_weights, run_caffe
from tests.support.notes import remedies_of
from tests.support.shared_data import shared
from tools.fixtures.caffe_nets import mobilenet_ssd, vgg_ssd
from tools.fixtures.caffe_writer import Style, caffemodel
from tools.fixtures.prototxt import Node, parse_prototxt

VOC300 = (30, 60, 111, 162, 213, 264, 315)
COCO300 = (21, 45, 99, 153, 207, 261, 315)
VOC512 = (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6)
COCO512 = (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write(path: Path, net: Node, weights: Weights, style: Style = "new") -> Path:
    path.write_bytes(caffemodel(net, weights, style))
    return path


def read(path: Path, overrides: Overrides | None = None) -> Imported:
    return import_caffemodel(path, SourceFile(path.name, "0" * 64), overrides or Overrides())


def predictions(imported: Imported, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    network = build_network(imported.spec)
    network.load_state_dict(as_tensors(imported.tensors), strict=True)
    with torch.inference_mode():
        locs, logits = network(images)
    return locs.flatten(), logits.flatten()


@pytest.mark.parametrize(
    ("net", "config", "labels"),
    [
        pytest.param(vgg_ssd(300, 21, VOC300), SSD300_VOC, VOC20, id="ssd300-voc"),
        pytest.param(vgg_ssd(300, 81, COCO300, width=0.25), SSD300_COCO, COCO80, id="ssd300-coco"),
        pytest.param(vgg_ssd(512, 21, VOC512, width=0.25), SSD512_VOC, VOC20, id="ssd512-voc"),
        pytest.param(mobilenet_ssd(21, merged=True), None, VOC20, id="mobilenet-merged"),
        pytest.param(mobilenet_ssd(4, merged=False), None, ("class 1", "class 2", "class 3"), id="mobilenet"),
    ],
)
def test_it_predicts_what_caffe_computes(
    tmp_path: Path, net: Node, config: SSDConfig | None, labels: tuple[str, ...]
) -> None:
    weights = random_weights(net)
    imported = read(write(tmp_path / "net.caffemodel", net, weights))
    spec = imported.spec
    images = torch.randn(1, 3, spec.input.height, spec.input.width, generator=torch.Generator().manual_seed(1)) * 50
    expected = run_caffe(net, weights, images)
    locs, logits = predictions(imported, images)
    for found, name in ((locs, "mbox_loc"), (logits, "mbox_conf")):
        scale = float(expected[name].abs().max())
        torch.testing.assert_close(found, expected[name].flatten(), rtol=0, atol=1e-5 * scale)
    assert spec.config is not None
    corners = cxcywh_to_xyxy(default_boxes(spec.config)).ravel()
    np.testing.assert_allclose(corners, expected["mbox_priorbox"][0, 0], atol=2e-7)
    assert spec.labels == labels
    assert spec.input.channels == "bgr"
    if config is not None:
        assert spec.config == config
        assert spec.input.mean == (104.0, 117.0, 123.0)
        assert spec.input.std == (1.0, 1.0, 1.0)
    else:
        assert spec.input.mean == (127.5, 127.5, 127.5)
        assert 1 / spec.input.std[0] == pytest.approx(0.007843)


@pytest.fixture(scope="module")
def voc300() -> tuple[Node, Weights]:
    net = vgg_ssd(300, 21, VOC300, width=0.125)
    return net, random_weights(net)


@pytest.fixture(scope="module")
def mobile() -> tuple[Node, Weights]:
    net = mobilenet_ssd(21, merged=True)
    return net, random_weights(net)


def changed(net: Node, change: Callable[[Node], None]) -> Node:
    """A copy of ``net`` whose layers ``change`` may alter."""
    layers = [{key: list(values) for key, values in layer.items()} for layer in net["layer"]]
    for layer in layers:
        change(layer)
    return {**net, "layer": layers}


def with_priors(net: Node, **values: Any) -> Node:
    """``net`` with other values in every PriorBox layer; None takes a field away."""

    def change(layer: Node) -> None:
        for param in layer.get("prior_box_param", []):
            new = {**param, **{key: value for key, value in values.items() if value is not None}}
            layer["prior_box_param"] = [{key: v for key, v in new.items() if values.get(key, ()) is not None}]

    return changed(net, change)


def without_settings(net: Node) -> Node:
    """As a converter leaves it: weights under their layers' names, nothing else."""
    return {**net, "layer": [{key: layer[key] for key in ("name", "type")} for layer in net["layer"]]}


@pytest.mark.parametrize("style", ["legacy", "unpacked", "double"])
def test_every_way_of_storing_blobs_gives_the_same_model(
    tmp_path: Path, mobile: tuple[Node, Weights], style: Style
) -> None:
    expected, found = (read(write(tmp_path / f"{s}.caffemodel", *mobile, s)) for s in ("new", style))
    assert expected.tensors.keys() == found.tensors.keys()
    assert all(np.array_equal(expected.tensors[name], found.tensors[name]) for name in expected.tensors)
    if style != "legacy":  # whose layers have no place for settings
        assert found.spec == replace(expected.spec, provenance=found.spec.provenance)


def test_import_save_open_is_identical(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    path = write(tmp_path / "m.caffemodel", *mobile)
    imported = read(path)
    written = import_model(path, "mobile", tmp_path / "library")
    spec = load_spec(written.path)
    assert spec.config == imported.spec.config
    assert spec.input == imported.spec.input
    state = load_state(written.path, spec)
    assert state.keys() == imported.tensors.keys()
    assert all(np.array_equal(state[name], imported.tensors[name]) for name in state)
    assert any("MobileNet-SSD" in note.text for note in written.notes)


def test_a_file_of_weights_alone_takes_what_is_usual(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    net, weights = voc300
    path = write(tmp_path / "bare.caffemodel", without_settings(net), weights)
    imported = read(path)
    assert imported.spec.config == SSD300_VOC
    assert imported.spec.input.mean == (104.0, 117.0, 123.0)
    assert Remedy("priors", "coco") in remedies_of(imported.notes)
    assert read(path, Overrides(priors="coco")).spec.config == SSD300_COCO


def test_what_the_user_says_counts_more_than_the_file(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    names = tuple(f"thing {i}" for i in range(20))
    overrides = Overrides(priors="coco", channels="rgb", labels=names)
    imported = read(write(tmp_path / "x.caffemodel", *voc300), overrides)
    assert imported.spec.config == SSD300_COCO
    assert imported.spec.labels == names
    assert imported.spec.input.channels == "rgb"
    assert imported.spec.input.mean == (123.0, 117.0, 104.0)
    assert Remedy("priors", omit=True) in remedies_of(imported.notes)


def test_clipped_boxes_without_steps_are_what_caffe_makes(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    """As older networks ask for them; sizes with two squares a level, and one variance for all."""
    net, weights = voc300
    net = with_priors(net, clip=[True], step=None, offset=None, variance=[0.1])
    imported = read(write(tmp_path / "x.caffemodel", net, weights))
    assert imported.spec.config is not None
    assert imported.spec.config.variances == (0.1, 0.1, 0.1, 0.1)
    assert imported.spec.config.steps[2] == (30.0, 30.0)
    tops = run_caffe(with_priors(net, variance=[0.1] * 4), weights, torch.zeros(1, 3, 300, 300))
    corners = cxcywh_to_xyxy(default_boxes(imported.spec.config)).ravel()
    np.testing.assert_allclose(corners, tops["mbox_priorbox"][0, 0], atol=2e-7)


def test_ratios_spelled_with_their_inverse_are_the_same_boxes(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    net, weights = mobile

    def spell(layer: Node) -> None:
        for param in layer.get("prior_box_param", []):
            ratios = [r for ratio in param["aspect_ratio"] for r in (ratio, 1 / ratio)]
            layer["prior_box_param"] = [{**param, "flip": [False], "aspect_ratio": [1.0, *ratios]}]

    spelled = read(write(tmp_path / "x.caffemodel", changed(net, spell), weights))
    assert spelled.spec.config == read(write(tmp_path / "y.caffemodel", net, weights)).spec.config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"offset": [0.0]}, "puts boxes at 0 of a cell"),
        ({"flip": [False]}, "aspect ratios without their inverse"),
        ({"aspect_ratio": [-2.0]}, "aspect ratio -2"),
        ({"variance": [0.1, 0.2]}, "2 variances instead of four"),
        ({"min_size": None}, "needs min sizes"),
        ({"min_size": [0.5]}, "needs min sizes"),
        ({"max_size": [90.0, 100.0]}, "needs min sizes"),
        ({"img_size": [512]}, "pixels of another image"),
    ],
)
def test_boxes_of_another_make_are_refused(
    tmp_path: Path, mobile: tuple[Node, Weights], values: dict[str, Any], message: str
) -> None:
    net, weights = mobile
    with pytest.raises(DetectorError, match=message):
        read(write(tmp_path / "x.caffemodel", with_priors(net, **values), weights))


def test_levels_that_disagree_are_refused(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    net, weights = mobile

    def clip_one(layer: Node) -> None:
        for param in layer.get("prior_box_param", []) if layer["name"] == ["conv13_mbox_priorbox"] else []:
            layer["prior_box_param"] = [{**param, "clip": [True]}]

    with pytest.raises(DetectorError, match="differ in their variances or in clipping"):
        read(write(tmp_path / "x.caffemodel", changed(net, clip_one), weights))
    net = {**net, "layer": [layer for layer in net["layer"] if layer["name"] != ["conv13_mbox_priorbox"]]}
    with pytest.raises(DetectorError, match="layer conv13_mbox_priorbox is missing"):
        read(write(tmp_path / "x.caffemodel", net, weights))


def test_another_size_of_pictures_is_refused(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    net, weights = mobile
    for size in ({"input_shape": [{"dim": [[1, 3, 512, 640]]}]}, {"input_dim": [1, 3, 512, 640]}):
        with pytest.raises(DetectorError, match="made for images of 640 x 512"):
            read(write(tmp_path / "x.caffemodel", {**net, **size}, weights))


def test_a_layer_with_another_formula_is_refused(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    def spatial(layer: Node) -> None:
        if layer["type"] == ["Normalize"]:
            layer["norm_param"] = [{"across_spatial": [True]}]

    with pytest.raises(DetectorError, match="normalises whole maps"):
        read(write(tmp_path / "x.caffemodel", changed(voc300[0], spatial), voc300[1]))


def test_another_epsilon_is_refused(tmp_path: Path) -> None:
    net = mobilenet_ssd(21, merged=False)

    def coarse(layer: Node) -> None:
        if layer["type"] == ["BatchNorm"]:
            layer["batch_norm_param"] = [{"eps": [0.001]}]

    with pytest.raises(DetectorError, match="another epsilon"):
        read(write(tmp_path / "x.caffemodel", changed(net, coarse), random_weights(net)))


def test_one_scale_for_all_channels_is_spread(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    net, weights = voc300
    imported = read(write(tmp_path / "x.caffemodel", net, {**weights, "conv4_3_norm": [torch.tensor([7.0])]}))
    assert np.array_equal(imported.tensors["l2norm.scale"], np.full(64, 7.0))


def test_a_narrower_network_is_measured(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    net, weights = voc300
    imported = read(write(tmp_path / "x.caffemodel", net, weights))
    assert imported.spec.width == 0.125
    assert any("0.125 times as wide" in note.text for note in imported.notes)
    thin = {**weights, "fc7": [torch.zeros(4, 4, 1, 1), torch.zeros(4)]}
    with pytest.raises(DetectorError, match="4 channels in fc7 instead of 1024"):
        read(write(tmp_path / "x.caffemodel", net, thin))


def test_layers_at_fault_are_listed(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    net, weights = voc300
    wrong = {**weights, "conv6_2": [torch.zeros(8, 8, 3, 3)], "conv1_1": [*weights["conv1_1"], torch.zeros(1)]}
    with pytest.raises(DetectorError, match=r"layer 'conv1_1' has 3 blobs"):
        read(write(tmp_path / "x.caffemodel", net, wrong))
    wrong = {**weights, "conv6_2": [torch.zeros(8, 8, 3, 3)], "relu1_1": [torch.zeros(3)]}
    del wrong["conv9_1"], wrong["conv7_2_mbox_loc"]
    with pytest.raises(DetectorError) as caught:
        read(write(tmp_path / "x.caffemodel", net, wrong))
    assert "conv9_1.weight [16, 32, 1, 1] is missing" in caught.value.message
    assert "conv7_2_mbox_loc.bias [24] is missing" in caught.value.message
    assert "conv6_2.weight is [8, 8, 3, 3] instead of [64, 32, 3, 3]" in caught.value.message
    assert "relu1_1.weight [3] is unexpected" in caught.value.message
    many = {name: blobs for name, blobs in weights.items() if not name.startswith(("conv6", "conv7", "conv8", "conv9"))}
    with pytest.raises(DetectorError, match="and 22 more"):
        read(write(tmp_path / "x.caffemodel", net, many))


def test_a_network_that_ends_otherwise_is_told_by_its_layers(tmp_path: Path, voc300: tuple[Node, Weights]) -> None:
    """As the first version of SSD300 did, with a pooled last level."""
    net, weights = voc300
    layers = [layer for layer in net["layer"] if not layer["name"][0].startswith("conv9_2")]
    with pytest.raises(DetectorError) as caught:
        read(
            write(
                tmp_path / "x.caffemodel",
                {**net, "layer": [*layers, {"name": ["pool6_mbox_loc"]}]},
                {**weights, "pool6_mbox_loc": [torch.zeros(24, 32, 3, 3)]},
            )
        )
    assert "conv9_2_mbox_loc.weight [16, 32, 3, 3] is missing" in caught.value.message
    assert "pool6_mbox_loc.weight [24, 32, 3, 3] is unexpected" in caught.value.message


def test_a_wrong_number_of_labels_is_refused(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    with pytest.raises(DetectorError, match="20 classes, but 2 labels"):
        read(write(tmp_path / "x.caffemodel", *mobile), Overrides(labels=("a", "b")))


def test_a_layout_cannot_be_chosen(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    with pytest.raises(DetectorError) as caught:
        read(write(tmp_path / "x.caffemodel", *mobile), Overrides(layout="amdegroot"))
    assert caught.value.remedies == (Remedy("layout", omit=True),)


@pytest.mark.parametrize(
    ("layers", "message"),
    [(("conv1_1", "conv5_3", "fc7"), "base network only"), (("conv1", "ip1"), "no SSD known here: .* 'conv1', 'ip1'")],
)
def test_another_network_is_named(tmp_path: Path, layers: tuple[str, ...], message: str) -> None:
    net = {"layer": [{"name": [name]} for name in layers]}
    with pytest.raises(DetectorError, match=message):
        read(write(tmp_path / "x.caffemodel", net, {name: [torch.zeros(2)] for name in layers}))


def test_not_a_number_among_the_weights_is_told(tmp_path: Path, mobile: tuple[Node, Weights]) -> None:
    net, weights = mobile
    bad = weights["conv5"][0].clone()
    bad[3, 2] = float("nan")
    path = write(tmp_path / "x.caffemodel", net, {**weights, "conv5": [bad, weights["conv5"][1]]})
    with pytest.raises(DetectorError, match="layer 'conv5' contains NaN"):
        import_model(path, "x", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# The numbers that decide what a layer computes, with Caffe's defaults.
NUMBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Convolution": (
        "convolution_param",
        {"num_output": None, "kernel_size": None, "pad": 0.0, "stride": 1.0, "dilation": 1.0, "group": 1.0},
    ),
    "Pooling": ("pooling_param", {"pool": "MAX", "kernel_size": None, "pad": 0.0, "stride": 1.0}),
    "Normalize": ("norm_param", {"across_spatial": True, "channel_shared": True}),
}


def account(net: Node) -> dict[str, Any]:
    """What every layer that computes something says, by name."""
    said = {}
    for layer in net["layer"]:
        kind = layer["type"][0]
        if kind in NUMBERS:
            key, defaults = NUMBERS[kind]
            said[layer["name"][0]] = [layer[key][0].get(field, [default]) for field, default in defaults.items()]
        elif kind == "PriorBox":
            numbers = {**layer["prior_box_param"][0], "offset": [0.5]}
            said[layer["name"][0]] = {key: [round(float(v), 6) for v in values] for key, values in numbers.items()}
        elif kind in ("ReLU", "Permute", "Concat"):
            said[layer["name"][0]] = layer.get("bottom")
    return said


@pytest.mark.parametrize(
    ("folder", "net"),
    [
        ("xzgz_VOC0712_SSD_300x300", vgg_ssd(300, 21, VOC300)),
        ("zhangkaij_coco_SSD_300x300", vgg_ssd(300, 81, COCO300)),
        ("cory8249_coco_SSD_512x512", vgg_ssd(512, 81, COCO512)),
    ],
)
def test_the_networks_tested_with_are_the_published_ones(folder: str, net: Node) -> None:
    published = account(parse_prototxt(shared(f"prototxt/{folder}/deploy.prototxt").read_text()))
    ours = account(net)
    published = {name: said for name, said in published.items() if name in ours}
    assert published == ours
