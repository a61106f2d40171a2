"""The shelf: what lies on it, under safe names; one broken file hides nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from detector.bundled import bundled_dir
from detector.errors import DetectorError
from detector.importers import preview_model, read_labels
from detector.importers.base import Overrides
from detector.library import Shelf
from detector.model_file import how_to_get, open_file
from detector.registry import MODELS
from detector.weights import load_spec, load_state
from tests.support.tiny_models import random_spec, save_checkpoint, save_random
from tools.fixtures.tiny_ir import save_tiny_ir


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    bundled = tmp_path / "bundled"
    save_random(bundled / "demo.safetensors", replace(random_spec(), demo=True))
    return Shelf(tmp_path / "user", bundled)


def test_a_fresh_shelf_has_the_bundled_model_and_the_known_ones(shelf: Shelf) -> None:
    entries = shelf.list()
    assert entries[0].name == entries[0].spec.name == "demo"
    assert entries[0].bundled
    assert {e.name for e in entries[1:]} == set(MODELS)
    assert all(e.path is None and not e.bundled for e in entries[1:])
    assert not shelf.user_dir.exists()


def test_an_import_is_found_listed_and_removed(shelf: Shelf, tmp_path: Path) -> None:
    state = save_checkpoint(tmp_path / "faces.pth")
    entry = shelf.import_file(tmp_path / "faces.pth", "my-faces").entry
    assert shelf.find("my-faces") == entry
    assert entry.spec.name == "my-faces"
    assert entry.spec.labels == ("face",)
    assert entry in shelf.list()
    assert entry.path is not None
    assert torch.equal(load_state(entry.path, entry.spec)["extras.0.0.weight"], state["extras.0.0.weight"])
    shelf.remove("my-faces")
    assert entry not in shelf.list()
    assert not entry.path.exists()


def test_a_known_model_counts_as_here_once_imported(shelf: Shelf, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.pth")
    shelf.import_file(tmp_path / "x.pth", "ultraface-slim-320")
    assert [e.path is None for e in shelf.list() if e.name == "ultraface-slim-320"] == [False]


def test_a_file_of_ours_is_opened_in_place_or_imported(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_random(path)
    assert shelf.find(path).path == path
    assert shelf.find(str(path)).name == "mine"
    entry = shelf.import_file(path, "copy").entry
    path.unlink()
    assert entry.path is not None
    assert load_spec(entry.path).name == "copy"


def test_an_ir_model_is_opened_in_place_or_imported(shelf: Shelf, tmp_path: Path) -> None:
    path = save_tiny_ir(tmp_path)
    assert open_file(path).spec.labels == ("class 1", "class 2")
    entry = shelf.import_file(path, "tiny", Overrides(labels=("cat", "dog"))).entry
    assert entry.path is not None
    assert sorted(p.name for p in entry.path.iterdir()) == ["model.bin", "model.xml", "spec.json"]
    assert shelf.find("tiny").spec.labels == ("cat", "dog")
    assert shelf.find(entry.path).spec.labels == ("cat", "dog")
    assert shelf.import_file(path.with_suffix(".bin"), "tiny2").entry.spec.labels == ("class 1", "class 2")
    shelf.remove("tiny")
    assert [p.name for p in shelf.user_dir.iterdir()] == ["tiny2"]


BAD_NAMES = ["", ".", "..", "../x", "a/b", "a\\b", "/etc/x", ".hidden", "-x", "x.", "a b", "a\n", "CON", "nul.x", "é"]
BAD_NAMES += ["x" * 65, "x.safetensors", "x.part"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_no_file_names_are_refused(shelf: Shelf, tmp_path: Path, name: str) -> None:
    save_random(tmp_path / "m.safetensors")
    with pytest.raises(DetectorError, match="cannot be a model's name"):
        shelf.import_file(tmp_path / "m.safetensors", name)
    assert not shelf.user_dir.exists()


def test_a_preview_is_what_the_import_makes_and_writes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "faces.pth")
    save_random(tmp_path / "own.safetensors")
    for path in (tmp_path / "faces.pth", tmp_path / "own.safetensors", save_tiny_ir(tmp_path)):
        before = sorted(tmp_path.rglob("*"))
        seen = preview_model(path)
        assert sorted(tmp_path.rglob("*")) == before
        made = shelf.import_file(path, path.stem)
        assert seen.spec.golden is None or seen.spec.golden == made.entry.spec.golden  # asking the network is for later
        assert replace(seen.spec, name=path.stem, golden=made.entry.spec.golden) == made.entry.spec
        assert seen.notes == made.notes
    with pytest.raises(DetectorError, match="1 classes, but 2 labels"):
        preview_model(tmp_path / "faces.pth", Overrides(labels=("a", "b")))
    with pytest.raises(DetectorError, match="no file"):
        preview_model(tmp_path / "absent.pth")


def test_a_name_is_given_once(shelf: Shelf, tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    shelf.import_file(tmp_path / "m.safetensors", "mine")
    for name in ("mine", "MINE", "demo"):
        with pytest.raises(DetectorError, match=f"There is a model {name} already"):
            shelf.import_file(tmp_path / "m.safetensors", name)


def test_bundled_and_absent_models_cannot_be_removed(shelf: Shelf) -> None:
    with pytest.raises(DetectorError, match="came with the program"):
        shelf.remove("demo")
    for name in ("ssd300-vgg16-coco", "nothing", "../bundled/demo"):
        with pytest.raises(DetectorError, match=r"no model .* to remove"):
            shelf.remove(name)
    assert shelf.find("demo").bundled


def test_a_model_is_renamed_as_it_is(shelf: Shelf, tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    before = shelf.import_file(tmp_path / "m.safetensors", "mine").entry.path
    assert before is not None
    content = before.read_bytes()
    entry = shelf.rename("mine", "Street.v2")
    assert entry == shelf.find("Street.v2")
    assert entry.path == before.with_name("Street.v2.safetensors")
    assert entry.spec.name == "Street.v2"
    assert entry.path.read_bytes() == content
    assert [p.name for p in shelf.user_dir.iterdir()] == ["Street.v2.safetensors"]
    assert shelf.rename("Street.v2", "street.V2").name == "street.V2", "only the case"


def test_an_ir_model_is_renamed_as_a_whole(shelf: Shelf, tmp_path: Path) -> None:
    shelf.import_file(save_tiny_ir(tmp_path), "tiny")
    entry = shelf.rename("tiny", "crossroad")
    assert shelf.find("crossroad") == entry
    assert [p.name for p in shelf.user_dir.iterdir()] == ["crossroad"]


def test_a_rename_that_cannot_be_leaves_everything(shelf: Shelf, tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    for name in ("mine", "other"):
        shelf.import_file(tmp_path / "m.safetensors", name)
    (shelf.user_dir / "torn.safetensors").write_bytes(b"torn")
    before = sorted(p.name for p in shelf.user_dir.iterdir())
    refused = [
        ("demo", "x", "keeps its name"),
        ("nothing", "x", "no model nothing to rename"),
        ("ssd300-vgg16-coco", "x", "no model ssd300-vgg16-coco to rename"),
        ("torn", "x", "cannot be used"),
        ("mine", "OTHER", "There is a model OTHER already"),
        ("mine", "torn", "There is a model torn already"),
        ("mine", "demo", "There is a model demo already"),
        *(("mine", name, "cannot be a model's name") for name in BAD_NAMES),
    ]
    for old, new, reason in refused:
        with pytest.raises(DetectorError, match=reason):
            shelf.rename(old, new)
    assert sorted(p.name for p in shelf.user_dir.iterdir()) == before


def test_missing_weights_say_how_to_get_them(shelf: Shelf) -> None:
    with pytest.raises(DetectorError) as caught:
        shelf.find("ultraface-rfb-320")
    assert caught.value.message == "The weights of ultraface-rfb-320 are not on this computer."
    assert "https://github.com/Linzaer/" in caught.value.hint
    assert "ssd-viewer models download ultraface-rfb-320" in caught.value.hint
    with pytest.raises(DetectorError) as caught:
        shelf.find("ssd300-vgg16-coco")
    assert "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth" in caught.value.hint
    assert "models import FILE --name x" in how_to_get(random_spec(name="x"))


def test_unknown_names_and_files_are_told_apart(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"no model yolo\. Known: demo, "):
        shelf.find("yolo")
    with pytest.raises(DetectorError, match="no model file"):
        shelf.find("weights/yolo.safetensors")
    (tmp_path / "x.pth").write_bytes(b"x")
    with pytest.raises(DetectorError, match=r"models import x\.pth --name"):
        shelf.find(tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="is a folder, not a model"):
        shelf.find(tmp_path)
    with pytest.raises(DetectorError, match="There is no model"):
        shelf.find("")
    for call in (shelf.find, lambda name: shelf.import_file(Path(name), "x")):
        with pytest.raises(DetectorError, match="Cannot read yolo"):
            call("yolo" * 100)  # longer than a file's name may be


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _break_description(path: Path) -> None:
    path.write_bytes(re.sub(rb'(\\"format\\"): \d', rb"\1: 9", path.read_bytes()))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_cut, "cut off"),
        (_break_description, "has format 9"),
        (lambda path: path.write_bytes(b"<html>"), "not a usable safetensors file"),
    ],
)
def test_a_broken_file_hides_nothing(shelf: Shelf, damage: Callable[[Path], None], reason: str) -> None:
    save_random(shelf.user_dir / "a.safetensors")
    save_random(shelf.user_dir / "b.safetensors", seed=1)
    damage(shelf.user_dir / "a.safetensors")
    assert {e.name for e in shelf.list()} == {"demo", "b", *MODELS}
    (broken,) = shelf.broken()
    assert broken.name == "a"
    assert reason in broken.reason
    with pytest.raises(DetectorError, match="Model a cannot be used"):
        shelf.find("a")
    shelf.remove("a")
    assert shelf.broken() == ()


@pytest.mark.parametrize("part", ["model.xml", "model.bin"])
def test_an_ir_folder_without_a_part_is_broken(shelf: Shelf, tmp_path: Path, part: str) -> None:
    entry = shelf.import_file(save_tiny_ir(tmp_path), "tiny").entry
    assert entry.path is not None
    (entry.path / part).unlink()
    assert [b.reason for b in shelf.broken()] == [f"tiny: {part} is missing."]


def test_an_ir_folder_with_a_strange_description_is_broken(shelf: Shelf, tmp_path: Path) -> None:
    from detector.spec_json import spec_to_json

    entry = shelf.import_file(save_tiny_ir(tmp_path), "tiny").entry
    assert entry.path is not None
    for content in (b"\xff\xfe", b"{}", spec_to_json(random_spec()).encode()):
        (entry.path / "spec.json").write_bytes(content)
        assert [b.name for b in shelf.broken()] == ["tiny"]


def test_the_file_name_is_the_name_and_strangers_are_ignored(shelf: Shelf) -> None:
    save_random(shelf.user_dir / "renamed.safetensors", random_spec(name="other"))
    (shelf.user_dir / "notes.txt").write_text("hello")
    (shelf.user_dir / ".import-x").mkdir()
    (shelf.user_dir / "folder").mkdir()
    (shelf.user_dir / "half.safetensors.part").write_bytes(b"")
    assert [(e.name, e.spec.name) for e in shelf.list() if e.path and not e.bundled] == [("renamed", "renamed")]
    assert shelf.broken() == ()


def test_a_users_file_does_not_shadow_a_bundled_one(shelf: Shelf) -> None:
    shutil.copytree(shelf.bundled_dir, shelf.user_dir)
    assert [e.bundled for e in shelf.list() if e.name == "demo"] == [True]


def test_a_failed_import_leaves_the_shelf_as_it_was(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    path = save_tiny_ir(tmp_path)
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(DetectorError, match="No space left on device"):
        shelf.import_file(path, "tiny")
    assert list(shelf.user_dir.iterdir()) == []


def test_labels_come_from_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat\r\n\r\n guide dog \n".encode())
    assert read_labels(path) == ("cat", "guide dog")
    for content in (b"", b"a\na\n", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(DetectorError):
            read_labels(path)
    with pytest.raises(DetectorError, match="Cannot read"):
        read_labels(tmp_path / "absent.txt")


def test_labels_must_be_as_many_as_the_classes(shelf: Shelf, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x.pth")
    with pytest.raises(DetectorError, match="1 classes, but 2 labels"):
        shelf.import_file(tmp_path / "x.pth", "x", Overrides(labels=("a", "b")))
    assert shelf.import_file(tmp_path / "x.pth", "x", Overrides(labels=("visage",))).entry.spec.labels == ("visage",)
    with pytest.raises(DetectorError, match="2 classes; 1 labels"):
        shelf.import_file(save_tiny_ir(tmp_path), "tiny", Overrides(labels=("a",)))


def test_the_bundled_folder_is_the_checkouts_or_the_executables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path
) -> None:
    assert bundled_dir() == repository / "weights"
    monkeypatch.setattr("sys._MEIPASS", str(tmp_path), raising=False)
    assert bundled_dir() == tmp_path / "weights"
