"""Names of classes in a file beside the weights, and where they are said to be from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from detector.errors import DetectorError
from detector.importers.base import Overrides
from detector.importers.conversion import convert_weights
from tests.support.shared_data import shared
from tests.support.tiny_models import random_spec, random_state


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of one class, which its file does not name."""
    path = tmp_path_factory.mktemp("weights") / "net-320.pth"
    torch.save(random_state(random_spec("ultraface-slim")), path)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "helmet\n"),
        ("net-320-labels.txt", "BACKGROUND\nhelmet\n"),
        ("labelmap.pbtxt", "item {\n  id: 1\n  name: 'helmet'\n}\n"),
        ("coco.names", "helmet"),
    ],
)
def test_names_beside_the_weights_are_taken_and_said(weights: Path, tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / weights.name
    file.write_bytes(weights.read_bytes())
    assert convert_weights(file).spec.labels == ("face",)
    (tmp_path / name).write_text(text)
    imported = convert_weights(file)
    assert imported.spec.labels == ("helmet",)
    said = [note for note in imported.notes if any(remedy.option == "labels" for remedy in note.remedies)]
    assert [name in note.text for note in said] == [True]
    assert convert_weights(file, Overrides(labels=("cap",))).spec.labels == ("cap",), "the user's word comes first"


def test_names_of_another_number_are_another_models(weights: Path, tmp_path: Path) -> None:
    file = tmp_path / weights.name
    file.write_bytes(weights.read_bytes())
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    assert convert_weights(file).spec.labels == ("face",)
    with pytest.raises(DetectorError, match="3 labels"):
        convert_weights(file, Overrides(labels=("a", "b", "c")))


def test_a_published_file_keeps_its_names(tmp_path: Path) -> None:
    file = tmp_path / "version-slim-320.pth"
    file.write_bytes(shared("weights/ultraface/version-slim-320.pth").read_bytes())
    (tmp_path / "labels.txt").write_text("helmet\n")
    assert convert_weights(file).spec.labels == ("face",)
