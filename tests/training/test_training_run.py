"""A training as a whole: it learns, stops, goes on, survives being killed, and is the same on two processes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.errors import DetectorError
from detector.models.ssd import SSD
from detector.training import fit
from detector.training.batches import Batch, HostBatches
from detector.training.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from detector.training.data import ImageReader, training_images
from detector.training.ema import Ema
from detector.training.examples import ImageExamples
from detector.training.finish import as_stored, stored_state, write_model
from detector.training.fit import Fit, FitPlan, UnsavedError
from detector.training.networks import new_spec
from detector.training.order import Order
from detector.training.policy import UNCHANGED
from detector.training.recipe import Recipe
from detector.training.schedule import Schedule, make_optimiser, set_rate
from detector.training.trainer import Normaliser, StepLosses, Trainer, fill_colour, new_network
from detector.training.validator import Validator, scores
from detector.weights import load_spec
from tests.support.one_thread import one_thread
from tests.support.training_process import PLAIN_RECIPE, PLAIN_SPEC, RECIPE, Watching, make_source, make_trainer
from tests.support.training_sets import LABELS, SIZE, SPEC, make_blocks

_CPU = torch.device("cpu")
_NEVER = threading.Event()
_TOGETHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Layers this small gain nothing from more, and lose much on a busy machine."""
    with one_thread():
        yield


def run(trainer: Trainer, folder: Path, plan: FitPlan, watching: Watching | None = None) -> bool:
    return Fit(trainer, make_source(folder, trainer.recipe), plan, watching or Watching()).run(_NEVER)


def assert_same(ours: dict[str, Any], theirs: dict[str, Any], tolerance: float) -> None:
    assert ours["step"] == theirs["step"]
    for part in ("network", "ema"):
        assert ours[part].keys() == theirs[part].keys()
        for name, tensor in ours[part].items():
            torch.testing.assert_close(tensor, theirs[part][name], rtol=tolerance, atol=tolerance, msg=name)
    for ours_moment, theirs_moment in zip(_moments(ours), _moments(theirs), strict=True):
        torch.testing.assert_close(ours_moment, theirs_moment, rtol=tolerance, atol=tolerance)


def _moments(state: dict[str, Any]) -> list[Tensor]:
    return [entry["momentum_buffer"] for entry in state["optimiser"]["state"].values()]


def test_sixteen_images_are_learnt_by_heart(tmp_path: Path) -> None:
    recipe = Recipe(steps=80, batch=8, rate=5e-3, shape="cosine", warmup=10, optimiser="adamw", augment=False, ema=0.95)
    data = make_blocks(tmp_path, 16)
    labelled_images = training_images([data], LABELS)
    examples = ImageExamples(labelled_images, UNCHANGED, SIZE, fill_colour(SPEC.input), 0, ImageReader())
    trainer = Trainer(SPEC, new_network(SPEC, recipe), recipe, _CPU)
    reader = ImageReader()
    validator = Validator(SPEC, data, _CPU, 1, reader)
    untrained = validator(trainer.result()).mean_ap
    source = HostBatches(examples, Order(16, 8, 0), _CPU, 1)
    assert Fit(trainer, source, FitPlan(tmp_path / "checkpoint.pt"), Watching()).run(_NEVER)
    network = trainer.result()
    assert untrained < 0.3
    found = scores(validator(network))
    assert list(found) == ["VOC07 mAP"]
    assert found["VOC07 mAP"] > 0.95
    as_coco = scores(Validator(SPEC, replace(data, kind="coco"), _CPU, 1, reader)(network))
    assert list(as_coco) == ["COCO AP", "COCO AP50"], "each kind of data has its own metric"
    assert 1.0 >= as_coco["COCO AP50"] > max(0.95, as_coco["COCO AP"])
    assert as_coco["COCO AP"] > 0.5
    state = stored_state(network)
    assert not reader.failures()
    assert validator(as_stored(network, state)).mean_ap > 0.95
    write_model(tmp_path / "blocks.safetensors", SPEC, state, {"mAP": 1.0})
    spec = load_spec(tmp_path / "blocks.safetensors")
    assert spec == replace(SPEC, accuracy={"mAP": 1.0}, golden=spec.golden)
    assert spec.golden is not None


def test_an_unreadable_image_does_not_end_a_validation(tmp_path: Path) -> None:
    data, reader = make_blocks(tmp_path, 3), ImageReader()
    (tmp_path / "block001.png").unlink()
    result = Validator(SPEC, data, _CPU, 1, reader)(make_trainer().result())
    assert [path.name for path in reader.failures()] == ["block001.png"]
    assert len(result.outcomes[1].found) == 0
    assert sum(one.objects for one in result.per_class) == sum(len(image) for image in data.images)


def test_a_training_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    straight = make_trainer()
    assert run(straight, tmp_path / "blocks", FitPlan(tmp_path / "straight.pt"))
    killed = tmp_path / "killed.pt"
    command = [sys.executable, "-m", "tests.support.training_process", str(tmp_path / "blocks")]
    assert _run([*command, str(killed), "5"]).returncode == -9
    assert read_checkpoint(killed)["step"] == 4
    assert not list(tmp_path.glob("*.part"))
    again = make_trainer()
    load_checkpoint(killed, again)
    assert run(again, tmp_path / "blocks", FitPlan(killed))
    assert_same(read_checkpoint(killed), read_checkpoint(tmp_path / "straight.pt"), 1e-6)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left behind: one start of them serves several tests."""
    folder = tmp_path_factory.mktemp("together")
    done = _run([*_TOGETHER, "tests.support.two_processes", str(folder)])
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_give_one_processs_result(tmp_path: Path, together: Path) -> None:
    alone = make_trainer(PLAIN_RECIPE, spec=PLAIN_SPEC)
    source = make_source(tmp_path / "blocks", PLAIN_RECIPE, spec=PLAIN_SPEC)
    assert Fit(alone, source, FitPlan(tmp_path / "alone.pt"), Watching()).run(_NEVER)
    # The sums run in another order.
    assert_same(read_checkpoint(together / "checkpoint.pt"), read_checkpoint(tmp_path / "alone.pt"), 1e-4)


def test_two_processes_normalise_as_one_does(together: Path) -> None:
    pairs = torch.load(together / "norm.pt", weights_only=True)
    assert set(pairs) == {"output", "images", "weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    for name, (shared, alone) in pairs.items():
        torch.testing.assert_close(shared, alone, rtol=1e-10, atol=1e-10, msg=name)


def test_a_cost_that_is_no_number_in_one_process_stops_both(together: Path) -> None:
    said = [(together / f"diverged{rank}.txt").read_text() for rank in range(2)]
    assert said == ["The loss of step 1 is not a number."] * 2


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=280, check=False)


def test_stopping_saves_and_reports_where_it_is(tmp_path: Path) -> None:
    trainer, watching, stop = make_trainer(), Watching(), threading.Event()
    stop.set()
    plan = FitPlan(tmp_path / "checkpoint.pt")
    assert not Fit(trainer, make_source(tmp_path, RECIPE), plan, watching).run(stop)
    assert trainer.step == 1
    (report,) = watching.reports
    assert (report.step, report.steps) == (1, RECIPE.steps)
    assert report.epoch == pytest.approx(4 / 6)
    assert report.images_per_s > 0
    assert sum(report.shares.values()) == pytest.approx(1.0)
    again = make_trainer()
    assert load_checkpoint(tmp_path / "checkpoint.pt", again) > 0
    assert_same(again.state(), trainer.state(), 0)


def test_measures_on_the_way_the_averaged_network(tmp_path: Path) -> None:
    trainer, watching = make_trainer(), Watching()
    assert trainer.ema is not None
    seen: list[Tensor] = []

    def validate(network: nn.Module) -> dict[str, float]:
        assert not network.training
        seen.append(next(network.parameters()).clone())
        return {"mAP": 0.5}

    plan = FitPlan(tmp_path / "checkpoint.pt", validate=validate, validate_every=3)
    assert run(trainer, tmp_path, plan, watching)
    assert watching.scores == [(3, {"mAP": 0.5}), (6, {"mAP": 0.5})]
    assert torch.equal(seen[-1], next(iter(trainer.ema.values.values())))
    assert not torch.equal(seen[-1], next(trainer.network.parameters()))


def test_a_loss_that_is_no_number_stops_and_names_the_images(tmp_path: Path) -> None:
    trainer = make_trainer(replace(RECIPE, rate=1e30, warmup=0, clip_norm=0.0))
    plan = FitPlan(tmp_path / "checkpoint.pt", save_every_s=0.0, look_every_s=0.0)
    with pytest.raises(DetectorError, match=r"loss of step \d+ is not a number. It learnt from block00\d.png") as error:
        run(trainer, tmp_path, plan)
    assert "learning rate" in error.value.hint
    for tensor in read_checkpoint(tmp_path / "checkpoint.pt")["network"].values():
        assert bool(torch.isfinite(tensor.float()).all())


def test_a_step_that_spoils_the_weights_at_a_finite_loss_is_not_kept(tmp_path: Path) -> None:
    checkpoint, spoilt = tmp_path / "checkpoint.pt", make_trainer()
    save_checkpoint(checkpoint, spoilt, 1.0)
    before = checkpoint.read_bytes()
    with torch.no_grad():
        next(spoilt.network.parameters())[0] = math.inf
    spoilt.step = RECIPE.steps
    with pytest.raises(DetectorError, match=r"weights are not numbers any more after step 6") as error:
        run(spoilt, tmp_path / "blocks", FitPlan(checkpoint))
    assert "last checkpoint is intact" in error.value.hint
    assert checkpoint.read_bytes() == before


def test_what_float16_cannot_hold_is_stored_in_full() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 1, 1))
    network.state_dict()["0.running_var"][0] = 1e6
    state = stored_state(network)
    assert state["0.running_var"].tolist() == [1e6, 1.0]
    assert {name for name, tensor in state.items() if tensor.dtype == torch.float16} == {
        "0.weight", "0.bias", "0.running_mean", "1.weight", "1.bias",
    }  # fmt: skip


def test_a_full_disk_is_noted_on_the_way_and_an_error_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    save_checkpoint(checkpoint, make_trainer(), 1.0)
    before = checkpoint.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    watching = Watching()
    with pytest.raises(UnsavedError, match="No space left on device") as error:
        run(make_trainer(), tmp_path / "blocks", FitPlan(checkpoint, save_every_s=0.0, look_every_s=0.0), watching)
    assert len(watching.notes) == RECIPE.steps
    assert "goes on. The last checkpoint is intact." in watching.notes[0]
    assert "The last checkpoint is intact." in error.value.hint
    assert checkpoint.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_checkpoint_that_never_was_is_not_called_intact(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    watching = Watching()
    plan = FitPlan(tmp_path / "file" / "checkpoint.pt", save_every_s=0.0, look_every_s=0.0)
    with pytest.raises(UnsavedError) as error:
        run(make_trainer(replace(RECIPE, steps=1)), tmp_path / "blocks", plan, watching)
    assert len(watching.notes) == 1
    assert not any("intact" in line for line in (*watching.notes, str(error.value)))


def test_the_pace_of_a_device_that_lags_behind_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is handed its work long before it is done: what counts is when it is."""
    trainer, watching, now = make_trainer(), Watching(), [0.0]
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=lambda: now[0]))
    advance, settle = trainer.advance, trainer.settle

    def queue(batch: Batch) -> None:
        now[0] += 1.0
        advance(batch)

    def wait() -> StepLosses:
        now[0] += 4.0
        return settle()

    monkeypatch.setattr(trainer, "advance", queue)
    monkeypatch.setattr(trainer, "settle", wait)
    plan = FitPlan(tmp_path / "checkpoint.pt", look_every_s=2.5)
    fitted = Fit(trainer, make_source(tmp_path, RECIPE), plan, watching)
    assert fitted.run(_NEVER)
    assert [(report.step, report.elapsed_s) for report in watching.reports] == [(3, 7.0), (6, 7.0)]
    assert watching.reports[0].images_per_s == pytest.approx(3 * RECIPE.batch / 7)
    assert fitted.spent_s == 14.0


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, make_trainer(), 1.0)
    with pytest.raises(DetectorError, match=r"another recipe: rate 0.01 instead of 0.02"):
        load_checkpoint(path, make_trainer(replace(RECIPE, rate=0.02)))
    other = replace(SPEC, labels=("red", "green"))
    with pytest.raises(DetectorError, match="another network: its labels differ"):
        load_checkpoint(path, Trainer(other, new_network(other, RECIPE), RECIPE, _CPU))
    longer = make_trainer(replace(RECIPE, steps=20))
    assert load_checkpoint(path, longer) == 1.0
    save_checkpoint(path, make_trainer(), 1.0, "6 abc")
    with pytest.raises(DetectorError, match="other data: 6 images instead of 7"):
        load_checkpoint(path, make_trainer(), "7 abc")
    assert load_checkpoint(path, make_trainer(), "6 abc") == 1.0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x80\x02}q\x00."])
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match="no checkpoint of this program"):
        load_checkpoint(path, make_trainer())


def test_the_papers_schedule_falls_twice_and_the_cosine_smoothly() -> None:
    paper = Schedule(1e-3, 120_000)
    assert [paper.rate(step) for step in (0, 79_999, 80_000, 99_999, 100_000)] == pytest.approx(
        [1e-3, 1e-3, 1e-4, 1e-4, 1e-5]
    )
    cosine = Schedule(0.1, 1000, "cosine", warmup=9)
    assert cosine.rate(0) == pytest.approx(0.01, rel=1e-3)
    assert cosine.rate(500) == pytest.approx(0.1 * (0.005 + 0.995 / 2))
    assert cosine.rate(1000) == pytest.approx(0.0005)
    rates = [cosine.rate(step) for step in range(10, 1001)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_biases_learn_twice_as_fast_and_do_not_decay(name: Any) -> None:
    network = new_network(new_spec("x", "ssd300-vgg16", ("a",), 0.0625), Recipe(batch_norm=True))
    optimiser = make_optimiser(network, name, 0.9, 5e-4)
    set_rate(optimiser, 0.1)
    names = {id(parameter): key for key, parameter in network.named_parameters()}
    weights, biases, scales = (
        ({names[id(p)] for p in group["params"]}, group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
    )
    assert weights[1:] == (0.1, 5e-4)
    assert biases[1:] == (0.2, 0.0)
    assert scales[1:] == (0.1, 0.0)
    assert all(key.endswith("bias") for key in biases[0])
    assert "l2norm.scale" in scales[0]
    assert "backbone.conv1_1.bn.weight" in scales[0]
    assert weights[0] | biases[0] | scales[0] == set(names.values())


def test_the_average_is_the_formulas() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    ema = Ema(network, 0.9)
    expected = ema.values["0.weight"].double()
    for step in range(30):
        with torch.no_grad():
            network[0].weight.add_(torch.randn(2, 1, 1, 1))  # type: ignore[operator]  # a Parameter is a Tensor
        network(torch.randn(2, 1, 3, 3))
        ema.update(network, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.state_dict()["0.weight"].double()
    torch.testing.assert_close(ema.values["0.weight"].double(), expected, atol=1e-5, rtol=1e-5)
    assert ema.values["1.num_batches_tracked"].item() == 30
    assert math.isfinite(float(ema.values["1.running_var"].sum()))


def test_a_vgg_trained_with_normalisation_ends_as_the_plain_network() -> None:
    spec = new_spec("x", "ssd300-vgg16", ("a", "b"), 0.0625)
    trainer = Trainer(spec, new_network(spec, Recipe(batch_norm=True)), Recipe(batch_norm=True), _CPU)
    assert isinstance(trainer.network, SSD)
    with torch.no_grad():
        trainer.network(torch.randn(2, 3, 300, 300))
    result = trainer.result()
    plain = new_network(spec, Recipe())
    assert result.state_dict().keys() == plain.state_dict().keys()
    images = torch.randn(1, 3, 300, 300)
    with torch.no_grad():
        for ours, theirs in zip(result(images), trainer.network.eval()(images), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_input_is_normalised_as_the_detectors_do_it(tmp_path: Path) -> None:
    from detector.preprocess import InputBuilder

    with closing(make_source(tmp_path).batches(0)) as source:
        batch = next(source)
    frames = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in batch.images_bgr]
    expected = InputBuilder(SPEC.input)(frames)
    got = Normaliser(SPEC.input, _CPU)(batch.images_bgr)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)
    assert got.is_contiguous(memory_format=torch.channels_last)
