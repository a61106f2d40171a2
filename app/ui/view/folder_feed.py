"""Lists the images of a folder that is looked at, and says which of them is on screen. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from PySide6.QtCore import QObject

from app.core.frames import FrameResult, SourceInfo
from app.ui.services.background import Background
from app.ui.services.controller import LiveController
from app.ui.view.film_strip import FilmStrip


class FolderFeed(QObject):
    """Feeds the film strip, and goes where it is pressed.

    Args:
        strip: Shows the images.
        controller: Says what is looked at.
        background: Lists the folder, which may be of another computer.
    """

    def __init__(self, strip: FilmStrip, controller: LiveController, background: Background) -> None:
        super().__init__()
        self._strip, self._controller, self._background = strip, controller, background
        strip.chosen.connect(self._go_to)
        controller.opening.connect(self._forget)
        controller.closed.connect(self._forget)
        controller.opened.connect(self._opened)
        controller.frame.connect(self._frame_shown)
        self._shown = 0

    def _forget(self) -> None:
        self._shown = 0
        self._strip.show_images(())

    def _opened(self, info: SourceInfo) -> None:
        if info.kind != "folder":
            return
        folder = Path(self._controller.uri)

        def done(paths: Sequence[Path]) -> None:
            if self._controller.info is info:
                self._strip.show_images(paths)
                self._strip.set_current(self._shown)

        self._background.run("list-images", lambda: _images_of(folder), done)

    def _frame_shown(self, result: FrameResult) -> None:
        info = self._controller.info
        if info is not None and info.kind == "folder":
            self._shown = result.frame.index
            self._strip.set_current(self._shown)

    def _go_to(self, number: int) -> None:
        info = self._controller.info
        if info is not None and info.kind == "folder" and info.fps:
            # The middle of its time: rounding never leads to its neighbour.
            self._controller.playback.seek(float((number + Fraction(1, 2)) / info.fps))


def _images_of(folder: Path) -> Sequence[Path]:
    from app.core.sources.images import list_images

    return list_images(folder)
