"""Writes the documents' facts on the bundled models from their files: `python -m tools.model_card`.

Documents have blocks between `<!-- MODEL: NAME -->` and `<!-- end -->`, whose content follows from
`weights/MODEL.safetensors` or its absence. Run it after a file was replaced or removed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

from detector.spec import ModelSpec
from detector.weights import load_spec

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "weights/README.md", "docs/training.md")
_BLOCK = re.compile(r"(<!-- (?P<model>everyday|demo): (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_MINUTES = re.compile(r"(\d+) minutes on (\w+)")


def card(path: Path, spec: ModelSpec | None) -> str:
    """Returns the rows of the model's card."""
    if spec is None:
        return (
            "**It is not bundled**: `make train-everyday` makes it and ships nothing poor, and until then the demo "
            "is what starts.\n"
        )
    content = path.read_bytes()
    size = f"{spec.input.width} x {spec.input.height}"
    width = "" if spec.width == 1 else f", width {spec.width:g}"
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (spec.input.mean, spec.input.std))
    rows = (
        ("Network", f"{spec.architecture}{width}; {len(spec.labels)} classes"),
        ("Input", f"{spec.input.channels.upper()}, warped to {size}, (x - [{mean}]) / [{std}]"),
        ("Accuracy", f"**{accuracy(spec)}**"),
        *([("Threshold", f"{spec.threshold:.2f}, used until another is chosen")] if spec.threshold is not None else []),
        ("File", f"{len(content) / 1e6:.1f} MB, SHA-256 `{hashlib.sha256(content).hexdigest()}`"),
        ("How", spec.provenance),
        ("Licence", spec.licence),
    )
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {_cell(words)} |\n" for name, words in rows)


def box(_path: Path, spec: ModelSpec | None) -> str:
    """Introduces the bundled models to newcomers."""
    demo = (
        "`demo`, a small SSD300 of our own that knows only drawn shapes ([how it was made](weights/README.md)). It "
        "shows,\noffline, that everything works, and is labelled as a demo wherever it runs."
    )
    if spec is None:
        return f"The bundled model is {demo} To detect real objects, download a known model or import weights:\n"
    return (
        f"The bundled default is `everyday`: {len(spec.labels)} kinds of things that people film, from\n"
        f"person, car and dog to cup and keyboard (COCO's classes; {accuracy(spec)}). It was "
        "fine-tuned for this\nprogram from TensorFlow's `ssdlite_mobilenet_v2_coco` "
        "([how](weights/README.md#everydaysafetensors)) and is under the Apache License 2.0.\n"
        f"Also bundled is {demo}\nTo detect things of your own, [train it](docs/training.md) on your images; to detect "
        "more kinds, download a known model or import weights:\n"
    )


def row(path: Path, spec: ModelSpec | None) -> str:
    """Returns the measured recipes as a table."""
    demo = path.with_name("demo.safetensors")
    return (
        "| recipe | time | accuracy |\n|---|---|---|\n"
        + _recipe("`python -m tools.demo.train`, drawn shapes", load_spec(demo) if demo.is_file() else None)
        + _recipe("`make train-everyday`, the 80 classes of COCO from TensorFlow's weights", spec)
    )


def _recipe(name: str, spec: ModelSpec | None) -> str:
    if spec is None:
        return f"| {name} | not finished yet | |\n"
    spent = _MINUTES.findall(spec.provenance)
    time = f"{sum(int(minutes) for minutes, _ in spent)} minutes on {spent[0][1]}" if spent else "not stated"
    return f"| {name} | {time} | {accuracy(spec)} |\n"


def accuracy(spec: ModelSpec) -> str:
    """Returns the accuracy stored in the file, in one line."""
    parts = ((*name.partition(" on "), value) for name, value in spec.accuracy.items())
    return ", ".join(f"{metric} {value:.3f}{on}{where}" for metric, on, where, value in parts)


BLOCKS: dict[str, Callable[[Path, ModelSpec | None], str]] = {"card": card, "box": box, "row": row}


def filled(text: str, folder: Path) -> str:
    """Fills the blocks of ``text`` from the models in ``folder``, which may be missing."""

    def block(found: re.Match[str]) -> str:
        path = folder / f"{found['model']}.safetensors"
        spec = load_spec(path) if path.is_file() else None
        return f"{found[1]}{BLOCKS[found['name']](path, spec)}{found[4]}"

    return _BLOCK.sub(block, text)


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str] | None = None) -> int:
    """Updates the documents."""
    parser = argparse.ArgumentParser(prog="python -m tools.model_card", description=__doc__)
    parser.add_argument("--weights", type=Path, default=ROOT / "weights", metavar="DIR")
    folder = parser.parse_args(arguments).weights
    for name in DOCUMENTS:
        document = ROOT / name
        before = document.read_text(encoding="utf-8")
        after = filled(before, folder)
        if after != before:
            document.write_text(after, encoding="utf-8")
            print(f"{name} is new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
