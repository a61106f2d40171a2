"""From a detector to one of other classes: what is taken over, kept and slowed, and the recipe that goes with it."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from app.cli import main
from app.cli import train as cli_train
from app.lab.training.training_device import uses_bf16
from detector.bundled_files import bundled_path
from detector.config import MOBILENET300, SSD300_VOC, SSDLITE320
from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data
from detector.models.build import build_network
from detector.plans.architectures import ARCHITECTURES, first_layers
from detector.runtime.torch_cpu import has_native_bf16
from detector.spec import InputSpec, ModelSpec
from detector.training.batches import Batch
from detector.training.matcher import Matcher
from detector.training.networks import base_layers
from detector.training.order import Pick
from detector.training.recipe import FINE_TUNING, FINE_TUNING_EPOCHS, Recipe, recipe_from_json
from detector.training.schedule import make_optimiser, set_rate
from detector.training.trainer import MultiBoxCriterion
from detector.weights import load_spec, load_state
from tests.support.one_thread import one_thread
from tests.support.tiny_models import save_random
from tests.support.training_sets import LABELS, SPEC, make_blocks
from tools.few_images import CLASSES, cut
from tools.fixtures.data_sets import write_year

_CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads and the allocator are the whole process's business."""
    monkeypatch.setattr("detector.training.allocator.keep_freed_memory", lambda: True)
    with one_thread():
        yield


@pytest.fixture
def blocks(tmp_path: Path) -> Path:
    """Four images of coloured blocks under names that no model knows, as a VOC tree."""
    root = tmp_path / "blocks"
    data = make_blocks(root / "JPEGImages", 4)
    things = {
        image.image_id: [
            (f"my {LABELS[k]}", (x1 + 1, y1 + 1, x2, y2), False)
            for (x1, y1, x2, y2), k in zip(image.boxes_xyxy.tolist(), image.class_ids.tolist(), strict=True)
        ]
        for image in data.images
    }
    return write_year(root, things, "train", (160, 120))


def test_the_model_in_the_box_learns_classes_of_ones_own(
    blocks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.safetensors"
    arguments = ["--data", str(blocks), "--start", "everyday", "--out", str(out), "--device", "cpu", "--threads", "1"]
    assert main(["train", *arguments, "--steps", "3", "--batch", "2", "--rate", "0.01"]) == 0, capsys.readouterr().err
    before, after = load_spec(bundled_path("weights", "everyday.safetensors")), load_spec(out)
    assert set(after.labels) == {f"my {label}" for label in LABELS}
    assert (after.architecture, after.config, after.input) == (before.architecture, before.config, before.input)
    assert after.licence == f"As of its start, everyday: {before.licence}"
    assert (after.title, after.accuracy, after.demo) == ("", {}, False)
    assert "from the model everyday" in after.provenance
    recipe = recipe_from_json(after.provenance.partition("Recipe: ")[2])
    assert recipe == replace(FINE_TUNING, steps=3, batch=2, rate=0.01)
    old = load_state(bundled_path("weights", "everyday.safetensors"), before)
    new = load_state(out, after)
    first = first_layers(after.architecture)
    for name, tensor in new.items():
        same = tensor.shape == old[name].shape and torch.equal(tensor, old[name])
        if name.startswith(first):
            assert same, name
    changed = {name.split(".")[0] for name, value in new.items() if not torch.equal(value, old[name])}
    assert changed >= {"blocks", "tail", "extras", "loc", "conf"}
    assert new["conf.0.pointwise.weight"].shape[0] == 3 * 4


def _request(*more: str) -> tuple[Recipe, float]:
    parser = argparse.ArgumentParser()
    cli_train.prepare(parser)
    request = cli_train.training_request(parser.parse_args(["--data", "x", "--out", "x.safetensors", *more]))
    return request.recipe, request.min_epochs


def test_which_recipe_follows_from_what_is_started_from(tmp_path: Path) -> None:
    assert _request() == (Recipe(), 0.0)
    assert _request("--start", "vgg16_reducedfc.pth") == (Recipe(), 0.0)
    assert _request("--start", "everyday") == (FINE_TUNING, FINE_TUNING_EPOCHS)
    assert _request("--start", "mine.safetensors", "--batch", "8") == (replace(FINE_TUNING, batch=8), 10.0)
    assert _request("--start", "everyday", "--steps", "9") == (replace(FINE_TUNING, steps=9), 0.0)
    assert _request("--start", "everyday", "--epochs", "9", "--no-freeze") == (replace(FINE_TUNING, freeze=False), 0.0)
    recipe = tmp_path / "recipe.json"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):  # the last is what PowerShell's > writes
        recipe.write_text('{"rate": 0.5}', encoding)
        assert _request("--start", "everyday", "--recipe", str(recipe)) == (Recipe(rate=0.5), 0.0)


def test_many_images_are_gone_through_more_than_once(
    blocks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_train, "FINE_TUNING", replace(FINE_TUNING, steps=2, batch=1))
    monkeypatch.setattr(cli_train, "FINE_TUNING_EPOCHS", 1.5)
    save_random(tmp_path / "start.safetensors", SPEC)
    out = tmp_path / "mine.safetensors"
    arguments = ["--data", str(blocks), "--start", str(tmp_path / "start.safetensors"), "--out", str(out)]
    assert main(["train", *arguments, "--device", "cpu"]) == 0
    assert "6 steps of 1 images" in load_spec(out).provenance


def test_a_fine_tuning_is_measured_ten_times_however_few_the_images(
    blocks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_random(tmp_path / "start.safetensors", SPEC)
    arguments = ["--data", str(blocks), "--start", str(tmp_path / "start.safetensors"), "--device", "cpu"]
    arguments += ["--validate", str(blocks), "--validate-split", "train", "--steps", "20", "--batch", "1"]
    assert main(["train", *arguments, "--out", str(tmp_path / "mine.safetensors")]) == 0
    measured = re.findall(r"step (\d+): VOC07 mAP", capsys.readouterr().err)
    assert [int(step) for step in measured] == list(range(2, 21, 2))


@pytest.mark.parametrize("architecture", sorted(filter(first_layers, ARCHITECTURES)))
def test_layers_to_keep_and_to_slow_are_there(architecture: str) -> None:
    config = SSD300_VOC if "vgg" in architecture else SSDLITE320 if "v3" in architecture else MOBILENET300
    spec = ModelSpec("x", architecture, ("a", "b"), InputSpec(*config.image_size), config)  # type: ignore[arg-type] # of the list
    with torch.device("meta"):
        network = build_network(spec)
    names = [name for name, _ in network.named_parameters()]
    slow = base_layers(names)
    for prefix in first_layers(spec.architecture):
        assert any(name.startswith(prefix) for name in names), prefix
        assert prefix.startswith(slow)
    assert not any(name.startswith(slow) for name in names if name.startswith(("loc.", "conf.", "extras.")))


def test_slow_parameters_move_by_that_much_less() -> None:
    network = nn.ModuleDict({"base": nn.Linear(2, 2), "conf": nn.Linear(2, 2)})
    network["base"].weight.requires_grad_(False)
    optimiser = make_optimiser(network, "sgd", 0.0, 0.0, ("base.",), 0.25)
    set_rate(optimiser, 0.1)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    moved = {name: float((before[name] - value.detach()).mean()) for name, value in network.named_parameters()}
    assert moved["base.weight"] == 0, "it is frozen"
    assert moved["conf.weight"] == pytest.approx(0.1)
    assert moved["conf.bias"] == pytest.approx(0.2)
    assert moved["base.bias"] == pytest.approx(0.2 * 0.25)


def test_without_slow_parameters_there_are_the_groups_there_always_were() -> None:
    network = nn.Linear(2, 2)
    groups = make_optimiser(network, "sgd", 0.9, 0.1).param_groups
    assert [(group["factor"], group["weight_decay"]) for group in groups] == [(1.0, 0.1), (2.0, 0.0)]


def test_places_weigh_as_the_recipe_says() -> None:
    assert SPEC.config is not None
    count = SPEC.config.num_boxes
    boxes, ids = torch.tensor([[[0.1, 0.1, 0.6, 0.7]]]), torch.tensor([[1]])
    batch = Batch(torch.zeros(1, 3, 2, 2), boxes, ids, [Pick(0, 0)])
    arguments = (batch.images_bgr, torch.zeros(1, count, 4), torch.zeros(1, count, 4), batch)
    whole = MultiBoxCriterion(Matcher(SPEC.config))(*arguments)
    part = MultiBoxCriterion(Matcher(SPEC.config), 0.25)(*arguments)
    assert float(whole.localisation) > 0
    assert float(part.localisation) == pytest.approx(0.25 * float(whole.localisation))
    assert float(part.confidence) == float(whole.confidence)


def test_depthwise_networks_learn_in_float32_on_a_cpu_unless_told() -> None:
    plain, depthwise = nn.Conv2d(4, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3, groups=4))
    assert uses_bf16("auto", _CPU, plain) == has_native_bf16()
    assert not uses_bf16("auto", _CPU, depthwise)
    assert not uses_bf16("fp32", _CPU, plain)
    if has_native_bf16():
        assert uses_bf16("bf16", _CPU, depthwise)
    else:
        with pytest.raises(DetectorError, match="bf16"):
            uses_bf16("bf16", _CPU, depthwise)


_FAULTS = """
import resource, sys
import torch
from detector.training.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(16 * 2**20).sum()  # 64 MiB, more than glibc would ever keep
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
kept = keep_freed_memory()
faults()
print(kept, first, faults())
"""


def test_memory_that_is_freed_is_not_asked_for_again() -> None:
    done = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, text=True, check=True, timeout=200)
    kept, first, then = done.stdout.split()
    assert kept in ("True", "False")
    if kept == "True":
        assert int(then) < int(first) / 4, done.stdout
    else:
        pytest.skip("the C library here is not glibc")


def test_a_small_set_of_ones_own_is_cut_out_of_voc(tmp_path: Path) -> None:
    names = ("cat", "sheep", "bicycle")
    box = (11.0, 11.0, 60.0, 60.0)
    train = {
        f"{number:06}": [(names[number % 3], box, False), ("person", box, False), ("cat", box, True)]
        for number in range(12)
    }
    val = {f"{number:06}": [("cat" if number == 20 else "person", box, False)] for number in (20, 21)}
    devkit = write_year(tmp_path / "VOCdevkit" / "VOC2007", train, "train")
    write_year(devkit, val, "val")
    for stem in (*train, *val):
        (devkit / "JPEGImages" / f"{stem}.jpg").write_bytes(b"an image")
    out = tmp_path / "few"
    assert cut(tmp_path / "VOCdevkit", out, CLASSES, 6) == {"train": 6, "val": 1}
    data = read_data(out, "voc", "train")
    assert set(data.labels) == set(CLASSES.values())
    ids = np.concatenate([image.class_ids[~image.difficult] for image in data.images])
    assert np.bincount(ids).tolist() == [2, 2, 2]
    assert data.images[0].boxes_xyxy[0].tolist() == [10.0, 10.0, 59.0, 59.0]
    assert read_data(out, "voc", "val").images[0].image_id == "000020"
    with pytest.raises(DetectorError, match="fewer than 13 images"):
        cut(tmp_path / "VOCdevkit", out, CLASSES, 13)
