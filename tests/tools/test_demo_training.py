"""The demo's training: what it learns from, and the parts of it that are the demo's own."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from detector.detections import Detections
from detector.models.ssd import SSD, L2Norm
from detector.training.fit import Fit, FitPlan
from detector.training.order import Pick
from detector.training.recipe import recipe_to_json
from tests.support.training_process import Watching
from tools.demo.evaluate import average_precision
from tools.demo.samples import DrawnExamples, scenes
from tools.demo.shapes import CLASSES
from tools.demo.train import RECIPE, WIDTH, describe, new_source, new_trainer


def test_examples_are_the_scenes_by_their_numbers() -> None:
    examples = DrawnExamples(10)
    (scene,) = scenes(23, 1)
    example = examples.load(Pick(2, 3))
    assert len(examples) == 10
    assert example.image_bgr.shape == (300, 300, 3)
    np.testing.assert_array_equal(example.image_bgr, scene.image_bgr)
    np.testing.assert_allclose(example.boxes_xyxy * 300, scene.boxes_xyxy, atol=1e-3)
    assert example.class_ids.tolist() == scene.class_ids.tolist()


def test_each_scene_is_seen_once() -> None:
    source = new_source(replace(RECIPE, steps=5, batch=4))
    picks = [pick for step in range(5) for pick in source.order.picks(step)]
    assert sorted(pick.index for pick in picks) == list(range(20))
    assert {pick.epoch for pick in picks} == {0}
    with closing(source.batches(0)) as batches:
        assert next(batches).images_bgr.shape == (4, 3, 300, 300)


def test_the_demos_training_runs_and_describes_itself(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=2, batch=2)
    trainer, watching = new_trainer(recipe), Watching()
    assert Fit(trainer, new_source(recipe), FitPlan(tmp_path / "checkpoint.pt"), watching).run(threading.Event())
    assert watching.reports[-1].step == 2
    spec = describe(recipe)
    assert (spec.labels, spec.width, spec.demo) == (CLASSES, WIDTH, True)
    assert "scenes number 0 to 3" in spec.provenance
    assert recipe_to_json(recipe) in spec.provenance


def test_folding_the_normalisation_changes_nothing() -> None:
    torch.manual_seed(3)
    network = SSD(300, 4, (4, 6, 6, 6, 4, 4), width=0.0625, batch_norm=True).train()
    for _ in range(3):  # statistics that are not the initial ones
        network(torch.randn(2, 3, 300, 300) * 2 + 1)
    network.eval()
    images = torch.randn(1, 3, 300, 300)
    with torch.no_grad():
        before = network(images)
        network.fold_batch_norm()
        after = network(images)
    assert not any("bn" in name for name in network.state_dict())
    for a, b in zip(after, before, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_l2norm_has_a_gradient_where_all_features_are_zero() -> None:
    features = torch.zeros(1, 8, 2, 2, requires_grad=True)
    torch.autograd.backward(L2Norm(8)(features).sum())
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


def test_average_precision_of_the_truth_is_one_and_of_nothing_is_zero() -> None:
    truths = list(scenes(50, 8))
    perfect = [
        Detections(scene.boxes_xyxy.copy(), np.ones(len(scene.class_ids), np.float32), scene.class_ids.copy())
        for scene in truths
    ]
    assert average_precision(truths, perfect).ap == pytest.approx(1.0)
    assert average_precision(truths, perfect).ap50 == pytest.approx(1.0)
    assert average_precision(truths, [Detections.empty()] * len(truths)).ap50 == 0.0
    wrong = [Detections(d.boxes_xyxy, d.scores, (d.class_ids + 1) % np.int32(len(CLASSES))) for d in perfect]
    assert average_precision(truths, wrong).ap50 < 0.2
