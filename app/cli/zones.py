"""``--zones``: those of a file, or those that were drawn on each source in the window. Main thread."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.console import UsageError
from app.core.errors import AppError
from app.core.sources.base import CAMERA

if TYPE_CHECKING:
    from app.core.events.scene import Scene

DRAWN = "drawn"
_HINT = f"Name a file with --zones, or use --zones {DRAWN} for what was drawn in the window."


def add_zones_flag(group: Any, what: str) -> None:
    """``--zones``, for ``what``."""
    described = f"{what}; {DRAWN}: those drawn on each source in the window"
    group.add_argument("--zones", metavar=f"FILE.json|{DRAWN}", help=described)


def zones_file(options: argparse.Namespace) -> Path | None:
    """Returns the file that is named; None for none. A file called as what was drawn is one."""
    named = options.zones
    return None if named is None or (named == DRAWN and not Path(named).is_file()) else Path(named)


def check_zones_asked(options: argparse.Namespace, *names: str) -> None:
    """Refuse names of zones and lines where there are none.

    Raises:
        UsageError: As said.
    """
    name = next(filter(None, names), "")
    if name and options.zones is None:
        raise UsageError(f"No zones or lines are given, so there is no {name!r}.", _HINT)


def check_named(scene: Scene, zone: str, line: str) -> None:
    """Refuse the name of a zone or line that is not there; "" asks for none.

    Raises:
        SceneError: As said.
    """
    for name, find in ((zone, scene.zone), (line, scene.line)):
        if name:
            find(name)


def scenes_for(
    options: argparse.Namespace,
    sources: Sequence[str],
    note: Callable[[str], None],
    check: Callable[[Scene], object],
) -> tuple[Scene, ...]:
    """Returns zones, lines and masks of each source.

    Args:
        options: With ``zones``.
        sources: As they are opened.
        note: Told in one line of what was kept and cannot be used any more.
        check: Raises ``AppError`` where a source has not what is asked for.

    Raises:
        AppError: The file cannot be used, or nothing was drawn on one of the sources; or that of ``check``.
    """
    from app.core.events.scene import Scene, read_scene

    file = zones_file(options)
    if file is not None or options.zones is None:
        scene = Scene() if file is None else read_scene(file)
        check(scene)
        return (scene,) * len(sources)
    return tuple(_drawn_on(source, note, check) for source in sources)


def note_edges(scenes: Iterable[Scene], asked: str, note: Callable[[str], None]) -> None:
    """Says which lines nothing crosses: those on the frame's edge, of all or of that ``asked`` for."""
    for line in dict.fromkeys(line for scene in scenes for line in scene.lines):
        if line.is_on_edge and asked.casefold() in ("", line.name.casefold()):
            note(f"The line {line.name!r} lies on the frame's edge, beyond which nothing can be seen to go.")


def _drawn_on(source: str, note: Callable[[str], None], check: Callable[[Scene], object]) -> Scene:
    from app.core.events.scene import Scene
    from app.core.events.scene_store import SceneStore
    from app.core.sources.uri import shown_name

    store = SceneStore()
    scene = next((scene for name in _names_of(source) if (scene := store.scene_of(name, note)) != Scene()), None)
    if scene is None:
        hint = "Draw on it in the window (Z), or name a file with --zones."
        raise AppError(f"Nothing is drawn on {shown_name(source)}.", hint)
    try:
        check(scene)
    except AppError as error:
        raise AppError(f"{shown_name(source)}: {error.message}", error.hint) from error
    return scene


def _names_of(source: str) -> Iterator[str]:
    """The source as it is named, and a camera as the window's list names it."""
    yield source
    if source.startswith(CAMERA):
        from app.core.sources.cameras import find_camera, list_cameras

        with suppress(AppError):  # not there now: watching it says so
            yield find_camera(source.removeprefix(CAMERA), list_cameras()).uri
