"""Where COCO data keeps its parts: the annotation file of a split, and its images."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from detector.errors import DetectorError, Remedy
from detector.evaluation.issues import shortened

DEFAULT_SPLITS = ("val2017", "val2014", "val", "valid", "minival", "test")
_PREFIX = "instances_"
_ROBOFLOW = "_annotations.coco.json"
_MAX_PARTS = 4


def find_annotations(root: Path, split: str = "") -> tuple[Path, str]:
    """The annotation file of ``split`` and the split's name.

    Args:
        root: The file itself, or a folder with ``annotations/instances_SPLIT.json``, ``instances_SPLIT.json`` or
            ``SPLIT/_annotations.coco.json`` in it.
        split: Which; "" for the first there is of ``DEFAULT_SPLITS``, or the only one. With a file, the folder its
            images are in, where that is not named like the file.

    Raises:
        DetectorError: There is none, or it is not clear which is meant.
    """
    if root.is_file():
        return root, split or root.stem.removeprefix(_PREFIX)
    found = list_splits(root)
    if not found:
        raise DetectorError(
            f"There is no COCO data in {root}.",
            "Looked for annotations/instances_SPLIT.json; name a .json file itself.",
        )
    wanted = split.removesuffix(".json").removeprefix(_PREFIX)
    names = (wanted,) if split else (*DEFAULT_SPLITS, *(tuple(found) if len(found) == 1 else ()))
    for name in names:
        if name in found:
            return found[name], name
    there = ", ".join(map(shortened, sorted(found)[:12]))
    if split:
        raise DetectorError(f"There is no split {split!r} in {root}.", f"There are: {there}.")
    raise DetectorError(f"{root} has several splits.", f"Choose one: {there}.", Remedy("split"))


def list_splits(root: Path) -> dict[str, Path]:
    """Annotation files within ``root`` by split; empty if there are none.

    Raises:
        DetectorError: The folder cannot be read.
    """
    found: dict[str, Path] = {}
    try:
        for folder in (root / "annotations", root):
            for path in sorted(folder.glob(f"{_PREFIX}*.json")):
                found.setdefault(path.stem.removeprefix(_PREFIX), path)
        for path in sorted(root.glob(f"*/{_ROBOFLOW}")):
            found.setdefault(path.parent.name, path)
    except OSError as error:
        raise DetectorError(f"The folder {root} cannot be read: {error.strerror or error}.") from error
    return found


class ImageFinder:
    """Finds the image files of a split, never outside of the data set.

    A name that is a path of another computer is looked for by its end: of ``C:\\work\\set\\images\\0.jpg`` first
    ``work/set/images/0.jpg``, last ``0.jpg``.

    Args:
        annotations: The annotation file.
        split: Its split.
    """

    def __init__(self, annotations: Path, split: str) -> None:
        beside = annotations.parent
        above = beside.parent if beside.name == "annotations" else beside
        self._folders = [above / split, above / "images" / split, above / "images", beside, above]
        self._listings: dict[Path, dict[str, Path]] = {}

    def find(self, file_name: str) -> Path | None:
        """The file; None where it is missing.

        Raises:
            ValueError: The name leaves the data set, and no file within has the end of that name.
        """
        inside = is_inside(file_name)
        names = _spellings(file_name) if inside else _ends(file_name)
        for name in names:
            for index, folder in enumerate(self._folders):
                path = folder / name
                if path.is_file():
                    self._folders.insert(0, self._folders.pop(index))  # the next ones are likely there, too
                    return path
        for path in (folder / name for name in names for folder in self._folders):
            if (other := self._listing(path.parent).get(path.name.casefold())) is not None:
                return other
        if not inside:
            raise ValueError(file_name)
        return None

    def _listing(self, folder: Path) -> dict[str, Path]:
        """Returns the files of ``folder`` by name in lower case: where sets are made on Windows, case is ignored."""
        if folder not in self._listings:
            try:
                files = {path.name.casefold(): path for path in sorted(folder.iterdir()) if path.is_file()}
            except (OSError, ValueError):
                files = {}
            self._listings[folder] = files
        return self._listings[folder]


def _spellings(file_name: str) -> list[str]:
    """Returns the name as it stands, and with this system's separators where Windows wrote it."""
    return list(dict.fromkeys((file_name, file_name.replace("\\", "/"))))


def _ends(file_name: str) -> list[str]:
    """Returns the ends of a name that leaves the data set, longest first, up to ``_MAX_PARTS`` parts; none climbs."""
    whole = PureWindowsPath(file_name)  # it knows both separators
    parts = whole.parts[1:] if whole.anchor else whole.parts
    first = max((n + 1 for n, part in enumerate(parts) if part == ".." or ":" in part or "\0" in part), default=0)
    parts = parts[first:][-_MAX_PARTS:]
    return ["/".join(parts[n:]) for n in range(len(parts))]


def is_inside(file_name: str) -> bool:
    """Returns whether a name is relative, on any system, and never climbs."""
    path = PurePosixPath(file_name.replace("\\", "/"))
    anchored = path.is_absolute() or PureWindowsPath(file_name).drive or "://" in file_name
    return bool(path.parts) and not anchored and ".." not in path.parts and "\0" not in file_name
