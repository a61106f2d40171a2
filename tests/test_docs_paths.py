"""Paths, modules and links that the documents name are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("app", "assets", "detector", "docs", "packaging", "tests", "tools", "weights")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "weights").glob("*.md")],
)
ABOUT_CODE = ("CONTRIBUTING.md", "architecture.md")
"""Here a folder's name alone (`sources/`) is one of ours; elsewhere it may be one of the user's."""

_TOKEN = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")
_MODULE = re.compile(r"-m ((?:app|tools)(?:\.\w+)*)")
_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_TEST = re.compile(r"tests/[\w/]+\.py")


@cache
def tree() -> frozenset[str]:
    """Everything below ``FOLDERS``, relative to the root; folders end with a slash."""
    found = {f"{path.relative_to(ROOT).as_posix()}{'/' * path.is_dir()}" for top in FOLDERS for path in _below(top)}
    return frozenset(found | {f"{top}/" for top in FOLDERS})


def _below(top: str) -> list[Path]:
    return [path for path in (ROOT / top).rglob("*") if "__pycache__" not in path.parts]


def missing(text: str, folder: Path, *, about_code: bool) -> list[str]:
    """Returns what ``text``, a document in ``folder``, names in vain."""
    names = [name for name in _TOKEN.findall(text) if _is_ours(name, about_code)] + _TEST.findall(text)
    absent = [name for name in names if not _is_there(name)]
    modules = [name for name in _MODULE.findall(text) if not _is_there_as_module(name)]
    links = [link for link in _LINK.findall(text) if "://" not in link and not (folder / link).exists()]
    return [*absent, *modules, *links]


def _is_ours(name: str, about_code: bool) -> bool:
    if "/" not in name:
        return name.endswith(".py") and about_code
    return name.split("/")[0] in FOLDERS or name.endswith(".py") or (about_code and name.endswith("/"))


def _is_there(name: str) -> bool:
    """A path from the root, or the end of one: rooms are named without the floor that they are on."""
    if name in tree() or f"{name}/" in tree():
        return True
    return any(path.endswith(f"/{name}") for path in tree())


def _is_there_as_module(name: str) -> bool:
    path = name.replace(".", "/")
    return f"{path}.py" in tree() or f"{path}/__main__.py" in tree()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert missing(text, document.parent, about_code=document.name in ABOUT_CODE) == []


def test_what_is_not_there_is_noticed() -> None:
    text = (
        "`app/core/gone.py` and `app/core/live/`, `gone/`, `live/`, `settings.py`, `labels/x.txt`;"
        " `app/core/<name>.py`;"
        " [a](docs/gone.md#x), [b](docs/models.md#y), [c](https://host/z); python -m tools.gone, -m tools.fuzz;"
        " pytest tests/test_gone.py"
    )
    gone = ["app/core/gone.py", "gone/", "tests/test_gone.py", "tools.gone", "docs/gone.md"]
    assert missing(text, ROOT, about_code=True) == gone
    assert "gone/" not in missing(text, ROOT, about_code=False)
