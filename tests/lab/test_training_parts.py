"""Recipes, first weights from elsewhere, and what a training writes down."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torchvision.models import VGG16_Weights, vgg16
from torchvision.transforms.functional import normalize

from app.lab.training.event_file import EventFile, crc32c, masked_crc
from app.lab.training.training_curves import charts
from app.lab.training.training_device import resident_side
from app.lab.training.training_log import CURVES, LOG, PAGE, TrainingLog, read_log
from detector.errors import DetectorError
from detector.training.fit import TrainingProgress
from detector.training.networks import TRAINABLE, new_spec
from detector.training.recipe import Recipe, recipe_from_json, recipe_to_json
from detector.training.trainer import Normaliser, new_network
from detector.training.transfer import transfer_detector, transfer_vgg16, vgg16_source
from tests.support.report_page import read_page
from tests.support.training_sets import SIZE, SPEC


def test_a_recipe_survives_json_and_fills_in_the_rest() -> None:
    recipe = Recipe(steps=7, rate=0.5, shape="cosine", augment=False)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    assert recipe_from_json('{"rate": 1}') == Recipe(rate=1)
    assert recipe_from_json('{"batch": 8}', recipe) == Recipe(batch=8, steps=7, rate=0.5, shape="cosine", augment=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "not a JSON object"),
        ("{", "not valid JSON"),
        ('{"speed": 1}', "'speed' is unknown"),
        ('{"steps": 0}', "steps must be a whole number from 1"),
        ('{"steps": 2.5}', "steps must be a whole number"),
        ('{"rate": NaN}', "rate must be a number"),
        ('{"rate": true}', "rate must be a number"),
        ('{"shape": "step"}', "shape must be paper or cosine"),
        ('{"augment": 1}', "augment must be true or false"),
    ],
)
def test_a_wrong_recipe_is_one_line(text: str, words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        recipe_from_json(text)


@pytest.mark.parametrize("name", sorted(TRAINABLE))
def test_every_network_of_the_list_can_be_made(name: str) -> None:
    width = 0.0625 if "vgg" in name else 1.0
    network = new_network(new_spec("x", name, ("a", "b"), width), Recipe(batch_norm=True))
    side = 512 if "512" in name else 320 if "320" in name else 300
    with torch.no_grad():
        locs, logits = network.eval()(torch.zeros(1, 3, side, side))
    assert logits.shape == (*locs.shape[:2], 3)


@pytest.mark.parametrize(
    ("free", "size", "side"),
    [
        (16e9, (300, 300), 512),
        (6e9, (300, 300), 300),
        (5e9, (300, 300), None),
        (16e9, (512, 512), 512),
        (6e9, (512, 512), None),
    ],
)
def test_images_are_kept_on_a_gpu_as_large_as_half_of_it_allows(
    monkeypatch: pytest.MonkeyPatch, free: float, size: tuple[int, int], side: int | None
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (free, 2 * free))
    assert resident_side(torch.device("cuda", 0), 10_000, size) == side
    assert resident_side(torch.device("cpu"), 10_000, size) is None


def test_networks_of_one_width_and_unknown_ones_are_refused() -> None:
    with pytest.raises(DetectorError, match="one width only"):
        new_spec("x", "ssdlite320-mobilenetv3", ("a",), 0.5)
    with pytest.raises(DetectorError, match="no network 'yolo'"):
        new_spec("x", "yolo", ("a",))


@pytest.mark.parametrize("network", ["ssd300-vgg16", "ssdlite320-mobilenetv3"])
def test_a_detector_of_other_classes_gives_all_but_the_classes_it_does_not_know(network: str) -> None:
    width = 0.0625 if "vgg" in network else 1.0
    old_labels, labels = ("Airplane", "dog", "traffic light"), ("Traffic_Light", "unicorn", "aeroplane")
    old = new_network(new_spec("old", network, old_labels, width), Recipe(seed=1))
    new = new_network(new_spec("new", network, labels, width), Recipe(seed=2))
    untouched = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    assert transfer_detector(new, labels, old.state_dict(), old_labels) == ("Traffic_Light", "aeroplane")
    images = torch.randn(1, 3, *TRAINABLE[network].config.image_size)
    with torch.no_grad():
        (old_locs, old_logits), (locs, logits) = old.eval()(images), new.eval()(images)
    torch.testing.assert_close(locs, old_locs)
    torch.testing.assert_close(logits[..., [0, 1, 3]], old_logits[..., [0, 3, 1]])
    head = next(name for name in untouched if name.startswith("conf.0.") and name.endswith("bias") and "bn" not in name)
    rows = new.state_dict()[head].reshape(-1, 4)[:, 2]
    assert torch.equal(rows, untouched[head].reshape(-1, 4)[:, 2])


def test_ultrafaces_heads_change_their_classes_too() -> None:
    spec = replace(SPEC, labels=("face", "green"))
    old, new = new_network(SPEC, Recipe(seed=1)), new_network(spec, Recipe(seed=2))
    assert transfer_detector(new, spec.labels, old.state_dict(), SPEC.labels) == ("green",)
    images = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        (old_locs, old_logits), (locs, logits) = old.eval()(images), new.eval()(images)
    torch.testing.assert_close(locs, old_locs)
    torch.testing.assert_close(logits[..., [0, 2]], old_logits[..., [0, 2]])


def test_a_detector_that_does_not_fit_is_refused() -> None:
    wide = new_network(new_spec("old", "ssd300-vgg16", ("a",), 0.125), Recipe())
    narrow = new_network(new_spec("new", "ssd300-vgg16", ("a",), 0.0625), Recipe())
    with pytest.raises(DetectorError, match="another shape"):
        transfer_detector(narrow, ("a",), wide.state_dict(), ("a",))
    with pytest.raises(DetectorError, match="has no"):
        transfer_detector(narrow, ("a",), {}, ("a",))


def imagenet_vgg16() -> dict[str, torch.Tensor]:
    """A state of torchvision's ``vgg16``, with random convolutions and, sooner made, a classifier of rising numbers."""
    generator = torch.Generator().manual_seed(0)

    def values(shape: torch.Size) -> torch.Tensor:
        if len(shape) == 2:
            return torch.arange(float(shape[0]))[:, None] + torch.linspace(0, 0.5, shape[1])
        return torch.randn(shape, generator=generator) * math.sqrt(2 / max(1, shape[1:].numel()))

    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in vgg16().state_dict().items()}
    return {name: values(shape) for name, shape in shapes.items()}


def test_vgg16_of_imagenet_becomes_the_base_network() -> None:
    state = imagenet_vgg16()
    with torch.device("meta"):
        theirs = vgg16().eval()
    theirs.load_state_dict(state, assign=True)
    network = new_network(new_spec("x", "ssd300-vgg16", ("a",), base="torchvision"), Recipe()).eval()
    transfer_vgg16(network, state)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = theirs.features[:23](images)  # to the ReLU of conv4_3
        got, _ = network.backbone(images)  # type: ignore[operator]  # a module
    torch.testing.assert_close(got, expected)
    own = network.state_dict()
    first = state["classifier.0.weight"].reshape(4096, 512, 7, 7)
    assert torch.equal(own["backbone.fc6.weight"][5, :, 1, 2], first[20, :, 3, 6])
    assert torch.equal(own["backbone.fc7.bias"], state["classifier.3.bias"][::4])

    reduced = {f"{n}.{leaf}": state[f"features.{n}.{leaf}"] for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
               for leaf in ("weight", "bias")}  # fmt: skip
    for number, layer in (("31", "fc6"), ("33", "fc7")):
        reduced |= {f"{number}.{leaf}": own[f"backbone.{layer}.{leaf}"].clone() for leaf in ("weight", "bias")}
    again = new_network(new_spec("x", "ssd300-vgg16", ("a",), base="caffe"), Recipe(seed=9))
    transfer_vgg16(again, reduced)
    for name in ("backbone.conv1_1.weight", "backbone.conv5_3.bias", "backbone.fc6.weight", "backbone.fc7.weight"):
        assert torch.equal(again.state_dict()[name], own[name])

    nothing = torch.tensor(torch.nan)
    port = {name: nothing.expand(tensor.shape) if "classifier" in name else tensor for name, tensor in state.items()}
    fc6 = again.state_dict()["backbone.fc6.weight"].clone()
    transfer_vgg16(again, port)  # torchvision's port of the authors' weights lacks the classifier
    assert torch.equal(again.state_dict()["backbone.fc6.weight"], fc6)
    assert [vgg16_source(weights) for weights in (state, reduced, port)] == ["torchvision", "caffe", "caffe"]
    with pytest.raises(DetectorError, match="not the weights of VGG-16"):
        transfer_vgg16(again, {"features.0.weight": state["features.0.weight"]})
    with pytest.raises(DetectorError, match="do not fit"):
        transfer_vgg16(new_network(new_spec("x", "ssd300-vgg16", ("a",), 0.5), Recipe()), reduced)


def test_the_base_networks_weights_see_images_as_those_who_trained_them_showed_them() -> None:
    images = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    rgb = images.flip(1) / 255
    for base, weights in (("torchvision", VGG16_Weights.IMAGENET1K_V1), ("caffe", VGG16_Weights.IMAGENET1K_FEATURES)):
        preset = weights.transforms()
        expected = normalize(rgb, preset.mean, preset.std)
        spec = new_spec("x", "ssd300-vgg16", ("a",), base=base)  # type: ignore[arg-type]  # a str to mypy
        got = Normaliser(spec.input, torch.device("cpu"))(images)
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-2)
    with pytest.raises(DetectorError, match="do not fit ssdlite320"):
        new_spec("x", "ssdlite320-mobilenetv3", ("a",), base="caffe")


def test_check_sums_are_crc_32c() -> None:
    """Vectors of RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a file, by the format's own rules; every check sum is checked."""
    content, events = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        assert struct.unpack("<I", content[8:12])[0] == masked_crc(content[:8])
        message, check = content[12 : 12 + length], content[12 + length : 16 + length]
        assert struct.unpack("<I", check)[0] == masked_crc(message)
        events.append(_fields(message))
        content = content[16 + length :]
    return events


def _fields(message: bytes) -> dict[str, Any]:
    """Protobuf fields by number; repeated ones in a list."""
    fields: dict[str, Any] = {}
    while message:
        key, message = _varint(message)
        number, wire = str(key >> 3), key & 7
        if wire == 0:
            value, message = _varint(message)
            fields[number] = value
        elif wire == 1:
            fields[number], message = struct.unpack("<d", message[:8])[0], message[8:]
        elif wire == 5:
            fields[number], message = struct.unpack("<f", message[:4])[0], message[4:]
        else:
            assert wire == 2
            length, message = _varint(message)
            fields.setdefault(number, []).append(message[:length])
            message = message[length:]
    return fields


def _varint(message: bytes) -> tuple[int, bytes]:
    value = shift = 0
    for index, byte in enumerate(message):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, message[index + 1 :]
    raise AssertionError("cut off")


def test_tensorboard_files_hold_every_point(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file.scalars(3, {"loss": 0.5, "rate": 0.001})
    file.scalars(300_000, {"loss": 0.25})
    file.close()
    assert file.path.name.startswith("events.out.tfevents.")
    first, second, third = read_events(file.path)
    assert first["3"] == [b"brain.Event:2"]
    assert (second["2"], third["2"]) == (3, 300_000)
    values = [_fields(value) for value in _fields(second["5"][0])["1"]]
    assert [(value["1"][0], pytest.approx(value["2"])) for value in values] == [(b"loss", 0.5), (b"rate", 0.001)]


def report(step: int) -> TrainingProgress:
    return TrainingProgress(step, 100, 0.5, 2.0, 3.0, 0.01, 11.0, 2.0, 60.0, 60.0, {})


def test_the_log_of_a_continued_training_has_no_step_twice(tmp_path: Path) -> None:
    journal = TrainingLog(tmp_path, 0, 100)
    for step in (10, 20, 30):
        journal.progress(report(step))
    journal.validated(30, {"mAP": 0.25})
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 40, "loss')  # killed while writing
    again = TrainingLog(tmp_path, 20, 100)
    again.progress(report(25))
    again.validated(25, {"mAP": 0.5})
    again.close()
    journal.close()
    rows = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 20, 25, 25]
    assert rows == again.rows == read_log(tmp_path / LOG)
    assert rows[-1] == {"step": 25, "validation/mAP": 0.5}
    image = cv2.imdecode(np.fromfile(tmp_path / CURVES, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert len(np.unique(image[:, :, 0])) > 10


def test_the_curves_are_painted_while_the_training_goes_on_and_the_page_asks_for_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "tools & <b>parts.training"
    folder.mkdir()
    patient = TrainingLog(folder, 0, 4300)
    patient.progress(report(10))
    assert not (folder / PAGE).exists()
    patient.close()
    (folder / PAGE).unlink()
    journal = TrainingLog(folder, 10, 4300, paint_every_s=0.0)
    journal.validated(15, {"COCO AP": 0.125})
    journal.progress(report(20))
    assert (folder / CURVES).stat().st_size
    page = read_page((folder / PAGE).read_text(encoding="utf-8"))
    journal.close()
    assert page.text.strip().startswith("Training of tools & <b>parts")
    for shown in ("20", "of 4,300 steps", "Loss", "Learning rate", "Pace", "Accuracy", "0.1250", "COCO AP", "11.0"):
        assert shown in page.text, shown
    assert page.tags.count("svg") == 4
    assert "default-src 'none'" in page.policy
    assert not page.handlers
    assert not [address for address in page.addresses if not address.startswith(("data:", "#"))]


@pytest.mark.expects_log
def test_a_log_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / LOG).mkdir()
    for name in (CURVES, PAGE):
        (tmp_path / name).mkdir()
    journal = TrainingLog(tmp_path, 0, 100)
    journal.progress(report(1))
    journal.close()
    assert len(caplog.records) == 1
    assert "log of the training cannot be written" in caplog.text


def test_curves_of_long_trainings_are_averaged() -> None:
    rows = [
        {"step": step, "loss/localisation": float(step), "loss/confidence": 1.0, "rate": 0.1} for step in range(5000)
    ]
    loss, rate, _ = charts(rows)
    assert len(loss.series[0].x) == 1000
    assert loss.series[0].y[0] == pytest.approx(2.0)
    assert rate.series[0].y == (pytest.approx(0.1),) * 1000
