"""The model library of this computer's user, and detectors from it. Loads nothing heavy until a detector is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.core import paths
from app.core.settings import ModelSettings, Settings
from detector.bundled_files import bundled_dir, default_model
from detector.errors import DetectorError
from detector.library import ModelLibrary
from detector.model_file import ModelEntry

if TYPE_CHECKING:
    from detector.runtime.base import Detector


def user_library() -> ModelLibrary:
    """The user's models and those that came with the program."""
    return ModelLibrary(paths.models_dir(), bundled_dir(), paths.optimised_dir())


def with_model_here(settings: Settings) -> tuple[Settings, list[str]]:
    """The settings with the default model where the remembered one is gone, and a line that says so.

    A model may have been removed, or came with an earlier version of the program, as ``voc`` did.
    """
    name, instead = settings.model.name, default_model()
    if name == instead or user_library().holds(name):
        return settings, []
    problem = f"The model {name[:60]} is not on this computer any more; {instead} is used."
    return replace(settings, model=replace(settings.model, name=instead)), [problem]


def open_model(model: ModelSettings) -> Detector:
    """The detector those settings name; call it on the thread that will use it.

    Raises:
        DetectorError: There is no such model, device or precision, or the model cannot be used.
    """
    return open_entry(user_library().find(model.name), model.device, model.precision)


def open_model_for_batches(model: ModelSettings) -> Detector:
    """Opens a model as ``open_model`` does, but tuned for throughput rather than latency: see ``preferred_batch``."""
    return open_entry(user_library().find(model.name), model.device, model.precision, for_batches=True)


def open_entry(
    entry: ModelEntry, device: str = "auto", precision: str = "auto", *, for_batches: bool = False
) -> Detector:
    """Opens an entry of the library, as ``open_model`` does."""
    from detector.runtime.open import open_detector

    return open_detector(entry, device, precision, cache_dir=paths.optimised_dir(), for_batches=for_batches)


def own_threshold(name: str) -> float | None:
    """Returns the threshold that the model recommends; None where it recommends none, or is not in the library."""
    try:
        return user_library().find(name).spec.threshold
    except DetectorError:
        return None


def own_iou(name: str) -> float | None:
    """Returns the model's own limit of overlaps; None where it is not in the library."""
    try:
        return user_library().find(name).spec.postprocess.iou_threshold
    except DetectorError:
        return None


def weights_sha256(model: ModelSettings) -> str:
    """Returns the hash of the content of the model's file or files; "" where there is none."""
    from detector.runtime.network_cache import content_key, file_sha256

    try:
        path = user_library().find(model.name).path
        if path is None:
            return ""
        return content_key(path) if path.is_dir() or path.suffix.lower() == ".xml" else file_sha256(path)
    except DetectorError:
        return ""
