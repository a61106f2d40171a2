"""Optimising: done elsewhere, whole or not at all; int8 is chosen only where it agrees; what is missing is a line."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import AppError
from app.core.optimise.calibration_frames import MIN_FRAMES, calibration_frames
from app.core.optimise.run import STAGES, share_done
from detector.errors import DetectorError
from detector.model_file import ModelEntry, open_file
from detector.runtime import format_measurements, openvino_runtime, quantise, quantise_work
from detector.runtime import precision as precision_module
from detector.runtime.calibrate import Frames
from detector.runtime.format_measurements import (
    AGREES,
    DRAWN,
    ENOUGH,
    REPORT,
    MeasuredFormat,
    Optimised,
    best_format,
    best_if_asked,
    read_optimised,
)
from detector.runtime.open import open_detector
from detector.runtime.openvino_runtime import load_openvino
from detector.runtime.other_process import Messages, WorkStoppedError
from detector.runtime.quantisable import check_can_quantise
from detector.runtime.quantise import OptimisedModel, Places
from detector.weights import describe_anew, load_arrays, load_spec
from tests.support.tiny_models import picture, random_spec, save_random
from tools.fixtures.tiny_ir import save_tiny_ir

COUNT, HELD_OUT = 12, 4


@dataclass(frozen=True)
class Made:
    """An optimised model: where it is, the report, and the stages it went through."""

    places: Places
    done: OptimisedModel
    stages: tuple[str, ...]

    @property
    def cache(self) -> Path:
        return self.places.cache_dir

    @property
    def folder(self) -> Path:
        """The one in the cache."""
        (folder,) = self.cache.glob("*-int8-*")
        return folder


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    save_random(tmp_path / "random.safetensors")
    return open_file(tmp_path / "random.safetensors")


def frames(entry: ModelEntry) -> Frames:
    size = entry.spec.input
    images = [picture(size.height, size.width, seed) for seed in range(COUNT)]
    return Frames(np.stack(images), HELD_OUT, "blocks")


def places(folder: Path) -> Places:
    return Places(folder / "cache", folder / "models")


def optimised_in(folder: Path, entry: ModelEntry) -> Made:
    stages: list[str] = []
    where = places(folder)
    done = quantise.quantise(entry, frames(entry), where, lambda stage, *_steps: stages.append(stage))
    return Made(where, done, tuple(dict.fromkeys(stages)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A model of ours, optimised."""
    folder = tmp_path_factory.mktemp("model")
    save_random(folder / "random.safetensors")
    return optimised_in(folder, open_file(folder / "random.safetensors"))


@pytest.fixture(scope="module")
def made_ir(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A network in OpenVINO's own format, optimised by NNCF."""
    folder = tmp_path_factory.mktemp("ir")
    return optimised_in(folder, open_file(save_tiny_ir(folder)))


def model(entry: ModelEntry) -> Path:
    assert entry.path is not None
    return entry.path


def test_ranges_are_measured_and_put_into_the_models_file(made: Made) -> None:
    measured, file = made.done.measured, model(made.done.entry)
    assert list(made.stages) == [stage for stage in list(STAGES)[1:] if stage != "correct"]
    assert [each.precision for each in measured.formats][::2] in (["fp32", "int8"], ["fp32"])
    assert (measured.calibrated, measured.compared, measured.calibration) == (COUNT - HELD_OUT, HELD_OUT, "blocks")
    int8 = measured.of("int8")
    assert int8 is not None
    assert int8.agreement is not None
    assert int8.agreement > 0.8
    kept = load_spec(file).int8
    assert kept is not None
    assert (kept.agreement, kept.objects, kept.pictures) == (int8.agreement, measured.objects, "blocks")
    assert kept.golden is not None
    assert read_optimised(file, made.cache) == measured
    assert [path.name for path in made.folder.iterdir()] == [REPORT]
    assert list(made.cache.iterdir()) == [made.folder]  # no lock, nothing half made, nothing of the file before
    assert not made.places.models_dir.exists()


def test_int8_finds_what_fp32_finds_wherever_the_file_goes(made: Made, tmp_path: Path) -> None:
    shutil.copyfile(model(made.done.entry), tmp_path / "moved.safetensors")
    moved = open_file(tmp_path / "moved.safetensors")
    frame = picture(seed=99)
    with open_detector(moved, "cpu", "int8") as short, open_detector(moved, "cpu", "fp32") as exact:
        assert (short.precision, short.notes) == ("int8", ())
        mine, theirs = short.candidates_batch([frame])[0], exact.candidates_batch([frame])[0]
    assert len(mine) > 50
    assert not np.array_equal(mine.scores[:50], theirs.scores[:50])
    assert np.abs(mine.scores[:50] - theirs.scores[:50]).max() < 0.1


def test_a_model_that_came_with_the_program_is_copied(entry: ModelEntry, tmp_path: Path) -> None:
    bundled = replace(entry, bundled=True)
    before = model(entry).read_bytes()
    first = optimised_in(tmp_path, bundled)
    assert model(entry).read_bytes() == before
    copy = model(first.done.entry)
    assert (first.done.entry.name, first.done.entry.bundled) == ("random-int8", False)
    assert copy == first.places.models_dir / "random-int8.safetensors"
    assert open_file(copy).spec == replace(load_spec(copy), name="random-int8")
    assert read_optimised(copy, first.cache) == first.done.measured
    save_random(copy, random_spec(name="random-int8"), seed=5)
    with pytest.raises(DetectorError, match="would be called random-int8") as caught:
        optimised_in(tmp_path, bundled)
    assert "Rename or remove" in caught.value.hint
    save_random(copy, random_spec(name="random-int8"))  # an earlier copy, with the same weights
    assert quantise.place_of(bundled, first.places.models_dir) == copy


def test_ranges_that_were_proven_are_kept_and_the_formats_timed(made: Made, tmp_path: Path) -> None:
    shutil.copyfile(model(made.done.entry), tmp_path / "m.safetensors")
    entry = open_file(tmp_path / "m.safetensors")
    before = model(entry).read_bytes()
    stages: list[str] = []
    few = Frames(frames(entry).images[:3], 1, DRAWN)
    done = quantise.quantise(
        entry, few, places(tmp_path), lambda stage, *_steps: stages.append(stage), keep_ranges=True
    )
    assert list(dict.fromkeys(stages)) == ["prepare", "time"]
    assert model(entry).read_bytes() == before
    kept, measured = entry.spec.int8, done.measured
    assert kept is not None
    assert (measured.calibration, measured.objects, measured.compared) == ("blocks", kept.objects, HELD_OUT)
    int8, bf16 = measured.of("int8"), measured.of("bf16")
    assert int8 is not None
    assert int8.agreement == kept.agreement
    assert bf16 is None or bf16.agreement is None


def test_int8_that_was_never_measured_is_said_and_fp32_runs(entry: ModelEntry, tmp_path: Path) -> None:
    for cache in (tmp_path, None):
        with open_detector(entry, "cpu", "int8", cache_dir=cache) as detector:
            assert detector.precision == "fp32"
            assert "random has not been optimised" in detector.notes[0]


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_ranges_of_another_network_are_said_and_fp32_runs(made: Made, tmp_path: Path, precision: str) -> None:
    path = tmp_path / "other.safetensors"
    shutil.copyfile(model(made.done.entry), path)
    spec = load_spec(path)
    assert spec.int8 is not None
    foreign = replace(spec.int8, ranges={**spec.int8.ranges, "no.such.layer": (0.0, 1.0)}, agreement=1.0, objects=99)
    describe_anew(path, replace(spec, int8=foreign))
    with open_detector(open_file(path), "cpu", precision) as detector:
        assert detector.precision == "fp32"
        assert ("does not fit its network" in " ".join(detector.notes)) == (precision == "int8")


# -- networks in OpenVINO's own format --------------------------------------------------------------------------------


def test_a_model_in_openvinos_own_format_can_be_optimised(made_ir: Made) -> None:
    ir = made_ir.done.entry
    assert list(made_ir.stages) == list(STAGES)[1:]
    assert sorted(path.suffix for path in made_ir.folder.iterdir()) == [".bin", ".json", ".xml"]
    assert made_ir.done.measured.made_with.startswith("NNCF")
    with open_detector(ir, "cpu", "int8", cache_dir=made_ir.cache) as short, open_detector(ir, "cpu") as exact:
        mine, theirs = (detector.detect(picture(100, 150, 7)) for detector in (short, exact))
    assert short.precision == "int8"
    assert len(mine) == len(theirs) == 2
    np.testing.assert_allclose(mine.scores, theirs.scores, atol=0.05)


@pytest.mark.parametrize("broken", ["xml", "bin", "report", "no report"])
def test_a_damaged_network_is_noticed_and_fp32_runs(broken: str, made_ir: Made, tmp_path: Path) -> None:
    copy = tmp_path / made_ir.folder.name
    shutil.copytree(made_ir.folder, copy)
    if broken == "no report":
        (copy / REPORT).unlink()
    else:
        victim = copy / REPORT if broken == "report" else next(copy.glob(f"*.{broken}"))
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 0x55
        victim.write_bytes(content[:-1] if broken == "report" else content)
    with open_detector(made_ir.done.entry, "cpu", "int8", cache_dir=tmp_path) as detector:
        assert detector.precision == "fp32"
        assert "tiny has not been optimised" in detector.notes[0]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"files": {"../../evil.xml": "0", "b.bin": "0"}},
        {"formats": [{"precision": "int8", "frames_per_s": "fast", "agreement": 1, "score_difference": 0}]},
        {"objects": None},
    ],
)
def test_a_report_that_says_nonsense_counts_as_none(change: dict[str, object], made: Made, tmp_path: Path) -> None:
    (tmp_path / made.folder.name).mkdir()
    data = json.loads((made.folder / REPORT).read_text())
    (tmp_path / made.folder.name / REPORT).write_text(json.dumps(data | change))
    assert read_optimised(model(made.done.entry), tmp_path) is None


def test_what_was_measured_of_other_weights_or_on_another_computer_is_not_taken(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = model(made.done.entry)
    save_random(tmp_path / "other.safetensors", random_spec(name="other"), seed=1)
    assert read_optimised(tmp_path / "other.safetensors", made.cache) is None
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(format_measurements, "cpu_capabilities", lambda _core: frozenset({"FP32"}))
        assert read_optimised(file, made.cache) is None
    assert read_optimised(file, made.cache) is not None
    monkeypatch.setattr(format_measurements, "usable_cores", lambda: 129)
    assert read_optimised(file, made.cache) is None


def test_made_again_the_new_one_takes_the_old_ones_place(made: Made, tmp_path: Path) -> None:
    work, folder = tmp_path / "work", tmp_path / "cache"
    names = (quantise_work.GRAPH, quantise_work.WEIGHTS)
    for content in (b"one", b"two"):
        work.mkdir(exist_ok=True)
        for name in names:
            (work / name).write_bytes(content + name.encode())
        quantise.move_into_cache(work, folder, made.done.measured, names)
    assert len(list(folder.iterdir())) == 3
    named = json.loads((folder / REPORT).read_text())["files"]
    assert {path.name for path in folder.iterdir()} == {REPORT, *named}


# -- stopping, failing -----------------------------------------------------------------------------------------------


def test_a_stop_ends_the_other_process_and_leaves_nothing(entry: ModelEntry, tmp_path: Path) -> None:
    stop = threading.Event()

    def on_step(stage: str, _done: int, _total: int) -> None:
        if stage == "prepare":
            stop.set()

    with pytest.raises(WorkStoppedError):
        quantise.quantise(entry, frames(entry), places(tmp_path), on_step, stop)
    assert list(places(tmp_path).cache_dir.iterdir()) == []
    assert load_spec(model(entry)).int8 is None


def test_two_programs_do_not_optimise_one_model_at_once(entry: ModelEntry, tmp_path: Path) -> None:
    refused: list[str] = []

    def on_step(stage: str, _done: int, _total: int) -> None:
        if stage == "prepare":
            with pytest.raises(DetectorError, match="is being optimised by another program") as caught:
                quantise.quantise(entry, frames(entry), places(tmp_path))
            refused.append(caught.value.hint)
            stop.set()

    stop = threading.Event()
    with pytest.raises(WorkStoppedError):
        quantise.quantise(entry, frames(entry), places(tmp_path), on_step, stop)
    assert refused == ["Wait until it is done."]


def test_what_is_missing_is_said_in_a_line(entry: ModelEntry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ir = open_file(save_tiny_ir(tmp_path))
    monkeypatch.setattr(openvino_runtime, "has_nncf", lambda: False)
    with pytest.raises(DetectorError, match="needs NNCF, which is not installed") as caught:
        quantise.quantise(ir, frames(ir), places(tmp_path))
    assert "ssd-viewer[optimise]" in caught.value.hint
    check_can_quantise(entry)  # ours need no NNCF
    monkeypatch.setattr(openvino_runtime, "is_installed", lambda: False)
    with pytest.raises(DetectorError, match="needs OpenVINO"):
        quantise.quantise(entry, frames(entry), places(tmp_path))
    with pytest.raises(DetectorError, match="weights of random are not on this computer"):
        check_can_quantise(replace(entry, path=None))


def test_a_damaged_model_says_so(entry: ModelEntry, tmp_path: Path) -> None:
    content = model(entry).read_bytes()
    model(entry).write_bytes(content[: len(content) // 2])
    with pytest.raises(DetectorError, match=r"random\.safetensors"):
        quantise.quantise(entry, frames(entry), places(tmp_path))
    assert list(places(tmp_path).cache_dir.iterdir()) == []


def test_weights_that_give_huge_numbers_are_said(tmp_path: Path) -> None:
    from detector.runtime.calibrate import measure_ranges

    spec = save_random(tmp_path / "m.safetensors")
    arrays = load_arrays(tmp_path / "m.safetensors", spec)
    first = next(name for name, array in arrays.items() if array.ndim == 4)
    arrays[first] = np.full_like(arrays[first], 1e30)
    with pytest.raises(DetectorError, match="no numbers, or huge ones"):
        measure_ranges(spec, arrays, [picture()])


def _full(*_arguments: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_a_line(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "save", _full)
    with pytest.raises(DetectorError, match=r"cannot be kept in .*No space left") as caught:
        quantise.quantise(entry, frames(entry), places(tmp_path))
    assert "free disk space" in caught.value.hint
    assert list(places(tmp_path).cache_dir.iterdir()) == []


def _dies(_task: object, _messages: Messages) -> None:
    raise SystemExit(3)


def test_a_process_that_dies_is_a_line(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantise, "quantise_here", _dies)
    with pytest.raises(DetectorError, match="Optimising random ended before its time"):
        quantise.quantise(entry, frames(entry), places(tmp_path))
    assert load_spec(model(entry)).int8 is None


# -- which format is taken -------------------------------------------------------------------------------------------


def measured(**rows: tuple[float, float | None]) -> Optimised:
    """A report with these formats: images a second, agreement."""
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


def test_auto_does_not_take_int8_on_the_word_of_drawn_images() -> None:
    drawn = replace(measured(fp32=(10.0, None), bf16=(20.0, 0.999), int8=(30.0, 1.0)), calibration=DRAWN)
    assert best_format(drawn)[0] == "bf16"
    assert best_if_asked(drawn)[0] == "int8"


def test_agreeing_on_next_to_nothing_is_no_agreement() -> None:
    report = measured(fp32=(10.0, None), bf16=(20.0, 1.0), int8=(30.0, 1.0))
    assert best_format(replace(report, objects=ENOUGH))[0] == "int8"
    assert best_format(replace(report, objects=ENOUGH - 1)) == best_if_asked(replace(report, objects=0)) == ("fp32", "")


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp32")])
def test_where_the_best_format_is_damaged_the_next_best_is_taken(
    has_bf16: bool, precision: str, made_ir: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measured(fp32=(10.0, None), bf16=(20.0, 0.999), int8=(30.0, 0.99))
    monkeypatch.setattr(precision_module, "read_optimised", lambda _model, _cache: report)
    openvino, entry = load_openvino(), made_ir.done.entry
    native = {"INT8", "BF16"} if has_bf16 else {"INT8"}
    assert precision_module.choose_precision(openvino, entry, "auto", native, made_ir.cache).precision == "int8"
    shutil.copytree(made_ir.folder, tmp_path / made_ir.folder.name)
    next(tmp_path.glob("*/*.bin")).write_bytes(b"damaged")
    choice = precision_module.choose_precision(openvino, entry, "auto", native, tmp_path)
    assert (choice.precision, choice.network) == (precision, None)
    assert "tiny in int8 is damaged" in choice.notes[0]
    assert len(choice.notes) == (2 if has_bf16 else 1)


@pytest.mark.parametrize(("agreement", "precision"), [(0.99, "int8"), (0.5, "fp32")])
def test_auto_says_what_it_took_and_why(
    agreement: float, precision: str, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = measured(fp32=(10.0, None), int8=(26.0, agreement))
    monkeypatch.setattr(precision_module, "read_optimised", lambda _model, _cache: report)
    with open_detector(made.done.entry, "cpu", cache_dir=made.cache) as detector:
        assert detector.precision == precision
        if precision == "fp32":
            assert detector.notes == ()
        else:
            assert "2.6 times as fast as fp32" in detector.notes[0]
            assert "99.0% in agreement with it on 4 images (blocks)" in detector.notes[0]


def test_auto_is_fp32_for_a_model_that_says_nothing_of_int8(entry: ModelEntry, tmp_path: Path) -> None:
    with open_detector(entry, "cpu", cache_dir=tmp_path) as detector:
        assert (detector.precision, detector.notes) == ("fp32", ())


@pytest.mark.parametrize(
    ("change", "native", "machine", "chosen"),
    [
        ({}, {"INT8"}, "x86_64", "int8"),
        ({}, {"INT8"}, "AMD64", "int8"),
        ({}, {"FP32"}, "x86_64", "fp32"),
        ({}, {"INT8"}, "aarch64", "fp32"),  # nobody has tried it there: optimising will
        ({"agreement": AGREES - 0.001}, {"INT8"}, "x86_64", "fp32"),
        ({"agreement": None}, {"INT8"}, "x86_64", "fp32"),
        ({"objects": ENOUGH - 1}, {"INT8"}, "x86_64", "fp32"),
        ({"pictures": DRAWN}, {"INT8"}, "x86_64", "fp32"),
    ],
)
def test_auto_is_int8_where_the_models_file_shows_that_it_agrees(
    change: dict[str, object],
    native: set[str],
    machine: str,
    chosen: str,
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    entry = made.done.entry
    assert entry.spec.int8 is not None
    int8 = replace(entry.spec.int8, agreement=0.99, objects=ENOUGH, pictures="photographs")
    entry = replace(entry, spec=replace(entry.spec, int8=replace(int8, **change)))  # type: ignore[arg-type]
    for cache in (tmp_path, None):
        choice = precision_module.choose_precision(load_openvino(), entry, "auto", native, cache)
        assert choice.precision == chosen
        assert (choice.network is None) == (chosen == "fp32")
        assert choice.notes == ()  # what the model's file is made for needs no note


def test_what_was_measured_here_has_the_last_word(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = made.done.entry
    assert entry.spec.int8 is not None
    proven = replace(entry.spec.int8, agreement=0.99, objects=ENOUGH)
    entry = replace(entry, spec=replace(entry.spec, int8=proven))
    slower = measured(fp32=(10.0, None), int8=(9.0, 0.99))
    monkeypatch.setattr(precision_module, "read_optimised", lambda _model, _cache: slower)
    choice = precision_module.choose_precision(load_openvino(), entry, "auto", {"INT8"}, made.cache)
    assert (choice.precision, choice.notes) == ("fp32", ())


# -- many frames at once ---------------------------------------------------------------------------------------------


def test_opened_for_batches_frames_run_side_by_side_and_come_back_in_order(entry: ModelEntry) -> None:
    frames = [picture(100 + 10 * number, 160, number) for number in range(9)]
    with open_detector(entry, "cpu", "fp32") as live, open_detector(entry, "cpu", "fp32", for_batches=True) as many:
        assert live.preferred_batch == 1
        assert many.preferred_batch >= 1
        one_by_one = [live.candidates_batch([frame])[0] for frame in frames]
        for mine, other in zip(many.candidates_batch(frames), one_by_one, strict=True):
            assert len(mine) == len(other) > 0
            np.testing.assert_allclose(mine.boxes_xyxy, other.boxes_xyxy, atol=1e-3)
            np.testing.assert_allclose(mine.scores, other.scores, atol=1e-5)


def test_a_frame_that_is_none_stops_the_batch_and_not_the_detector(entry: ModelEntry) -> None:
    with open_detector(entry, "cpu", "fp32", for_batches=True) as many:
        with pytest.raises(ValueError, match="a frame is"):
            many.candidates_batch([picture(), picture(), np.zeros((0, 0, 3), np.uint8)])
        assert len(many.candidates_batch([picture()])[0]) > 0


# -- images ----------------------------------------------------------------------------------------------------------


def collect(source: Path | None, spec: object = None) -> Frames:
    return calibration_frames(source, random_spec().input, lambda _n, _most: None, threading.Event())


def test_drawn_images_are_the_same_each_time_and_differ_from_each_other() -> None:
    from app.core.optimise.drawings import drawn_frames

    first, again = (list(drawn_frames(3, 64, 48)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
    assert first[0].shape == (48, 64, 3)
    assert min(image.std() for image in first) > 10


def test_a_folder_is_calibrated_on_without_what_cannot_be_read(tmp_path: Path) -> None:
    for number in range(MIN_FRAMES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(40 + number, 60, number))
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    found = collect(tmp_path)
    assert found.images.shape == (MIN_FRAMES, 240, 320, 3)
    assert (found.held_out, found.source) == (MIN_FRAMES // 2, tmp_path.name)


def test_a_video_is_calibrated_on_from_end_to_end(repository: Path) -> None:
    found = collect(repository / "assets" / "demo.mp4")
    assert 100 <= len(found.images) <= 240
    assert found.held_out == len(found.images) // 3


@pytest.mark.parametrize(
    ("content", "message"),
    [("empty", "holds no images"), ("few", "holds 3 images"), ("text", "text file|be opened"), ("gone", "set")],
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
