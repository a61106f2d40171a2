"""``ssd-viewer models export``: a model's network for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.console import Console
from app.core.models import user_library


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Write a model's network for other programs. OpenVINO: frames in as BGR, 0 to 255; detections out, decoded and "
        "suppressed, as one table of image, class (0 is the background), score and box in fractions. ONNX: frames in "
        "as RGB, 0 to 255; the scores of every box, background first, and its corners in fractions out."
    )
    parser.add_argument("model", metavar="M")
    formats = parser.add_mutually_exclusive_group(required=True)
    formats.add_argument("--openvino", type=Path, metavar="FILE.xml", help="its .bin goes beside it")
    formats.add_argument("--onnx", type=Path, metavar="FILE", help="boxes and scores; nothing is suppressed in there")
    parser.add_argument("--raw", action="store_true", help="encoded boxes and logits, without decoding and suppression")


def run(options: argparse.Namespace, console: Console) -> int:
    """Write the files."""
    entry = user_library().find(options.model)
    if options.onnx is not None:
        from detector.runtime.torch_package import load_torch

        load_torch()  # says so where this installation has none
        from detector.runtime.onnx_export import export_onnx

        export_onnx(entry, options.onnx, raw=options.raw)
    else:
        from detector.runtime.openvino_export import export_openvino

        export_openvino(entry, options.openvino, raw=options.raw)
    written = options.onnx or options.openvino
    console.give({"exported": str(written), "raw": options.raw, "labels": list(entry.spec.labels)})
    console.say(f"Exported {entry.name} to {written}.")
    return 0
