"""``ssd-viewer models import``: adds a file to the library, says what it was recognised as and what was assumed."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from app.cli.console import Console, one_line, table
from app.cli.remedies import with_flags
from app.core.model_cards import size_of
from app.core.models import user_library
from detector.graph_spec import Activation, Fit, Rule
from detector.importers.base import Channels, First, Overrides, Priors, Scale
from detector.importers.layouts import LAYOUTS

if TYPE_CHECKING:
    from detector.model_file import ModelEntry

_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")


def add_flags(importing: argparse.ArgumentParser) -> None:
    """Add the options."""
    kinds = ".pth, .caffemodel, .safetensors, .onnx, .tflite, OpenVINO .xml, TensorFlow .pb, Paddle .pdmodel, "
    kinds += "TensorFlow.js model.json; of that and of a SavedModel the folder"
    importing.add_argument("file", type=Path, metavar="FILE", help=kinds)
    importing.add_argument("--name", required=True, metavar="N", help="what to call it")
    importing.add_argument("--labels", type=Path, metavar="FILE", help="class names, one a line, without background")
    importing.add_argument(
        "--layout", choices=[layout.name for layout in LAYOUTS], metavar="L", help="whose weights, if told wrongly"
    )
    importing.add_argument("--priors", choices=get_args(Priors), help="sizes of the default boxes, if assumed wrongly")
    importing.add_argument("--channels", choices=get_args(Channels), help="channel order, if assumed wrongly")
    importing.add_argument(
        "--compare", type=Path, metavar="IMAGE", help="show what it finds there in each way it can be understood"
    )
    graphs = importing.add_argument_group(
        "networks with their own graph (.onnx, .tflite, .xml, .pb, .pdmodel), if told wrongly"
    )
    graphs.add_argument("--rule", choices=get_args(Rule), help="how their outputs are read")
    graphs.add_argument(
        "--size", type=_size, metavar="WxH", help="of the input, where the file leaves it open; of UltraFace, too"
    )
    graphs.add_argument("--scale", type=_scale, metavar="S", help=f"of pixels: {', '.join(get_args(Scale))}")
    graphs.add_argument("--fit", choices=get_args(Fit), help="how an image is fitted into the input")
    graphs.add_argument("--scores", choices=get_args(Activation), help="what makes probabilities of their scores")
    graphs.add_argument("--first", choices=get_args(First), help="number of the first class in a table they give")
    importing.formatter_class = argparse.RawDescriptionHelpFormatter
    rows = table([(f"  {layout.name}", layout.title) for layout in LAYOUTS])
    importing.epilog = "\n".join(["layouts of weights that are known (--layout):", *rows])


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if match is None or not all(8 <= int(side) <= 4096 for side in match.groups()):
        raise argparse.ArgumentTypeError("a size is WIDTHxHEIGHT, such as 320x240")
    return int(match[1]), int(match[2])


def _scale(text: str) -> str:
    """A type of its own, for argparse takes "-1-1" for an option where it stands apart."""
    if text not in get_args(Scale):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(get_args(Scale))}; write --scale=-1-1")
    return text


def run(options: argparse.Namespace, console: Console) -> int:
    """Import the file."""
    from detector.importers.label_file import read_labels

    overrides = Overrides(
        options.layout,
        options.priors,
        options.channels,
        None if options.labels is None else read_labels(options.labels),
        options.rule,
        options.size,
        options.scale,
        options.fit,
        options.scores,
        options.first,
    )
    compared = [] if options.compare is None else _compared(options.file, overrides, options.compare)
    for line in _as_table(compared):  # before the import, which may ask what the table answers
        console.say(line)
    result = user_library().import_file(options.file, options.name, overrides)
    entry, spec = result.entry, result.entry.spec
    notes = [with_flags(note.text, note.remedies) for note in result.notes]
    console.give({**summary(entry), "notes": notes, **({"alternatives": compared} if compared else {})})
    for note in notes:
        console.say(one_line(note))
    what = spec.title or spec.architecture
    if "class" not in what:
        what += f", {len(spec.labels)} classes" if len(spec.labels) > 1 else f", one class, {spec.labels[0]}"
    console.say(f"Imported {entry.name}: {what}.")
    return 0


def _compared(file: Path, overrides: Overrides, image: Path) -> list[dict[str, Any]]:
    """Returns what the file finds in an image, read in each way it may be meant; the sharpest answers first."""
    from app.core.sources.images import read_image
    from detector.importers.alternatives import compare_alternatives

    return [asdict(way) for way in compare_alternatives(file, overrides, read_image(image))]


def _as_table(compared: list[dict[str, Any]]) -> list[str]:
    if not compared:
        return []
    rows = [("WAY", "OBJECTS", "BEST", "SHARPNESS")]
    for way in compared:
        name = f"--{way['option']}={way['value']}" if way["option"] else "as assumed"
        rows.append((name, str(way["objects"]), f"{way['best']:.2f}", f"{way['sharpness']:.2f}"))
    return table(rows)


def summary(entry: ModelEntry) -> dict[str, Any]:
    """Returns what a list of models says about one."""
    status = "bundled" if entry.bundled else "imported" if entry.path is not None else "not downloaded"
    weights = entry.spec.weights
    published = weights.size_bytes or None if weights is not None else None
    size = size_of(entry.path) if entry.path is not None else published
    return {"name": entry.name, "title": entry.spec.title, "status": status, "size_bytes": size}
