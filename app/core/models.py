"""The shelf of this computer's user, and detectors from it. Imports nothing heavy until a detector is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core import paths
from app.core.settings import ModelSettings
from detector.shelf import Shelf, ShelfEntry, bundled_dir

if TYPE_CHECKING:
    from detector.runtime.base import Detector


def user_shelf() -> Shelf:
    """The user's models and those that came with the program."""
    return Shelf(paths.models_dir(), bundled_dir())


def open_model(model: ModelSettings) -> Detector:
    """The detector those settings name; call it on the thread that will use it.

    Raises:
        DetectorError: There is no such model, device or precision, or the model cannot be used.
    """
    return open_entry(user_shelf().find(model.name), model.device, model.precision)


def open_entry(entry: ShelfEntry, device: str = "auto", precision: str = "auto") -> Detector:
    """As ``open_model``, of an entry of the shelf."""
    from detector.runtime.open import open_detector

    return open_detector(entry, device, precision, cache_dir=paths.converted_dir())
