"""Paddle's inference models, written byte by byte: their ends, their settings, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.model_check import check_model
from detector.detections import DetectionFilter
from detector.errors import DetectorError
from detector.importers.alternatives import compare_alternatives
from detector.importers.base import Overrides
from detector.importers.paddle_config import PaddleConfig, read_config
from detector.importers.paddle_file import OPERATORS, read_paddle
from detector.importers.paddle_names import is_paddle
from detector.library import ImportResult, ModelLibrary
from detector.runtime.open import open_detector
from tests.support import paddle_model
from tools.fixtures.paddle_writer import operator, paddle_ssd, program, weights

SIZE = 32, 48
BOXES = np.array([[4.8, 6.4, 24, 19.2], [24, 16, 43.2, 32]], np.float32)
ALL = np.concatenate([BOXES, np.tile(np.array([[0, 0, 1, 1]], np.float32), (1198, 1))])
RED = np.zeros((64, 96, 3), np.uint8)
RED[:] = (0, 0, 255)
CONFIG = """mode: paddle
arch: SSD
Preprocess:
- interp: 1
  keep_ratio: false
  target_size:
  - 32
  - 48
  type: Resize
- is_scale: false
  mean:
  - 1
  - 2
  - 3.5
  std: [0.5, 1.0, 2.0]
  type: NormalizeImage
- type: Permute
label_list:
- owl
- 'red fox'
"""


def _save(folder: Path, size: tuple[int, int] = SIZE, names: tuple[str, str] | None = None, **more: Any) -> Path:
    folder.mkdir(exist_ok=True)
    graph, params = paddle_ssd(size, ALL, **more)
    path = folder / (names or ("model.pdmodel",))[0]
    path.write_bytes(graph)
    (folder / (names or ("", "model.pdiparams"))[1]).write_bytes(params)
    return path


def _import(path: Path, folder: Path, **said: Any) -> ImportResult:
    return ModelLibrary(folder / "user", folder / "none").import_file(path, "tiny", Overrides(**said))


def _finds(result: ImportResult) -> None:
    """The red image holds the first class, at the first box."""
    with open_detector(result.entry) as detector:
        found = detector.detect(RED, DetectionFilter(0.5))
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.boxes_xyxy, BOXES[:1] * 2, rtol=1e-5)


@pytest.mark.parametrize(("background", "suppress"), [(0, True), (2, True), (0, False)])
def test_a_model_is_imported_and_suppressed_by_this_program(tmp_path: Path, background: int, suppress: bool) -> None:
    path = _save(tmp_path / "in", background=background, suppress=suppress)
    result = _import(path, tmp_path, scale="0-255")
    spec = result.entry.spec
    assert spec.graph is not None
    assert (spec.graph.rule, spec.graph.background, spec.graph.unit) == ("ssd-decoded", background, "pixels")
    assert spec.postprocess.iou_threshold == (0.375 if suppress else 0.45)
    assert spec.labels == ("class 1", "class 2")
    assert spec.golden is not None
    assert spec.title == "model, Paddle"
    _finds(result)
    assert all(check.ok is not False for check in check_model(result.entry))


def test_paddle_finds_the_same(tmp_path: Path) -> None:
    place = os.environ.get("PADDLE")
    if place is None:
        pytest.skip("PADDLE names no folder with Paddle's own runtime")
    path = _save(tmp_path / "in")
    images = np.random.default_rng(3).uniform(0, 255, (1, 3, *SIZE)).astype(np.float32)
    images[:, 0], images[:, 2] = 2.0, 1.0  # as logits
    np.savez(tmp_path / "inputs.npz", image=images, scale_factor=np.ones((1, 2), np.float32))
    files = [path, path.with_suffix(".pdiparams"), tmp_path / "inputs.npz", tmp_path / "answer.npy"]
    subprocess.run(
        [sys.executable, paddle_model.__file__, *map(str, files)],
        env={**os.environ, "PYTHONPATH": place}, check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    theirs = np.load(tmp_path / "answer.npy")
    theirs = theirs[theirs[:, 1] > 0.4]
    frame = np.broadcast_to(np.array([1, 7, 2], np.uint8), (*SIZE, 3)).copy()
    with open_detector(_import(path, tmp_path, scale="0-255").entry, "cpu", "fp32") as detector:
        ours = detector.detect(frame, DetectionFilter(0.4))
    assert len(theirs) == 2
    np.testing.assert_array_equal(ours.class_ids, theirs[:, 0])
    np.testing.assert_allclose(ours.scores, theirs[:, 1], atol=1e-5)
    np.testing.assert_allclose(ours.boxes_xyxy, theirs[:, 2:], atol=1e-3)


@pytest.mark.parametrize("given", ["model.pdmodel", "model.pdiparams", "", "renamed"])
def test_it_is_known_by_either_file_its_folder_and_its_content(tmp_path: Path, given: str) -> None:
    path = _save(tmp_path / "in")
    if given == "renamed":
        given = path.rename(path.with_name("net.bin2")).name
        path.with_name("model.pdiparams").rename(path.with_name("net.pdiparams"))
    _finds(_import(tmp_path / "in" / given, tmp_path, scale="0-255"))


def test_so_is_one_of_older_names(tmp_path: Path) -> None:
    _finds(_import(_save(tmp_path / "in", names=("__model__", "__params__")), tmp_path, scale="0-255"))


def test_the_settings_beside_it_count(tmp_path: Path) -> None:
    path = _save(tmp_path / "in", size=(-1, -1))
    path.with_name("infer_cfg.yml").write_text(CONFIG)
    result = _import(path, tmp_path / "1")
    given = result.entry.spec.input
    assert (given.height, given.width) == SIZE
    assert (given.mean, given.std) == ((1.0, 2.0, 3.5), (0.5, 1.0, 2.0))
    assert result.entry.spec.labels == ("owl", "red fox")
    assert {remedy.option for note in result.notes for remedy in note.remedies} == {"channels", "labels"}
    said = _import(path, tmp_path / "2", size=(64, 40), scale="0-1", channels="bgr", fit="corner").entry.spec
    assert said.graph is not None
    assert (said.input.width, said.input.height, said.input.std[0], said.graph.fit) == (64, 40, 255.0, "corner")
    swapped = _import(path, tmp_path / "3", channels="bgr").entry.spec.input
    assert (swapped.mean, swapped.std) == ((3.5, 2.0, 1.0), (2.0, 1.0, 0.5))


def test_a_size_that_nothing_says_is_asked_for_and_tried(tmp_path: Path) -> None:
    path = _save(tmp_path / "in", size=(-1, -1))
    with pytest.raises(DetectorError, match="images of any size") as caught:
        _import(path, tmp_path)
    assert [remedy.option for remedy in caught.value.remedies] == ["size"]
    said = Overrides(channels="rgb", scale="0-255", fit="warp")
    ways = compare_alternatives(path, said, RED)
    assert {way.option for way in ways} == {"size"}
    assert all(way.objects == 1 for way in ways)
    with pytest.raises(DetectorError, match="no other size"):
        _import(_save(tmp_path / "fixed"), tmp_path, size=(64, 40))


@pytest.mark.parametrize(
    ("text", "config"),
    [
        (CONFIG.replace("is_scale: false", "norm_type: none"), ((0.0,) * 3, (255.0,) * 3)),
        (CONFIG.replace("is_scale: false", "x: y"), ((255.0, 510.0, 892.5), (127.5, 255.0, 510.0))),
        (CONFIG.replace("3.5", "nan"), None),
        (CONFIG.replace("std: [0.5, 1.0", "std: [0.5, 0.0"), None),
    ],
)
def test_settings_are_read_as_their_program_means_them(
    text: str, config: tuple[tuple[float, ...], tuple[float, ...]] | None, tmp_path: Path
) -> None:
    (tmp_path / "infer_cfg.yml").write_text(text)
    read = read_config(tmp_path / "model.pdmodel")
    assert read == PaddleConfig(SIZE, config, "warp", ("owl", "red fox"))  # type: ignore[arg-type]  # triples


def test_settings_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    place = tmp_path / "infer_cfg.yml"
    assert read_config(tmp_path / "model.pdmodel") is None
    place.write_bytes(b"\xff\xfe\x00\xd8" * 9)
    assert read_config(tmp_path / "model.pdmodel") in (None, PaddleConfig())
    place.write_text("target_size:\n- 4\n- 99999999\nkeep_ratio: maybe\nmean: [1]\nlabel_list: []\n")
    assert read_config(tmp_path / "model.pdmodel") == PaddleConfig()


# -- what is refused ---------------------------------------------------------------------------------------------------


def _plain(*operators: bytes, **more: Any) -> bytes:
    return program(operators, {"image": (-1, 3, 8, 8)}, ["out"], {}, ["out", "b"], **more)


_RELU = operator("relu", {"X": "image"}, {"Out": "out"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_plain(operator("load", {}, {"Out": "out"}, file_path="/etc/passwd")), "operator load"),
        (_plain(operator("py_func", {"X": "image"}, {"Out": "out"})), "operator py_func"),
        (_plain(_RELU, blocks=2), "loops or branches"),
        (_plain(_RELU, version=1_008_000), "older than 2.0"),
        (_plain(operator("relu", {"X": "b"}, {"Out": "out"}), operator("relu", {"X": "out"}, {"Out": "b"})), "nowhere"),
        (_plain(operator("relu", {"X": "image"}, {"Out": "unknown"})), "nowhere"),
        (program([_RELU], {"image": (-1, 1, 8, 8)}, ["out"], {}, ["out"]), "1 channels"),
        (program([_RELU], {"image": (3, 8, 8)}, ["out"], {}, ["out"]), "0 inputs for images"),
        (program([], {}, [], {}, []), "no operators"),
        (b"\x0a\x05\x08\x00\x10\x00\x1a", "cut off"),
        (b"\x0a\xff\xff\xff\xff\x0f\x08\x00", "cut off"),
    ],
)
def test_a_hostile_program_is_refused_in_one_line(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pdmodel"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=words):
        read_paddle(path)
    with pytest.raises(DetectorError):
        _import(path, tmp_path)


def _short(content: bytes) -> bytes:
    return content[:-1]


def _long(content: bytes) -> bytes:
    return content + b"\x00"


def _negative(content: bytes) -> bytes:
    return content[:16] + b"\xff\xff\xff\xff" + content[20:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_short, "cut off or damaged"),
        (_long, "left over"),
        (_negative, "cut off or damaged at bias"),
        (lambda _: weights({"bias": np.zeros((2, 3), np.float32)}), "cut off or damaged at bias"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: Callable[[bytes], bytes], words: str, tmp_path: Path) -> None:
    path = _save(tmp_path / "in")
    beside = path.with_suffix(".pdiparams")
    beside.write_bytes(change(beside.read_bytes()))
    with pytest.raises(DetectorError, match=words):
        _import(path, tmp_path)


def test_either_half_alone_names_the_other(tmp_path: Path) -> None:
    path = _save(tmp_path / "in")
    beside = path.with_suffix(".pdiparams")
    content = beside.read_bytes()
    beside.unlink()
    with pytest.raises(DetectorError, match=r"model\.pdiparams is missing beside model\.pdmodel"):
        _import(path, tmp_path)
    beside.write_bytes(content)
    path.unlink()
    with pytest.raises(DetectorError, match=r"whose model\.pdmodel is missing"):
        _import(beside, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pdparams", b"\x80\x02}q\x00.", "Paddle training"),
        ("inference.json", b'{"base_code": {"magic": "pir", "version": 1}, "program": {}}', "Paddle 3"),
    ],
)
def test_what_paddle_writes_otherwise_is_called_by_its_name(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DetectorError, match=words):
        _import(tmp_path / name, tmp_path)


def test_another_input_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pdmodel"
    path.write_bytes(program([_RELU], {"image": (-1, 3, 8, 8), "im_info": (-1, 3)}, ["out"], {}, ["out"]))
    with pytest.raises(DetectorError, match="im_info"):
        _import(path, tmp_path)


def test_what_reads_or_runs_code_is_not_in_the_table() -> None:
    assert OPERATORS.isdisjoint({"load", "load_combine", "py_func", "while", "conditional_block", "run_program"})
    assert not is_paddle(b"\x0a\x12\x0a\x05image", Path("frozen.pb"))
