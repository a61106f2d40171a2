"""Says something else about a model in its own file; the weights stay as they are. No torch."""

from __future__ import annotations

import os
from dataclasses import replace

from detector.bundled_files import bundled_dir
from detector.errors import DetectorError, Remedy
from detector.model_file import IR_SPEC, MODEL_SUFFIX, ModelEntry
from detector.safetensors_file import atomic_file
from detector.spec_json import MAX_JSON_CHARS, spec_from_json, spec_to_json
from detector.weights import describe_anew, load_spec


def refuse_fixed(entry: ModelEntry) -> None:
    """Refuse a model whose file must not, or cannot, be written to.

    Raises:
        DetectorError: With the reason.
    """
    path = entry.path
    copy = ("Copy its file, and use the copy.", Remedy("model", "COPY"))
    if entry.bundled or path is None or path.resolve().parent == bundled_dir().resolve():
        raise DetectorError(f"Model {entry.name} came with the program; its file is left as it is.", *copy)
    if not path.is_dir() and path.suffix.lower() != MODEL_SUFFIX:
        raise DetectorError(
            f"{path.name} has no description of its own to write to.",
            "Import it first.",
            Remedy(command="models import", value=path.name),
        )
    file = path / IR_SPEC if path.is_dir() else path
    # The file would be replaced, which its folder decides; whoever protects a file means the file.
    if not os.access(file, os.W_OK) or not file.stat().st_mode & 0o222 or not os.access(file.parent, os.W_OK):
        raise DetectorError(f"{path.name} is read-only.", *copy)


def store_threshold(entry: ModelEntry, threshold: float) -> None:
    """Write the recommended threshold into the model's file.

    Raises:
        DetectorError: As ``refuse_fixed``; or the file is damaged, or the disk is full: it is then as before.
    """
    refuse_fixed(entry)
    assert entry.path is not None
    path = entry.path.resolve()  # a link stays one
    if not path.is_dir():
        describe_anew(path, replace(load_spec(path), threshold=threshold))
        return
    with (path / IR_SPEC).open(encoding="utf-8") as file:
        spec = spec_from_json(file.read(MAX_JSON_CHARS + 1))
    with atomic_file(path / IR_SPEC) as part:
        part.write(spec_to_json(replace(spec, threshold=threshold)).encode())
