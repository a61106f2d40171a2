"""``ssd-viewer models``: the shelf of models."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, table
from app.cli.options import add_result_flags
from app.core.models import user_shelf

if TYPE_CHECKING:
    from detector.shelf import ShelfEntry


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = "The models that can be used, and those that are known."
    actions = parser.add_subparsers(dest="action", metavar="list|info|import|remove")
    listing = actions.add_parser("list", help="all models (default)")
    info = actions.add_parser("info", help="everything about one")
    info.add_argument("model", metavar="M")
    importing = actions.add_parser("import", help="put a model file on the shelf")
    importing.add_argument("file", type=Path, metavar="FILE", help=".safetensors, UltraFace .pth, OpenVINO .xml")
    importing.add_argument("--name", required=True, metavar="N", help="what to call it")
    importing.add_argument("--labels", type=Path, metavar="FILE", help="class names, one a line, without background")
    removing = actions.add_parser("remove", help="delete an imported model")
    removing.add_argument("model", metavar="M")
    add_result_flags(parser)
    for action in (listing, info, importing, removing):
        add_result_flags(action, below=True)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    return {"info": _info, "import": _import, "remove": _remove}.get(options.action, _list)(options, console)


def _list(_options: argparse.Namespace, console: Console) -> int:
    shelf = user_shelf()
    entries, broken = shelf.list(), shelf.broken()
    models = [_summary(entry) for entry in entries]
    models += [{"name": b.name, "title": b.reason, "status": "broken", "size_bytes": None} for b in broken]
    console.give({"models": models})
    rows = [("NAME", "WHAT", "STATUS", "SIZE")]
    rows += [(m["name"], m["title"] or "-", m["status"], _size_text(m["size_bytes"])) for m in models]
    for line in table(rows):
        console.say(line)
    return 0


def _info(options: argparse.Namespace, console: Console) -> int:
    from detector.registry import MODELS
    from detector.shelf import ShelfEntry, how_to_get

    shelf = user_shelf()
    entry = next((e for e in shelf.list() if e.name == options.model), None) or shelf.find(options.model)
    assert isinstance(entry, ShelfEntry)
    spec = entry.spec
    facts: dict[str, Any] = {
        **_summary(entry),
        "architecture": spec.architecture,
        "input": [spec.input.height, spec.input.width],
        "labels": list(spec.labels),
        "demo": spec.demo,
        "licence": spec.licence,
        "provenance": spec.provenance,
        "accuracy": spec.accuracy,
        "path": None if entry.path is None else str(entry.path),
    }
    if entry.path is None and entry.name in MODELS:
        facts["how_to_get"] = how_to_get(spec)
    console.give(facts)
    for key, value in facts.items():
        if value not in (None, "", {}):
            console.say(f"{key.replace('_', ' ')}: {_words(key, value)}")
    return 0


def _import(options: argparse.Namespace, console: Console) -> int:
    from detector.importers import read_labels

    labels = None if options.labels is None else read_labels(options.labels)
    entry = user_shelf().import_file(options.file, options.name, labels)
    console.give(_summary(entry))
    spec = entry.spec
    classes = f"{len(spec.labels)} classes" if len(spec.labels) > 1 else f"one class, {spec.labels[0]}"
    console.say(f"Imported {entry.name}: {spec.title or spec.architecture}, {classes}.")
    return 0


def _remove(options: argparse.Namespace, console: Console) -> int:
    user_shelf().remove(options.model)
    console.give({"removed": options.model})
    console.say(f"Removed {options.model}.")
    return 0


def _summary(entry: ShelfEntry) -> dict[str, Any]:
    status = "in the box" if entry.bundled else "imported" if entry.path is not None else "weights not here"
    size = _size(entry.path) if entry.path is not None else None
    return {"name": entry.name, "title": entry.spec.title, "status": status, "size_bytes": size}


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    return sum(file.stat().st_size for file in files)


def _size_text(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:.1f} MB"


def _words(key: str, value: Any) -> str:
    if key == "size_bytes":
        return f"{value} ({_size_text(value)})"
    if key == "input":
        return f"{value[1]} x {value[0]} pixels"
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:.4g}" for name, number in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
