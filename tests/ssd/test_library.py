"""The library: its models, under safe names; one broken file hides nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from detector.bundled_files import bundled_dir
from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides
from detector.importers.label_file import read_labels
from detector.importers.model_writer import preview_model
from detector.library import ModelLibrary
from detector.model_file import how_to_get, open_file
from detector.registry import MODELS
from detector.weights import load_spec, load_state
from tests.support.tiny_models import random_spec, save_checkpoint, save_random
from tools.fixtures.tiny_ir import save_tiny_ir


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    bundled = tmp_path / "bundled"
    save_random(bundled / "demo.safetensors", replace(random_spec(), demo=True))
    return ModelLibrary(tmp_path / "user", bundled)


def test_a_fresh_library_has_the_bundled_model_and_the_known_ones(library: ModelLibrary) -> None:
    entries = library.list()
    assert entries[0].name == entries[0].spec.name == "demo"
    assert entries[0].bundled
    assert {e.name for e in entries[1:]} == set(MODELS)
    assert all(e.path is None and not e.bundled for e in entries[1:])
    assert not library.user_dir.exists()


def test_an_import_is_found_listed_and_removed(library: ModelLibrary, tmp_path: Path) -> None:
    state = save_checkpoint(tmp_path / "faces-320.pth")
    entry = library.import_file(tmp_path / "faces-320.pth", "my-faces").entry
    assert library.find("my-faces") == entry
    assert entry.spec.name == "my-faces"
    assert entry.spec.labels == ("face",)
    assert entry in library.list()
    assert entry.path is not None
    assert torch.equal(load_state(entry.path, entry.spec)["extras.0.0.weight"], state["extras.0.0.weight"])
    library.remove("my-faces")
    assert entry not in library.list()
    assert not entry.path.exists()


def test_a_known_model_counts_as_here_once_imported(library: ModelLibrary, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x-320.pth")
    library.import_file(tmp_path / "x-320.pth", "ultraface-slim-320")
    assert [e.path is None for e in library.list() if e.name == "ultraface-slim-320"] == [False]


def test_a_file_of_ours_is_opened_in_place_or_imported(library: ModelLibrary, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_random(path)
    assert library.find(path).path == path
    assert library.find(str(path)).name == "mine"
    entry = library.import_file(path, "copy").entry
    path.unlink()
    assert entry.path is not None
    assert load_spec(entry.path).name == "copy"


def test_an_ir_model_is_opened_in_place_or_imported(library: ModelLibrary, tmp_path: Path) -> None:
    path = save_tiny_ir(tmp_path)
    assert open_file(path).spec.labels == ("class 1", "class 2")
    entry = library.import_file(path, "tiny", Overrides(labels=("cat", "dog"))).entry
    assert entry.path is not None
    assert sorted(p.name for p in entry.path.iterdir()) == ["model.bin", "model.xml", "spec.json"]
    assert library.find("tiny").spec.labels == ("cat", "dog")
    assert library.find(entry.path).spec.labels == ("cat", "dog")
    assert library.import_file(path.with_suffix(".bin"), "tiny2").entry.spec.labels == ("class 1", "class 2")
    library.remove("tiny")
    assert [p.name for p in library.user_dir.iterdir()] == ["tiny2"]


BAD_NAMES = ["", ".", "..", "../x", "a/b", "a\\b", "/etc/x", ".hidden", "-x", "x.", "a b", "a\n", "CON", "nul.x", "é"]
BAD_NAMES += ["x" * 65, "x.safetensors", "x.part"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_no_file_names_are_refused(library: ModelLibrary, tmp_path: Path, name: str) -> None:
    save_random(tmp_path / "m.safetensors")
    with pytest.raises(DetectorError, match="cannot be a model's name"):
        library.import_file(tmp_path / "m.safetensors", name)
    assert not library.user_dir.exists()


def test_a_preview_is_what_the_import_makes_and_writes_nothing(library: ModelLibrary, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "faces-320.pth")
    save_random(tmp_path / "own.safetensors")
    for path in (tmp_path / "faces-320.pth", tmp_path / "own.safetensors", save_tiny_ir(tmp_path)):
        before = sorted(tmp_path.rglob("*"))
        seen = preview_model(path)
        assert sorted(tmp_path.rglob("*")) == before
        made = library.import_file(path, path.stem)
        assert seen.spec.golden is None or seen.spec.golden == made.entry.spec.golden  # asking the network is for later
        assert replace(seen.spec, name=path.stem, golden=made.entry.spec.golden) == made.entry.spec
        assert seen.notes == made.notes
    with pytest.raises(DetectorError, match="1 classes, but 2 labels"):
        preview_model(tmp_path / "faces-320.pth", Overrides(labels=("a", "b")))
    with pytest.raises(DetectorError, match="no file"):
        preview_model(tmp_path / "absent.pth")


def test_a_name_is_given_once(library: ModelLibrary, tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    library.import_file(tmp_path / "m.safetensors", "mine")
    for name in ("mine", "MINE", "demo"):
        with pytest.raises(DetectorError, match=f"There is a model {name} already"):
            library.import_file(tmp_path / "m.safetensors", name)


def test_bundled_and_absent_models_cannot_be_removed(library: ModelLibrary) -> None:
    with pytest.raises(DetectorError, match="came with the program"):
        library.remove("demo")
    for name in ("ssd300-vgg16-coco", "nothing", "../bundled/demo"):
        with pytest.raises(DetectorError, match=r"no model .* to remove"):
            library.remove(name)
    assert library.find("demo").bundled


def test_a_model_is_renamed_as_it_is(library: ModelLibrary, tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    before = library.import_file(tmp_path / "m.safetensors", "mine").entry.path
    assert before is not None
    content = before.read_bytes()
    entry = library.rename("mine", "Street.v2")
    assert entry == library.find("Street.v2")
    assert entry.path == before.with_name("Street.v2.safetensors")
    assert entry.spec.name == "Street.v2"
    assert entry.path.read_bytes() == content
    assert [p.name for p in library.user_dir.iterdir()] == ["Street.v2.safetensors"]
    assert library.rename("Street.v2", "street.V2").name == "street.V2", "only the case"


def test_an_ir_model_is_renamed_as_a_whole(library: ModelLibrary, tmp_path: Path) -> None:
    library.import_file(save_tiny_ir(tmp_path), "tiny")
    entry = library.rename("tiny", "crossroad")
    assert library.find("crossroad") == entry
    assert [p.name for p in library.user_dir.iterdir()] == ["crossroad"]


def test_a_rename_that_cannot_be_leaves_everything(library: ModelLibrary, tmp_path: Path) -> None:
    save_random(tmp_path / "m.safetensors")
    for name in ("mine", "other"):
        library.import_file(tmp_path / "m.safetensors", name)
    (library.user_dir / "torn.safetensors").write_bytes(b"torn")
    before = sorted(p.name for p in library.user_dir.iterdir())
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
            library.rename(old, new)
    assert sorted(p.name for p in library.user_dir.iterdir()) == before


def test_missing_weights_say_how_to_get_them(library: ModelLibrary) -> None:
    with pytest.raises(DetectorError) as caught:
        library.find("ultraface-rfb-320")
    assert "https://github.com/Linzaer/" in caught.value.hint
    assert caught.value.remedies == (Remedy(command="models download", value="ultraface-rfb-320"),)
    with pytest.raises(DetectorError) as caught:
        library.find("ssd300-vgg16-coco")
    assert "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth" in caught.value.hint
    assert how_to_get(random_spec(name="x"))[1] == Remedy(command="models import", value="FILE")


def test_unknown_names_and_files_are_told_apart(library: ModelLibrary, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"no model yolo\. Known: demo, "):
        library.find("yolo")
    with pytest.raises(DetectorError, match="no model file"):
        library.find("weights/yolo.safetensors")
    (tmp_path / "x.pth").write_bytes(b"x")
    with pytest.raises(DetectorError, match="not a model file that can be opened") as caught:
        library.find(tmp_path / "x.pth")
    assert caught.value.remedies == (Remedy(command="models import", value="x.pth"),)
    with pytest.raises(DetectorError, match="is a folder, not a model"):
        library.find(tmp_path)
    with pytest.raises(DetectorError, match="There is no model"):
        library.find("")
    for call in (library.find, lambda name: library.import_file(Path(name), "x")):
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
def test_a_broken_file_hides_nothing(library: ModelLibrary, damage: Callable[[Path], None], reason: str) -> None:
    save_random(library.user_dir / "a.safetensors")
    save_random(library.user_dir / "b.safetensors", seed=1)
    damage(library.user_dir / "a.safetensors")
    assert {e.name for e in library.list()} == {"demo", "b", *MODELS}
    (broken,) = library.broken()
    assert broken.name == "a"
    assert reason in broken.reason
    with pytest.raises(DetectorError, match="Model a cannot be used"):
        library.find("a")
    library.remove("a")
    assert library.broken() == ()


@pytest.mark.parametrize("part", ["model.xml", "model.bin"])
def test_an_ir_folder_without_a_part_is_broken(library: ModelLibrary, tmp_path: Path, part: str) -> None:
    entry = library.import_file(save_tiny_ir(tmp_path), "tiny").entry
    assert entry.path is not None
    (entry.path / part).unlink()
    assert [b.reason for b in library.broken()] == [f"tiny: {part} is missing."]


def test_an_ir_folder_with_a_strange_description_is_broken(library: ModelLibrary, tmp_path: Path) -> None:
    from detector.spec_json import spec_to_json

    entry = library.import_file(save_tiny_ir(tmp_path), "tiny").entry
    assert entry.path is not None
    for content in (b"\xff\xfe", b"{}", spec_to_json(random_spec()).encode()):
        (entry.path / "spec.json").write_bytes(content)
        assert [b.name for b in library.broken()] == ["tiny"]


def test_the_file_name_is_the_name_and_strangers_are_ignored(library: ModelLibrary) -> None:
    save_random(library.user_dir / "renamed.safetensors", random_spec(name="other"))
    (library.user_dir / "notes.txt").write_text("hello")
    (library.user_dir / ".import-x").mkdir()
    (library.user_dir / "folder").mkdir()
    (library.user_dir / "half.safetensors.part").write_bytes(b"")
    assert [(e.name, e.spec.name) for e in library.list() if e.path and not e.bundled] == [("renamed", "renamed")]
    assert library.broken() == ()


def test_a_users_file_does_not_shadow_a_bundled_one(library: ModelLibrary) -> None:
    shutil.copytree(library.bundled_dir, library.user_dir)
    assert [e.bundled for e in library.list() if e.name == "demo"] == [True]


def test_a_failed_import_leaves_the_library_as_it_was(
    library: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    path = save_tiny_ir(tmp_path)
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(DetectorError, match="No space left on device"):
        library.import_file(path, "tiny")
    assert list(library.user_dir.iterdir()) == []


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


def test_labels_must_be_as_many_as_the_classes(library: ModelLibrary, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x-320.pth")
    with pytest.raises(DetectorError, match="1 classes, but 2 labels"):
        library.import_file(tmp_path / "x-320.pth", "x", Overrides(labels=("a", "b")))
    assert library.import_file(tmp_path / "x-320.pth", "x", Overrides(labels=("visage",))).entry.spec.labels == (
        "visage",
    )
    with pytest.raises(DetectorError, match="2 classes; 1 labels"):
        library.import_file(save_tiny_ir(tmp_path), "tiny", Overrides(labels=("a",)))


def test_the_bundled_folder_is_the_checkouts_or_the_executables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path
) -> None:
    assert bundled_dir() == repository / "weights"
    monkeypatch.setattr("sys._MEIPASS", str(tmp_path), raising=False)
    assert bundled_dir() == tmp_path / "weights"
