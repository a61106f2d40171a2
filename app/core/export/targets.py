"""Names of the files an export makes, and the promise that the source is never one of them. Pure but for looking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from app.core.errors import AppError
from app.core.export.request import DataFile, ExportRequest
from app.core.muxing.video_options import CONTAINERS
from app.core.records.formats import FORMATS
from detector.part_file import part_path

_NUMBER = re.compile(r" \((\d{1,9})\)$")
VIDEO_SUFFIXES = tuple(suffix for kind in CONTAINERS for suffix in kind.suffixes)


def default_output(source: Path, folder: Path | None = None) -> Path:
    """``NAME.annotated.mp4`` beside the source or in ``folder``; numbered where that name is taken."""
    return free_name(plain_output(source, folder))


def plain_output(source: Path, folder: Path | None = None) -> Path:
    """``NAME.annotated.mp4`` beside the source or in ``folder``, whether or not it is taken."""
    return (folder or source.parent) / f"{source.stem}.annotated.mp4"


def data_beside(output: Path, data_format: str) -> DataFile:
    """The data file of that format, named like the annotated video ``output``."""
    return DataFile(output.with_name(output.stem + FORMATS[data_format].ending), data_format)


def video_beside(request: ExportRequest) -> Path:
    """The annotated video, or where it would be beside the data or folders; what ``data_beside`` is given."""
    if request.output is not None:
        return request.output
    if request.data:
        first = request.data[0]
        return first.path.with_name(f"{first.path.name.removesuffix(FORMATS[first.format].ending)}.mp4")
    return next(iter(request.highlights.folders())).with_suffix(".mp4")


def cache_folders(request: ExportRequest) -> tuple[Path, ...]:
    """The folders to search for stored detections: beside each file to write, and beside the video."""
    analysis = () if request.analysis is None else (request.analysis,)
    return *analysis, *(target.parent for target in request.targets()), request.source.parent


def free_name(path: Path) -> Path:
    """``path``, or ``NAME (2).EXT``, ``NAME (3).EXT``... where it exists."""
    candidate, number = path, 2
    while candidate.exists() or candidate.is_symlink():
        candidate = path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
    return candidate


def number_of(request: ExportRequest) -> int:
    """The number that its files carry already; 1 for none."""
    found = [_NUMBER.search(path.stem) for path in request.targets()]
    return max((int(match[1]) for match in found if match is not None), default=1)


def numbered(request: ExportRequest, number: int) -> ExportRequest:
    """The request with all its files numbered, ``NAME (2).EXT``."""

    def named(path: Path) -> Path:
        return path.with_name(f"{_NUMBER.sub('', path.stem)} ({number}){path.suffix}")

    return replace(
        request,
        output=None if request.output is None else named(request.output),
        data=tuple(replace(data, path=named(data.path)) for data in request.data),
        highlights=request.highlights.renamed(named),
    )


def check_targets(request: ExportRequest) -> None:
    """Refuse what would harm the source or another file of the same export.

    Raises:
        AppError: Nothing to write, a target is the source (also by another name of it), is named twice, is a folder,
            or is of no container we write.
    """
    folders = [*request.highlights.folders(), *(data.path for data in request.data if FORMATS[data.format].is_folder)]
    files = [data.path for data in request.data if not FORMATS[data.format].is_folder]
    if request.output is None and not files and not folders and request.analysis is None:
        raise AppError("There is nothing to write.", "Ask for the video, for a data file, or for both.")
    if request.output is not None and request.output.suffix.lower() not in VIDEO_SUFFIXES:
        raise AppError(
            f"{request.output.name}: annotated videos are MP4, MKV or WebM files.",
            "Choose a name that ends in .mp4, .mkv or .webm.",
        )
    targets = [*([request.output] if request.output else []), *files]
    check_apart(targets, [request.source], folders)


def check_apart(targets: Iterable[Path], sources: Iterable[Path], folders: Sequence[Path] = ()) -> None:
    """Refuse a target that is a source, under any of its names or while it is written, or that is named twice.

    Args:
        targets: Files to write.
        sources: Never to be written.
        folders: Folders to write as a whole; whether one that is there may be replaced is theirs to judge.

    Raises:
        AppError: As said.
    """
    kept = list(sources)
    seen: set[Path] = set()
    for target in (*targets, *folders):
        for source in kept:
            if same_file(target, source):
                raise AppError(f"{target} is the file to be read; it is never overwritten.", "Choose another name.")
            part = part_path(target)
            if same_file(part, source):  # as browsers call a download that goes on
                raise AppError(
                    f"{part} is the file to be read; {target.name} would be written under that name.",
                    "Choose another name.",
                )
        where = target.parent.resolve() / target.name
        if where in seen:
            raise AppError(f"{target.name} is named twice as a file to write.", "Give each its own name.")
        seen.add(where)
        if target.is_dir() and target not in folders:
            raise AppError(f"{target} is a folder.", "Name a file in it.")
    for folder in folders:
        inside = next((path for path in (*kept, *seen) if folder.resolve() in path.resolve().parents), None)
        if inside is not None:
            raise AppError(f"{inside.name} lies in {folder}, which is replaced as a whole.", "Choose another folder.")


def same_file(first: Path, second: Path) -> bool:
    """Returns whether both names lead to one file: equal, or a symbolic or hard link."""
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return first.parent.resolve() / first.name == second.parent.resolve() / second.name


def make_folders(targets: Iterable[Path]) -> None:
    """Create the folders of ``targets``.

    Raises:
        AppError: It cannot be created.
    """
    for folder in {target.parent for target in targets}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AppError(
                f"The folder {folder} cannot be created: {error.strerror}.", "Choose another folder."
            ) from error
