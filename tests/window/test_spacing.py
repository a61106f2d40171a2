"""Space between things comes in steps of four pixels; one or two are hairlines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_CALL = re.compile(r"(?:Margins|setSpacing|addSpacing|setHorizontalSpacing|setVerticalSpacing)\(([^()]*)\)")
_NAMED = re.compile(r"^[A-Z_, ]*_(?:GAP|MARGIN|PAD|PADDING|SPACING)\b[A-Z_, ]*= *([\d(][^#\n]*)", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
_HAIRLINE = 2


def off_the_grid(text: str) -> list[str]:
    """Returns the calls and constants that space things by other steps."""
    return [
        found.group().strip()
        for pattern in (_CALL, _NAMED)
        for found in pattern.finditer(text)
        if any(float(number) > _HAIRLINE and float(number) % 4 for number in _NUMBER.findall(found.group(1)))
    ]


def test_spacing_comes_in_steps_of_four(repository: Path) -> None:
    files = sorted((repository / "app" / "ui").rglob("*.py"))
    assert {"view", "export", "settings", "models", "widgets", "faults"} <= {file.parent.name for file in files}
    found = {file.name: calls for file in files if (calls := off_the_grid(file.read_text("utf-8")))}
    assert found == {}


@pytest.mark.parametrize(
    "fault", ["setSpacing(9)", "Margins(16, 8, 3, 0)", "_GAP = 18", "_PADDING = (14, 8)", "_PAD = 5.0"]
)
def test_the_check_finds_faults(fault: str) -> None:
    good = "_GAP = 8\nbox.setContentsMargins(16, 8, 1, 0)\n_MARGIN, _WIDE = 12, 700\n"
    assert off_the_grid(f"{good}{fault}\n") == [fault]
