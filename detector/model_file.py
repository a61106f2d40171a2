"""A model on disk, and how its file is opened. No torch.

A model is one file ``NAME.safetensors``, or for OpenVINO IR a folder ``NAME`` with ``model.xml``, ``model.bin`` and
``spec.json``; an ``.xml`` with its ``.bin`` beside it can be opened where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from detector.errors import DetectorError, Remedy
from detector.ir_description import describe_ir
from detector.plans.architectures import has_own_graph
from detector.safetensors_file import read_header
from detector.spec import ModelSpec
from detector.spec_json import MAX_JSON_CHARS, spec_from_json
from detector.weights import METADATA_KEY, load_spec

IR_SPEC, IR_XML, IR_BIN = "spec.json", "model.xml", "model.bin"
MODEL_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model that can be chosen by name.

    Attributes:
        name: As typed.
        spec: What it is.
        path: Its ``.safetensors`` file or IR folder; None for a known model whose weights are not here.
        bundled: Came with the program; cannot be removed.
        notes: What was assumed of a file from elsewhere that is opened without being imported.
        original: That file.
    """

    name: str
    spec: ModelSpec
    path: Path | None
    bundled: bool
    notes: tuple[str, ...] = ()
    original: Path | None = None


def open_file(path: Path) -> ModelEntry:
    """Opens a model file of ours, or an IR model, where it lies.

    Raises:
        DetectorError: It is neither, or broken.
    """
    path = path.absolute()
    if path.suffix.lower() == ".xml":
        return ModelEntry(path.stem, describe_ir(path), path, False)
    if (path.is_dir() and (path / IR_SPEC).is_file()) or path.suffix.lower() == MODEL_SUFFIX:
        name = path.name.removesuffix(MODEL_SUFFIX)
        return ModelEntry(name, replace(read_spec(path), name=name), path, False)
    if path.is_dir():
        raise DetectorError(f"{path.name} is a folder, not a model.")
    raise DetectorError(
        f"{path.name} is not a model file that can be opened directly.",
        "Import it first.",
        Remedy(command="models import", value=path.name),
    )


def has_description(path: Path) -> bool:
    """Returns whether ``path`` looks like a model of ours, fit for use or not: then it is no file to import."""
    if path.is_dir():
        return not (path / "model.json").is_file()
    try:
        return path.suffix.lower() == MODEL_SUFFIX and METADATA_KEY in read_header(path).metadata
    except DetectorError:
        return True


def read_spec(path: Path) -> ModelSpec:
    """Reads the description in a ``.safetensors`` file or IR folder; its name is the one it was saved under.

    Raises:
        DetectorError: The description or a part of the model is missing, or damaged.
    """
    if not path.is_dir():
        return load_spec(path)
    for part in (IR_XML, IR_BIN):
        if not (path / part).is_file():
            raise DetectorError(f"{path.name}: {part} is missing.", "Remove it and import it again.")
    try:
        with (path / IR_SPEC).open(encoding="utf-8") as file:
            text = file.read(MAX_JSON_CHARS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DetectorError(f"{path.name}: its description cannot be read.") from error
    try:
        spec = spec_from_json(text)
    except DetectorError as error:
        raise DetectorError(f"{path.name}: {error.message}", error.hint, *error.remedies) from error
    if not has_own_graph(spec):
        raise DetectorError(f"{path.name}: its description is of another kind of model.")
    return spec


def model_paths(folder: Path) -> list[Path]:
    """Lists the models in ``folder``, broken ones too, by name; none where it is missing or may not be looked into."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []  # not there yet, or not ours to read: the rest of the library still works
    return [
        p
        for p in paths
        if not p.name.startswith(".")
        and ((p.suffix == MODEL_SUFFIX and p.is_file()) or (p.is_dir() and (p / IR_SPEC).is_file()))
    ]


def how_to_get(spec: ModelSpec) -> tuple[str, Remedy]:
    """Returns a hint that says where the weights are published, and the command that brings them."""
    if spec.weights is None:
        return "Import a file with them.", Remedy(command="models import", value="FILE")
    hint = f"Download them, or fetch them another way and import the file; they are published at {spec.weights.url} ."
    return hint, Remedy(command="models download", value=spec.name)
