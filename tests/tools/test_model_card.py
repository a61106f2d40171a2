"""The documents say of the models in the box what their files say, or that there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from detector.labels import COCO80, VOC20
from tests.support.model_files import put_model
from tools import model_card
from tools.model_card import BLOCKS, DOCUMENTS, ROOT, filled

PLACES = [*(("everyday", name) for name in BLOCKS), ("demo", "card")]
EMPTY = "".join(f"before\n<!-- {model}: {name} -->\nold\n<!-- end -->\nafter\n" for model, name in PLACES)


def put_everyday(folder: Path) -> Path:
    accuracy = {"VOC07 mAP on val.txt (500 pictures)": 0.7456}
    how = "first: 10 steps, 30 minutes on cpu | then: 5 steps, 90 minutes on cpu"
    words = {"provenance": how, "licence": "Apache-2.0; whose start"}
    return put_model(folder, "everyday", COCO80, accuracy=accuracy, threshold=0.38, **words)


def put_demo(folder: Path) -> Path:
    how = "Trained on drawn scenes. 7 minutes on cpu."
    return put_model(
        folder, "demo", VOC20, accuracy={"AP50 on 500 scenes": 0.9}, provenance=how, licence="MIT", width=0.125
    )


def test_blocks_are_filled_from_the_file(tmp_path: Path) -> None:
    path = put_everyday(tmp_path)
    put_demo(tmp_path)
    text = filled(EMPTY, tmp_path)
    for words in (
        "**VOC07 mAP 0.746 on val.txt (500 pictures)**",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        "ssd-vgg16; 80 classes",
        "ssd-vgg16, width 0.125; 20 classes",
        "30 minutes on cpu \\| then",
        "| 120 minutes on cpu | VOC07 mAP 0.746",
        "| Threshold | 0.38, used until another is chosen |",
        "| Licence | Apache-2.0; whose start |",
        "**AP50 0.900 on 500 scenes**",
        "| `python -m tools.demo.train`, drawn shapes | 7 minutes on cpu | AP50 0.900 on 500 scenes |",
        "The bundled default is `everyday`: 80 kinds of things",
    ):
        assert words in text, words
    assert "\nold" not in text
    assert text.count("before\n") == text.count("after\n") == 4
    assert filled(text, tmp_path) == text


def test_without_the_file_they_say_so(tmp_path: Path) -> None:
    text = filled(EMPTY, tmp_path)
    for words in ("is not bundled", "not finished yet", "The bundled model is `demo`"):
        assert words in text, words
    put_everyday(tmp_path)
    assert filled(filled(text, tmp_path), tmp_path / "empty") == text


def test_every_block_has_its_place_and_the_command_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    for model, name in PLACES:
        assert sum(text.count(f"<!-- {model}: {name} -->\n") for text in texts.values()) == 1
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(model_card, "ROOT", tmp_path)
    assert model_card.main(["--weights", str(put_everyday(tmp_path).parent)]) == 0
    assert "weights/README.md is new" in capsys.readouterr().out
    for name in DOCUMENTS:
        assert "0.746" in (tmp_path / name).read_text(encoding="utf-8")
    assert model_card.main(["--weights", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
