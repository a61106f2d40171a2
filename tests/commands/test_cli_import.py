"""`models import`: what was recognised and assumed is said, and what the user says otherwise is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from app.core.models import user_library
from tests.support.command_line import Capture, check_one_line, run
from tests.support.vgg_layouts import LAYOUTS, random_state


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file as amdegroot's program writes it."""
    torch.save(random_state(LAYOUTS["amdegroot"], 300, 21), tmp_path / "ssd300.pth")
    return tmp_path / "ssd300.pth"


def test_notes_are_shown_and_can_be_read_by_programs(capsys: Capture, weights: Path) -> None:
    code, out, err = run(capsys, "models", "import", weights, "--name", "mine")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Recognised as amdegroot/ssd.pytorch SSD300, by its tensors vgg.0.weight, loc.0.weight."
    assert lines[-1] == "Imported mine: 20 classes, SSD300 VGG-16."
    for option in ("--priors coco", "--channels bgr", "--labels FILE"):
        assert any(option in line for line in lines)
    _, out, _ = run(capsys, "models", "import", weights, "--name", "again", "--json", "-")
    assert json.loads(out)["notes"] == lines[:-1]


def test_what_the_user_says_is_done(capsys: Capture, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join(f"thing {n}" for n in range(20)))
    options = ["--layout", "amdegroot", "--priors", "coco", "--channels", "bgr", "--labels", tmp_path / "names.txt"]
    code, out, _ = run(capsys, "models", "import", weights, "--name", "mine", *options)
    assert code == 0
    assert out.startswith("Taken as amdegroot/ssd.pytorch SSD300, as you said.\n")
    spec = user_library().find("mine").spec
    assert spec.labels[0] == "thing 0"
    assert spec.input.channels == "bgr"
    assert spec.config is not None
    assert spec.config.min_sizes[0] == (21.0,)


def test_a_label_file_of_other_length_is_refused(capsys: Capture, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    code, _, err = run(capsys, "models", "import", weights, "--name", "mine", "--labels", tmp_path / "names.txt")
    assert code == 1
    check_one_line(err, "The model has 20 classes, but 2 labels were given.")
    assert "mine" not in {entry.name for entry in user_library().list()}


@pytest.mark.parametrize("option", [("--layout", "yolo"), ("--priors", "lvis"), ("--channels", "grey")])
def test_an_unknown_choice_is_wrong_usage(capsys: Capture, weights: Path, option: tuple[str, str]) -> None:
    assert run(capsys, "models", "import", weights, "--name", "mine", *option)[0] == 2


def test_help_names_every_layout(capsys: Capture) -> None:
    code, out, _ = run(capsys, "models", "import", "--help")
    assert code == 0
    for layout in LAYOUTS:
        assert f"  {layout}  " in out
