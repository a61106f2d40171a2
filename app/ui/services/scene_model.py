"""The zones, lines and masks of the present source, and the only writer of them. GUI thread; files on a worker."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.core.errors import ExplainedError
from app.core.events.scene import Scene
from app.core.events.scene_store import KeptScene, SceneStore
from app.ui.services.background import Background
from app.ui.services.controller import LiveController


class SceneModel(QObject):
    """Holds the scene of whatever source is open; empty while none is.

    Args:
        store: Where scenes are kept.
        controller: Says which source is the present one, and is told its masks.
        background: Reads and writes.
    """

    changed = Signal(object)
    """``Scene``: another one is in force."""
    damaged = Signal(str)
    """What was kept cannot be used; one line."""
    replaced = Signal(str, object)
    """(source, ``Scene``): something else was drawn on it."""
    not_saved = Signal(object)
    """``ExplainedError``: the scene holds until the source is closed."""

    def __init__(self, store: SceneStore, controller: LiveController, background: Background) -> None:
        super().__init__()
        self._store, self._controller, self._background = store, controller, background
        self._source = ""
        self._scene = Scene()
        self._loaded = False
        self._waiting: dict[str, Scene] = {}
        self._saving = False
        controller.opening.connect(self._begin)
        controller.closed.connect(self._end)

    @property
    def scene(self) -> Scene:
        """Returns what is drawn on the present source."""
        return self._scene

    @property
    def loaded(self) -> bool:
        """Returns whether there is a source, and what was kept of it is here."""
        return self._loaded

    def replace(self, scene: Scene) -> None:
        """Has this drawn on the present source from now on, and keeps it. Nothing happens while none is loaded."""
        if self._loaded and scene != self._scene:
            self._take(scene)
            self._waiting[self._source] = scene
            self.replaced.emit(self._source, scene)
            self._save_next()

    def read(self, source: str, arrived: Callable[[Scene], None]) -> None:
        """Calls ``arrived`` with what is drawn on any source, soon."""
        self._background.run("zones", lambda: self._store.scene_of(source), arrived)

    def flush(self) -> None:
        """Writes at once what is not written yet.

        Raises:
            AppError: It cannot be written.
        """
        waiting, self._waiting = self._waiting, {}
        for source, scene in waiting.items():
            self._store.save(source, scene)

    def others(self) -> tuple[KeptScene, ...]:
        """Returns what is drawn on other sources; slow, for a worker."""
        return self._store.others(self._source)

    def _begin(self, source: str) -> None:
        self._source, self._loaded = source, False
        self._take(self._waiting.get(source, Scene()))
        problems: list[str] = []

        def arrived(scene: Scene) -> None:
            if source == self._source and not self._loaded:
                self._loaded = True
                self._take(self._waiting.get(source, scene))
                for problem in problems:
                    self.damaged.emit(problem)

        self._background.run("zones", lambda: self._store.scene_of(source, problems.append), arrived)

    def _end(self) -> None:
        self._source, self._loaded = "", False
        self._take(Scene())

    def _take(self, scene: Scene) -> None:
        if scene != self._scene:
            before, self._scene = self._scene, scene
            if scene.masks != before.masks:
                self._controller.set_masks(scene.ignored)
            self.changed.emit(scene)

    def _save_next(self) -> None:
        if self._saving or not self._waiting:
            return
        source = next(iter(self._waiting))
        scene = self._waiting[source]
        self._saving = True

        def done(_nothing: None = None) -> None:
            self._saving = False
            if self._waiting.get(source) == scene:
                del self._waiting[source]
            self._save_next()

        def failed(error: ExplainedError) -> None:
            self.not_saved.emit(error)
            done()

        self._background.run("save-zones", lambda: self._store.save(source, scene), done, failed)
