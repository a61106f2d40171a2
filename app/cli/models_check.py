"""``ssd-viewer models check``: each model proves itself on each engine. Main thread."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from app.cli.console import Console, mark, one_line
from app.core.models import user_library
from app.core.paths import optimised_dir


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Compare each model's weights with those that were imported, then ask it for its answers to a fixed "
        "image, on every engine of this computer, and compare them with those kept in its file."
    )
    parser.add_argument("models", nargs="*", metavar="M", help="names or files (default: all that are here)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Report each model and engine; 1 when one fails, or one that was named cannot be checked."""
    from app.core.model_check import check_model

    library = user_library()
    named = bool(options.models)
    entries = [library.find(name) for name in options.models] or [e for e in library.list() if e.path is not None]
    checks = []
    for entry in entries:
        for check in check_model(entry):
            checks.append(check)
            engine = f", {check.engine}" if check.engine else ""
            console.say(f"{mark(check.ok)} {check.model}{engine}: {one_line(check.detail)}")
    bad = {check.model for check in checks if check.ok is False or (named and check.ok is None)}
    broken = [] if named else list(library.broken())
    for model in broken:
        console.say(f"{mark(False)} {model.name}: {one_line(model.reason)}")
    bad |= {model.name for model in broken}
    results = [asdict(check) for check in checks]
    results += [{"model": model.name, "engine": "", "ok": False, "detail": model.reason} for model in broken]
    console.give({"ok": not bad, "checks": results})
    if bad:
        console.error(
            f"Not proved: {', '.join(sorted(bad))}. Where the weights or every engine fail, the model changed or is "
            "damaged: remove it and get it again; one that fails on one engine only shows a fault of that engine, its "
            f"driver or, of an OpenVINO network in int8, the copy in {optimised_dir()}, which can be deleted."
        )
    return 1 if bad else 0
