"""Space between things comes in steps of four pixels; one or two are hairlines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_CALL = re.compile(r"(?:Margins|setSpacing|addSpacing|setHorizontalSpacing|setVerticalSpacing)\(([^()]*)\)")
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
_HAIRLINE = 2
_PLACES = ("settings", "models", "widgets", "faults", "about.py", "guides.py", "help_sheet.py")


def off_the_grid(text: str) -> list[str]:
    """Returns the calls that space things by other steps."""
    return [
        call.group()
        for call in _CALL.finditer(text)
        if any(int(number) > _HAIRLINE and int(number) % 4 for number in _NUMBER.findall(call.group(1)))
    ]


@pytest.mark.parametrize("place", _PLACES)
def test_spacing_comes_in_steps_of_four(repository: Path, place: str) -> None:
    where = repository / "app" / "ui" / place
    files = sorted(where.glob("*.py")) if where.is_dir() else [where]
    assert files
    found = {file.name: calls for file in files if (calls := off_the_grid(file.read_text("utf-8")))}
    assert found == {}


def test_the_check_finds_faults() -> None:
    assert off_the_grid("box.setSpacing(9)\nbox.setContentsMargins(16, 8, 1, 0)") == ["setSpacing(9)"]
