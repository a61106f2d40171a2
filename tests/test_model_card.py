"""The documents say of the VOC detector what its file says, or that there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from detector.labels import VOC20
from tests.support.model_files import put_model
from tools import model_card
from tools.model_card import BLOCKS, DOCUMENTS, ROOT, filled

EMPTY = "".join(f"before\n<!-- voc: {name} -->\nold\n<!-- end -->\nafter\n" for name in BLOCKS)


def put_voc(folder: Path) -> Path:
    accuracy = {"VOC07 mAP on val.txt (500 pictures)": 0.3456}
    how = "crops: 10 steps, 30 minutes on cpu | detect: 5 steps, 90 minutes on cpu"
    return put_model(folder, "voc", VOC20, accuracy=accuracy, provenance=how, licence="MIT", width=0.25)


def test_blocks_are_filled_from_the_file(tmp_path: Path) -> None:
    path = put_voc(tmp_path)
    text = filled(EMPTY, path)
    for words in (
        "**VOC07 mAP 0.346 on val.txt (500 pictures)**",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        "ssd-vgg16, width 0.25; 20 classes",
        "30 minutes on cpu \\| detect",
        "| 120 minutes on cpu | VOC07 mAP 0.346",
        "what runs unless you choose another, is `voc`",
    ):
        assert words in text, words
    assert "old" not in text
    assert text.count("before\n") == text.count("after\n") == 3
    assert filled(text, path) == text


def test_without_the_file_they_say_so(tmp_path: Path) -> None:
    text = filled(EMPTY, tmp_path / "voc.safetensors")
    for words in ("not in the box yet", "not finished yet", "In the box is `demo`"):
        assert words in text, words
    assert filled(filled(text, put_voc(tmp_path)), tmp_path / "none.safetensors") == text


def test_every_block_has_its_place_and_the_command_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
    for name in BLOCKS:
        assert sum(text.count(f"<!-- voc: {name} -->\n") for text in texts.values()) == 1
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(model_card, "ROOT", tmp_path)
    assert model_card.main(["--model", str(put_voc(tmp_path))]) == 0
    assert "weights/README.md is new" in capsys.readouterr().out
    for name in DOCUMENTS:
        assert "0.346" in (tmp_path / name).read_text(encoding="utf-8")
    assert model_card.main(["--model", str(tmp_path / "voc.safetensors")]) == 0
    assert capsys.readouterr().out == ""
