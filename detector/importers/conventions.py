"""Shared by the importers: labels by class count, and the choices a file does not tell, each with its note.

A note says what was recognised or assumed and, where the user may know better, the option that says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detector.errors import DetectorError, Remedy
from detector.importers.base import Overrides, Priors, SourceFile
from detector.importers.notes import Choice, Note
from detector.labels import COCO80, VOC20
from detector.registry import MODELS
from detector.safetensors_file import Array
from detector.spec import InputSpec, ModelSpec
from detector.spec_fields import MAX_LABELS
from detector.weights import COUNTER, refuse_faults

_VOC_COCO: tuple[Priors, Priors] = ("voc", "coco")


def choose_labels(classes: int, overrides: Overrides, told: tuple[str, ...] = ()) -> Choice[tuple[str, ...]]:
    """Names of ``classes`` classes, background not counted: the user's, the file's, a known data set's, or numbers.

    Args:
        classes: How many.
        overrides: What the user says.
        told: The file's own, where it has any; of another number they are not this network's.

    Raises:
        DetectorError: The user named another number of classes, or there are none or too many.
    """
    if not 1 <= classes <= MAX_LABELS:
        raise DetectorError(f"The file has {classes} classes besides the background; 1 to {MAX_LABELS} can be used.")
    if overrides.labels is not None:
        if len(overrides.labels) != classes:
            raise DetectorError(f"The model has {classes} classes, but {len(overrides.labels)} labels were given.")
        return Choice(overrides.labels)
    if len(told) == len(set(told)) == classes:
        return Choice(told, (Note("Class names: the file's own."),))
    by_name = (Remedy("labels", "FILE"),)
    if classes in (len(VOC20), len(COCO80)):
        known, title = (VOC20, "PASCAL VOC's") if classes == len(VOC20) else (COCO80, "COCO's")
        return Choice(known, (Note(f"{classes} classes, assumed to be {title}; they can have other names.", by_name),))
    numbers = tuple(f"class {number}" for number in range(1, classes + 1))
    return Choice(numbers, (Note(f"{classes} classes of unknown names, numbered until they are named.", by_name),))


def choose_priors(classes: int, overrides: Overrides) -> Choice[Priors]:
    """Returns which published sizes the default boxes have: VOC's for 20 classes, else COCO's, unless the user says."""
    if overrides.priors is not None:
        return Choice(overrides.priors)
    chosen, other = _VOC_COCO if classes == len(VOC20) else _VOC_COCO[::-1]
    text = (
        f"Sizes of the default boxes: {chosen.upper()}'s, assumed from the {classes} classes; the file does not tell. "
        f"If boxes have the wrong size, take {other.upper()}'s."
    )
    return Choice(chosen, (Note(text, (Remedy("priors", other),)),))


def choose_channels(usual: InputSpec, overrides: Overrides) -> Choice[InputSpec]:
    """``usual``, or the same for the other channel order where the user says so."""
    if overrides.channels is None:
        other = "bgr" if usual.channels == "rgb" else "rgb"
        text = (
            f"Channel order: {usual.channels.upper()}, as this layout's authors train; the file does not tell. "
            f"If it finds little, take {other.upper()}."
        )
        return Choice(usual, (Note(text, (Remedy("channels", other),)),))
    if overrides.channels == usual.channels:
        return Choice(usual)
    return Choice(replace(usual, channels=overrides.channels, mean=usual.mean[::-1], std=usual.std[::-1]))


def refuse_priors(overrides: Overrides, what: str) -> None:
    """Refuse a choice of default boxes for a layout with one set of them.

    Raises:
        DetectorError: The user chose some.
    """
    if overrides.priors is not None:
        raise DetectorError(
            f"{what} has one set of default boxes; no others can be chosen.",
            "Leave the choice out.",
            Remedy("priors", omit=True),
        )


def as_published(spec: ModelSpec, source: SourceFile) -> ModelSpec:
    """``spec``, with what is known of the published file if ``source`` is one; the hash is noted in any case."""
    for known in MODELS.values():
        if known.weights is not None and known.weights.sha256 and source.sha256.startswith(known.weights.sha256):
            spec = replace(
                spec,
                title=known.title,
                licence=known.licence,
                provenance=known.provenance,
                accuracy=known.accuracy,
                weights=known.weights,
            )
            break
    name = "".join(c for c in source.name if c.isprintable())
    return replace(spec, provenance=f"{spec.provenance}; {name}, SHA-256 {source.sha256}")


def renamed(
    state: Mapping[str, Array], names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], source: SourceFile
) -> dict[str, Array]:
    """The tensors of ``state`` under our names; each must be there with its shape, and none besides.

    Args:
        state: As read from the file.
        names: The file's name of each of our tensors.
        shapes: Shape of each of our tensors, as the file orders them.
        source: For the message.

    Raises:
        DetectorError: Lists the first ten that are missing, extra or of another shape, under the file's names.
    """
    faults = []
    for ours, shape in shapes.items():
        theirs = names[ours]
        if theirs not in state:
            faults.append(f"{theirs} {list(shape)} is missing")
        elif tuple(state[theirs].shape) != shape:
            faults.append(f"{theirs} is {list(state[theirs].shape)} instead of {list(shape)}")
        elif state[theirs].dtype.kind != "f" and not theirs.endswith(COUNTER):
            faults.append(f"{theirs} holds {state[theirs].dtype} instead of floating point numbers")
    expected = {names[ours] for ours in shapes}
    faults += [f"{name[:80]} {list(state[name].shape)} is unexpected" for name in state if name not in expected]
    refuse_faults(faults, source.name, "its layout")
    return {ours: state[names[ours]] for ours in shapes}
