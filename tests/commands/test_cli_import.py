"""`models import`: what was recognised and assumed is said, and what the user says otherwise is done."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
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


def test_the_ways_to_read_a_graph_are_compared_on_an_image(capsys: Capture, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from detector.importers.graph_description import SCALES
    from tests.support.tiny_graphs import save_ssd_decoded

    graph = save_ssd_decoded(tmp_path / "net.onnx")
    image = tmp_path / "red.png"
    cv2.imwrite(str(image), np.full((50, 100, 3), (0, 0, 255), np.uint8))
    options = ["--channels", "rgb", "--fit", "warp", "--scores", "none", "--compare", image]
    code, out, _ = run(capsys, "models", "import", graph, "--name", "net", *options)
    assert code == 0
    rows = [line.split() for line in out.splitlines()[:6]]
    assert rows[0] == ["WAY", "OBJECTS", "BEST", "SHARPNESS"]
    assert rows[1][0] in ("--scale=0-255", "--scale=0-1")
    assert ["as", "assumed"] in [row[:2] for row in rows]
    _, out, _ = run(capsys, "models", "import", graph, "--name", "again", *options, "--json", "-")
    assert len(json.loads(out)["alternatives"]) == len(SCALES)


@pytest.mark.parametrize("option", [("--size", "3x4"), ("--scale", "0-2"), ("--rule", "ssd"), ("--fit", "crop")])
def test_an_unknown_choice_for_a_graph_is_wrong_usage(capsys: Capture, weights: Path, option: tuple[str, str]) -> None:
    assert run(capsys, "models", "import", weights, "--name", "mine", *option)[0] == 2


def test_choices_for_graphs_mean_nothing_for_weights(capsys: Capture, weights: Path) -> None:
    code, _, err = run(capsys, "models", "import", weights, "--name", "mine", "--scale=-1-1")
    assert code == 1
    check_one_line(err, "without --scale")


def test_a_network_goes_out_and_comes_back(capsys: Capture, tmp_path: Path) -> None:
    assert run(capsys, "models", "export", "demo", "--openvino", tmp_path / "demo.xml")[0] == 0
    assert run(capsys, "models", "import", tmp_path / "demo.xml", "--name", "again")[0] == 0
    assert run(capsys, "models", "export", "demo", "--openvino", tmp_path / "demo.txt")[0] == 1
