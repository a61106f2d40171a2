"""The training of the VOC detector: unpacking, its stages, being killed, and what it refuses to ship."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tools.voc import cores, detect, run, ship
from tools.voc.courses import COURSES
from tools.voc.crops import CropBatches, Crops, cut_out, middle
from tools.voc.diary import Diary
from tools.voc.run import FINISHED, STOPPED, TOO_POOR, WAITING, Run
from tools.voc.smaller import SmallerSSD, smaller_spec
from tools.voc.train import main
from tools.voc.unpack import unpack
from tools.voc.weights import freeze, take_over

from detector.config import SSD300_VOC
from detector.default_boxes import default_boxes
from detector.detections import DetectionFilter
from detector.errors import DetectorError
from detector.labels import VOC20
from detector.models.ssd import SSD
from detector.runtime.open import open_detector
from detector.spec import ModelSpec, PostprocessSpec
from detector.training.checkpoint import read_checkpoint
from detector.training.data import BadPictures, training_pictures
from detector.training.fit import Progress
from detector.training.networks import new_spec
from detector.weights import load_spec
from tests.support.model_files import put_model
from tests.support.training_sets import make_blocks
from tests.support.voc_training import ON_DEVICE, TINY, Dying, PowerCut, options, write_tars


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """How many threads compute is the whole process's business."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def _few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that knows nothing finds everything everywhere; sorting that out is slow, and not what is tested."""

    def spec(name: str, network: str, labels: Sequence[str], width: float) -> ModelSpec:
        return replace(new_spec(name, network, labels, width), postprocess=PostprocessSpec(top_k=10))

    monkeypatch.setattr(run, "new_spec", spec)


class Stopping(Diary):
    """Stops a stage at its first look."""

    def __init__(self, path: Path, stage: str, stop: threading.Event) -> None:
        super().__init__(path)
        self._where = (stage, stop)

    def begin(self, stage: str, flops_per_image: float = 0.0, peak_flops: float = 0.0) -> None:
        super().begin(stage, flops_per_image, peak_flops)
        if stage == self._where[0]:
            self._where[1].set()


@pytest.mark.usefixtures("_few_candidates")
def test_a_course_survives_a_power_cut_and_a_stop_and_ships_nothing_poor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tars, work = write_tars(tmp_path / "tars"), tmp_path / "work"
    with pytest.raises(PowerCut):
        Run(options(tars, work), TINY, threading.Event(), Dying(work / "diary.jsonl", "crops", 3)).go()
    assert read_checkpoint(work / "crops" / "checkpoint.pt")["step"] == 2

    stop = threading.Event()
    diary = Stopping(work / "diary.jsonl", "small", stop)
    assert Run(options(tars, work), TINY, stop, diary).go() == STOPPED
    assert read_checkpoint(work / "crops" / "checkpoint.pt")["step"] == 3
    assert read_checkpoint(work / "small" / "checkpoint.pt")["step"] == 1

    diary = Diary(work / "diary.jsonl")
    assert Run(options(tars, work), TINY, threading.Event(), diary).go() == TOO_POOR
    said = capsys.readouterr().out
    assert "going on after step 1 of 4" in said
    assert "nothing is shipped" in said
    assert not (work / "voc.safetensors").exists()
    written = [json.loads(line) for line in (work / "diary.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in written if entry["stage"] == "full" and "scores" not in entry][-1] == 1
    assert [entry["stage"] for entry in written if "scores" in entry] == ["crops", "small"]
    assert not list(work.rglob("*.part"))


@pytest.mark.usefixtures("_few_candidates")
def test_the_way_of_a_gpu_runs_on_tensors_of_the_cpu_and_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ship, "LEAST_MAP", 0.0)
    tars, work = write_tars(tmp_path / "tars"), tmp_path / "work"
    work.mkdir()
    (work / "steps.json").write_text('{"steps": 2}')
    stop = threading.Event()
    stop.set()
    assert Run(options(tars, work), ON_DEVICE, stop, Diary(work / "diary.jsonl")).go() == STOPPED
    assert read_checkpoint(work / "full" / "checkpoint.pt")["step"] == 1
    assert load_spec(work / "interim.safetensors").name == "voc"

    assert Run(options(tars, work), ON_DEVICE, threading.Event(), Diary(work / "diary.jsonl")).go() == FINISHED
    said = capsys.readouterr().out
    assert "12 pictures decoded onto cpu" in said
    assert read_checkpoint(work / "full" / "checkpoint.pt")["step"] == 2
    spec = load_spec(work / "voc.safetensors")
    assert (spec.name, len(spec.labels), spec.width) == ("voc", 20, ON_DEVICE.width)
    assert spec.accuracy.keys() == {"VOC07 mAP on val.txt (4 pictures)"}
    assert '"seed": 3' in spec.provenance
    assert spec.golden is not None
    with open_detector(work / "voc.safetensors", device="cpu", precision="fp32") as detector:
        found = detector.detect(np.zeros((90, 120, 3), np.uint8), DetectionFilter(0.0, max_detections=5))
    assert len(found) == 5

    better = put_model(work, "voc", VOC20, accuracy={"VOC07 mAP on val.txt (4 pictures)": 0.9}).read_bytes()
    assert Run(options(tars, work), ON_DEVICE, threading.Event(), Diary(work / "diary.jsonl")).go() == TOO_POOR
    assert "reaches 0.9000 and stays" in capsys.readouterr().out
    assert (work / "voc.safetensors").read_bytes() == better


@pytest.mark.usefixtures("_few_candidates")
def test_a_training_is_as_long_as_the_machine_is_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "measure_pace", lambda *_: 6.1)  # images/s
    tars, work = write_tars(tmp_path / "tars"), tmp_path / "work"
    course = replace(ON_DEVICE, minutes=0.02)
    assert Run(options(tars, work), course, threading.Event(), Diary(work / "diary.jsonl")).go() == TOO_POOR
    assert json.loads((work / "steps.json").read_text())["steps"] == 3  # of 2 pictures, in 1.2 seconds
    assert read_checkpoint(work / "full" / "checkpoint.pt")["step"] == 3


def test_the_pace_is_measured_and_the_training_for_it_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect, "_PACE_WARM_STEPS", 1)
    monkeypatch.setattr(detect, "_PACE_STEPS", 1)
    data = make_blocks(tmp_path, 4)
    pictures = training_pictures([data], data.labels)
    material = detect.Material(pictures, data, torch.device("cpu"), 1, False, True, BadPictures())
    stage = ON_DEVICE.stages[0]
    ssd = _ssd().train()
    before = {name: tensor.clone() for name, tensor in ssd.state_dict().items()}
    loaded = detect.load_on_device(material, Diary(tmp_path / "diary.jsonl"))
    spec = new_spec("voc", "ssd300-vgg16", [str(n) for n in range(20)], 0.0625)
    pace = detect.measure_pace(spec, ssd, stage, material, detect.picture_source(spec, stage, material, loaded))
    assert 0 < pace < 1e6
    for name, tensor in ssd.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_pictures_may_arrive_in_several_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tars, later = write_tars(tmp_path / "tars"), tmp_path / "later"
    later.mkdir()
    (tars / "images.tar").rename(later / "images.tar")
    arguments = ["--tars", str(tars), "--work", str(tmp_path / "work"), "--device", "cpu", "--threads", "1"]
    assert main(arguments) == WAITING
    assert "16 pictures are still missing" in capsys.readouterr().out
    arguments[1] = str(later)
    assert main([*arguments, "--minutes", "0"]) == STOPPED
    assert "unpacked images.tar" in capsys.readouterr().out
    assert unpack(later, tmp_path / "work" / "data") == []


@pytest.mark.parametrize("kind", ["outside", "link", "damaged", "absolute"])
def test_no_tar_reaches_outside(tmp_path: Path, kind: str) -> None:
    tars, target = tmp_path / "tars", tmp_path / "deep" / "target"
    tars.mkdir()
    member = tarfile.TarInfo({"outside": "../evil", "absolute": str(tmp_path / "evil")}.get(kind, "evil"))
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path)
    else:
        member.size = 4
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(member, io.BytesIO(b"evil"))
    written = content.getvalue()
    (tars / "a.tar").write_bytes(written[:300] if kind == "damaged" else written)
    if kind == "absolute":  # becomes a name within
        unpack(tars, target)
    else:
        with pytest.raises(DetectorError, match=r"a\.tar"):
            unpack(tars, target)
        assert not list(target.rglob("*"))
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "deep" / "evil").exists()


def test_a_missing_gpu_and_missing_tars_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--tars", str(tmp_path), "--work", str(tmp_path / "work")]
    assert main([*arguments, "--device", "cpu"]) == WAITING
    assert "annotations are still missing" in capsys.readouterr().out
    if not torch.cuda.is_available():
        assert main([*arguments, "--device", "cuda"]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def _ssd() -> SSD:
    torch.manual_seed(0)
    return SSD(300, 21, SSD300_VOC.boxes_per_cell, width=0.0625, batch_norm=True).eval()


@torch.inference_mode()
def test_a_smaller_picture_has_the_first_levels() -> None:
    ssd = _ssd()
    full = SmallerSSD(ssd, 300)
    images = torch.randn(1, 3, 300, 300)
    for whole, part in zip(ssd(images), full(images), strict=True):
        torch.testing.assert_close(part, whole)
    spec = new_spec("voc", "ssd300-vgg16", [str(n) for n in range(20)], 0.0625)
    assert smaller_spec(spec, full, 300) == spec
    small = SmallerSSD(ssd, 152)
    config = smaller_spec(spec, small, 152).config
    assert config is not None
    assert small.grids == (19, 9, 5, 3, 1)
    assert small(torch.randn(1, 3, 152, 152))[0].shape == (1, config.num_boxes, 4)
    # As large in pixels as in a picture of 300.
    sizes = default_boxes(config)[:: config.boxes_per_cell[0]][: 19 * 19, 2] * 152
    np.testing.assert_allclose(sizes, 30, rtol=1e-5)


def test_what_a_stage_learnt_goes_to_the_next(tmp_path: Path) -> None:
    before, after = _ssd(), _ssd()
    wrapped = SmallerSSD(before, 152)
    with torch.no_grad():
        for parameter in before.parameters():
            parameter.add_(1.0)
    torch.save({"format": 1, "ema": wrapped.state_dict()}, tmp_path / "small.pt")
    take_over(after, tmp_path / "small.pt")
    for name, tensor in after.state_dict().items():
        torch.testing.assert_close(tensor, before.state_dict()[name])


@torch.no_grad()
def test_frozen_layers_stay_what_they_were(tmp_path: Path) -> None:
    ssd, images = _ssd(), torch.randn(2, 3, 152, 152)
    for _ in range(3):  # statistics that are not the initial ones
        ssd.train()(torch.randn(2, 3, 300, 300) * 3)
    expected = SmallerSSD(ssd.eval(), 152)(images)
    freeze(ssd, ("conv1", "conv2"))
    learning = {name for name, parameter in ssd.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(("backbone.conv1", "backbone.conv2")) for name in learning)
    assert {"backbone.conv3_1.weight", "loc.0.weight"} <= learning
    torch.save({"format": 1, "ema": SmallerSSD(ssd, 152).state_dict()}, tmp_path / "frozen.pt")
    after = _ssd()
    take_over(after, tmp_path / "frozen.pt")
    for network in (ssd, after):
        for found, wanted in zip(SmallerSSD(network, 152)(images), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_cut_outs_show_their_object(tmp_path: Path) -> None:
    data = make_blocks(tmp_path, 6)
    pictures = training_pictures([data], data.labels)
    crops = cut_out(pictures, 64, 0, 1, BadPictures())
    assert crops.images_bgr.shape[1:] == (80, 80, 3)
    objects = sum(len(picture.class_ids) for picture in pictures)
    assert (crops.classes > 0).sum() == objects
    images, classes = middle(crops, 64, 0, len(crops.classes))
    strongest = torch.tensor([3, 2, 1])[images[:, :, 32, 32].argmax(dim=1)]  # BGR to red, green, blue
    assert (strongest == classes)[classes > 0].all()


def test_batches_of_cut_outs_are_computed_from_their_number() -> None:
    rng = np.random.default_rng(0)
    classes = np.array([1] * 90 + [2] * 10)
    crops = Crops(rng.integers(0, 256, (100, 20, 20, 3), dtype=np.uint8), classes)
    batches = CropBatches(crops, 16, 400, seed=1)
    images, shown = batches.batch(7)
    again, _ = CropBatches(crops, 16, 400, seed=1).batch(7)
    torch.testing.assert_close(images, again, rtol=0, atol=0)
    assert images.shape == (400, 3, 16, 16)
    assert 0.18 < (shown == 2).float().mean() < 0.32  # by the root of the share: 1 in 4


def test_one_core_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    monkeypatch.setattr(cores.os, "getloadavg", lambda: (5.0, 0.0, 0.0))
    cores.share_cores(2)
    assert torch.get_num_threads() == 1
    monkeypatch.setattr(cores.os, "getloadavg", lambda: (1.0, 0.0, 0.0))
    cores.share_cores(2)
    assert torch.get_num_threads() == 2


def test_the_share_of_the_peak_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diary = Diary(tmp_path / "diary.jsonl")
    diary.begin("full", flops_per_image=50e9, peak_flops=1000e12)
    diary.progress(Progress(1, 2, 0.5, 1.0, 2.0, 0.1, 4000.0, 2.0, 60.0, 60.0, {"forward": 1.0}))
    assert "200.0 TFLOP/s (20.0% of the bf16 peak)" in capsys.readouterr().out
    assert json.loads((tmp_path / "diary.jsonl").read_text())["of_peak"] == 0.2


def test_the_courses_ship_what_fits_in_the_box() -> None:
    for course in COURSES.values():
        network = SSD(300, 21, SSD300_VOC.boxes_per_cell, width=course.width)
        assert sum(p.numel() for p in network.parameters()) * 2 < ship.LARGEST_BYTES
        assert course.stages[-1].side == 300
    convolution = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
    assert detect.training_flops(convolution, 10, torch.device("cpu")) == 3 * 2 * 100 * 27 * 8
