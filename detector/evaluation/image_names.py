"""Finding an image of a data set by what detections call it: its number, its file's name, with or without ending."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from detector.evaluation.results import DataSet


class ImageNames:
    """All names of the images of ``data``; a name that could mean two images means none."""

    def __init__(self, data: DataSet) -> None:
        self._exact: dict[str, int] = {image.image_id: n for n, image in enumerate(data.images)}
        self._other: dict[str, int] = {}
        for number, image in enumerate(data.images):
            for name in _names(image.image_id, image.file_name):
                if self._other.setdefault(name, number) != number:
                    self._other[name] = -1

    def find(self, name: str) -> int | None:
        """Index into ``DataSet.images``, or None."""
        if name in self._exact:
            return self._exact[name]
        for other in _names(name, name):
            found = self._other.get(other, -1)
            if found >= 0:
                return found
        return None


def _names(image_id: str, file_name: str) -> Iterable[str]:
    base = PurePosixPath(file_name.replace("\\", "/")).name
    stem = base.rpartition(".")[0] or base
    for name in dict.fromkeys((image_id, base, stem)):
        if name:
            yield name
            if name.isascii() and name.isdecimal() and len(name) < 20:
                yield str(int(name))
