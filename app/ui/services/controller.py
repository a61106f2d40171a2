"""The only owner of the live session: tells it what to do, pulls what it has. GUI thread.

Session → bridge → here: at most one pending wake-up, then the newest result is taken from the slot. Settings → here:
what concerns the network or the source is passed on; thresholds, classes and colours are not, the view applies them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.core.events.masks import Masks
from app.core.frames import FrameResult, SourceInfo
from app.core.live.events import (
    DetectorTrouble,
    LiveEvent,
    ModelReady,
    ReplacementFailed,
    SourceNote,
    SourceOpened,
    SourceReplaced,
    SourceTrouble,
)
from app.core.recording.tap_switch import TapSwitch
from app.core.sources.base import SourceOptions
from app.core.stats import LiveStats
from app.ui.services.bridge import Bridge
from app.ui.services.live_session import MakeSession, Session
from app.ui.services.live_signals import LiveSignals
from app.ui.services.playback import Playback
from app.ui.services.running_model import RunningModel
from app.ui.services.session_settings import apply_setting, smoothing_of
from app.ui.services.settings_model import SettingsModel

_REOPENING = ("resolution", "fps")


class LiveController(LiveSignals):
    """Drives one session at a time."""

    def __init__(self, settings: SettingsModel, make_session: MakeSession) -> None:
        super().__init__()
        self._settings = settings
        self._make_session = make_session
        self.session: Session | None = None
        """The running session, if any; nobody else keeps it."""
        self.bridge: Bridge | None = None
        """Carries the session's calls; None without a session."""
        self.info: SourceInfo | None = None
        self.uri = ""
        self.awaited = ""
        """What is being opened, in place of the present source or of none."""
        self.refused = ""
        """What could not be opened last, in place of the present source."""
        self._sample_uri = ""
        self.resting = False
        """Whether an export wants the computer for itself."""
        self._needed = False
        self.tap = TapSwitch()
        """What the present source gives, for who records it."""
        self._next_tap = self.tap
        self.playback = Playback(settings, self)
        """Pauses, steps and seeks in the present source."""
        self.playback.retry_asked.connect(self._open_again)
        self._running = running = RunningModel(settings, self)
        running.began_loading.connect(self.model_loading)
        running.ready.connect(self.model_ready)
        running.measured.connect(self.model_measured)
        running.lost.connect(self.model_lost)
        running.failed.connect(self._model_failed)
        settings.changed.connect(self._setting_changed)

    # Commands

    def open(self, uri: str, sample: bool = False) -> None:
        """Open ``uri`` in place of the present source; the sample loops, and is not remembered.

        The present source goes on until the new one is open, if it can.
        """
        if self.bridge is not None:
            self.bridge.drain()  # what was said of the source before
        if sample or uri == self._sample_uri:
            self._sample_uri = uri if sample else ""
        self.refused = ""
        if self.session is None:
            bridge = Bridge(self._pull, self._on_event)
            self.bridge = bridge
            self.session = self._make_session(bridge.results_ready, bridge.event)
        settings = self._settings.current
        self._next_tap = TapSwitch()
        looping = sample or settings.source.loop
        options = replace(SourceOptions.from_settings(settings.source), loop=looping, tap=self._next_tap)
        # What runs for the sample only does not look at anything else, not even for a moment.
        name = settings.model.name if sample else self._settings.lasting("model", "name")
        self.awaited = uri
        if smoothing_of(settings) != "auto":
            self.session.set_smoothing(smoothing_of(settings))
        if self.session.start(uri, options, replace(settings.model, name=name), settings.detection):
            self.awaiting.emit(uri)
        else:
            self._begin(uri)
        if self.resting and not self._needed:
            self.session.rest(True)

    def _open_again(self) -> None:
        self.open(self.uri)

    def keep_source(self) -> None:
        """Go on with the present source, and give up what is being opened in its place."""
        if self.session is not None and self.awaited:
            self.session.keep_source()
            self.awaited = ""
            self.awaiting.emit("")

    def close_source(self) -> None:
        """Close the source, also for the next start. The session's threads end by themselves; nobody waits."""
        self._settings.set("source", "last", "")
        session, bridge = self.session, self.bridge
        self.session = self.bridge = None
        self._forget()
        if bridge is not None:
            bridge.close()
        if session is not None:
            session.stop(0.0)
        self.closed.emit()

    def rest(self, resting: bool) -> None:
        """Have the detector rest, unless alarms go by it, or take up its work again."""
        if resting != self.resting:
            self.resting = resting
            self._apply_rest()

    def need_detector(self, needed: bool) -> None:
        """Alarms go by what the detector finds, or do no more."""
        if needed != self._needed:
            self._needed = needed
            self._apply_rest()

    def _apply_rest(self) -> None:
        if self.session is not None:
            self.session.rest(self.resting and not self._needed)

    def look_again(self, video: Path) -> None:
        """Show what is kept of ``video`` by now, if that is what is looked at."""
        present = self.video_file
        if self.session is not None and present is not None and present.absolute() == video.absolute():
            self.session.look_again()

    def set_masks(self, masks: Masks) -> None:
        """Sets the areas of the present source in which no object is followed."""
        if self.session is not None:
            self.session.set_masks(masks)

    def painted(self, result: FrameResult) -> None:
        """Note that a result is on the screen: counts frame age and screen rate."""
        if self.session is not None:
            self.session.mark_painted(result)

    def stats(self) -> LiveStats | None:
        """Returns the figures of the last seconds; None without a source."""
        return None if self.session is None or self.info is None else self.session.stats()

    def shutdown(self, deadline_s: float) -> bool:
        """Stop for good, waiting at most ``deadline_s``; False when a thread was left behind."""
        session, bridge = self.session, self.bridge
        self.session = self.bridge = None
        self.playback.begin(None)
        if bridge is not None:
            bridge.close()
        return session.stop(deadline_s) if session is not None else True

    @property
    def is_sample(self) -> bool:
        """Returns whether the source is the drawn clip that came with the program."""
        return bool(self.uri) and self.uri == self._sample_uri

    @property
    def video_file(self) -> Path | None:
        """The video file that is looked at, if it is one."""
        return Path(self.uri) if self.uri and self.info is not None and self.info.kind == "video" else None

    @property
    def model(self) -> ModelReady | None:
        """The model that runs; None while none does."""
        return self._running.present

    @property
    def loading(self) -> str:
        """Name of the model being loaded; "" for none."""
        return self._running.loading

    # From the session

    def _pull(self) -> None:
        session, bridge = self.session, self.bridge
        if session is None or bridge is None:
            return
        bridge.drain()
        result = session.results.take(0)
        bridge.drain()  # a frame never comes before the event that announces its source
        if result is not None:
            self.playback.note_shown(result)
            self.frame.emit(result)

    def _on_event(self, event: LiveEvent) -> None:
        self._running.handle(event)
        self.playback.handle(event)
        match event:
            case SourceReplaced(uri):
                self._begin(uri)
                # What was chosen while it was being opened went to the source before.
                self.playback.apply_loop(self.playback.looping)
            case ReplacementFailed(uri, message, hint, error):
                if uri == self.awaited:
                    self._refuse(message, hint)
                    if error is not None:
                        self.source_failed.emit(error)
            case SourceOpened(info):
                self.info = info
                self.resolved.emit("source")
                if not self.is_sample:
                    self._settings.remember_source(self.uri)
                self.opened.emit(info)
            case SourceTrouble(message, hint, retrying, error):
                self.trouble.emit("warning" if retrying else "error", "source", message, hint)
                if error is not None:
                    self.source_failed.emit(error)
            case SourceNote(message):
                self.trouble.emit("info", "note", message, "")
            case DetectorTrouble(message, hint):
                self.trouble.emit("warning", "detector", message, hint)

    def _begin(self, uri: str) -> None:
        """A source is the present one from now on, open or not."""
        if uri == self.awaited:
            self.awaited = ""
        self.info, self.uri = None, uri
        self.tap = self._next_tap
        self.playback.begin(self.session)
        self.opening.emit(uri)
        self.playback.note_loop(self.is_sample or self._settings.current.source.loop)

    def _refuse(self, message: str, hint: str) -> None:
        """The present source goes on in place of the one that was asked for."""
        self.refused, self.awaited = self.awaited, ""
        goes_on = f"{self.info.name} stays open." if self.info is not None else ""
        self.trouble.emit("error", "refused", message, f"{hint} {goes_on}".strip())

    def _model_failed(self, message: str, hint: str) -> None:
        self.trouble.emit("error", "model", message, hint)

    # From the settings

    def _setting_changed(self, section: str, name: str) -> None:
        session, settings = self.session, self._settings.current
        if session is None:
            return
        if section == "model":
            if not self._running.reverting:
                session.switch_model(settings.model)
        elif (section, name) == ("source", "loop"):
            self.playback.apply_loop(settings.source.loop)
        elif section == "source" and name in _REOPENING and self.uri.startswith("camera:"):
            self.open(self.uri)
        else:
            apply_setting(session, settings, section, name)

    def _forget(self) -> None:
        self._running.forget()
        self.playback.begin(None)
        self.info = None
        self.uri = self.awaited = self.refused = ""
