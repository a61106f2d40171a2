"""How the command line phrases what helps."""

from __future__ import annotations

import pytest

from app.cli.remedies import phrased
from detector.errors import DetectorError, Remedy


@pytest.mark.parametrize(
    ("hint", "remedies", "shown"),
    [
        ("Run on the CPU.", [Remedy("device", "cpu")], "Run on the CPU (--device cpu)."),
        ("Name the classes.", [Remedy("map")], "Name the classes (--map)."),
        ("Leave the fields.", [Remedy("deinterlace", omit=True)], "Leave the fields (without --deinterlace)."),
        ("Skip it.", [Remedy("versus", "torch", omit=True)], "Skip it (without --versus torch)."),
        ("Import it.", [Remedy(command="models import", value="a.pth")], "Import it (ssd-viewer models import a.pth)."),
        ("", [Remedy("priors", "voc")], "Try --priors voc."),
        ("Close programs.", [], "Close programs."),
        ("", [], ""),
    ],
)
def test_flags_follow_the_hint_they_belong_to(hint: str, remedies: list[Remedy], shown: str) -> None:
    assert phrased(DetectorError("It failed.", hint, *remedies)) == f"It failed. {shown}".strip()
