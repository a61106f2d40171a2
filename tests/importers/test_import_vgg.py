"""VGG-16 SSDs of other code bases: each imports, and predicts what its own forward rule predicts."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from detector.default_boxes import default_boxes
from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides, SourceFile
from detector.importers.layouts import layout_named
from detector.importers.model_writer import WrittenModel, import_model
from detector.importers.notes import Note
from detector.labels import COCO80, VOC20
from detector.model_file import open_file
from detector.models.build import build_network
from detector.preprocess import InputBuilder
from detector.registry import MODELS
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.spec import ModelSpec, PostprocessSpec, WeightsFile
from detector.spec_json import spec_from_json, spec_to_json
from detector.weights import load_spec, load_state
from tests.support.notes import remedies_of
from tests.support.shared_data import shared
from tests.support.vgg_layouts import LAYOUTS, forward, prior_boxes, random_state

SIZES = {
    (300, "voc"): (30, 60, 111, 162, 213, 264, 315),
    (300, "coco"): (21, 45, 99, 153, 207, 261, 315),
    (512, "voc"): (35, 76, 153, 230, 307, 384, 460, 537),
    (512, "coco"): (20, 51, 133, 215, 296, 378, 460, 542),
}
FRACTIONS = {
    (512, "voc"): (35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.65),
    (512, "coco"): (20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72),
}
CAFFE_MEAN, MMDET_MEAN = (123.0, 117.0, 104.0), (123.675, 116.28, 103.53)
TORCHVISION_MEAN = (0.48235 * 255, 0.45882 * 255, 0.40784 * 255)
LOG = math.log(1000 / 16)


@dataclass(frozen=True)
class Case:
    """One file: what is in it, and what must come out."""

    layout: str
    side: int
    outputs: int
    labels: tuple[str, ...]
    sizes: tuple[float, ...]
    clamp: str
    rule: PostprocessSpec
    mean: tuple[float, float, float] = CAFFE_MEAN
    overrides: Overrides = field(default_factory=Overrides)
    keys_of: str = ""
    """Layout whose key names it has, where that is another."""

    def __str__(self) -> str:
        return f"{self.layout}-{self.side}-{self.outputs}"


NUMBERED = tuple(f"class {n}" for n in range(1, 5))
AMDEGROOT = PostprocessSpec(0.01, 0.45, top_k=200, max_detections=200)
LUFFICC = PostprocessSpec(0.01, 0.45, top_k=10_000, max_detections=100)
MMDETECTION = PostprocessSpec(0.02, 0.45, top_k=1000, max_detections=200, clip=True, max_log_size=LOG)
TORCHVISION = PostprocessSpec(0.01, 0.45, top_k=400, max_detections=200, clip=True, max_log_size=LOG)
CASES = [
    Case("torchvision-ssd300", 300, 91, COCO80, SIZES[300, "coco"], "size", TORCHVISION, TORCHVISION_MEAN),
    Case("torchvision-ssd300", 300, 5, NUMBERED, SIZES[300, "coco"], "size", TORCHVISION, TORCHVISION_MEAN),
    Case("amdegroot", 300, 21, VOC20, SIZES[300, "voc"], "all", AMDEGROOT),
    Case("amdegroot", 300, 201, COCO80, SIZES[300, "coco"], "all", AMDEGROOT),
    Case("amdegroot", 300, 5, NUMBERED, SIZES[300, "voc"], "all", AMDEGROOT, overrides=Overrides(priors="voc")),
    Case("lufficc-vgg16", 300, 21, VOC20, SIZES[300, "voc"], "all", LUFFICC),
    Case("lufficc-vgg16", 300, 81, COCO80, SIZES[300, "coco"], "all", LUFFICC),
    Case("lufficc-vgg16", 512, 21, VOC20, FRACTIONS[512, "voc"], "all", LUFFICC),
    Case("lufficc-vgg16", 512, 81, COCO80, FRACTIONS[512, "coco"], "all", LUFFICC),
    Case("lufficc-vgg16-1", 300, 21, VOC20, SIZES[300, "voc"], "all", LUFFICC),
    Case("lufficc-vgg16-1", 512, 21, VOC20, FRACTIONS[512, "voc"], "all", LUFFICC),
    Case("mmdetection", 300, 81, COCO80, SIZES[300, "coco"], "none", MMDETECTION, MMDET_MEAN),
    Case("mmdetection", 512, 81, COCO80, SIZES[512, "coco"], "none", MMDETECTION, MMDET_MEAN),
    Case("mmdetection", 512, 21, VOC20, SIZES[512, "voc"], "none", MMDETECTION, MMDET_MEAN),
    Case("mmdetection-old", 300, 81, COCO80, SIZES[300, "coco"], "none", MMDETECTION, MMDET_MEAN),
    Case("mmdetection-1", 300, 81, COCO80, SIZES[300, "coco"], "none", MMDETECTION, MMDET_MEAN,
         Overrides(layout="mmdetection-1"), "mmdetection-old"),
    Case("qfgaohao-vgg16", 300, 21, VOC20, SIZES[300, "voc"], "all", AMDEGROOT),
]  # fmt: skip


@dataclass(frozen=True)
class Done:
    case: Case
    state: dict[str, Tensor]
    written: WrittenModel
    spec: ModelSpec
    tensors: dict[str, Tensor]


@pytest.fixture(scope="module", params=CASES, ids=str)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A file of the case, imported."""
    case = request.param
    state = random_state(LAYOUTS[case.keys_of or case.layout], case.side, case.outputs)
    folder = tmp_path_factory.mktemp("import")
    torch.save(state, folder / "x.pth")
    written = import_model(folder / "x.pth", "x", folder / "library", case.overrides)
    spec = load_spec(written.path)
    return Done(case, state, written, spec, load_state(written.path, spec))


def frame_of(side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """UInt8[side, side, 3] BGR, needing no resizing."""
    return np.random.default_rng(5).integers(0, 256, (side, side, 3), dtype=np.uint8)


def rgb_minus(mean: tuple[float, float, float], side: int) -> Tensor:
    """What the layouts feed their networks with: red, green, blue, less their mean."""
    rgb = torch.from_numpy(frame_of(side)[..., ::-1].copy()).permute(2, 0, 1).float()
    return (rgb - torch.tensor(mean)[:, None, None])[None]


def predict(spec: ModelSpec, tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Raw outputs of our network for the frame, prepared as the spec says."""
    network = build_network(spec)
    network.load_state_dict(tensors, strict=True)
    with torch.inference_mode():
        locs, logits = network(torch.from_numpy(InputBuilder(spec.input)([frame_of(spec.input.height)])))
    return locs, logits


def expected(case: Case, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Raw outputs by the layout's own rule, classes brought into our order."""
    layout = LAYOUTS[case.keys_of or case.layout]
    with torch.inference_mode():
        boxes, logits = forward(layout, state, rgb_minus(case.mean, case.side), case.side, case.outputs)
    if case.layout in ("mmdetection", "mmdetection-old"):  # background last
        logits = torch.cat([logits[..., -1:], logits[..., :-1]], dim=-1)
    if case.outputs == 91:
        never = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
        logits = logits[..., [i for i in range(91) if i not in never]]
    return boxes, logits[..., :81] if case.outputs == 201 else logits


def test_it_predicts_what_its_own_rule_predicts(done: Done) -> None:
    locs, logits = predict(done.spec, done.tensors)
    boxes, scores = expected(done.case, done.state)
    assert logits.std() > 0.1  # the comparison means something
    torch.testing.assert_close(locs, boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(logits, scores, rtol=1e-4, atol=1e-3)


def test_it_has_its_own_default_boxes_rule_and_labels(done: Done) -> None:
    case, spec = done.case, done.spec
    assert spec.config is not None
    wanted = prior_boxes(case.side, case.sizes, case.clamp)
    np.testing.assert_allclose(default_boxes(spec.config), wanted, atol=1e-6)
    assert spec.config.variances == (0.1, 0.1, 0.2, 0.2)
    assert spec.postprocess == case.rule
    assert spec.labels == case.labels
    assert (spec.input.channels, spec.input.mean, spec.input.std) == ("rgb", case.mean, (1.0, 1.0, 1.0))
    assert (spec.accuracy, spec.weights) == ({}, None)  # nothing was measured on these


def test_what_is_saved_is_what_was_imported_and_imports_again(done: Done, tmp_path: Path) -> None:
    assert spec_from_json(spec_to_json(done.spec)) == done.spec
    again = import_model(done.written.path, "again", tmp_path)
    spec = load_spec(again.path)
    assert replace(spec, name="x") == done.spec
    tensors = load_state(again.path, spec)
    assert tensors.keys() == done.tensors.keys()
    assert all(torch.equal(tensors[name], done.tensors[name]) for name in tensors)


def test_the_user_is_told_what_was_recognised_and_what_to_change(done: Done) -> None:
    title = layout_named(done.case.layout).title
    assert title in done.written.notes[0].text
    assert any("0.125 times as wide" in note.text for note in done.written.notes)
    told = done.case.layout in ("torchvision-ssd300", "qfgaohao-vgg16") or done.case.overrides.priors is not None
    remedies = remedies_of(done.written.notes)
    assert Remedy("channels", "bgr") in remedies
    assert any(remedy.option == "priors" for remedy in remedies) is not told
    assert (Remedy("labels", "FILE") in remedies) is (done.case.outputs not in (91,))
    assert (Remedy("layout", "mmdetection-1") in remedies) is (done.case.layout == "mmdetection-old")


def save(folder: Path, layout: str, side: int = 300, outputs: int = 21) -> tuple[Path, dict[str, Tensor]]:
    state = random_state(LAYOUTS[layout], side, outputs)
    torch.save(state, folder / "x.pth")
    return folder / "x.pth", state


def test_weights_trained_on_blue_green_red_are_fed_that(tmp_path: Path) -> None:
    """The same network with its first layer's inputs turned round gives the same, once its order is told."""
    case = CASES[2]
    path, state = save(tmp_path, case.layout)
    turned = dict(state)
    turned["vgg.0.weight"] = state["vgg.0.weight"].flip(1)
    torch.save(turned, path)
    written = import_model(path, "x", tmp_path / "library", Overrides(channels="bgr"))
    spec = load_spec(written.path)
    assert (spec.input.channels, spec.input.mean) == ("bgr", (104.0, 117.0, 123.0))
    locs, logits = predict(spec, load_state(written.path, spec))
    boxes, scores = expected(case, state)
    torch.testing.assert_close(locs, boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(logits, scores, rtol=1e-4, atol=1e-3)
    assert not any(remedy.option == "channels" for remedy in remedies_of(written.notes))


def test_the_sizes_of_the_default_boxes_can_be_chosen(tmp_path: Path) -> None:
    path, _ = save(tmp_path, "lufficc-vgg16", 512)
    written = import_model(path, "x", tmp_path / "library", Overrides(priors="coco"))
    config = load_spec(written.path).config
    assert config is not None
    assert config.min_sizes[0] == (20.48,)
    assert not any(remedy.option == "priors" for remedy in remedies_of(written.notes))


def test_of_a_published_file_nothing_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash tells what it is; what the user says otherwise is done, and costs it the published accuracy."""
    path, _ = save(tmp_path, "amdegroot")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    published = WeightsFile("https://example.org/x.pth", digest[:8], 0)
    known = replace(MODELS["ssd300-vgg16-voc"], weights=published, accuracy={"mAP": 0.75}, title="20 things")
    monkeypatch.setitem(MODELS, "known", known)
    written = import_model(path, "a", tmp_path / "library")
    spec = load_spec(written.path)
    assert written.notes[1:] == (Note("It is the published file: 20 things."),)
    assert (spec.accuracy, spec.weights, spec.licence) == ({"mAP": 0.75}, published, known.licence)
    assert digest in spec.provenance
    changed = load_spec(import_model(path, "b", tmp_path / "library", Overrides(channels="bgr")).path)
    assert (changed.accuracy, changed.weights, changed.input.channels) == ({}, None, "bgr")


@pytest.mark.parametrize("layout", ["torchvision-ssd300", "qfgaohao-vgg16"])
def test_sizes_are_not_chosen_where_there_is_one_set(tmp_path: Path, layout: str) -> None:
    path, _ = save(tmp_path, layout)
    with pytest.raises(DetectorError) as caught:
        import_model(path, "x", tmp_path / "library", Overrides(priors="voc"))
    assert caught.value.remedies == (Remedy("priors", omit=True),)


def test_labels_are_the_users_where_given(tmp_path: Path) -> None:
    path, _ = save(tmp_path, "torchvision-ssd300", outputs=91)
    eighty = tuple(f"thing {n}" for n in range(80))
    assert load_spec(import_model(path, "a", tmp_path / "s", Overrides(labels=eighty)).path).labels == eighty
    ninety = tuple(f"thing {n}" for n in range(90))
    spec = load_spec(import_model(path, "b", tmp_path / "s", Overrides(labels=ninety)).path)
    assert spec.labels == ninety  # all outputs kept: the user knows them
    with pytest.raises(DetectorError) as caught:
        import_model(path, "c", tmp_path / "s", Overrides(labels=("cat", "dog")))
    assert re.findall(r"\d+", caught.value.message) == ["90", "2"]
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == ["a.safetensors", "b.safetensors"]


@pytest.mark.parametrize(
    ("layout", "side", "outputs", "count"),
    [
        ("amdegroot", 300, 21, 26_285_486),
        ("lufficc-vgg16", 300, 81, 34_305_206),
        ("torchvision-ssd300", 300, 91, 35_641_826),
        ("mmdetection", 512, 81, None),
    ],
)
def test_networks_of_the_published_size_fit(layout: str, side: int, outputs: int, count: int | None) -> None:
    """Without memory for the numbers: names and shapes are what is checked."""
    narrow = random_state(LAYOUTS[layout], side, outputs, divide=64)
    state = {n: np.broadcast_to(np.float32(0), shape) for n, shape in full_shapes(narrow, layout).items()}
    if count is not None:
        assert sum(tensor.size for tensor in state.values()) == count
    imported = layout_named(layout).load()(state, SourceFile("x.pth", "0" * 64), Overrides())
    assert imported.spec.width == 1.0
    with torch.device("meta"):
        network = build_network(imported.spec)
    assert {n: t.shape for n, t in network.state_dict().items()} == {n: t.shape for n, t in imported.tensors.items()}


def full_shapes(narrow: dict[str, Tensor], layout: str) -> dict[str, tuple[int, ...]]:
    """Shapes at full width of what was made 64 times narrower; predictors keep their outputs, the first its input."""
    heads = tuple(pattern.partition("{}")[0] for pattern in (LAYOUTS[layout].loc, LAYOUTS[layout].conf))
    shapes = {}
    for name, tensor in narrow.items():
        after = tensor.shape[0] * (1 if name.startswith(heads) else 64)
        before = [n if n == 3 else 64 * n for n in tensor.shape[1:2]]
        shapes[name] = (after, *before, *tensor.shape[2:])
    return shapes


Damage = Callable[[dict[str, Tensor]], None]


def _nan(state: dict[str, Tensor]) -> None:
    state["conf.2.weight"][3, 1, 0, 0] = math.nan


def _infinite(state: dict[str, Tensor]) -> None:
    state["extras.1.bias"][0] = math.inf


def _missing(state: dict[str, Tensor]) -> None:
    del state["extras.3.bias"]


def _extra(state: dict[str, Tensor]) -> None:
    state["fpn.lateral.weight"] = torch.zeros(2, 3)


def _misshapen(state: dict[str, Tensor]) -> None:
    state["vgg.5.weight"] = torch.zeros(16, 9, 3, 3)


def _whole_numbers(state: dict[str, Tensor]) -> None:
    state["vgg.2.bias"] = torch.zeros(8, dtype=torch.int64)


def _other_layout(state: dict[str, Tensor]) -> None:
    state["backbone.scale_weight"] = torch.zeros(64)


def _few_levels(state: dict[str, Tensor]) -> None:
    del state["loc.5.weight"]


def _odd_classes(state: dict[str, Tensor]) -> None:
    state["conf.0.weight"] = state["conf.0.weight"][:-1]


def _flat(state: dict[str, Tensor]) -> None:
    state["vgg.33.weight"] = torch.zeros(128)


def _wide(state: dict[str, Tensor]) -> None:
    state["vgg.33.weight"] = torch.zeros(8192, 1, 1, 1)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_nan, "x.pth: tensor conf.2.weight contains NaN or infinity; the weights are damaged."),
        (_infinite, "x.pth: tensor extras.1.bias contains NaN or infinity; the weights are damaged."),
        (_missing, "x.pth does not fit its layout: extras.3.bias [32] is missing."),
        (_extra, "x.pth does not fit its layout: fpn.lateral.weight [2, 3] is unexpected."),
        (_misshapen, "x.pth does not fit its layout: vgg.5.weight is [16, 9, 3, 3] instead of [16, 8, 3, 3]."),
        (_whole_numbers, "x.pth does not fit its layout: vgg.2.bias holds int64 instead of floating point numbers."),
        (_other_layout, "The file mixes tensors of torchvision ssd300_vgg16"),
        (_few_levels, "x.pth has 5 box predictors; its layout has 6."),
        (_odd_classes, "x.pth: conf.0 has 83 outputs, no multiple of its 4 default boxes."),
        (_flat, "x.pth does not fit its layout: vgg.33.weight is missing."),
        (_wide, "x.pth has 8192 channels in fc7 instead of 1024."),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, damage: Damage, said: str) -> None:
    path, state = save(tmp_path, "amdegroot")
    damage(state)
    torch.save(state, path)
    with pytest.raises(DetectorError) as caught:
        import_model(path, "x", tmp_path / "library")
    assert caught.value.message.startswith(said)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "library").exists()


def test_of_many_faults_ten_are_listed(tmp_path: Path) -> None:
    path, state = save(tmp_path, "amdegroot")
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("extras.")}, path)
    with pytest.raises(DetectorError) as caught:
        import_model(path, "x", tmp_path / "library")
    assert caught.value.message.count("is missing") == 10
    assert "extras.0.weight [32, 128, 1, 1] is missing" in caught.value.message
    assert caught.value.message.endswith("and 6 more.")


@pytest.mark.parametrize("lost", ["running_mean", "running_var"])
def test_a_batch_norm_needs_its_statistics(tmp_path: Path, lost: str) -> None:
    path, state = save(tmp_path, "qfgaohao-vgg16")
    del state[f"source_layer_add_ons.0.{lost}"]
    torch.save(state, path)
    with pytest.raises(DetectorError, match=f"source_layer_add_ons.0.{lost}"):
        import_model(path, "x", tmp_path / "library", Overrides(layout="qfgaohao-vgg16"))
    state[f"source_layer_add_ons.0.{lost}"] = torch.full((64,), -1.0)
    torch.save(state, path)
    if lost == "running_var":
        with pytest.raises(DetectorError, match="negative numbers"):
            import_model(path, "x", tmp_path / "library")


def test_a_layout_that_is_not_the_files_says_what_is_missing(tmp_path: Path) -> None:
    path, _ = save(tmp_path, "amdegroot")
    with pytest.raises(DetectorError, match=r"layout: box_head\.predictor\.reg_headers\.0\.weight is missing"):
        import_model(path, "x", tmp_path / "library", Overrides(layout="lufficc-vgg16"))
    with pytest.raises(DetectorError, match="There is no layout 'yolo'"):
        import_model(path, "x", tmp_path / "library", Overrides(layout="yolo"))


def test_what_stands_in_for_l2norm_runs_on_every_cpu_engine(tmp_path: Path) -> None:
    path, state = save(tmp_path, "qfgaohao-vgg16", outputs=5)
    for level in range(6):
        state[f"classification_headers.{level}.bias"][0::5] += 3  # background, so that candidates are some hundreds
        state[f"regression_headers.{level}.weight"] *= 0.05  # boxes of a size to compare in pixels
    torch.save(state, path)
    entry = open_file(import_model(path, "x", tmp_path / "library").path)
    photo = cv2.imread(str(shared("coco-val2017-32/val2017/000000005001.jpg")))
    assert photo is not None
    found = []
    for engine in (TorchCpuDetector, OpenVinoDetector):
        with engine(entry, "fp32") as detector:
            found.append(detector.candidates_batch([photo])[0])
    assert len(found[0].scores) > 100
    np.testing.assert_allclose(found[1].scores[:50], found[0].scores[:50], atol=1e-4)
    np.testing.assert_allclose(found[1].boxes_xyxy[:50], found[0].boxes_xyxy[:50], atol=0.05)


def test_a_file_may_have_a_name_no_terminal_should_see(tmp_path: Path) -> None:
    path, _ = save(tmp_path, "amdegroot")
    odd = path.rename(tmp_path / "a\x1b[31m\nb.pth")
    assert "a[31mb.pth" in load_spec(import_model(odd, "x", tmp_path / "library").path).provenance


def test_a_state_dict_in_safetensors_is_imported_too(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = random_state(LAYOUTS["lufficc-vgg16"], 300, 21)
    save_file(state, tmp_path / "x.safetensors")
    written = import_model(tmp_path / "x.safetensors", "y", tmp_path / "library")
    assert load_spec(written.path).labels == VOC20
    assert "lufficc" in written.notes[0].text


def test_a_file_of_ours_takes_labels_only(done: Done, tmp_path: Path) -> None:
    with pytest.raises(DetectorError) as caught:
        import_model(done.written.path, "y", tmp_path, Overrides(priors="coco"))
    assert caught.value.remedies == (Remedy("priors", omit=True),)
    names = tuple(f"n{i}" for i in range(len(done.spec.labels)))
    assert load_spec(import_model(done.written.path, "y", tmp_path, Overrides(labels=names)).path).labels == names
