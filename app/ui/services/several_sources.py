"""Several live sources at once: a session for each, all of them with one detector. GUI thread."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.core.events.masks import Masks
from app.core.events.scene import Scene
from app.core.frames import FrameResult, SourceInfo
from app.core.live.events import (
    Ended,
    LiveEvent,
    LiveState,
    ModelFailed,
    ModelLoading,
    ModelReady,
    SourceOpened,
    SourceTrouble,
    StateChanged,
)
from app.core.sources.base import SourceOptions
from app.core.sources.uri import shown_name
from app.core.stats import LiveStats
from app.core.stream_logins import keep_login
from app.ui.services.bridge import Bridge
from app.ui.services.live_session import MakeSession
from app.ui.services.scene_model import SceneModel
from app.ui.services.settings_model import SettingsModel

MOST = 9
"""How many sources fit side by side."""


class SourceFeed(QObject):
    """One of the sources: its frames, and how it is doing.

    Args:
        uri: The source.
        settings: The settings in force.
        make_session: Makes its session.
    """

    frame = Signal(object)
    """FrameResult to show."""
    changed = Signal()
    """``words`` or ``info`` is another."""
    masks_changed = Signal(object)
    """``Masks``: nothing is shown in these areas."""

    def __init__(self, uri: str, settings: SettingsModel, make_session: MakeSession, parent: QObject) -> None:
        super().__init__(parent)
        self.uri = uri
        self.name = shown_name(uri)
        self.info: SourceInfo | None = None
        self.masks: Masks = ()
        """Areas in which nothing is shown, counted or followed."""
        self.paused = False
        """Whether the user wants its present frame to stay."""
        self._source_words, self._model_words = "Opening…", ""
        self._settings = settings
        self._bridge = Bridge(self._pull, self._on_event)
        self._session = make_session(self._bridge.results_ready, self._bridge.event)
        current = settings.current
        options = replace(SourceOptions.from_settings(current.source), loop=True)
        self._session.set_smoothing(current.source.smooth)
        self._session.start(uri, options, current.model, current.detection)

    @property
    def words(self) -> str:
        """Returns what is wrong or awaited; "" while all is well."""
        return self._source_words or self._model_words

    def stats(self) -> LiveStats | None:
        """Returns the figures of the last seconds; None before the source is open."""
        return self._session.stats() if self.info is not None else None

    def painted(self, result: FrameResult) -> None:
        """Note that a result is on the screen."""
        self._session.mark_painted(result)

    def settings_changed(self, section: str, name: str) -> None:
        """Follow the settings."""
        current = self._settings.current
        if section == "model":
            self._session.switch_model(current.model)
        elif (section, name) == ("detection", "threshold"):
            self._session.set_threshold(current.detection.threshold)
        elif (section, name) == ("detection", "iou"):
            self._session.set_iou(current.detection.iou)
        elif (section, name) == ("source", "smooth"):
            self._session.set_smoothing(current.source.smooth)

    def rest(self, resting: bool) -> None:
        """Have the detector rest, or take up its work again."""
        self._session.rest(resting)

    def pause(self, paused: bool) -> None:
        """Keep the present frame, or go on."""
        self.paused = paused
        if paused:
            self._session.pause()
        else:
            self._session.resume()

    def set_masks(self, masks: Masks) -> None:
        """Ignore what lies in these areas."""
        if masks != self.masks:
            self.masks = masks
            self._session.set_masks(masks)
            self.masks_changed.emit(masks)

    def close(self, deadline_s: float = 0.0) -> None:
        """End; waits at most so long."""
        self._bridge.close()
        self._session.stop(deadline_s)

    def _pull(self) -> None:
        self._bridge.drain()
        result = self._session.results.take(0)
        if result is not None:
            self.frame.emit(result)

    def _on_event(self, event: LiveEvent) -> None:
        match event:
            case SourceOpened(info):
                self.info, self.name = info, info.name
                self._say(source="")
            case SourceTrouble(message, hint, retrying):
                self._say(source=f"{message} Reconnecting…" if retrying else f"{message} {hint}".strip())
            case ModelLoading(name):
                self._say(model=f"Loading {name}…")
            case ModelReady():
                self._say(model="")
            case ModelFailed(message, hint):
                self._say(model=f"{message} {hint}".strip())
            case Ended():
                self._say(source="Ended")
            case StateChanged(LiveState.RUNNING) if self.info is not None:
                self._say(source="")
            case StateChanged(LiveState.PAUSED) if self.paused:
                self._say(source="Paused")

    def _say(self, source: str | None = None, model: str | None = None) -> None:
        self._source_words = self._source_words if source is None else source
        self._model_words = self._model_words if model is None else model
        self.changed.emit()


class SeveralSources(QObject):
    """All of them, at most ``MOST``; remembered from one time to the next.

    Args:
        settings: The settings in force; where the sources are remembered.
        scenes: What is drawn on sources.
        make_session: Makes sessions that share a detector.
    """

    changed = Signal()
    """There is one more, or one less."""

    def __init__(self, settings: SettingsModel, scenes: SceneModel, make_session: MakeSession) -> None:
        super().__init__()
        self._settings, self._scenes, self._make_session = settings, scenes, make_session
        self.feeds: list[SourceFeed] = []
        self._resting = False
        settings.changed.connect(self._settings_changed)
        scenes.replaced.connect(self._take_scene)

    @property
    def remembered(self) -> tuple[str, ...]:
        """The sources that were shown when they were last shown."""
        return self._settings.current.source.several

    def add(self, uri: str) -> bool:
        """Open one more; False where there is no room, or it is shown already."""
        if len(self.feeds) >= MOST or any(feed.uri == uri for feed in self.feeds):
            return False
        feed = SourceFeed(uri, self._settings, self._make_session, self)
        if self._resting:
            feed.rest(True)
        self.feeds.append(feed)
        self._scenes.read(uri, partial(self._take_scene, uri))
        self._remember()
        self.changed.emit()
        return True

    def remove(self, feed: SourceFeed) -> None:
        """Close one."""
        self.feeds.remove(feed)
        feed.close()
        self._remember()
        self.changed.emit()
        feed.deleteLater()

    def toggle_pause(self) -> None:
        """Have all keep their present frames, or where all do so go on."""
        paused = not all(feed.paused for feed in self.feeds)
        for feed in self.feeds:
            feed.pause(paused)

    def rest(self, resting: bool) -> None:
        """Have the detector rest, or take up its work again."""
        self._resting = resting
        for feed in self.feeds:
            feed.rest(resting)

    def close(self, deadline_s: float = 0.0) -> None:
        """Close all, and remember them."""
        feeds, self.feeds = self.feeds, []
        for feed in feeds:
            feed.close(deadline_s)
            feed.deleteLater()
        self.changed.emit()

    def _remember(self) -> None:
        self._settings.set("source", "several", tuple(keep_login(feed.uri) for feed in self.feeds))

    def _take_scene(self, uri: str, scene: Scene) -> None:
        for feed in self.feeds:
            if feed.uri == uri:
                feed.set_masks(scene.ignored)

    def _settings_changed(self, section: str, name: str) -> None:
        for feed in self.feeds:
            feed.settings_changed(section, name)
