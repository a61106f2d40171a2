"""The options of ``ssd-viewer train``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from app.cli.options import add_result_flags, names
from detector.training.networks import TRAINABLE
from detector.training.recipe import FINE_TUNING, Recipe

# Flags that set an entry of the recipe: name, kind, what it is.
_RECIPE_FLAGS: tuple[tuple[str, type, str], ...] = (
    ("steps", int, "length of the training"),
    ("batch", int, "images per step, of all processes together"),
    ("rate", float, "highest learning rate"),
    ("warmup", int, "steps of linear rise at the beginning"),
    ("weight-decay", float, "of weights"),
    ("clip-norm", float, "longest gradient; 0 for no limit"),
    ("ema", float, "share of the averaged weights that stays with each step; 0 for no average"),
    ("box-weight", float, "of the cost of places beside that of classes"),
    ("slowness", float, "multiple of the rate at which the base network learns"),
    ("seed", int, "of everything random"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the description and the options."""
    parser.description = (
        "Train a detector on annotated images, or fine-tune one. Progress is kept in a folder beside the model file; "
        "the same command goes on where it was stopped. On several GPUs: torchrun --nproc-per-node N -m app train ..."
    )
    _add_data(parser)
    _add_network(parser)
    _add_recipe(parser)
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="where to train (default: auto)")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="(default: auto)")
    parser.add_argument("--threads", type=_positive_count, default=2, metavar="N", help="loading threads (default: 2)")
    parser.add_argument(
        "--save-minutes", type=_positive_number, default=5.0, metavar="M", help="between checkpoints (default: 5)"
    )
    add_result_flags(parser)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        required=True,
        action="append",
        type=Path,
        metavar="ROOT",
        help="VOCdevkit, COCO folder or .json file; repeatable",
    )
    parser.add_argument("--format", choices=("voc", "coco"), default="", help="of the annotations (default: as found)")
    parser.add_argument("--split", default="", metavar="NAME", help="which images (default: train or trainval)")
    parser.add_argument("--limit", type=_positive_count, metavar="N", help="only the first N images of each root")
    parser.add_argument(
        "--classes", type=names, default=(), metavar="NAME[,NAME]", help="what to learn (default: all there is)"
    )
    parser.add_argument("--validate", type=Path, metavar="ROOT", help="measure on these annotated images now and then")
    parser.add_argument("--validate-split", default="", metavar="NAME", help="which of them (default: the usual one)")
    parser.add_argument(
        "--validate-every",
        type=_positive_number,
        metavar="N",
        help="epochs between measurements (default: 5; from a model: a tenth of the training)",
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="model file to write, .safetensors")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="for checkpoint and log (default: the model file's name, .training)"
    )
    parser.add_argument(
        "--network", choices=tuple(TRAINABLE), default="ssd300-vgg16", help="what to train (default: ssd300-vgg16)"
    )
    parser.add_argument(
        "--width", type=_width, default=1.0, metavar="W", help="of a VGG network, 0.0625 to 2 (default: 1)"
    )
    parser.add_argument(
        "--start",
        default="",
        metavar="NAME|FILE",
        help="first weights: a model, e.g. everyday, which sets --network, --width and what the recipe is by default; "
        "or VGG-16's as .pth",
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="JSON with any of the following (default: the paper's; with a model to start from, one for fine-tuning)",
    )
    parser.add_argument(
        "--epochs", type=_positive_number, metavar="N", help="passes over the images, instead of --steps"
    )
    for name, kind, words in _RECIPE_FLAGS:
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=f"{words} {_defaults(name)}")
    parser.add_argument("--schedule", dest="shape", choices=("paper", "cosine"), help=_defaults("shape"))
    parser.add_argument("--optimiser", choices=("sgd", "adamw"), help=_defaults("optimiser"))
    yes_no = argparse.BooleanOptionalAction
    parser.add_argument("--batch-norm", action=yes_no, default=None, help="while training a VGG network from scratch")
    parser.add_argument("--augment", action=yes_no, default=None, help="change images at random (default: yes)")
    parser.add_argument("--mild", action=yes_no, default=None, help=f"change them less {_defaults('mild')}")
    parser.add_argument("--freeze", action=yes_no, default=None, help=f"keep the first layers {_defaults('freeze')}")
    parser.add_argument(
        "--use-difficult", action=yes_no, default=None, help="learn VOC's difficult objects (default: yes)"
    )


def _defaults(name: str) -> str:
    """Returns the default of a recipe entry, in brackets for the help."""
    values = (getattr(recipe, name.replace("-", "_")) for recipe in (Recipe(), FINE_TUNING))
    first, tuned = (("no", "yes")[value] if isinstance(value, bool) else value for value in values)
    return f"(default: {first})" if first == tuned else f"(default: {first}; from a model: {tuned})"


def _positive_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 is wanted, not {text!r}")
    return int(text)


def _positive_number(text: str) -> float:
    return _number(text, 0.001, 1e6, "a positive number is wanted")


def _width(text: str) -> float:
    return _number(text, 0.0625, 2.0, "the width must be a number from 0.0625 to 2")


def _number(text: str, least: float, most: float, rule: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{rule}, not {text!r}")
    return value
