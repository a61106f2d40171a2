"""How the window phrases what helps."""

from __future__ import annotations

import pytest

from app.ui.remedies import phrased
from detector.errors import DetectorError, Remedy


@pytest.mark.parametrize(
    ("hint", "remedies", "shown"),
    [
        ("Assume other sizes.", [Remedy("priors", "voc")], "Assume other sizes (“Default boxes: VOC”)."),
        ("Swap them.", [Remedy("channels", "bgr")], "Swap them (“Channel order: BGR”)."),
        ("Name it.", [Remedy("layout", "amdegroot")], "Name it (“Layout: amdegroot/ssd.pytorch SSD300”)."),
        ("Name it.", [Remedy("layout", "of-tomorrow")], "Name it (“Layout: of-tomorrow”)."),
        ("List them.", [Remedy("labels"), Remedy("labels")], "List them (“Class names”)."),
        ("List them.", [Remedy("labels", "FILE")], "List them (“Class names”)."),
        ("Run it on the CPU.", [Remedy("device", "cpu")], "Run it on the CPU (“Device: CPU” in Preferences)."),
        ("Leave the fields.", [Remedy("deinterlace", omit=True)], "Leave the fields (without “Deinterlace”)."),
        ("Import it.", [Remedy(command="models import", value="a.pth")], "Import it (“Import a model file…”)."),
        ("Write elsewhere.", [Remedy("out")], "Write elsewhere."),
        ("", [Remedy("priors", "coco")], "Try “Default boxes: COCO”."),
        ("", [Remedy("weights-dir"), Remedy(command="models gc")], ""),
        ("Close programs.", [], "Close programs."),
    ],
)
def test_controls_follow_the_hint_they_belong_to(hint: str, remedies: list[Remedy], shown: str) -> None:
    assert phrased(DetectorError("It failed.", hint, *remedies)) == f"It failed. {shown}".strip()
