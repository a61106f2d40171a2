"""Pausing, stepping and seeking in the present source, and where it stands. GUI thread; part of ``LiveController``."""

from __future__ import annotations

from fractions import Fraction
from math import inf

from PySide6.QtCore import QObject, Signal

from app.core.frames import FrameResult, SourceInfo
from app.core.live.events import Ended, LiveEvent, LiveState, SourceOpened, StateChanged
from app.ui.services.live_session import Session
from app.ui.services.settings_model import SettingsModel

_SHORT_S = 0.05  # less than a frame lasts


class Playback(QObject):
    """Commands for the present source, none of which does anything without one.

    Args:
        settings: Remember whether files start again at their end.
        parent: Owns this object.
    """

    paused = Signal(bool)
    live = Signal(bool)
    """Whether frames come from a running camera or stream."""
    loop_changed = Signal(bool)
    """Whether a file starts again at its end."""
    retry_asked = Signal()
    """A source that failed is to be opened again."""

    def __init__(self, settings: SettingsModel, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        self._session: Session | None = None
        self._info: SourceInfo | None = None
        self.shown_s = 0.0
        """Time of the frame last shown, seconds."""
        self.at_end = False
        """Whether the source stands still because it has been played to its end."""
        self.looping = False
        """Whether a file starts again at its end."""

    # The present source

    def begin(self, session: Session | None) -> None:
        """The source that ``session`` shows is another one from now on; there is none without a session."""
        self._session = session
        self._info, self.shown_s, self.at_end = None, 0.0, False

    def note_loop(self, loop: bool) -> None:
        """Note whether the file was opened to start again at its end."""
        self.looping = loop
        self.loop_changed.emit(loop)

    def handle(self, event: LiveEvent) -> None:
        """Take in what the session said; what is not about playing is nothing."""
        match event:
            case SourceOpened(info):
                self._info = info
            case StateChanged(state):
                self.at_end = self.at_end and state is LiveState.PAUSED
                self.paused.emit(state in (LiveState.PAUSED, LiveState.FAILED))
                self.live.emit(state is LiveState.RUNNING)
            case Ended():
                self.at_end = True
                self.paused.emit(True)
                self.live.emit(False)

    def note_shown(self, result: FrameResult) -> None:
        """Note which frame is about to be shown."""
        shown_s = float(result.frame.pts_s or 0)
        self.at_end = self.at_end and shown_s == self.shown_s  # the last frame may come again, with its boxes
        self.shown_s = shown_s

    @property
    def is_paused(self) -> bool:
        """Returns whether the source is paused."""
        return self._session is not None and self._session.state is LiveState.PAUSED

    # Commands

    def toggle_pause(self) -> None:
        """Pause or resume; after a failure, try again."""
        session = self._session
        if session is None:
            return
        if session.state is LiveState.FAILED:
            self.retry_asked.emit()
        elif session.state is LiveState.PAUSED:
            session.resume()
        elif session.state is LiveState.RUNNING:
            session.pause()

    def step(self, frames: int) -> None:
        """Pause, and go by single frames."""
        session = self._seekable
        if session is not None:
            if session.state is LiveState.RUNNING:
                session.pause()
            session.step(frames)

    def seek(self, seconds: float) -> None:
        """Go to a time in the file."""
        session = self._seekable
        if session is not None:
            session.seek(Fraction(max(0.0, seconds)).limit_denominator(100_000))

    def jump(self, seconds: float) -> None:
        """Go forward, or back, by a time."""
        self.seek(min(self.shown_s + seconds, self._last_s))

    def seek_end(self) -> None:
        """Go to the last frame of the file, or the last image of the folder."""
        if self._last_s < inf:
            self.seek(self._last_s)

    def set_loop(self, loop: bool) -> None:
        """Sets whether files start again at their end; remembered."""
        self.apply_loop(loop)
        self._settings.set("source", "loop", loop)

    def apply_loop(self, loop: bool) -> None:
        """Sets whether this file starts again at its end; not remembered."""
        self.note_loop(loop)
        if self._session is not None:
            self._session.set_loop(loop)

    @property
    def _seekable(self) -> Session | None:
        """The session, if its source can be shown at any moment."""
        return self._session if self._info is not None and self._info.seekable else None

    @property
    def _last_s(self) -> float:
        """A time at which the last frame is shown, seconds; infinite where the length is not known."""
        info = self._info
        return inf if info is None or info.duration_s is None else max(0.0, float(info.duration_s) - _SHORT_S)
