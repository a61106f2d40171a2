"""A model's kept answers: taken once, the same from every engine, and other from a model that was changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.core import model_check
from app.core.models import user_library
from detector.bundled_files import bundled_dir
from detector.errors import DetectorError
from detector.golden import TOLERANCES, Floats, ImageBGR, compare, fixed_image, log_softmax, prove, take, weights_hash
from detector.golden_reference import with_golden
from detector.model_file import IR_BIN, ModelEntry, open_file
from detector.models.build import build_network
from detector.preprocess import InputBuilder
from detector.runtime.calibrate import with_ranges
from detector.runtime.openvino import OpenVinoDetector
from detector.runtime.torch_cpu import TorchCpuDetector
from detector.runtime.torch_cuda import TorchDeviceDetector
from detector.spec import Golden, ModelSpec
from detector.weights import as_arrays, describe_anew, load_arrays, load_spec, load_state, save_model
from tests.support.command_line import Capture, check_one_line, run
from tests.support.one_thread import one_thread
from tests.support.tiny_models import picture as blocks
from tests.support.tiny_models import random_spec, random_state, save_random
from tools.fixtures.tiny_ir import save_tiny_ir


def keep(path: Path, architecture: str = "ultraface-slim") -> ModelEntry:
    """A random model with its answers, as a file."""
    spec = random_spec(architecture)
    state = random_state(spec)
    save_model(path, with_golden(spec, as_arrays(state)), state)
    return open_file(path)


def changed(entry: ModelEntry, path: Path, **spec: object) -> ModelEntry:
    """The same weights and answers under another description."""
    path.write_bytes((entry.path or Path()).read_bytes())
    describe_anew(path, replace(entry.spec, **spec))  # type: ignore[arg-type]
    return open_file(path)


def test_the_picture_is_the_same_everywhere() -> None:
    image = fixed_image(240, 320)
    assert (image.shape, image.dtype) == ((240, 320, 3), np.uint8)
    assert [int(v) for v in image[[0, 100, 180, 239], [0, 40, 200, 319]].sum(axis=1)] == [255, 290, 440, 330]
    assert fixed_image(300, 300).shape == (300, 300, 3)
    for channel, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(image[..., channel].astype(int) - image[..., other]).mean() > 40


@pytest.mark.parametrize("architecture", ["ultraface-slim", "ssd-vgg16", "ssd-mobilenetv1-tf"])
def test_every_engine_answers_as_the_reference(tmp_path: Path, architecture: str) -> None:
    entry = keep(tmp_path / "m.safetensors", architecture)
    engines = TorchCpuDetector, OpenVinoDetector, lambda e, p: TorchDeviceDetector(e, torch.device("cpu"), p)
    for make in engines:
        with make(entry, "fp32") as engine:
            result = prove(entry.spec, engine.raw, engine.precision)
        assert result is not None
        assert result.ok, (engine.engine, result)
        assert result.error < TOLERANCES["fp32"] / 4
        assert result.score_difference < 1e-3


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_short_number_formats_stay_within_their_tolerance(tmp_path: Path, precision: str) -> None:
    entry = keep(tmp_path / "m.safetensors", "ssd-vgg16")
    with TorchDeviceDetector(entry, torch.device("cpu"), precision) as engine:
        result = prove(entry.spec, engine.raw, engine.precision)
    assert result is not None
    assert result.ok, result
    assert result.error > 1e-4, "it did compute in that format"


def test_each_wrong_convention_shows(tmp_path: Path) -> None:
    entry = keep(tmp_path / "m.safetensors")
    right = entry.spec.input
    faults = [
        replace(right, channels="bgr"),
        replace(right, mean=tuple(m + 5 for m in right.mean)),  # type: ignore[arg-type]
        replace(right, std=tuple(s * 1.1 for s in right.std)),  # type: ignore[arg-type]
    ]
    for wrong in faults:
        other = changed(entry, tmp_path / "other.safetensors", input=wrong)
        with TorchCpuDetector(other, "fp32") as engine:
            result = prove(other.spec, engine.raw, "fp32")
        assert result is not None
        assert not result.ok, wrong


def test_every_filter_has_a_say() -> None:
    spec = random_spec("ssd-vgg16")
    network = build_network(spec).eval()
    network.load_state_dict(random_state(spec))

    def answer(image: ImageBGR) -> tuple[Floats, Floats]:
        with torch.inference_mode():
            locs, logits = network(torch.from_numpy(InputBuilder(spec.input)([image])))
        return locs[0].numpy(), log_softmax(logits[0].numpy())

    spec = replace(spec, golden=take(spec, *answer(fixed_image(300, 300)), ""))
    same = prove(spec, answer, "fp32")
    assert same is not None
    for name, tensor in network.state_dict().items():
        if tensor.dim() == 4:
            kept = tensor.clone()
            tensor[len(tensor) // 2] += tensor.std()
            with one_thread():
                result = prove(spec, answer, "fp32")
            assert result is not None
            assert result.error > 1e-4 > 10 * same.error, name
            tensor.copy_(kept)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_neither_kept_nor_accepted(bad: float) -> None:
    spec = replace(random_spec(), config=None)
    locs, scores = np.ones((50, 4), np.float32), log_softmax(np.eye(50, 3, dtype=np.float32))
    golden = take(spec, locs, scores, "")
    assert golden is not None
    assert compare(golden, locs, scores, spec, TOLERANCES["fp32"]).ok
    broken = locs.copy()
    broken[0] = bad
    assert take(spec, broken, scores, "") is None
    assert not compare(golden, broken, scores, spec, TOLERANCES["fp32"]).ok
    assert not compare(golden, locs[:10], scores[:10], spec, TOLERANCES["fp32"]).ok, "fewer boxes"
    assert not compare(golden, locs, scores[:, :2], spec, TOLERANCES["fp32"]).ok, "fewer classes"


# -- in the library ------------------------------------------------------------------------------------------------


def test_an_imported_model_keeps_its_answers(tmp_path: Path) -> None:
    spec = random_spec(name="given")
    torch.save(random_state(spec), tmp_path / "version-slim-320.pth")
    entry = user_library().import_file(tmp_path / "version-slim-320.pth", "faces").entry
    assert isinstance(entry.spec.golden, Golden)
    save_random(tmp_path / "plain.safetensors", random_spec(name="plain"))
    again = user_library().import_file(tmp_path / "plain.safetensors", "plain").entry
    assert again.spec.golden is not None
    (tmp_path / "own.safetensors").write_bytes((entry.path or Path()).read_bytes())
    assert user_library().import_file(tmp_path / "own.safetensors", "own").entry.spec.golden == entry.spec.golden


def test_the_demo_proves_itself_on_every_engine(capsys: Capture) -> None:
    code, out, err = run(capsys, "models", "check")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert all(line.startswith("[ ok ]") for line in lines)
    for said in (
        "demo: the weights are bit for bit",
        "demo, openvino, fp32: boxes within 0.00%",
        "demo, torch_cpu, fp32",
    ):
        assert any(said in line for line in lines), said


@pytest.fixture
def one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the reference, which needs no conversion."""
    monkeypatch.setattr(
        model_check,
        "_engines",
        lambda entry: iter([("torch_cpu, fp32", "torch_cpu", "cpu", lambda: TorchCpuDetector(entry, "fp32"))]),
    )


def test_a_model_that_changed_is_told(capsys: Capture, tmp_path: Path, one_engine: None) -> None:
    entry = keep(tmp_path / "m.safetensors")
    wrong: ModelSpec = replace(entry.spec, input=replace(entry.spec.input, channels="bgr"))
    describe_anew(tmp_path / "m.safetensors", wrong)
    code, out, err = run(capsys, "models", "check", tmp_path / "m.safetensors", "--json", "-")
    assert code == 1
    check_one_line(err, "Not proved: m.")
    told = json.loads(out)
    assert told["ok"] is False
    assert [(check["engine"], check["ok"]) for check in told["checks"]] == [("", True), ("torch_cpu, fp32", False)]
    assert "answers otherwise" in told["checks"][1]["detail"]


def test_a_model_with_ranges_proves_itself_in_int8(tmp_path: Path) -> None:
    entry = keep(tmp_path / "m.safetensors")
    arrays = load_arrays(tmp_path / "m.safetensors", entry.spec)
    photos = [blocks(240, 320, seed) for seed in range(3)]
    described = with_ranges(entry.spec, arrays, photos, "blocks")
    assert described.int8 is not None
    describe_anew(tmp_path / "m.safetensors", described)
    checks = {check.engine: check for check in model_check.check_model(open_file(tmp_path / "m.safetensors"))}
    assert checks["openvino, int8"].ok
    kept = described.int8.golden
    assert kept is not None
    wrong = replace(kept, locs=tuple(-value for value in kept.locs))
    describe_anew(tmp_path / "m.safetensors", replace(described, int8=replace(described.int8, golden=wrong)))
    checks = {check.engine: check for check in model_check.check_model(open_file(tmp_path / "m.safetensors"))}
    assert checks["openvino, int8"].ok is False
    assert checks["openvino, fp32"].ok


def _flip(path: Path, spec: ModelSpec, bit: int) -> None:
    """One bit of one weight: no answer that is kept need hear it."""
    state = load_state(path, spec)
    last = [tensor for tensor in state.values() if tensor.dim() == 4][-1]
    last.view(-1)[-1:].view(torch.int32).bitwise_xor_(1 << bit)
    save_model(path, spec, state)


@pytest.mark.parametrize("bit", [0, 23, 31])
def test_a_single_wrong_bit_is_told(capsys: Capture, tmp_path: Path, one_engine: None, bit: int) -> None:
    entry = keep(tmp_path / "m.safetensors")
    _flip(tmp_path / "m.safetensors", entry.spec, bit)
    code, out, err = run(capsys, "models", "check", tmp_path / "m.safetensors")
    assert code == 1
    check_one_line(err, "Not proved: m.")
    assert "[FAIL] m: the weights are not those that were imported" in out


def test_weights_are_known_again_in_another_format(tmp_path: Path) -> None:
    spec = random_spec()
    state = {name: t.half() if t.is_floating_point() else t for name, t in random_state(spec).items()}
    save_model(tmp_path / "half.safetensors", with_golden(spec, as_arrays(state)), state)
    entry = user_library().import_file(tmp_path / "half.safetensors", "half").entry
    assert load_spec(tmp_path / "half.safetensors").golden == entry.spec.golden
    assert next(model_check.check_model(entry)).ok
    assert weights_hash(as_arrays(state)) != weights_hash({f"{name}x": a for name, a in as_arrays(state).items()})


@pytest.mark.parametrize("fault", ["zeroed", "permuted"])
def test_a_wrong_layer_shows_on_every_engine_of_the_cpu(tmp_path: Path, fault: str) -> None:
    entry = keep(tmp_path / "m.safetensors")
    state = load_state(tmp_path / "m.safetensors", entry.spec)
    name = next(name for name, t in state.items() if t.dim() == 4 and t.shape[1] > 1 and t.shape[0] > 16)
    state[name] = torch.zeros_like(state[name]) if fault == "zeroed" else state[name].roll(1, 0)
    save_model(tmp_path / "wrong.safetensors", entry.spec, state)
    wrong = open_file(tmp_path / "wrong.safetensors")
    engines = (
        (TorchCpuDetector, "fp32"),
        (OpenVinoDetector, "fp32"),
        (lambda e, p: TorchDeviceDetector(e, torch.device("cpu"), p), "bf16"),
    )
    for make, precision in engines:
        with make(wrong, precision) as engine:
            result = prove(wrong.spec, engine.raw, precision)
        assert result is not None
        assert not result.ok, (engine.engine, precision, result)


def test_answers_that_are_no_numbers_are_valid_json(
    capsys: Capture, tmp_path: Path, one_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nonsense(_engine: object, _frame: ImageBGR) -> tuple[Floats, Floats]:
        return np.full((50_000, 4), np.nan, np.float32), np.full((50_000, 2), np.nan, np.float32)

    keep(tmp_path / "m.safetensors")
    monkeypatch.setattr(TorchCpuDetector, "_raw", nonsense)  # a driver that computes wrongly
    code, out, _ = run(capsys, "models", "check", tmp_path / "m.safetensors", "--json", "-")
    assert code == 1
    assert "NaN" not in out
    assert "Infinity" not in out
    assert "gives no numbers" in json.loads(out)["checks"][1]["detail"]


def test_a_format_too_coarse_for_a_model_is_told_from_a_wrong_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = keep(tmp_path / "m.safetensors")
    monkeypatch.setitem(TOLERANCES, "bf16", 1e-6)
    monkeypatch.setattr(
        model_check,
        "_engines",
        lambda _: iter([("torch_cpu, bf16", "torch_cpu", "cpu", lambda: TorchCpuDetector(entry, "bf16"))]),
    )
    weights, coarse = model_check.check_model(entry)
    assert weights.ok
    assert coarse.ok is False
    assert coarse.detail.endswith("if fp32 is right, bf16 is too coarse for this model")


def test_an_engine_that_another_one_stands_in_for_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(entry: ModelEntry, _device: str, _precision: str) -> TorchCpuDetector:
        return TorchCpuDetector(entry, "fp32", ["OpenVINO is not used: it broke. Running by torch."])

    entry = keep(tmp_path / "m.safetensors")
    monkeypatch.setattr(model_check, "open_entry", stand_in)
    checks = {check.engine: check for check in model_check.check_model(entry)}
    assert checks["openvino, fp32"].ok is False
    assert checks["openvino, fp32"].detail == "OpenVINO is not used: it broke. Running by torch"
    assert checks["torch_cpu, fp32"].ok


def test_a_model_without_answers_cannot_be_checked(capsys: Capture, tmp_path: Path) -> None:
    save_random(tmp_path / "old.safetensors")
    code, out, err = run(capsys, "models", "check", tmp_path / "old.safetensors")
    assert code == 1
    check_one_line(err, "Not proved: old.")
    assert "import it again" in out


def test_an_engine_that_breaks_is_a_failed_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DetectorError("The driver is gone.")

    entry = keep(tmp_path / "m.safetensors")
    monkeypatch.setattr(model_check, "open_entry", refuse)
    checks = {check.engine: check for check in model_check.check_model(entry)}
    assert checks["openvino, fp32"].ok is False
    assert "The driver is gone" in checks["openvino, fp32"].detail
    assert checks["torch_cpu, fp32"].ok


def test_a_broken_file_in_the_library_fails_the_check(capsys: Capture, one_engine: None) -> None:
    user_library().user_dir.mkdir(parents=True)
    (user_library().user_dir / "broken.safetensors").write_bytes(b"nothing")
    code, out, err = run(capsys, "models", "check")
    assert code == 1
    assert "[FAIL] broken: " in out
    check_one_line(err, "Not proved: broken.")


def test_the_bundled_model_has_answers() -> None:
    golden = load_spec(bundled_dir() / "demo.safetensors").golden
    assert golden is not None
    assert golden.weights


def test_an_openvino_network_keeps_and_proves_its_answers(tmp_path: Path) -> None:
    entry = user_library().import_file(save_tiny_ir(tmp_path), "graph").entry
    assert entry.spec.golden is not None
    checks = list(model_check.check_model(entry))
    assert len(checks) >= 2
    assert all(check.ok for check in checks), checks
    weights = (entry.path or Path()) / IR_BIN
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert next(model_check.check_model(entry)).ok is False
