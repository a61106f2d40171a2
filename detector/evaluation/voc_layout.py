"""Where PASCAL VOC data keeps its parts: years, annotations, images, and the lists of images that make up a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from detector import image_formats
from detector.errors import DetectorError, Remedy
from detector.evaluation.bounded_file import read_bounded
from detector.evaluation.issues import shortened
from detector.evaluation.text_encoding import decode_text

DEFAULT_SPLITS = ("test", "val", "trainval", "train")
ALL = "all"
"""The split of a folder without ``ImageSets``: every annotation."""

_MAX_LIST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class VocRoot:
    """The folders of one year.

    Attributes:
        folder: Named after the year, as a rule.
        annotations: With the ``.xml`` files.
        images: With the image files; it may not exist.
        lists: ``ImageSets/Main``; None where there is none.
    """

    folder: Path
    annotations: Path
    images: Path
    lists: Path | None


def find_roots(root: Path) -> list[VocRoot]:
    """The years within ``root``: itself, its folders, or those of a ``VOCdevkit`` in it. Empty if there are none.

    Raises:
        DetectorError: The folder cannot be read.
    """
    try:
        for place in (root, root / "VOCdevkit"):
            folders = [place, *sorted(entry for entry in place.iterdir() if entry.is_dir())] if place.is_dir() else []
            own = [found for folder in folders[:1] if (found := _as_root(folder)) is not None]
            years = own or [found for folder in folders[1:] if (found := _as_root(folder)) is not None]
            if years:
                return years
        if root.is_dir() and list_annotations(root):
            return [VocRoot(root, root, root, None)]
    except OSError as error:
        raise DetectorError(f"The folder {root} cannot be read: {error.strerror or error}.") from error
    return []


def _as_root(folder: Path) -> VocRoot | None:
    try:
        inside = {entry.name.casefold(): entry for entry in folder.iterdir() if entry.is_dir()}
    except PermissionError:
        return None
    annotations = inside.get("annotations")
    if annotations is None or not ("imagesets" in inside or list_annotations(annotations)):
        return None
    images = inside.get("jpegimages", inside.get("images", folder / "JPEGImages"))
    lists = inside["imagesets"] / "Main" if "imagesets" in inside else None
    return VocRoot(folder, annotations, images, lists if lists is not None and lists.is_dir() else None)


def list_annotations(folder: Path) -> dict[str, Path]:
    """The ``.xml`` files in ``folder`` by stem; empty if it cannot be read."""
    try:
        return {path.stem: path for path in folder.iterdir() if path.suffix.lower() == ".xml"}
    except OSError:
        return {}


def list_images(folder: Path) -> dict[str, Path]:
    """The images in ``folder`` by name and by stem, in lower case; empty if there is no such folder."""
    found: dict[str, Path] = {}
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return found
    for path in entries:
        if path.suffix.lower() in image_formats.SUFFIXES:
            found.setdefault(path.stem.casefold(), path)
            found.setdefault(path.name.casefold(), path)
    return found


def choose_split(roots: Sequence[VocRoot], split: str) -> tuple[list[tuple[VocRoot, list[str]]], str]:
    """The images of a split, year by year, and its name.

    Args:
        roots: The years.
        split: Name of a list in ``ImageSets/Main``; "" for the first there is of ``DEFAULT_SPLITS``.

    Raises:
        DetectorError: There is no such split, or a list names something outside of the data set.
    """
    listed = [root for root in roots if root.lists is not None]
    if not listed:
        if split not in ("", ALL):
            raise DetectorError(
                f"There is no split {split!r}: there is no folder ImageSets/Main.",
                "Leave the split out.",
                Remedy("split", omit=True),
            )
        return [(root, sorted(list_annotations(root.annotations))) for root in roots], ALL
    if split and (Path(split).name != split or split in (".", "..")):
        raise DetectorError(f"{split!r} is no name of a split.", "Name a file of ImageSets/Main, without folder.")
    for name in (split.removesuffix(".txt"),) if split else DEFAULT_SPLITS:
        having = [(root, root.lists / f"{name}.txt") for root in listed if root.lists is not None]
        chosen = [(root, read_list(path)) for root, path in having if path.is_file()]
        if any(stems for _, stems in chosen):
            return chosen, name
    known = sorted({path.stem for root in listed if root.lists is not None for path in root.lists.glob("*.txt")})
    several = [name for name in known if "_" not in name] or known  # cat_train and the like are of one class
    raise DetectorError(
        f"There is no split {split!r} in {roots[0].folder.parent}." if split else "None of the usual splits is there.",
        f"There are: {', '.join(map(shortened, several[:12])) or 'none'}.",
    )


def read_list(path: Path) -> list[str]:
    """Names of images in an ``ImageSets`` file: the first word of each line (a class's list has a second, 1 or -1).

    Raises:
        DetectorError: It cannot be read, or names something outside of the data set.
    """
    stems: dict[str, None] = {}
    for line in decode_text(read_bounded(path, _MAX_LIST_BYTES)).splitlines():
        words = line.split()
        if not words:
            continue
        stem = words[0]
        if Path(stem).suffix.lower() in image_formats.SUFFIXES:
            stem = stem[: -len(Path(stem).suffix)]
        if not is_plain(stem):
            raise DetectorError(f"{path.name} names {shortened(stem)!r}, which is no name of an image in the data set.")
        stems[stem] = None
    return list(stems)


def is_plain(name: str) -> bool:
    """Returns whether a name stays within the folder it is looked up in."""
    return name not in ("", ".", "..") and not PureWindowsPath(name).drive and not any(c in name for c in "/\\\0")
