"""int8: made once, elsewhere, whole or not at all; chosen only where it agrees; missing parts are said in a line."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.optimise.frames import LEAST, calibration_frames
from app.core.optimise.run import STAGES, share_done
from detector.errors import DetectorError
from detector.runtime import openvino_runtime, optimised, quantise, quantise_work
from detector.runtime import precision as precision_module
from detector.runtime.open import open_detector
from detector.runtime.openvino_runtime import load_openvino
from detector.runtime.optimised import (
    AGREES,
    DRAWN,
    ENOUGH,
    REPORT,
    MeasuredFormat,
    Optimised,
    best_format,
    best_if_asked,
    read_network,
    read_optimised,
)
from detector.runtime.other_process import Messages, WorkStoppedError
from detector.runtime.quantise import Frames
from detector.shelf import ShelfEntry, open_file
from tests.support.tiny_models import picture, random_spec, save_random
from tools.fixtures.tiny_ir import save_tiny_ir

COUNT, HELD_OUT = 12, 4


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> ShelfEntry:
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_random(path)
    return open_file(path)


def frames(entry: ShelfEntry) -> Frames:
    size = entry.spec.input
    pictures = [picture(size.height, size.width, seed) for seed in range(COUNT)]
    return Frames(np.stack(pictures), HELD_OUT, "blocks")


@pytest.fixture(scope="module")
def made(entry: ShelfEntry, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Optimised, list[str]]:
    """A cache with the model's int8 network, what came of making it, and the stages it went through."""
    cache = tmp_path_factory.mktemp("cache")
    stages: list[str] = []
    measured = quantise.quantise(entry, frames(entry), cache, lambda stage, *_steps: stages.append(stage))
    return cache, measured, stages


def model(entry: ShelfEntry) -> Path:
    assert entry.path is not None
    return entry.path


def test_int8_is_made_measured_and_kept(entry: ShelfEntry, made: tuple[Path, Optimised, list[str]]) -> None:
    cache, measured, stages = made
    assert list(dict.fromkeys(stages)) == list(STAGES)[1:]
    assert [each.precision for each in measured.formats][::2] in (["fp32", "int8"], ["fp32"])
    assert (measured.calibrated, measured.compared, measured.calibration) == (COUNT - HELD_OUT, HELD_OUT, "blocks")
    int8 = measured.of("int8")
    assert int8 is not None
    assert int8.agreement is not None
    assert int8.agreement > 0.8
    assert measured.objects > 0
    assert read_optimised(model(entry), cache) == measured
    (folder,) = cache.iterdir()  # no lock, nothing half made beside it
    assert sorted(path.suffix for path in folder.iterdir()) == [".bin", ".json", ".xml"]


def test_int8_finds_what_fp32_finds(entry: ShelfEntry, made: tuple[Path, Optimised, list[str]]) -> None:
    cache, _, _ = made
    frame = picture(seed=99)
    with open_detector(entry, "cpu", "int8", cache_dir=cache) as short:
        assert (short.precision, short.notes) == ("int8", ())
        assert "FakeQuantize" in {op.get_type_name() for op in _network(entry, cache).get_ops()}
        with open_detector(entry, "cpu", "fp32", cache_dir=cache) as exact:
            mine, theirs = short.candidates_batch([frame])[0], exact.candidates_batch([frame])[0]
    assert len(mine) > 50
    assert not np.array_equal(mine.scores[:50], theirs.scores[:50])
    assert np.abs(mine.scores[:50] - theirs.scores[:50]).max() < 0.1


def _network(entry: ShelfEntry, cache: Path):  # type: ignore[no-untyped-def]  # OpenVINO carries no types
    return read_network(load_openvino(), model(entry), cache)


def test_int8_that_was_never_made_is_said_and_fp32_runs(entry: ShelfEntry, tmp_path: Path) -> None:
    for cache in (tmp_path, None):
        with open_detector(entry, "cpu", "int8", cache_dir=cache) as detector:
            assert detector.precision == "fp32"
            assert "ssd-viewer models optimise random" in detector.notes[0]


@pytest.mark.parametrize("broken", ["xml", "bin", "report", "no report"])
def test_a_damaged_network_is_noticed_and_fp32_runs(
    broken: str, entry: ShelfEntry, made: tuple[Path, Optimised, list[str]], tmp_path: Path
) -> None:
    (folder,) = made[0].glob("*-int8-*")
    copy = tmp_path / folder.name
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    if broken == "no report":
        (copy / REPORT).unlink()
    else:
        victim = copy / REPORT if broken == "report" else next(copy.glob(f"*.{broken}"))
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 0x55
        victim.write_bytes(content[:-1] if broken == "report" else content)
    with open_detector(entry, "cpu", "int8", cache_dir=tmp_path) as detector:
        assert detector.precision == "fp32"
        assert "optimise random" in detector.notes[0]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"files": {"../../evil.xml": "0", "b.bin": "0"}},
        {"formats": [{"precision": "int8", "frames_per_s": "fast", "agreement": 1, "score_difference": 0}]},
        {"objects": None},
    ],
)
def test_a_report_that_says_nonsense_counts_as_none(
    change: dict[str, object], entry: ShelfEntry, made: tuple[Path, Optimised, list[str]], tmp_path: Path
) -> None:
    (folder,) = made[0].glob("*-int8-*")
    (tmp_path / folder.name).mkdir()
    data = json.loads((folder / REPORT).read_text())
    (tmp_path / folder.name / REPORT).write_text(json.dumps(data | change))
    assert read_optimised(model(entry), tmp_path) is None


def test_the_network_of_other_weights_or_another_computer_is_not_taken(
    entry: ShelfEntry, made: tuple[Path, Optimised, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_random(tmp_path / "other.safetensors", random_spec(name="other"), seed=1)
    assert read_optimised(tmp_path / "other.safetensors", made[0]) is None
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(optimised, "cpu_capabilities", lambda _core: frozenset({"FP32"}))
        assert read_optimised(model(entry), made[0]) is None
    assert read_optimised(model(entry), made[0]) is not None
    monkeypatch.setattr(optimised, "usable_cores", lambda: 129)
    assert read_optimised(model(entry), made[0]) is None


def test_made_again_the_new_one_takes_the_old_ones_place(
    entry: ShelfEntry, made: tuple[Path, Optimised, list[str]], tmp_path: Path
) -> None:
    work, folder = tmp_path / "work", tmp_path / "cache"
    for content in (b"one", b"two"):
        work.mkdir(exist_ok=True)
        for name in (quantise_work.GRAPH, quantise_work.WEIGHTS):
            (work / name).write_bytes(content + name.encode())
        quantise._place(work, folder, made[1])
    assert len(list(folder.iterdir())) == 3
    named = json.loads((folder / REPORT).read_text())["files"]
    assert {path.name for path in folder.iterdir()} == {REPORT, *named}


def test_a_model_in_openvinos_own_format_can_be_optimised(tmp_path: Path) -> None:
    ir = open_file(save_tiny_ir(tmp_path))
    size = ir.spec.input
    pictures = np.stack([picture(size.height, size.width, seed) for seed in range(COUNT)])
    assert quantise.quantise(ir, Frames(pictures, HELD_OUT, "blocks"), tmp_path / "cache").of("int8") is not None
    with open_detector(ir, "cpu", "int8", cache_dir=tmp_path / "cache") as short, open_detector(ir, "cpu") as exact:
        mine, theirs = (detector.detect(picture(100, 150, 7)) for detector in (short, exact))
    assert short.precision == "int8"
    assert len(mine) == len(theirs) == 2
    np.testing.assert_allclose(mine.scores, theirs.scores, atol=0.05)


# -- stopping, failing -----------------------------------------------------------------------------------------------


def test_a_stop_ends_the_other_process_and_leaves_nothing(entry: ShelfEntry, tmp_path: Path) -> None:
    stop = threading.Event()

    def on_step(stage: str, _done: int, _total: int) -> None:
        if stage == "prepare":
            stop.set()

    with pytest.raises(WorkStoppedError):
        quantise.quantise(entry, frames(entry), tmp_path, on_step, stop)
    assert list(tmp_path.iterdir()) == []


def test_two_programs_do_not_optimise_one_model_at_once(entry: ShelfEntry, tmp_path: Path) -> None:
    refused: list[str] = []

    def on_step(stage: str, _done: int, _total: int) -> None:
        if stage == "prepare":
            with pytest.raises(DetectorError, match="is being optimised by another program") as caught:
                quantise.quantise(entry, frames(entry), tmp_path)
            refused.append(caught.value.hint)
            stop.set()

    stop = threading.Event()
    with pytest.raises(WorkStoppedError):
        quantise.quantise(entry, frames(entry), tmp_path, on_step, stop)
    assert refused == ["Wait until it is done."]


def test_without_nncf_or_openvino_one_line_says_what_to_install(
    entry: ShelfEntry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(openvino_runtime, "has_nncf", lambda: False)
    with pytest.raises(DetectorError, match="needs NNCF, which is not installed") as caught:
        quantise.quantise(entry, frames(entry), tmp_path)
    assert "ssd-viewer[optimise]" in caught.value.hint
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: False)
    with pytest.raises(DetectorError, match="needs OpenVINO"):
        quantise.quantise(entry, frames(entry), tmp_path)
    with pytest.raises(DetectorError, match="weights of random are not on this computer"):
        quantise.check_can_quantise(replace(entry, path=None))


def test_a_damaged_model_says_so(tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    entry = open_file(tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(DetectorError, match=r"m\.safetensors"):
        quantise.quantise(entry, frames(entry), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def _full(*_arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_a_line(entry: ShelfEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "save", _full)
    with pytest.raises(DetectorError, match=r"cannot be kept in .*No space left") as caught:
        quantise.quantise(entry, frames(entry), tmp_path)
    assert "free disk space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def _dies(_task: object, _messages: Messages) -> None:
    raise SystemExit(3)


def test_a_process_that_dies_is_a_line(entry: ShelfEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantise, "quantise_here", _dies)
    with pytest.raises(DetectorError, match="Optimising random ended before its time"):
        quantise.quantise(entry, frames(entry), tmp_path)


# -- which format is taken -------------------------------------------------------------------------------------------


def measured(**rows: tuple[float, float | None]) -> Optimised:
    """A report with these formats: pictures a second, agreement."""
    formats = tuple(MeasuredFormat(name, speed, agreement, 0.0) for name, (speed, agreement) in rows.items())
    return Optimised("2026-11-22", "NNCF 3.4.0", "blocks", 8, 4, 100, 0.5, formats)


@pytest.mark.parametrize(
    ("formats", "chosen"),
    [
        ({"fp32": (10.0, None), "bf16": (20.0, 0.999), "int8": (30.0, 0.99)}, "int8"),
        ({"fp32": (10.0, None), "bf16": (20.0, 0.999), "int8": (30.0, AGREES - 0.001)}, "bf16"),
        ({"fp32": (10.0, None), "bf16": (20.0, 0.5), "int8": (30.0, 0.5)}, "fp32"),
        ({"fp32": (10.0, None), "bf16": (4.0, 1.0), "int8": (10.5, 1.0)}, "fp32"),
        ({"fp32": (10.0, None), "int8": (30.0, None)}, "fp32"),
        ({"int8": (30.0, 1.0)}, "fp32"),
        ({"fp32": (10.0, None), "bf16": (20.0, 0.999)}, "bf16"),
    ],
)
def test_auto_takes_the_fastest_that_agrees(formats: dict[str, tuple[float, float | None]], chosen: str) -> None:
    best, why = best_format(measured(**formats))
    assert best == chosen
    assert bool(why) == (chosen != "fp32")


def test_auto_does_not_take_int8_on_the_word_of_drawn_pictures() -> None:
    drawn = replace(measured(fp32=(10.0, None), bf16=(20.0, 0.999), int8=(30.0, 1.0)), calibration=DRAWN)
    assert best_format(drawn)[0] == "bf16"
    assert best_if_asked(drawn)[0] == "int8"


def test_agreeing_on_next_to_nothing_is_no_agreement() -> None:
    report = measured(fp32=(10.0, None), bf16=(20.0, 1.0), int8=(30.0, 1.0))
    assert best_format(replace(report, objects=ENOUGH))[0] == "int8"
    assert best_format(replace(report, objects=ENOUGH - 1)) == best_if_asked(replace(report, objects=0)) == ("fp32", "")


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp32")])
def test_where_the_best_format_is_damaged_the_next_best_is_taken(
    has_bf16: bool,
    precision: str,
    entry: ShelfEntry,
    made: tuple[Path, Optimised, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = measured(fp32=(10.0, None), bf16=(20.0, 0.999), int8=(30.0, 0.99))
    monkeypatch.setattr(precision_module, "read_optimised", lambda _model, _cache: report)
    openvino = load_openvino()
    assert precision_module.plan_precision(openvino, entry, "auto", has_bf16, made[0]).precision == "int8"
    copy = tmp_path / next(made[0].glob("*-int8-*")).name
    shutil.copytree(next(made[0].glob("*-int8-*")), copy)
    next(copy.glob("*.bin")).write_bytes(b"damaged")
    plan = precision_module.plan_precision(openvino, entry, "auto", has_bf16, tmp_path)
    assert (plan.precision, plan.network) == (precision, None)
    assert "random in int8 is damaged" in plan.remarks[0]
    assert len(plan.remarks) == (2 if has_bf16 else 1)


@pytest.mark.parametrize(("agreement", "precision"), [(0.99, "int8"), (0.5, "fp32")])
def test_auto_says_what_it_took_and_why(
    agreement: float,
    precision: str,
    entry: ShelfEntry,
    made: tuple[Path, Optimised, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = measured(fp32=(10.0, None), int8=(26.0, agreement))
    monkeypatch.setattr(precision_module, "read_optimised", lambda _model, _cache: report)
    with open_detector(entry, "cpu", cache_dir=made[0]) as detector:
        assert detector.precision == precision
        if precision == "fp32":
            assert detector.notes == ()
        else:
            assert "2.6 times as fast as fp32" in detector.notes[0]
            assert "99.0% in agreement with it on 4 pictures (blocks)" in detector.notes[0]


def test_auto_is_fp32_until_the_model_was_optimised(entry: ShelfEntry, tmp_path: Path) -> None:
    with open_detector(entry, "cpu", cache_dir=tmp_path) as detector:
        assert (detector.precision, detector.notes) == ("fp32", ())


# -- many frames at once ---------------------------------------------------------------------------------------------


def test_opened_for_batches_frames_run_side_by_side_and_come_back_in_order(entry: ShelfEntry) -> None:
    frames = [picture(100 + 10 * number, 160, number) for number in range(9)]
    with open_detector(entry, "cpu", "fp32") as live, open_detector(entry, "cpu", "fp32", for_batches=True) as many:
        assert live.preferred_batch == 1
        assert many.preferred_batch >= 1
        one_by_one = [live.candidates_batch([frame])[0] for frame in frames]
        for mine, other in zip(many.candidates_batch(frames), one_by_one, strict=True):
            assert len(mine) == len(other) > 0
            np.testing.assert_allclose(mine.boxes_xyxy, other.boxes_xyxy, atol=1e-3)
            np.testing.assert_allclose(mine.scores, other.scores, atol=1e-5)


def test_a_frame_that_is_none_stops_the_batch_and_not_the_detector(entry: ShelfEntry) -> None:
    with open_detector(entry, "cpu", "fp32", for_batches=True) as many:
        with pytest.raises(ValueError, match="a frame is"):
            many.candidates_batch([picture(), picture(), np.zeros((0, 0, 3), np.uint8)])
        assert len(many.candidates_batch([picture()])[0]) > 0


# -- pictures --------------------------------------------------------------------------------------------------------


def collect(source: Path | None, spec: object = None) -> Frames:
    return calibration_frames(source, random_spec().input, lambda _n, _most: None, threading.Event())


def test_drawn_pictures_are_the_same_each_time_and_differ_from_each_other() -> None:
    from app.core.optimise.drawn import drawn_frames

    first, again = (list(drawn_frames(3, 64, 48)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
    assert first[0].shape == (48, 64, 3)
    assert min(image.std() for image in first) > 10


def test_a_folder_is_calibrated_on_without_what_cannot_be_read(tmp_path: Path) -> None:
    for number in range(LEAST):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(40 + number, 60, number))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    found = collect(tmp_path)
    assert found.images.shape == (LEAST, 240, 320, 3)
    assert (found.held_out, found.source) == (LEAST // 2, tmp_path.name)


def test_a_video_is_calibrated_on_from_end_to_end(repository: Path) -> None:
    found = collect(repository / "assets" / "demo.mp4")
    assert 100 <= len(found.images) <= 240
    assert found.held_out == len(found.images) // 3


@pytest.mark.parametrize(
    ("content", "message"),
    [("empty", "holds no images"), ("few", "holds 3 pictures"), ("text", "text file|be opened"), ("gone", "set")],
)
def test_what_cannot_be_calibrated_on_is_a_line(content: str, message: str, tmp_path: Path) -> None:
    source = tmp_path / "set"
    if content in ("empty", "few"):
        source.mkdir()
    if content == "few":
        for number in range(3):
            cv2.imwrite(str(source / f"{number}.png"), picture(40, 60, number))
    if content == "text":
        source.write_text("not a video " * 100)
    with pytest.raises(AppError, match=message):
        collect(source)


def test_collecting_can_be_stopped() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(WorkStoppedError):
        calibration_frames(None, random_spec().input, lambda _n, _most: None, stop)


def test_progress_never_goes_back() -> None:
    shares = [share_done(stage, done, 7) for stage in STAGES for done in range(8)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert share_done("time", 0, 0) < 1.0
    assert logging.getLogger("nncf").level == logging.NOTSET  # it never came into this process
