"""LiteRT and ONNX Runtime as contestants: on the file that a graph was opened from, they find what we find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import AppError
from app.lab.bench.baselines import check_baseline, open_baseline
from app.lab.bench.contestant_agreement import agreement
from detector.errors import Remedy
from detector.importers.foreign_files import open_foreign
from detector.registry import MODELS
from detector.runtime.open import open_detector
from tools.fixtures.tflite_writer import tiny_tflite_ssd

COLOURS = [np.full((40, 60, 3), colour, np.uint8) for colour in ((0, 0, 255), (255, 0, 0))]


def _tflite(folder: Path) -> Path:
    """Box 0 is of class 1 where it is red, box 1 of class 2 where it is blue."""
    anchors = np.array([[0.5, 0.5, 0.4, 0.4], [0.4, 0.5, 0.5, 0.5]], np.float32)
    mixing = np.tile(np.array([0, 20, 0], np.float32), (6, 1))
    mixing[1], mixing[5] = (8, 0, -8), (-8, 0, 8)
    path = folder / "tiny.tflite"
    path.write_bytes(tiny_tflite_ssd(anchors, np.zeros((2, 4), np.float32), mixing))
    return path


def _onnx(folder: Path) -> Path:
    pytest.importorskip("onnx")
    from tests.support.tiny_graphs import save_ssd_decoded

    return save_ssd_decoded(folder / "tiny.onnx")


@pytest.mark.parametrize(
    ("name", "package", "save"), [("litert", "ai_edge_litert", _tflite), ("onnxruntime", "onnxruntime", _onnx)]
)
def test_the_files_own_runtime_finds_the_same(name: str, package: str, save: object, tmp_path: Path) -> None:
    pytest.importorskip(package)
    assert callable(save)
    entry = open_foreign(save(tmp_path), tmp_path / "cache")
    check_baseline(name, entry.spec)
    theirs = open_baseline(name, entry, "cpu")
    with open_detector(entry, "cpu", "fp32") as ours:
        found = ours.detect_batch(COLOURS)
    assert sum(len(each) for each in found) >= 2
    assert agreement(found, theirs.run(COLOURS)) == 1.0
    assert list(theirs.stages(COLOURS[:1])) == ["preprocess", "network", "postprocess"]
    theirs.close()
    with pytest.raises(AppError) as caught:
        open_baseline(name, entry, "cuda:0")
    assert caught.value.remedies == (Remedy("device", "cpu"),)
    with pytest.raises(AppError) as caught:
        open_baseline(name, replace(entry, original=None), "cpu")
    assert [remedy.option for remedy in caught.value.remedies] == ["model"]


def test_a_network_that_has_no_such_file_is_refused_before_any_work() -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(AppError) as caught:
        check_baseline("litert", MODELS["ultraface-slim-320"])
    assert caught.value.remedies == (Remedy("versus", "litert", omit=True),)
