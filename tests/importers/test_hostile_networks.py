"""Networks that pass every check of their layers, and are refused by the trial in another process."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from detector.errors import DetectorError
from detector.ir_file import check_ir
from detector.library import ModelLibrary
from detector.runtime.openvino_runtime import load_openvino, operations
from tools.fixtures.tiny_ir import save_tiny_ir

_SMALL, _HUGE = 1_234_567, 3_000_000_000  # float32 values; the huge ones take 12 GB


def _tiled(folder: Path, repeats: int) -> Path:
    """A tiny SSD whose scores are multiplied by the mean of ``repeats`` ones, which only exist once it runs."""
    openvino, ops = load_openvino(), operations()
    network = openvino.Core().read_model(str(save_tiny_ir(folder, "plain")))
    scores = next(each for each in network.get_ops() if each.get_type_name() == "Softmax").output(0)
    takers = list(scores.get_target_inputs())
    ones = ops.tile(ops.constant(np.ones(1, np.float32)), ops.constant(np.array([_SMALL], np.int64)))
    scaled = ops.multiply(scores, ops.reduce_mean(ones, ops.constant(np.array([0], np.int64)), False))
    for taker in takers:
        taker.replace_source_output(scaled.output(0))
    path = folder / "tiled.xml"
    openvino.save_model(network, str(path), compress_to_fp16=False)
    weights = path.with_suffix(".bin")
    content = weights.read_bytes()
    assert content.count(struct.pack("<q", _SMALL)) == 1
    weights.write_bytes(content.replace(struct.pack("<q", _SMALL), struct.pack("<q", repeats)))
    return path


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited on Linux only")
def test_a_network_that_takes_all_memory_is_one_line(tmp_path: Path) -> None:
    path, library = _tiled(tmp_path, _HUGE), ModelLibrary(tmp_path / "user", tmp_path / "none")
    check_ir(path)
    with pytest.raises(DetectorError, match=r"OpenVINO cannot compile|cannot be used"):
        library.import_file(path, "greedy")
    assert not library.user_dir.exists()


def test_the_same_network_with_little_is_imported(tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path / "user", tmp_path / "none")
    assert library.import_file(_tiled(tmp_path, _SMALL), "modest").entry.path is not None
