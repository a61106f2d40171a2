"""``ssd-viewer models``: the model library."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import models_check, models_download, models_export, models_import, models_optimise
from app.cli.console import Console, table
from app.cli.models_import import summary
from app.cli.options import add_result_flags
from app.cli.remedies import with_flags
from app.core.model_cards import published_hash, speeds_of
from app.core.models import user_library
from app.core.paths import optimised_dir, settings_file
from app.core.settings import ChosenSettings, ModelSettings
from app.core.settings_store import load_settings, save_settings
from app.core.thresholds import renamed
from detector.class_names import is_found_by

if TYPE_CHECKING:
    from detector.spec import InputSpec, ModelSpec


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = "The models that can be used, and those that are known."
    actions = parser.add_subparsers(
        dest="action", metavar="list|info|download|import|export|check|optimise|rename|default|remove"
    )
    listing = actions.add_parser("list", help="all models (default)")
    listing.add_argument("--detects", metavar="WORD", default="", help="only those with such a class, e.g. dog")
    info = actions.add_parser("info", help="everything about one")
    info.add_argument("model", metavar="M")
    fetching = actions.add_parser("download", help="fetch a known model's published weights")
    models_download.add_flags(fetching)
    importing = actions.add_parser("import", help="add a model file to the library")
    models_import.add_flags(importing)
    exporting = actions.add_parser("export", help="write a model's network for other programs")
    models_export.add_flags(exporting)
    checking = actions.add_parser("check", help="whether models still answer as when they came, on every engine")
    models_check.add_flags(checking)
    optimising = actions.add_parser("optimise", help="make one faster on this computer (int8)")
    models_optimise.add_flags(optimising)
    renaming = actions.add_parser("rename", help="call an imported model something else")
    renaming.add_argument("model", metavar="OLD")
    renaming.add_argument("name", metavar="NEW")
    choosing = actions.add_parser("default", help="the model the window starts with")
    choosing.add_argument("model", metavar="M")
    removing = actions.add_parser("remove", help="delete an imported model")
    removing.add_argument("model", metavar="M")
    add_result_flags(parser)
    for action in (listing, info, fetching, importing, exporting, checking, optimising, renaming, choosing, removing):
        add_result_flags(action, below=True)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    does = {
        "info": _info,
        "download": models_download.run,
        "import": models_import.run,
        "export": models_export.run,
        "check": models_check.run,
        "optimise": models_optimise.run,
        "rename": _rename,
        "default": _default,
        "remove": _remove,
    }
    return does.get(options.action, _list)(options, console)


def _list(options: argparse.Namespace, console: Console) -> int:
    library = user_library()
    entries, broken = library.list(), library.broken()
    class_name = getattr(options, "detects", "")  # absent where no action was named
    if class_name:
        entries = [e for e in entries if any(is_found_by(class_name, label) for label in e.spec.labels)]
        broken = ()
    models = [summary(entry) for entry in entries]
    models += [{"name": b.name, "title": b.reason, "status": "broken", "size_bytes": None} for b in broken]
    console.give({"models": models})
    rows = [("NAME", "WHAT", "STATUS", "SIZE")]
    rows += [(m["name"], m["title"] or "-", m["status"], _size_text(m["size_bytes"])) for m in models]
    for line in table(rows):
        console.say(line)
    return 0


def _info(options: argparse.Namespace, console: Console) -> int:
    from detector.model_file import ModelEntry, how_to_get
    from detector.registry import MODELS

    library = user_library()
    entry = next((e for e in library.list() if e.name == options.model), None) or library.find(options.model)
    assert isinstance(entry, ModelEntry)
    spec = entry.spec
    facts: dict[str, Any] = {
        **summary(entry),
        "architecture": spec.architecture,
        "input": [spec.input.height, spec.input.width],
        "input_rule": _input_rule(spec.input),
        "classes": len(spec.labels),
        "labels": list(spec.labels),
        "demo": spec.demo,
        "licence": spec.licence,
        "provenance": spec.provenance,
        "accuracy": spec.accuracy,
        "threshold": spec.threshold,
        "path": None if entry.path is None else str(entry.path),
        "speed_here": [asdict(speed) for speed in speeds_of(entry.path)] if entry.path is not None else [],
        "int8": _int8(spec),
        "optimised": _optimised(entry.path),
    }
    if entry.path is None and spec.weights is not None:
        facts["weights_sha256"] = spec.weights.sha256
    if entry.path is None and entry.name in MODELS:
        hint, remedy = how_to_get(spec)
        facts["how_to_get"] = with_flags(hint, [remedy])
    console.give(facts)
    for key, value in facts.items():
        if value not in (None, "", {}, []) or key == "weights_sha256":
            console.say(f"{key.replace('_', ' ')}: {_text(key, value)}")
    return 0


def _int8(spec: ModelSpec) -> dict[str, Any] | None:
    """Returns the model file's facts about int8, without the ranges and the golden answers."""
    if spec.int8 is None:
        return None
    facts = {key: value for key, value in asdict(spec.int8).items() if key not in ("ranges", "golden")}
    return {**facts, "words": spec.int8.text()}


def _optimised(path: Path | None) -> dict[str, Any] | None:
    from detector.runtime.format_measurements import read_optimised

    measured = None if path is None else read_optimised(path, optimised_dir())
    return None if measured is None else models_optimise.as_json(measured)


def _remove(options: argparse.Namespace, console: Console) -> int:
    user_library().remove(options.model)
    _if_chosen(options.model, ModelSettings().name)
    console.give({"removed": options.model})
    console.say(f"Removed {options.model}.")
    return 0


def _rename(options: argparse.Namespace, console: Console) -> int:
    entry = user_library().rename(options.model, options.name)
    _move_choices(options.model, entry.name)
    _if_chosen(options.model, entry.name)
    console.give({"renamed": options.model, "name": entry.name})
    console.say(f"{options.model} is called {entry.name} now.")
    return 0


def _default(options: argparse.Namespace, console: Console) -> int:
    library = user_library()
    entry = library.find(options.model)
    in_library = any(known.path == entry.path for known in library.list())
    name = entry.name if in_library else str(Path(options.model).resolve())
    settings, problems = load_settings(settings_file())
    for problem in problems:
        console.note(problem)
    save_settings(settings_file(), replace(settings, model=replace(settings.model, name=name)))
    console.give({"default": name})
    console.say(f"The window starts with {name}.")
    return 0


def _move_choices(old: str, new: str) -> None:
    """Moves what was chosen for a renamed model to its new name."""
    settings, _ = load_settings(settings_file())
    before = settings.chosen
    chosen = ChosenSettings(
        renamed(before.thresholds, old, new), renamed(before.classes, old, new), renamed(before.ious, old, new)
    )
    if chosen != before:
        save_settings(settings_file(), replace(settings, chosen=chosen))


def _if_chosen(name: str, instead: str) -> None:
    """The window starts with ``instead`` where it would have started with ``name``, which is no more."""
    settings, _ = load_settings(settings_file())
    if settings.model.name == name:
        save_settings(settings_file(), replace(settings, model=replace(settings.model, name=instead)))


def _input_rule(rule: InputSpec) -> str:
    """Returns how an image becomes the network's input, in a line."""
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (rule.mean, rule.std))
    scaled = "" if set(rule.std) == {1.0} else f", divided by ({std})"
    return f"{rule.channels.upper()}, 0 to 255, minus ({mean}){scaled}"


def _size_text(size: int | None) -> str:
    return "-" if size is None else f"{size / 1e6:.1f} MB"


def _text(key: str, value: Any) -> str:
    if key == "size_bytes":
        return f"{value} ({_size_text(value)})"
    if key == "weights_sha256":
        return published_hash(value)
    if key == "speed_here":
        return "; ".join(
            f"{s['frames_per_s']:.1f} frames/s on {s['device']} ({s['engine']}, {s['precision']}), {s['measured']}"
            for s in value
        )
    if key == "int8":
        return str(value["words"])
    if key == "optimised":
        formats = (f"{f['precision']} {f['agreement']:.1%}" for f in value["formats"] if f["agreement"] is not None)
        on = f"on {value['compared']} images ({value['calibration']})"
        return f"{value['made']}; in agreement with fp32 {on}: {', '.join(formats)}; auto is {value['auto']}"
    if key == "input":
        return f"{value[1]} x {value[0]} pixels"
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:.4g}" for name, number in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
