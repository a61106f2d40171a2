"""Gathers what a training starts from: images, classes, the network and its first weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from app.core.models import user_library
from app.lab.training.training_request import DataRequest, TrainingRequest, starts_from_detector
from detector.class_names import key, meaning
from detector.errors import DetectorError, Remedy
from detector.evaluation.class_matching import known_names
from detector.evaluation.coco_layout import list_splits
from detector.evaluation.data_sets import read_data
from detector.evaluation.results import DataSet
from detector.evaluation.voc_layout import find_roots
from detector.importers.read import read_checkpoint
from detector.library import check_name
from detector.model_file import ModelEntry
from detector.plans.architectures import has_own_graph
from detector.spec import ModelSpec
from detector.training.data import LabelledImage, training_images
from detector.training.networks import new_spec
from detector.training.survey import box_notes
from detector.training.trainer import new_network
from detector.training.transfer import transfer_detector, transfer_vgg16, vgg16_source
from detector.weights import as_tensors, load_state


@dataclass(frozen=True, slots=True)
class Material:
    """The starting point of a training.

    Attributes:
        spec: The model to train.
        network: With its first weights.
        images: Annotated images to learn from.
        validation: Data set to measure on; None for none.
        provenance: A sentence on where data and first weights come from.
        notes: Notes on the data, one line each.
    """

    spec: ModelSpec
    network: nn.Module
    images: tuple[LabelledImage, ...]
    validation: DataSet | None
    provenance: str
    notes: tuple[str, ...]


def gather(request: TrainingRequest) -> Material:
    """Reads the data and makes the network.

    Raises:
        DetectorError: A part of it cannot be used.
    """
    name = request.out.name.removesuffix(".safetensors")
    check_name(name)
    data = request.data
    sets = [read_data(root, data.kind, data.split or _usual_split(root, data), data.limit) for root in data.roots]
    labels = _chosen(data.classes, common_labels(sets))
    images = training_images(sets, labels, use_difficult=request.recipe.use_difficult)
    validation = _validation(data)
    spec, network, origin = _network(request, name, labels)
    notes = [line for found in (*sets, *([validation] if validation else [])) for line in found.notes]
    notes += box_notes(images)
    if validation is not None and (both := _learnt_and_measured(images, validation)):
        notes.append(
            f"{both} of the {len(validation.images)} images to measure on are also trained on: "
            "the accuracy will look better than it is."
        )
    learnt = " and ".join(f"{found.split} of {found.root.name}" for found in sets)
    return Material(spec, network, images, validation, f"Trained on {learnt}, {origin}.", tuple(notes))


def common_labels(sets: Sequence[DataSet]) -> tuple[str, ...]:
    """Lists every class of ``sets`` once, in order of appearance.

    Different spellings are the same class, and so are VOC's and COCO's names for one, unless a set has both.
    """
    found: dict[str, str] = {}
    for data in sets:
        before = {meaning(name) for name in found.values()}
        for name in data.labels:
            if meaning(name) not in before:
                found.setdefault(key(name), name)
    return tuple(found.values())


def _chosen(classes: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Returns ``classes`` without duplicates, or all known ones.

    Raises:
        DetectorError: A class is in none of the sets.
    """
    known_names(classes, known, "The data")
    return tuple({key(name): name for name in classes}.values()) or tuple(known)


def _learnt_and_measured(images: Sequence[LabelledImage], validation: DataSet) -> int:
    """Counts the files in both."""
    learnt = {image.path.resolve() for image in images}
    return sum(image.path is not None and image.path.resolve() in learnt for image in validation.images)


def _usual_split(root: Path, data: DataRequest) -> str:
    """Returns the list to learn from if none is named; never one meant for measuring."""
    if not root.is_dir():
        return ""
    names = ("trainval", "train") if data.validation is None else ("train", "trainval")
    places = [] if data.kind == "coco" else find_roots(root)
    lists = [place.lists for place in places if place.lists is not None]
    if places and not lists:
        return ""  # a folder of annotations: all of them
    coco = {} if lists or data.kind == "voc" else list_splits(root)
    if len(coco) == 1:
        return ""
    for name in (*names, "train2017", "train2014"):
        if name in coco or any((folder / f"{name}.txt").is_file() for folder in lists):
            return name
    if lists or coco:
        raise DetectorError(
            f"{root} has no list named train or trainval.", "Name the one to learn from.", Remedy("split")
        )
    return ""


def _validation(data: DataRequest) -> DataSet | None:
    if data.validation is None:
        return None
    return read_data(data.validation, data.kind, data.validation_split)


def _network(request: TrainingRequest, name: str, labels: Sequence[str]) -> tuple[ModelSpec, nn.Module, str]:
    """Returns the spec, the network with its first weights, and the origin of these."""
    start, recipe = request.start, request.recipe
    if not start:
        spec = new_spec(name, request.network, labels, request.width)
        return spec, new_network(spec, recipe), f"from random weights (seed {recipe.seed})"
    if recipe.batch_norm:
        raise DetectorError(
            "Pretrained weights come without batch normalisation.",
            "Leave batch_norm out of the recipe to start from them.",
        )
    path = Path(start)
    if not starts_from_detector(start):
        state = as_tensors(read_checkpoint(path))
        spec = new_spec(name, request.network, labels, request.width, base=vgg16_source(state))
        network = new_network(spec, recipe)
        transfer_vgg16(network, state)
        return spec, network, f"from VGG-16's weights in {path.name}"
    entry = user_library().find(start)
    spec = _like(entry, name, labels)
    network = new_network(spec, recipe)
    assert entry.path is not None  # find() gives models whose weights are here
    transfer_detector(network, labels, load_state(entry.path, entry.spec), entry.spec.labels)
    return spec, network, f"from the model {entry.name}"


def _like(entry: ModelEntry, name: str, labels: Sequence[str]) -> ModelSpec:
    """Returns the spec of ``entry`` for other classes."""
    spec = entry.spec
    if has_own_graph(spec):
        raise DetectorError(f"{entry.name} is an OpenVINO network and cannot be trained.")
    return ModelSpec(
        name=name,
        architecture=spec.architecture,
        labels=tuple(labels),
        input=replace(spec.input, smooth=False),  # images are resized without smoothing here
        config=spec.config,
        postprocess=spec.postprocess,
        width=spec.width,
        licence=f"As of its start, {entry.name}: {spec.licence}" if spec.licence else "",
    )
