"""``ssd-viewer train``: the command as it is typed."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.cli import main
from app.cli.train_display import TrainingDisplay
from detector.evaluation.results import DataSet
from detector.model_file import open_file
from detector.runtime.network import load_network
from detector.training.batches import Batch
from detector.training.checkpoint import read_checkpoint
from detector.training.trainer import Trainer
from detector.weights import load_spec
from tests.support.one_thread import one_thread
from tests.support.training_sets import LABELS, make_blocks

_TINY = ["--width", "0.0625", "--batch", "2", "--batch-norm", "--rate", "0.01", "--device", "cpu", "--threads", "1"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads and the allocator are the whole process's business."""
    monkeypatch.setattr("detector.training.allocator.keep_freed_memory", lambda: True)
    with one_thread():
        yield


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Four images as a VOC tree with a list for training."""
    root = tmp_path / "voc"
    write_voc(root, make_blocks(root / "JPEGImages", 4))
    return root


def write_voc(root: Path, data: DataSet) -> None:
    """Annotations and a list, beside images that are there already."""
    (root / "Annotations").mkdir(parents=True)
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for image in data.images:
        objects = "".join(
            f"<object><name>{LABELS[k]}</name><difficult>0</difficult><bndbox>"
            f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2 + 1}</xmax><ymax>{y2 + 1}</ymax></bndbox></object>"
            for (x1, y1, x2, y2), k in zip(image.boxes_xyxy.tolist(), image.class_ids.tolist(), strict=True)
        )
        size = f"<size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>"
        text = f"<annotation><filename>{image.file_name}</filename>{size}{objects}</annotation>"
        (root / "Annotations" / f"{image.image_id}.xml").write_text(text)
    names = "".join(f"{image.image_id}\n" for image in data.images)
    (root / "ImageSets" / "Main" / "train.txt").write_text(names)


def train(voc: Path, out: Path, *more: str) -> int:
    return main(["train", "--data", str(voc), "--split", "train", "--out", str(out), *_TINY, *more])


def test_from_images_to_a_model_that_opens(voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (voc / "JPEGImages" / "block001.png").write_bytes(b"no image")
    out, result = tmp_path / "blocks.safetensors", tmp_path / "result.json"
    assert train(voc, out, "--steps", "3", "--json", str(result)) == 0
    said = capsys.readouterr()
    assert f"Trained {out}" in said.out
    assert said.err.count("block001.png is not a readable image") == 1
    assert "1 image could not be read" in said.err
    spec = load_spec(out)
    assert set(spec.labels) == set(LABELS)
    assert (spec.name, spec.architecture, spec.width) == ("blocks", "ssd-vgg16", 0.0625)
    assert "train of voc" in spec.provenance
    told = json.loads(result.read_text())
    assert (told["step"], told["steps"], told["model"]) == (3, 3, str(out))
    assert sum(told["shares"].values()) == pytest.approx(1.0)
    folder = tmp_path / "blocks.training"
    names = {path.name for path in folder.iterdir()}
    assert {"checkpoint.pt", "log.jsonl", "curves.png", "curves.html"} <= names
    assert any(name.startswith("events.out.tfevents.") for name in names)
    network = load_network(open_file(out))
    with torch.no_grad():
        _, logits = network(torch.zeros(1, 3, 300, 300))
    assert logits.shape == (1, 8732, 4)


def test_the_same_command_goes_on_and_another_recipe_is_refused(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "blocks.safetensors"
    assert train(voc, out, "--steps", "1") == 0
    assert train(voc, out, "--steps", "2") == 0
    assert "Going on after step 1 of 2" in capsys.readouterr().err
    assert read_checkpoint(tmp_path / "blocks.training" / "checkpoint.pt")["step"] == 2
    assert train(voc, out, "--steps", "2", "--seed", "1") == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "another recipe: seed 0 instead of 1" in said[0]
    assert train(voc, out, "--steps", "2", "--width", "0.125") == 1
    assert "another network: its width differs" in capsys.readouterr().err
    (voc / "ImageSets" / "Main" / "train.txt").write_text("block000\nblock001\nblock002\n")
    assert train(voc, out, "--steps", "3") == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "other data: 4 images instead of 3" in said[0]
    assert read_checkpoint(tmp_path / "blocks.training" / "checkpoint.pt")["step"] == 2


def test_odd_data_are_named_and_learnt_from_as_far_as_they_go(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (voc / "JPEGImages" / "block000.png").unlink()
    for stem, edge in (("block001", "9000"), ("block002", "nonsense")):
        path = voc / "Annotations" / f"{stem}.xml"
        path.write_text(re.sub(r"<xmax>[\d.]+</xmax>", f"<xmax>{edge}</xmax>", path.read_text(), count=1))
    path = voc / "Annotations" / "block003.xml"
    path.write_text(re.sub(r"<object>.*</object>", "", path.read_text()))  # nothing to see in it
    assert train(voc, tmp_path / "x.safetensors", "--steps", "2") == 0
    said = capsys.readouterr().err.splitlines()
    for words in (
        "1 image is missing (block000",
        "block000.png cannot be read: No such file or directory. The training goes on without it",
        "1 box reaches beyond its image and is cut off at the edge (box 1 in block001.png)",
        "1 object whose box is no box of numbers, left out",
        "1 image could not be read",
    ):
        assert sum(words in line for line in said) == 1, (words, said)


def fill_disk(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """No room any more for files with one of these in their name."""
    real = os.fsync

    def full(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if any(kind in Path(path).name for kind in kinds):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)


def test_a_disk_too_full_for_the_last_checkpoint_costs_no_finished_model(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_disk(monkeypatch, "checkpoint")
    out = tmp_path / "x.safetensors"
    assert train(voc, out, "--steps", "1") == 0
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 2
    assert "No space left on device. The training is at its end all the same." in said[1]
    assert set(load_spec(out).labels) == set(LABELS)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("stopped", [False, True])
def test_a_disk_that_is_full_at_the_end_is_one_line(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    if stopped:
        (voc / "JPEGImages" / "block001.png").write_bytes(b"no image")  # noted when the first steps are done
        monkeypatch.setattr(TrainingDisplay, "note", lambda _self, _line: os.kill(os.getpid(), signal.SIGINT))
    fill_disk(monkeypatch, "checkpoint", "x.safetensors")
    out = tmp_path / "x.safetensors"
    assert train(voc, out, "--steps", "100000" if stopped else "1") == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert "No space left on device" in said[-1]
    assert sum("Cannot write" in line and "at its end" not in line for line in said) == 1
    assert not out.exists()
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_saves_first(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(TrainingDisplay, "note", lambda _self, _line: os.kill(os.getpid(), number))
    (voc / "JPEGImages" / "block001.png").write_bytes(b"no image")  # noted when the first steps are done
    out = tmp_path / "blocks.safetensors"
    assert train(voc, out, "--steps", "100000") == 130
    assert "Stopped after step" in capsys.readouterr().out
    step = read_checkpoint(tmp_path / "blocks.training" / "checkpoint.pt")["step"]
    assert 0 < step < 100000
    assert not out.exists()


def test_a_model_is_fine_tuned_for_other_classes_and_measured(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    assert train(voc, first, "--steps", "1") == 0
    command = ["train", "--data", str(voc), "--split", "train", "--out", str(second), "--start", str(first)]
    command += ["--classes", "red,blue", "--steps", "1", "--batch", "2", "--device", "cpu", "--rate", "0.0001"]
    assert main([*command, "--validate", str(voc), "--validate-split", "train"]) == 0
    said = capsys.readouterr()
    assert "VOC07 mAP" in said.out
    assert said.err.count("4 of the 4 images to measure on are also trained on") == 1
    spec = load_spec(second)
    assert spec.labels == ("red", "blue")
    assert list(spec.accuracy) == ["VOC07 mAP on train"]
    assert "from the model first" in spec.provenance


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--classes", "horse"], 1, "no class 'horse'"),
        (["--classes", " , "], 2, "no class is named"),
        (["--classes", "red,purple"], 1, "no class 'purple'"),
        (["--split", "valley"], 1, "valley"),
        (["--rate", "-1"], 2, "rate must be a number from 0"),
        (["--epochs", "1", "--steps", "2"], 2, "exclude each other"),
        (["--width", "9"], 2, "width must be a number"),
        (["--start", "nothing.safetensors", "--no-batch-norm"], 1, "nothing.safetensors"),
        (["--start", "x.pth", "--no-batch-norm"], 1, "x.pth"),
        (["--start", "demo"], 1, "without batch normalisation"),
        (["--device", "cuda:7"], 1, "no GPU cuda:7"),
        (["--device", "toaster"], 1, "toaster is not supported"),
        (["--device", "cuda:x"], 1, "cuda:x is not supported"),
        (["--device", "cudas"], 1, "cudas is not supported"),
        (["--recipe", "missing.json"], 2, "missing.json cannot be read"),
        (["--steps", "2", "--rate", "100", "--clip-norm", "0", "--no-batch-norm"], 1, "not a number"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
) -> None:
    assert train(voc, tmp_path / "x.safetensors", *more) == code
    said = [line for line in capsys.readouterr().err.splitlines() if "Going on" not in line]
    assert len(said) == 1
    assert words in said[0]
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("lists", "chosen"), [(("train", "test"), "train"), (("train", "trainval", "val"), "trainval")]
)
def test_what_is_meant_for_measuring_is_not_learnt_unasked(
    voc: Path, tmp_path: Path, lists: tuple[str, ...], chosen: str
) -> None:
    folder = voc / "ImageSets" / "Main"
    names = (folder / "train.txt").read_text()
    for name in lists:
        (folder / f"{name}.txt").write_text(names)
    out = tmp_path / "x.safetensors"
    assert main(["train", "--data", str(voc), "--out", str(out), *_TINY, "--steps", "1"]) == 0
    assert f"Trained on {chosen} of voc" in load_spec(out).provenance


def test_a_set_for_measuring_only_is_not_learnt_unasked(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = voc / "ImageSets" / "Main"
    (folder / "train.txt").rename(folder / "test.txt")
    assert main(["train", "--data", str(voc), "--out", str(tmp_path / "x.safetensors"), *_TINY]) == 1
    assert "no list named train or trainval" in capsys.readouterr().err


def test_a_name_that_is_no_model_file_is_wrong_usage(voc: Path, tmp_path: Path) -> None:
    assert train(voc, tmp_path / "x.bin") == 2
    assert main(["train", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x.safetensors")]) == 1


def test_a_memory_too_small_is_one_line(
    voc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_trainer: Trainer, _batch: Batch) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Trainer, "advance", full)
    assert train(voc, tmp_path / "x.safetensors", "--steps", "1") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "The memory of cpu is too small for this training." in line
    assert "(--batch, --rate, --width)" in line
