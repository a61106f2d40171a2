"""``ssd-viewer models export``: a model's network for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.console import Console
from app.core.models import user_library


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Write a model's network in OpenVINO's format: frames in as BGR, 0 to 255; detections out, decoded and "
        "suppressed, as one table of image, class (0 is the background), score and box in fractions."
    )
    parser.add_argument("model", metavar="M")
    parser.add_argument("--openvino", type=Path, required=True, metavar="FILE.xml", help="its .bin goes beside it")
    parser.add_argument("--raw", action="store_true", help="encoded boxes and logits, without decoding and suppression")


def run(options: argparse.Namespace, console: Console) -> int:
    """Write the files."""
    from detector.runtime.openvino_export import export_openvino

    entry = user_library().find(options.model)
    export_openvino(entry, options.openvino, raw=options.raw)
    console.give({"exported": str(options.openvino), "raw": options.raw, "labels": list(entry.spec.labels)})
    console.say(f"Exported {entry.name} to {options.openvino}, its weights beside it.")
    return 0
