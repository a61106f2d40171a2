"""Checks of what is imported, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides, SourceFile
from detector.network_shapes import network_shapes
from detector.safetensors_file import Array
from detector.spec import ModelSpec
from detector.spec_json import spec_from_json, spec_to_json
from detector.weights import refuse_misfits

_UNNAMED = "model"  # the caller gives the name; a file's may be none


def refuse_all_but_labels(overrides: Overrides, why: str) -> None:
    """Refuse what the user says of a file that describes itself.

    Raises:
        DetectorError: It is more than class names.
    """
    others = tuple(field.name for field in fields(overrides) if field.name != "labels")
    refuse_options(overrides, others, why, "only its labels can be given")


def refuse_options(
    overrides: Overrides, names: Sequence[str], why: str, what: str = "some choices mean nothing for it"
) -> None:
    """Refuse choices that mean nothing for a file.

    Args:
        overrides: What the user says.
        names: Of the choices.
        why: The file, and what it is.
        what: Ends the sentence.

    Raises:
        DetectorError: One of them was made.
    """
    given = [name for name in names if getattr(overrides, name) is not None]
    if given:
        raise DetectorError(f"{why}: {what}.", "Leave the rest to it.", *(Remedy(name, omit=True) for name in given))


def checked_spec(spec: ModelSpec) -> ModelSpec:
    """Returns ``spec`` without a name, as it would be read from its file.

    Raises:
        DetectorError: A file could not hold it.
    """
    return spec_from_json(spec_to_json(replace(spec, name=_UNNAMED)))


def check_finite(state: Mapping[str, Array], source: SourceFile) -> None:
    """Raise ``DetectorError`` where a tensor holds NaN or infinity."""
    for name, array in state.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DetectorError(f"{source.name}: tensor {name[:80]} contains NaN or infinity; the weights are damaged.")


def check_fits(spec: ModelSpec, state: Mapping[str, Array], what: str) -> None:
    """Raise ``DetectorError`` that lists the tensors missing, or of another shape than the network of ``spec`` has."""
    refuse_misfits(network_shapes(spec), state, what)
