"""The fine-tuning of ``everyday`` from its images to its file: killed, gone on with, measured, shipped or not."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from detector.detections import DetectionFilter
from detector.labels import COCO80
from detector.model_file import open_file
from detector.runtime.open import open_detector
from detector.training.checkpoint import read_checkpoint
from detector.training.fit import FitPlan
from detector.weights import as_tensors, load_spec
from tests.support.everyday_schedule import TINY, Dying, PowerCut, options, tiny_start, write_coco, write_tars
from tests.support.model_files import put_model
from tests.support.one_thread import one_thread
from tools.everyday import run as everyday_run
from tools.everyday import ship as everyday_ship
from tools.everyday.material import Sources
from tools.everyday.run import Run
from tools.everyday.run_log import RunLog
from tools.everyday.schedules import SCHEDULES
from tools.everyday.ship import MeasuredAverage, Remembered, averaged, blended, choose, ship
from tools.everyday.start import network_of, teacher_of

SCORE = "VOC07 mAP on val.txt (3 images)"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(autouse=True)
def _looking_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everyday_run, "FitPlan", functools.partial(FitPlan, look_every_s=0.0))
    monkeypatch.setattr(everyday_run, "REPLAY", 2)
    monkeypatch.setattr(everyday_ship, "SHARES", (0.5, 1.0))


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    coco = tmp_path / "coco"
    return Sources(write_tars(tmp_path / "tars"), (), write_coco(coco, "train", 2), write_coco(coco, "holdout", 2))


def begin(sources: Sources, work: Path, log: RunLog | None = None, stop: bool = False) -> Run:
    ended = threading.Event()
    if stop:
        ended.set()
    log = log or RunLog(work / "log.jsonl")
    return Run(options(sources, work), (TINY,), tiny_start(), ended, log)


def test_a_schedule_survives_a_power_cut_and_a_stop_and_ships_nothing_poor(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work, straight = tmp_path / "work", tmp_path / "straight"
    checkpoint = work / "one" / "checkpoint.pt"
    with pytest.raises(PowerCut):
        begin(sources, work, Dying(work / "log.jsonl", 2)).train()
    assert read_checkpoint(checkpoint)["step"] == 1
    assert begin(sources, work, stop=True).train() is None
    assert read_checkpoint(checkpoint)["step"] == 2
    run = begin(sources, work)
    tuned = run.train()
    assert tuned is not None
    assert tuned[0].recipe.steps == 4, "6 images of VOC and 2 of COCO twice over, by two, 0.8 times"
    assert "going on after step 2 of 4" in capsys.readouterr().out
    assert tuned[0].spent_s > 0
    again = run.train()
    assert again is not None, "what is finished is read"
    for name, tensor in again[0].state.items():
        torch.testing.assert_close(tensor, tuned[0].state[name], rtol=0, atol=0)

    assert begin(sources, straight).train() is not None
    before, after = read_checkpoint(checkpoint), read_checkpoint(straight / "one" / "checkpoint.pt")
    first = as_tensors(tiny_start().arrays)
    for name, tensor in after["ema"].items():
        torch.testing.assert_close(before["ema"][name], tensor, rtol=1e-4, atol=1e-5, msg=name)
        if tensor.is_floating_point() and "running" not in name:
            assert torch.equal(after["network"][name], first[name]) == name.startswith("base_net.0."), name

    out = work / "everyday.safetensors"
    shipped, said = ship(run, tuned, out, RunLog(work / "log.jsonl"))
    assert not shipped
    assert "nothing is shipped" in said
    assert not out.exists()

    monkeypatch.setattr(everyday_ship, "LEAST_MAP", 0.0)
    shipped, said = ship(run, tuned, out, RunLog(work / "log.jsonl"))
    assert shipped, said
    spec = load_spec(out)
    assert (spec.name, spec.labels, spec.golden is None) == ("everyday", COCO80, False)
    assert spec.accuracy.keys() == {SCORE}
    assert spec.licence.startswith("Apache-2.0; initialised from ssdlite_mobilenet_v2_coco, © The TensorFlow Authors")
    for words in ("6 VOC images", "2 images of COCO train2017 2 times over", '"seed": 3', "base_net.0 kept"):
        assert words in spec.provenance
    with open_detector(open_file(out), device="cpu", precision="fp32") as detector:
        found = detector.detect(np.zeros((90, 120, 3), np.uint8), DetectionFilter(0.0, max_detections=5))
    assert len(found) == 5
    assert not list(work.rglob("*.part"))

    better = put_model(work, "everyday", COCO80, accuracy={SCORE: 0.99}).read_bytes()
    shipped, said = ship(run, tuned, out, RunLog(work / "log.jsonl"))
    assert not shipped
    assert "reaches 0.9900 and stays" in said
    assert out.read_bytes() == better


@pytest.mark.parametrize(
    ("tried", "chosen"),
    [
        ([(0.5, 0.70, (0.33, 0.3), None), (0.7, 0.72, (0.33, 0.3), None), (1.0, 0.71, (0.33, 0.3), None)], 0.7),
        ([(0.5, 0.70, (0.326, 0.3), None), (0.7, 0.72, (0.31, 0.3), None)], 0.5),  # the better one forgets too much
        ([(0.5, 0.70, (0.33, 0.3), None), (0.7, 0.72, (0.33, 0.29), None)], 0.5),  # of what VOC does not have
        ([(0.5, 0.70, (0.33, 0.3), (0.2, 0.2)), (0.7, 0.72, (0.33, 0.3), (0.2, 0.184))], 0.5),  # where only forbidden
        ([(0.5, 0.70, (0.30, 0.3), None), (0.7, 0.72, (0.25, 0.3), None)], 0.5),  # all forget
        ([(0.5, 0.70, None, None), (1.0, 0.72, None, None)], 1.0),  # nothing to see it by
    ],
)
def test_of_the_averages_the_best_that_forgets_little_is_chosen(
    tried: list[tuple[float, float, tuple[float, float] | None, tuple[float, float] | None]], chosen: float
) -> None:
    start = MeasuredAverage(0.0, 0.66, Remembered(0.33, 0.3), Remembered(0.2, 0.2))
    measured = [
        MeasuredAverage(share, voc, holdout and Remembered(*holdout), brake and Remembered(*brake))
        for share, voc, holdout, brake in tried
    ]
    assert choose(start, measured).share == chosen


def test_several_rounds_are_averaged(sources: Sources, tmp_path: Path) -> None:
    rounds = (TINY, replace(TINY, name="two", recipe=replace(TINY.recipe, seed=5)))
    work = tmp_path / "work"
    tuned = Run(options(sources, work), rounds, tiny_start(), threading.Event(), RunLog(work / "log.jsonl")).train()
    assert tuned is not None
    assert [each.round.name for each in tuned] == ["one", "two"]
    first, second = (each.state for each in tuned)
    assert any(not torch.equal(tensor, second[name]) for name, tensor in first.items())
    for name, tensor in averaged([first, second]).items():
        torch.testing.assert_close(tensor, (first[name] + second[name]) / 2)


def test_averaged_weights_lie_between() -> None:
    first, last = {"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([1.0, -2.0]).double()}
    assert blended(first, last, 0.25)["w"].tolist() == [0.25, 1.0]
    assert torch.equal(blended(first, last, 0.0)["w"], first["w"])
    assert torch.equal(blended(first, last, 1.0)["w"], last["w"].float())


def test_the_start_is_asked_by_openvino_and_answers_as_by_torch() -> None:
    start = tiny_start()
    torch.manual_seed(2)
    size = (start.spec.input.height, start.spec.input.width)
    images = torch.randn(2, 3, *size).contiguous(memory_format=torch.channels_last)
    answers = teacher_of(start, torch.device("cpu"), 2)(images)
    network = network_of(start).eval()
    with torch.no_grad():
        wanted = network(images)
    for one, other in zip(answers, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05)  # bfloat16 where the processor computes in it


def test_a_network_of_another_size_is_not_shipped(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everyday_ship, "LEAST_MAP", 0.0)
    monkeypatch.setattr(everyday_ship, "LARGEST_BYTES", 1000)
    run = begin(replace(sources, coco=None, holdout=None), tmp_path / "work")
    tuned = run.train()
    assert tuned is not None
    shipped, said = ship(run, tuned, tmp_path / "everyday.safetensors", RunLog(tmp_path / "log.jsonl"))
    assert not shipped
    assert "nothing is shipped" in said
    assert "COCO AP" not in said


def test_the_schedules_keep_and_slow_layers_that_there_are() -> None:
    from detector.models.tensorflow import TensorFlowSSD
    from detector.plans.tables import TF_NETWORKS

    network = TensorFlowSSD(81, (3, 6, 6, 6, 6, 6), TF_NETWORKS["ssdlite-mobilenetv2-tf"])
    names = [name for name, _ in network.named_parameters()]
    for rounds in SCHEDULES.values():
        assert len({each.name for each in rounds}) == len(rounds)
        for each in rounds:
            for prefix in (*each.frozen, *each.slow):
                assert any(name.startswith(prefix) for name in names), prefix
    assert all(each.frozen for each in SCHEDULES["cpu"])
    assert not any(each.frozen for each in SCHEDULES["cuda"])
